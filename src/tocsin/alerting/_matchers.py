r"""Matchers as Alertmanager writes them.

Source: Alertmanager documentation, "Configuration", `<matcher>`. There are two grammars. The
classic one has name, operator, value; the value may stand in double quotes; `\"`, `\\` and `\n`
are escapes with quotes and without; several matchers are separated by commas; a brace at the
beginning or the end counts for nothing. What it can't read is read by the one for UTF-8: any
name, in quotes if need be, and braces in pairs. Alertmanager 0.27 and later try both as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.labels import Matcher, MatchOp, compile_regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import re2

__all__ = ["AlertMatcher", "matchers_text", "matches_all", "parse_matchers"]

# Up to a comma that is not within quotes, or the end of the text.
_PART = re.compile(r'((?:"(?:\\.|[^"\\])*(?:"|\Z)|\\[^,]|[^",])*)(?:,|\Z)', re.DOTALL)
_CLASSIC = re.compile(
    r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!=|!~|=)\s*(.*?)\s*", re.DOTALL | re.ASCII
)
_CLASSIC_VALUE = re.compile(r'"((?:\\.|[^"\\])*)"|((?:\\.|[^"\\]|\\\Z)*)', re.DOTALL)
_WORD = r"""[^\s{}!=~,\\"'`]+"""
_TEXT = r'"((?:\\.|[^"\\])*)"'
_ANY = re.compile(
    rf"\s*(?:({_WORD})|{_TEXT})\s*(=~|!=|!~|=)\s*(?:({_WORD})|{_TEXT})\s*(?:,|\Z)", re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class AlertMatcher(Matcher):
    """A condition on one label of an alert.

    A dot is no line break in Alertmanager's regexes, as it is in those of Prometheus.
    """

    def _regex(self) -> re2._Regexp:
        # By itself first: within the group a bracket too many would not be found.
        compile_regex(self.value)
        return compile_regex(f"(?-s:{self.value})")


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """`severity="page", team=~"a|b"`, with or without braces; none for an empty text.

    Raises ParseError.
    """
    found = _classic(text)
    return _any_text(text) if found is None else found


def _classic(text: str) -> tuple[Matcher, ...] | None:
    """None if the text is not in the classic grammar."""
    inner = text.removeprefix("{").removesuffix("}")
    found, at = [], 0
    while inner[at:].strip():
        part = _PART.match(inner, at)
        one = _CLASSIC.fullmatch(part[1]) if part else None
        value = _CLASSIC_VALUE.fullmatch(one[3]) if one else None
        if part is None or one is None or value is None:
            return None
        text = value[2] if value[1] is None else value[1]
        found.append(AlertMatcher(MatchOp(one[2]), one[1], _unescape(text)))
        at = part.end()
    return tuple(found)


def _any_text(text: str) -> tuple[Matcher, ...]:
    inner = text.strip()
    if inner.startswith("{") != inner.endswith("}"):
        raise ParseError(f"matchers with one brace: {text[:60]!r}", hint="give both or none")
    if inner.startswith("{"):
        inner = inner[1:-1].strip()
    found, at = [], 0
    while at < len(inner):
        match = _ANY.match(inner, at)
        if match is None:
            raise ParseError(f"not a matcher: {inner[at : at + 60]!r}", hint='write name="value"')
        name = match[1] or _unescape(match[2])
        if not name:
            raise ParseError("a matcher without a label name", hint='write name="value"')
        value = match[4] or _unescape(match[5])
        found.append(AlertMatcher(MatchOp(match[3]), name, value))
        at = match.end()
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
