"""The plain shape of a line of an access log, for one line.

Columns read most lines of this shape, but not those with escapes in them, very long ones and
the last of a block. Whoever sends requests chooses how many lines have escapes, so they must
not be slow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.durations import MINUTE
from tocsin.logformat import Parsed

if TYPE_CHECKING:
    from tocsin.logformat import Format

__all__ = ["Minutely", "Shape"]

_WORD = rb'[^\x00-"\[\\]+'
_QUOTED = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_HEAD = (
    rb"(%s) %s %s " % (_WORD, _WORD, _WORD)
    + rb'(?=(\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:[0-5]\d [+-]\d{4}\] ")).{29}'
    + _QUOTED
    + rb" (\d{3}) [\d-]"
)
_TAIL = rb'[^\x00- "]* ' + _QUOTED + b" " + _QUOTED + rb"\r?\Z"
_KEPT = 8192


class Minutely:
    """The minute of a stamp, as the format reads it; each hour is read once."""

    def __init__(self, form: Format) -> None:
        self._parse = form.parse
        self._known: dict[bytes, int] = {}

    def __call__(self, stamp: bytes) -> int:
        """`[dd/Mon/yyyy:HH:MM:SS +zzzz] "` to the begin of its minute, -1 if it is no time."""
        if stamp[16:18] >= b"60":
            return -1
        found = self.hour(stamp)
        return found if found < 0 else found + int(stamp[16:18]) * MINUTE

    def hour(self, stamp: bytes) -> int:
        """The begin of its hour, whatever digits its minute and second are."""
        key = stamp[:16] + stamp[18:19] + stamp[21:]
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            found, last = (self._read(stamp, minute) for minute in (b"00", b"59"))
            if last != found + 59 * MINUTE:
                # At either end of all time.
                found = -1
            self._known[key] = found
        return found

    def _read(self, stamp: bytes, minute: bytes) -> int:
        whole = stamp[:16] + minute + stamp[18:19] + b"00" + stamp[21:]
        parsed = self._parse(b"- - - " + whole + b'" 200 0')
        return parsed.time - parsed.time % MINUTE if isinstance(parsed, Parsed) else -1


class Shape:
    """Reads one line if it has the plain shape."""

    def __init__(self, minutely: Minutely, *, plain_tail: bool, escapes: bool) -> None:
        self._match = re.compile(_HEAD + _TAIL if plain_tail else _HEAD, re.DOTALL).match
        self._minutely = minutely
        self._escapes = escapes

    def __call__(self, line: bytes) -> tuple[int, int, int] | None:
        """The minute, the status, and how long the first word is."""
        if not self._escapes and b"\\" in line:
            return None
        found = self._match(line)
        if found is None:
            return None
        minute = self._minutely(found[2])
        return None if minute < 0 else (minute, int(found[3]), len(found[1]))
