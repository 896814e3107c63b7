"""Access logs: common and combined, as Apache and nginx write them.

Source: Apache documentation, "Log Files", sections "Common Log Format" and "Combined Log
Format". Both servers write a quote inside a field as an escape, so a raw quote ends it, and a
user name can't bring its own time stamp: the stamp is the one before the first raw quote.
"""

from __future__ import annotations

import re

from tocsin.logformat._result import Clues, Parsed, Reason, Skipped
from tocsin.logformat._stamp import Memo, read_time

__all__ = ["Combined", "Common"]

_STAMP = rb"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
_QUOTED = rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LINE = re.compile(
    rb'(\S+) (\S+) ((?:[^"\\]|\\.)*?) \[(' + _STAMP + rb")\] " + _QUOTED + rb" (\d{3}) (\d+|-)"
    rb"(?: " + _QUOTED + rb" " + _QUOTED + rb")?",
    re.DOTALL,
)
_ANY_STAMP = re.compile(rb'\S+ \S+ [^"]*? \[(?!' + _STAMP + rb'\])[^\]"]{0,64}\] "')
_NAMES = ("client", "ident", "user", "timestamp", "request", "status", "size", "referer", "agent")
_FORMAT = Skipped(Reason.FORMAT)


class Combined:
    """Combined; what stands behind the user agent, or is cut off in it, changes nothing."""

    name = "combined"

    def __init__(self, clues: Clues) -> None:
        self._time = Memo(lambda stamp: read_time(stamp, clues))

    def parse(self, line: bytes) -> Parsed | Skipped:
        match = _LINE.match(line)
        if match is None:
            return Skipped(Reason.BAD_TIME) if _ANY_STAMP.match(line) else _FORMAT
        time = self._time(match[4])
        if isinstance(time, Reason):
            return Skipped(time)
        return Parsed(
            time,
            {
                name: value.decode("utf-8", "replace")
                for name, value in zip(_NAMES, match.groups(), strict=True)
                if value is not None
            },
        )

    def is_typical(self, line: bytes) -> bool:
        match = _LINE.match(line)
        return match is not None and match[9] is not None


class Common(Combined):
    """Common: nothing behind the size."""

    name = "common"

    def is_typical(self, line: bytes) -> bool:
        return _LINE.fullmatch(line) is not None and not line.endswith(b'"')
