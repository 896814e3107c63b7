"""Label matchers, with RE2 regexes anchored at both ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import re2

from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MatchOp", "Matcher", "compile_regex", "compile_regexes"]


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
        match = self._regex().fullmatch
        if self.op is MatchOp.REGEX:
            return lambda value: match(value) is not None
        return lambda value: match(value) is None

    def _regex(self) -> re2._Regexp:
        return compile_regex(self.value)

    @property
    def matches_empty(self) -> bool:
        return self.matches("")

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{escaped}"'


def compile_regex(pattern: str) -> re2._Regexp:
    """A linear-time regex. Dot matches line breaks, as in Prometheus. Raises ParseError."""
    try:
        return re2.compile(pattern, _options(1 << 20))
    except (re2.error, UnicodeError) as error:
        reason = error.args[0] if error.args else error
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ParseError(
            f"bad regular expression {pattern[:60]!r}: {text}",
            hint="RE2 syntax: no look-around, no back-references",
        ) from None


def compile_regexes(patterns: Sequence[str], memory: int) -> Callable[[str], Sequence[int]]:
    """Which of some regexes are found in a text, by their places: one pass for all of them.

    Where `memory`, in bytes, is too little for that, each is looked for. Raises ParseError.
    """
    searches = [compile_regex(each).search for each in patterns]
    one_pass = re2.Set.SearchSet(_options(memory))
    for each in patterns:
        one_pass.Add(each)
    # It is found in any text. Where it isn't, the pass was given up for want of memory.
    always = one_pass.Add("")
    try:
        one_pass.Compile()
    except re2.error:
        return lambda text: [place for place, search in enumerate(searches) if search(text)]
    match = one_pass.Match

    def found(text: str) -> Sequence[int]:
        places = match(text)
        if places == [always]:
            return ()
        if not places or always not in places:
            return [place for place, search in enumerate(searches) if search(text)]
        return [place for place in places if place != always]

    return found


def _options(memory: int) -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = memory
    return options
