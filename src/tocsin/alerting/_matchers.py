r"""Matchers as Alertmanager writes them.

Source: Alertmanager documentation, "Configuration", `<matcher>`: name, operator, value; the value
may stand in double quotes, with `\"`, `\\` and `\n`; several are separated by commas, and braces
may stand around them. A label name may stand in quotes, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.labels import Matcher, MatchOp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["matchers_text", "matches_all", "parse_matchers"]

_ONE = re.compile(
    r"\s*(?:([a-zA-Z_:][a-zA-Z0-9_:]*)|\"((?:[^\"\\]|\\.)+)\")\s*(=~|!=|!~|=)\s*"
    r"(?:\"((?:[^\"\\]|\\.)*)\"|([^\",{}]*?))\s*(?:,|\Z)",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """`severity="page", team=~"a|b"`, with or without braces. Raises ParseError."""
    inner = text.strip()
    if inner.startswith("{") != inner.endswith("}"):
        raise ParseError(f"matchers with one brace: {text[:60]!r}", hint="give both or none")
    if inner.startswith("{"):
        inner = inner[1:-1].strip()
    found, at = [], 0
    while at < len(inner):
        match = _ONE.match(inner, at)
        if match is None:
            raise ParseError(f"not a matcher: {inner[at : at + 60]!r}", hint='write name="value"')
        name = match[1] if match[1] is not None else _unescape(match[2])
        value = match[5] if match[4] is None else _unescape(match[4])
        found.append(Matcher(MatchOp(match[3]), name, value))
        at = match.end()
    if not found:
        raise ParseError("no matcher", hint='write name="value"')
    return tuple(found)


def _unescape(text: str) -> str:
    # What is no escape stays as it is, backslash included.
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[0]), text)


def matches_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy every matcher; a label that is absent is empty."""
    return all(each.matches(labels.get(each.name, "")) for each in matchers)


_ORDER = (MatchOp.EQUAL, MatchOp.NOT_EQUAL, MatchOp.REGEX, MatchOp.NOT_REGEX)


def matchers_text(matchers: Sequence[Matcher]) -> str:
    """`{a="b",c=~"d"}`, in Alertmanager's order."""
    ordered = sorted(matchers, key=lambda each: (each.name, each.value, _ORDER.index(each.op)))
    return "{" + ",".join(map(str, ordered)) + "}"
