"""The chain of sealed days as an input of a control: an answer like those of a source."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

from tocsin.bundle import last_day, survey
from tocsin.control import DaysSealed
from tocsin.evidence import Answer, Request, request_of
from tocsin.seal import day_after

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tocsin.control import Control, Period

__all__ = ["sealed_answers"]

_MOST_GAPS = 400


def sealed_answers(
    controls: Sequence[Control], period: Period, root: Path, clock: Callable[[], int]
) -> dict[Request, Answer]:
    """Raises StoreError where the folder can't be read."""
    wanted = [n for control in controls for n in control.needs if isinstance(n, DaysSealed)]
    if not wanted:
        return {}
    started = clock()
    days = survey(root).days if root.exists() else ()
    body: dict[str, object] = {"days": len(days), "last": "", "checkpoint": "", "gaps": []}
    if days:
        last = last_day(root)
        body |= {"last": last.name, "checkpoint": last.note.decode(errors="replace"),
                 "gaps": _gaps(days)}  # fmt: skip
    data = json.dumps({"status": "success", "data": body}).encode()
    return {request_of(need, period): Answer(started, clock(), 200, data) for need in wanted}


def _gaps(days: Sequence[str]) -> list[str]:
    """Days that are missing between those that are there."""
    found: list[str] = []
    for before, after in pairwise(days):
        day = day_after(before)
        while day < after and len(found) < _MOST_GAPS:
            found.append(day)
            day = day_after(day)
    return found
