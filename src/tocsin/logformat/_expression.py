"""Any other log: a regular expression with named groups, `time` among them.

RE2 does the matching, so no expression and no line makes it slow.
"""

from __future__ import annotations

from tocsin.errors import ParseError
from tocsin.labels import compile_regex
from tocsin.logformat._result import Clues, Parsed, Reason, Skipped
from tocsin.logformat._stamp import Memo, read_time

__all__ = ["Expression"]


class Expression:
    """Lines in which an expression is found. Raises ParseError for one that can't be used."""

    name = "regex"

    def __init__(self, source: str, clues: Clues) -> None:
        self._search = compile_regex(source).search
        self._time = Memo(lambda stamp: read_time(stamp, clues))
        if "(?P<time>" not in source:
            raise ParseError(
                f"no group named time in {source[:60]!r}",
                hint="write (?P<time>...), and (?P<client>...) for the address",
            )

    def parse(self, line: bytes) -> Parsed | Skipped:
        found = self._search(line.decode("utf-8", "replace"))
        if found is None:
            return Skipped(Reason.FORMAT)
        fields = {name: text for name, text in found.groupdict().items() if text is not None}
        stamp = fields.get("time")
        if not stamp:
            return Skipped(Reason.NO_TIME)
        time = self._time(stamp.encode("utf-8", "replace"))
        return Skipped(time) if isinstance(time, Reason) else Parsed(time, fields)

    def is_typical(self, line: bytes) -> bool:
        return not isinstance(self.parse(line), Skipped)
