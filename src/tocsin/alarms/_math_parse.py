"""Metric math: from text to a list of steps for a stack.

A list needs no recursion, so no expression is too deep to evaluate; the reader itself
recurses only into brackets, and those it counts.

Source: user guide, "Using metric math", section "Metric math syntax and functions".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tocsin.errors import ParseError, Span, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "UNSUPPORTED", "Program", "Step", "compile_math"]

MAX_LENGTH = 2048
MAX_DEPTH = 50

UNSUPPORTED = {
    "ANOMALY_DETECTION_BAND": "anomaly detection needs a model that only CloudWatch has",
    "DB_PERF_INSIGHTS": "it reads another service",
    "INSIGHT_RULE_METRIC": "it reads Contributor Insights rules",
    "LAMBDA": "it calls a Lambda function",
    "SEARCH": "CloudWatch does not allow it in alarms either",
    "SELECT": "it is a Metrics Insights query",
    "SERVICE_QUOTA": "it reads the account's quotas",
}
"""What is refused by name, and why."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |"(?P<double>[^"]*)"|'(?P<single>[^']*)'
    |(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^()\[\],<>])
    |(?P<end>$)
    )""",
    re.VERBOSE | re.ASCII,
)
_LEVELS = (
    {"||": "OR", "OR": "OR"},
    {"&&": "AND", "AND": "AND"},
    {sign: sign for sign in ("==", "!=", "<=", ">=", "<", ">")},
    {"+": "+", "-": "-"},
    {"*": "*", "/": "/"},
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do with the stack."""

    kind: str
    """`number`, `id`, `text`, `word`, `array`, `call` or `operator`."""
    value: str | float
    taken: int
    """How many entries it takes from the stack; it always leaves one."""
    column: int


@dataclass(frozen=True, slots=True)
class Program:
    """An expression, read."""

    text: str
    steps: tuple[Step, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The queries it refers to, each once, in order."""
        return tuple(dict.fromkeys(str(s.value) for s in self.steps if s.kind == "id"))


@lru_cache(maxsize=4096)
def compile_math(text: str) -> Program:
    """Read an expression. Raises ParseError, UnsupportedError for what is refused by name."""
    if len(text) > MAX_LENGTH:
        raise ParseError(
            f"expression of {len(text)} characters", hint=f"CloudWatch takes up to {MAX_LENGTH}"
        )
    reader = _Reader(text)
    reader.expression(0)
    if reader.kind != "end":
        raise reader.error("an operator was expected")
    return Program(text, tuple(reader.steps))


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.steps: list[Step] = []
        self.depth = 0
        self.place = 0
        self.column = 1
        self.kind = ""
        self.lexeme = ""
        self.advance()

    def error(self, what: str, hint: str = "") -> ParseError:
        shown = "the end" if self.kind == "end" else repr(self.lexeme[:40])
        return ParseError(f"{what}, found {shown}", hint=hint, span=Span("", 1, self.column))

    def advance(self) -> None:
        found = _TOKEN.match(self.text, self.place)
        if found is None:
            rest = self.text[self.place :].lstrip()
            self.column = len(self.text) - len(rest) + 1
            raise ParseError(
                f"not metric math: {rest[:1]!r}",
                hint="operators are + - * / ^ == != < <= > >= AND OR; text stands in double quotes",
                span=Span("", 1, self.column),
            )
        self.kind = found.lastgroup or ""
        self.lexeme = found[self.kind]
        # A text's place is that of its opening quote.
        self.column = found.start(self.kind) + (self.kind not in ("double", "single"))
        self.place = found.end()

    def emit(self, kind: str, value: str | float, taken: int, column: int) -> None:
        self.steps.append(Step(kind, value, taken, column))

    def take(self, sign: str) -> None:
        if self.kind != "sign" or self.lexeme != sign:
            raise self.error(f"{sign!r} was expected")
        self.advance()

    def expression(self, level: int) -> None:
        if level == len(_LEVELS):
            self.unary()
            return
        self.expression(level + 1)
        while self.kind in ("sign", "name") and self.lexeme in _LEVELS[level]:
            sign, column = _LEVELS[level][self.lexeme], self.column
            self.advance()
            self.expression(level + 1)
            self.emit("operator", sign, 2, column)

    def unary(self) -> None:
        """A minus binds looser than `^` and tighter than `*`."""
        minus = []
        while self.kind == "sign" and self.lexeme in "-+":
            if self.lexeme == "-":
                minus.append(self.column)
            self.advance()
        self.power()
        for column in reversed(minus):
            self.emit("operator", "negate", 1, column)

    def power(self) -> None:
        """`^` goes from right to left; its exponent may have a minus."""
        pending: list[tuple[str, int]] = []
        while True:
            self.atom()
            if self.kind != "sign" or self.lexeme != "^":
                break
            pending.append(("^", self.column))
            self.advance()
            while self.kind == "sign" and self.lexeme == "-":
                pending.append(("negate", self.column))
                self.advance()
        for sign, column in reversed(pending):
            self.emit("operator", sign, 2 if sign == "^" else 1, column)

    def atom(self) -> None:
        kind, lexeme, column = self.kind, self.lexeme, self.column
        if kind == "number":
            self.advance()
            self.number(lexeme, column)
        elif kind in ("double", "single"):
            self.advance()
            self.emit("text", lexeme, 0, column)
        elif kind == "name":
            self.advance()
            self.name(lexeme, column)
        elif kind == "sign" and lexeme in "([":
            self.advance()
            if lexeme == "(":
                self.inside(lambda: self.expression(0))
                self.take(")")
            else:
                self.emit("array", "", self.arguments("]"), column)
        else:
            raise self.error("a metric, a number or a function was expected")

    def number(self, lexeme: str, column: int) -> None:
        value = float(lexeme)
        if value in (float("inf"), float("-inf")):
            raise ParseError(f"number out of range: {lexeme[:40]}", span=Span("", 1, column))
        self.emit("number", value, 0, column)

    def name(self, lexeme: str, column: int) -> None:
        if lexeme in UNSUPPORTED:
            raise UnsupportedError(
                f"{lexeme} is not supported: {UNSUPPORTED[lexeme]}", span=Span("", 1, column)
            )
        if self.kind == "sign" and self.lexeme == "(":
            if lexeme != lexeme.upper():
                raise ParseError(
                    f"unknown function {lexeme[:40]!r}",
                    hint=f"functions are upper case: {lexeme[:40].upper()}",
                    span=Span("", 1, column),
                )
            self.advance()
            self.emit("call", lexeme, self.arguments(")"), column)
        elif lexeme[0].islower():
            self.emit("id", lexeme, 0, column)
        else:
            self.emit("word", lexeme, 0, column)

    def arguments(self, closing: str) -> int:
        count = 0
        if not (self.kind == "sign" and self.lexeme == closing):
            while True:
                self.inside(lambda: self.expression(0))
                count += 1
                if not (self.kind == "sign" and self.lexeme == ","):
                    break
                self.advance()
        self.take(closing)
        return count

    def inside(self, read: Callable[[], None]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} brackets inside each other")
        read()
        self.depth -= 1
