"""What Prometheus reads and the parser does not: put into words that it knows.

Two notations: digits with underscores, and arithmetic in durations (`[5m * 2]`,
`offset (1h / 2)`), in which `step()` and `range()` are those of the range query.
Source: Prometheus documentation, "Querying basics", "Float literals", and "Feature
flags", "PromQL arithmetic expressions in time durations".
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.durations import parse_duration
from tocsin.errors import ParseError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Grid", "name_newer_syntax", "rewritten"]

_NEEDED = re.compile(
    r"\[[^\[\]]*[-+*/%^()]|offset\s*[-+\s]*(?:\(|min|max|step|range)|[0-9a-fA-Fx]_",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"""
    (?P<skip> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `[^`]*` | \#[^\n]* | \s+ )
  | (?P<number> (?:[0-9]+(?:ms|[smhdwy]))+(?![a-zA-Z0-9_])
              | 0[xX][0-9a-fA-F_]+
              | (?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?(?![a-zA-Z0-9_]) )
  | (?P<word> [A-Za-z_][A-Za-z0-9_:]*|:[A-Za-z0-9_:]+ )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPERAND_END = frozenset(")]}")
_NOT_OPERANDS = frozenset({"and", "or", "unless", "atan2", "bool", "by", "without", "on"})


@dataclass(slots=True)
class Grid:
    """What `step()` and `range()` in a duration stand for, in seconds.

    Source: Prometheus documentation, "Feature flags"; both are 0 in an instant query.
    """

    step: float = 0.0
    span: float = 0.0
    known: bool = True
    """False while the query is only read: then no duration is too short."""
    asked: bool = False
    """Whether the query has one of them."""

    def check(self, seconds: float) -> float:
        """A duration that must be longer than 0."""
        if seconds > 0:
            return seconds
        if self.asked and not self.known:
            return 1.0
        raise ParseError("duration must be greater than 0", hint="for example [5m * 2]")


def rewritten(text: str, grid: Grid) -> str:
    """The text with duration arithmetic done and underscores taken out of numbers.

    Raises ParseError where the arithmetic is wrong.
    """
    if not _NEEDED.search(text):
        return text
    tokens = [(match.lastgroup or "", match.group()) for match in _TOKEN.finditer(text)]
    out: list[str] = []
    place, last = 0, ""
    while place < len(tokens):
        kind, word = tokens[place]
        if kind == "other" and word == "[":
            place = _range(tokens, place, out, grid)
            last = "]"
            continue
        if word.lower() == "offset" and (
            last in _OPERAND_END or (last.isidentifier() and last.lower() not in _NOT_OPERANDS)
        ):
            out.append(word)
            place = _offset(tokens, place + 1, out, grid)
            last = "0"
            continue
        out.append(_plain(word) if kind == "number" else word)
        if kind != "skip":
            last = word[-1] if kind == "other" else word.replace(":", "_")
        place += 1
    return "".join(out)


def _plain(number: str) -> str:
    return number.replace("_", "") if "_" in number and number[-1] != "_" else number


def _range(tokens: list[tuple[str, str]], place: int, out: list[str], grid: Grid) -> int:
    """Copy `[...]` or `[...:...]` with each part reduced to one duration."""
    end = next((i for i in range(place, len(tokens)) if tokens[i][1] == "]"), len(tokens))
    parts: list[list[tuple[str, str]]] = [[]]
    for kind, word in tokens[place + 1 : end]:
        if kind == "skip":
            continue
        # In here a colon is never part of a name.
        pieces = word.split(":") if kind in {"word", "other"} else [word]
        for index, piece in enumerate(pieces):
            if index:
                parts.append([])
            if piece:
                parts[-1].append(("number" if piece[0].isdigit() else kind, piece))
    out.append("[" + ":".join(_part(part, grid) for part in parts))
    return end


def _part(part: list[tuple[str, str]], grid: Grid) -> str:
    if len(part) < 2:
        return "".join(_plain(word) for _, word in part)
    value, rest = _Arithmetic(part, grid).value()
    if rest:
        raise ParseError(f"unexpected {rest!r} in a duration", hint="for example [5m * 2]")
    return _written(grid.check(value))


def _offset(tokens: list[tuple[str, str]], place: int, out: list[str], grid: Grid) -> int:
    """After `offset`: reduce `(...)` or a call, with signs before it, to one duration."""
    ahead = [
        (index, word) for index, (kind, word) in enumerate(tokens[place:], place) if kind != "skip"
    ]
    sign, used = 1, 0
    while used < len(ahead) and ahead[used][1] in {"-", "+"}:
        sign = -sign if ahead[used][1] == "-" else sign
        used += 1
    first = used
    if used + 1 < len(ahead) and ahead[used][1].lower() in _CALLS:
        used += 1
    if used == len(ahead) or ahead[used][1] != "(":
        return place
    depth, stop = 0, used
    for stop in range(used, len(ahead)):
        depth += {"(": 1, ")": -1}.get(ahead[stop][1], 0)
        if depth == 0:
            break
    part = [tokens[index] for index, _ in ahead[first : stop + 1]]
    value, rest = _Arithmetic(part, grid).value()
    if rest:
        raise ParseError(f"unexpected {rest!r} in an offset", hint="for example offset (1h / 2)")
    out.append(f" {_written(sign * value)}")
    return ahead[stop][0] + 1


def _written(seconds: float) -> str:
    if not math.isfinite(seconds) or abs(seconds) > 1e10:
        raise ParseError("duration out of range", hint="use less than 292 years")
    millis = math.trunc(seconds * 1000)
    # The parser takes a bare 0 as an offset, and refuses 0ms.
    return f"{millis}ms" if millis else "0"


_OPERATORS: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "/": (2, operator.truediv),
    "%": (2, math.fmod),
    "^": (3, operator.pow),
}


_CALLS = frozenset({"min", "max", "step", "range"})


class _Arithmetic:
    """A duration expression in seconds, read by precedence climbing."""

    def __init__(self, tokens: list[tuple[str, str]], grid: Grid) -> None:
        self.tokens = tokens
        self.grid = grid
        self.place = 0

    def value(self) -> tuple[float, str]:
        """The value, and the first token that is too much."""
        try:
            value = self._above(0)
        except ZeroDivisionError:
            raise ParseError("division by zero in a duration") from None
        except (OverflowError, ValueError):
            raise ParseError("duration out of range", hint="use less than 292 years") from None
        if isinstance(value, complex):
            raise ParseError("duration out of range", hint="a root of a negative number")
        return value, self._next()

    def _next(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def _above(self, level: int) -> float:
        left = self._unary()
        while True:
            word = self._next()
            rank, compute = _OPERATORS.get(word, (0, operator.add))
            if rank <= level:
                return left
            self.place += 1
            # Powers bind to the right.
            right = self._above(rank - 1 if word == "^" else rank)
            if word in {"/", "%"} and right == 0:
                raise ZeroDivisionError
            left = compute(left, right)

    def _unary(self) -> float:
        word = self._next()
        if word in {"-", "+"}:
            self.place += 1
            # A sign is weaker than a power, stronger than the rest.
            value = self._above(2)
            return -value if word == "-" else value
        if word == "(":
            self.place += 1
            value = self._above(0)
            self._expect(")")
            return value
        if word.lower() in {"min", "max"}:
            self.place += 1
            self._expect("(")
            first = self._above(0)
            self._expect(",")
            second = self._above(0)
            self._expect(")")
            return min(first, second) if word.lower() == "min" else max(first, second)
        if word.lower() in {"step", "range"}:
            self.place += 1
            self._expect("(")
            self._expect(")")
            self.grid.asked = True
            return self.grid.step if word.lower() == "step" else self.grid.span
        kind = self.tokens[self.place][0] if self.place < len(self.tokens) else ""
        if kind != "number":
            raise ParseError(
                f"expected a duration, found {word or 'the end'!r}", hint="for example [5m * 2]"
            )
        self.place += 1
        plain = word.replace("_", "")
        if plain[:2].lower() == "0x":
            return float(int(plain, 16))
        return parse_duration(plain) / 1e6 if plain[-1] in "smhdwy" else float(plain)

    def _expect(self, word: str) -> None:
        if self._next() != word:
            raise ParseError(
                f"expected {word!r} in a duration, found {self._next() or 'the end'!r}",
                hint="for example [(5 + 2) * 1m]",
            )
        self.place += 1


_MODIFIERS = frozenset({"smoothed", "anchored"})
_CALLED = {
    "fill": "fill modifier: newer than Prometheus 3.5",
    "fill_left": "fill_left modifier: newer than Prometheus 3.5",
    "fill_right": "fill_right modifier: newer than Prometheus 3.5",
    "holt_winters": "holt_winters: the 2.x name of double_exponential_smoothing",
}
_HINT = "Tocsin speaks PromQL of Prometheus 3.5 over floats"


def name_newer_syntax(text: str) -> UnsupportedError | None:
    """Why text that the parser refuses is PromQL after all, of another version."""
    words = [m.group() for m in _TOKEN.finditer(text) if m.lastgroup != "skip"]
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word in _CALLED and after == "(":
            return UnsupportedError(_CALLED[word], hint=_HINT)
        if word in _MODIFIERS and (before[-1:] in _OPERAND_END or before.isidentifier()):
            return UnsupportedError(f"{word} modifier: newer than Prometheus 3.5", hint=_HINT)
        if word == "/" and before in {"<", ">"}:
            return UnsupportedError(
                f"{before}/ operator: native histograms are not supported", hint=_HINT
            )
    return None
