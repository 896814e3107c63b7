"""logfmt: `time=... level=info msg="a text" status=200`."""

from __future__ import annotations

import re

from tocsin.logformat._json import CLIENTS, pick_time
from tocsin.logformat._result import Clues, Parsed, Reason, Skipped
from tocsin.logformat._stamp import Memo, read_time

__all__ = ["Logfmt"]

_PAIR = re.compile(
    rb'[ \t]*([^\s="]{1,128})(?:=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s"]*)))?(?=[ \t]|$)', re.DOTALL
)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}
_MOST = 1000


class Logfmt:
    name = "logfmt"

    def __init__(self, clues: Clues) -> None:
        self._time = Memo(lambda stamp: read_time(stamp, clues))

    def parse(self, line: bytes) -> Parsed | Skipped:
        fields = _pairs(line)
        if fields is None:
            return Skipped(Reason.FORMAT)
        time = pick_time(fields, self._time)
        if isinstance(time, Reason):
            return Skipped(time)
        for name in CLIENTS:
            if fields.get(name):
                fields["client"] = fields[name][:200]
                break
        return Parsed(time, fields)

    def is_typical(self, line: bytes) -> bool:
        return _pairs(line) is not None


def _pairs(line: bytes) -> dict[str, str] | None:
    """The pairs of a line that begins with two of them; words without `=` may follow."""
    fields: dict[str, str] = {}
    at = 0
    while (match := _PAIR.match(line, at)) is not None and len(fields) < _MOST:
        at = match.end()
        value = match[3] if match[2] is None else match[2]
        if value is None:
            if len(fields) < 2:
                return None
            continue
        if match[2] is not None and b"\\" in value:
            value = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), value)
        # The first of equal keys counts: what follows may be a stranger's text.
        fields.setdefault(match[1].decode("utf-8", "replace"), value.decode("utf-8", "replace"))
    return fields if len(fields) >= 2 else None
