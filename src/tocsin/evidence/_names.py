"""File names: a date, a control's id and a number, nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

__all__ = ["day_folder", "next_run", "record_name"]

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_RECORD = re.compile(r"[a-z0-9-]{1,64}(?:\.run([1-9][0-9]{0,5}))?\.json")


def day_folder(day: date) -> str:
    """`20261121`."""
    return f"{day:%Y%m%d}"


def record_name(control: str, run: int) -> str:
    """`logical-access.json` for the first run of a day, then `logical-access.run2.json`."""
    if _ID.fullmatch(control) is None:
        raise ValueError(f"not a control's id: {control!r}")
    return f"{control}.json" if run == 1 else f"{control}.run{run}.json"


def next_run(names: Iterable[str]) -> int:
    """The first run number above those of the day folder's files."""
    matches = [_RECORD.fullmatch(name) for name in names]
    return max((int(match[1] or 1) for match in matches if match), default=0) + 1
