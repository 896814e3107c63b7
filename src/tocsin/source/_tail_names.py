"""Names of rotated logs: which file they were once, and which of them is older.

Source: logrotate(8), directives `rotate`, `dateext`, `dateformat`, `extension` and `compress`.
"""

from __future__ import annotations

import re
from pathlib import PurePath

__all__ = ["age_key", "base_of", "is_rotated_from"]

_SUFFIX = re.compile(r"(?P<base>.+?)[.\-_](?P<number>\d[\d\-_.T]*)(?P<more>\.[A-Za-z]\w*)?")
_DATE_DIGITS = 6


def _split(name: str) -> tuple[str, str]:
    """The name before rotation and the number or date that rotation gave it."""
    name = name.removesuffix(".gz")
    found = _SUFFIX.fullmatch(name)
    if found is None:
        return name, ""
    return found["base"] + (found["more"] or ""), found["number"]


def base_of(path: str) -> str:
    """The path that a rotated log had, as its name tells; its own if it doesn't look rotated."""
    where = PurePath(path)
    return str(where.with_name(_split(where.name)[0]))


def is_rotated_from(path: str, live: str) -> bool:
    """Whether the name is one that rotation gives to the log at `live`."""
    return path != live and base_of(path) == live


def age_key(path: str) -> tuple[int, int, str]:
    """Sorts the files of one rotation, the oldest first.

    `.2` comes before `.1`, dates in their order, and the live file last.
    """
    name = PurePath(path).name
    number = "".join(each for each in _split(name)[1] if each.isdigit())
    if not number:
        return 2, 0, name
    if len(number) < _DATE_DIGITS:
        return 0, -int(number), name
    return 1, int(number[:20].ljust(20, "0")), name
