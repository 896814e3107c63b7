"""Label matchers, with RE2 regexes anchored at both ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import re2

from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MatchOp", "Matcher", "compile_regex"]


class MatchOp(StrEnum):
    """How a matcher compares."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; an absent label has the empty value.

    Raises ParseError for a regex that RE2 refuses.
    """

    op: MatchOp
    name: str
    value: str
    matches: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    """Whether a label value satisfies the matcher."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", self._compile())

    def _compile(self) -> Callable[[str], bool]:
        wanted = self.value
        if self.op is MatchOp.EQUAL:
            return lambda value: value == wanted
        if self.op is MatchOp.NOT_EQUAL:
            return lambda value: value != wanted
        match = compile_regex(wanted).fullmatch
        if self.op is MatchOp.REGEX:
            return lambda value: match(value) is not None
        return lambda value: match(value) is None

    @property
    def matches_empty(self) -> bool:
        return self.matches("")

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{escaped}"'


def compile_regex(pattern: str) -> re2._Regexp:
    """A linear-time regex. Dot matches line breaks, as in Prometheus. Raises ParseError."""
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError) as error:
        reason = error.args[0] if error.args else error
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ParseError(
            f"bad regular expression {pattern[:60]!r}: {text}",
            hint="RE2 syntax: no look-around, no back-references",
        ) from None
