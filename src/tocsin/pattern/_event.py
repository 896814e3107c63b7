"""One log event, read as what the patterns at hand need: as text, as JSON, as fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tocsin.pattern._json import NOT_JSON, NotJson, read_json

if TYPE_CHECKING:
    from tocsin.pattern._settings import Settings

__all__ = ["Event", "Token"]

_UNREAD: Any = object()
_SPACE = re.compile(r"[ \t\r\n\f\v]*")
_WORD = re.compile(r"[^ \t\r\n\f\v]+")
_QUOTED = {
    "data": re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
    "end": re.compile(r'"([^"]*)"'),
}
_BRACKETED = re.compile(r"\[([^\]]*)\]")

Token = tuple[str, int]
"""A field of a space-delimited event without its delimiters, and where it begins."""


class Event:
    """A log event. Make one for several patterns, and it is parsed once for all of them."""

    __slots__ = ("_fields", "_json", "text")

    def __init__(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            message = message.decode("utf-8", "replace")
        self.text = message
        self._json: Any = _UNREAD
        self._fields: dict[str, list[Token]] = {}

    @property
    def json(self) -> Any:
        """The JSON object or array that the event is, or NOT_JSON."""
        if self._json is _UNREAD:
            start = self.text.lstrip(" \t\r\n")[:1]
            found = read_json(self.text) if start in ("{", "[") else NOT_JSON
            self._json = found
        return self._json

    @property
    def is_json(self) -> bool:
        return not isinstance(self.json, NotJson)

    def fields(self, settings: Settings) -> list[Token]:
        """The fields of a space-delimited event."""
        mode = settings.escaped_quotes
        if mode not in self._fields:
            self._fields[mode] = _split(self.text, _QUOTED[mode])
        return self._fields[mode]


def _split(text: str, quoted: re.Pattern[str]) -> list[Token]:
    """Cut at blanks; what stands in double quotes or in brackets is one field.

    A delimiter that nothing closes is an ordinary character. Once one is unclosed all later
    ones are, and looking again would cost the square of the length.
    """
    fields: list[Token] = []
    pairs = {'"': quoted, "[": _BRACKETED}
    at, end = 0, len(text)
    while True:
        blank = _SPACE.match(text, at)
        at = blank.end() if blank else at
        if at >= end:
            return fields
        pair = pairs.get(text[at])
        match = pair.match(text, at) if pair else None
        if match is not None:
            fields.append((match[1], at))
        else:
            pairs.pop(text[at], None)
            match = _WORD.match(text, at)
            if match is None:
                return fields
            fields.append((match[0], at))
        at = match.end()
