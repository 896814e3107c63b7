"""The rule of a composite alarm: read into steps for a stack, and evaluated.

Source: API reference of CloudWatch, `PutCompositeAlarm`, parameter AlarmRule; user guide,
"Creating a composite alarm".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tocsin.errors import ParseError, Span

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

__all__ = [
    "MAX_CHILDREN", "MAX_ELEMENTS", "MAX_RULE", "AlarmRule", "alarm_name", "compile_rule",
]  # fmt: skip

MAX_RULE = 10_240
MAX_CHILDREN = 100
MAX_ELEMENTS = 500

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*
        (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^"()\s](?:[^"()]*[^"()\s])?))\s*\)
    |(?P<truth>(?i:TRUE|FALSE))(?![\w(])
    |(?P<word>AND|OR|NOT)(?![\w])
    |(?P<sign>[()])
    |(?P<end>$)
    )""",
    re.VERBOSE,
)
_BINDING = {"NOT": 3, "AND": 2, "OR": 1}
_HINT = 'for example ALARM("one") AND NOT (OK("two") OR INSUFFICIENT_DATA("three"))'


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """A rule, read."""

    text: str
    steps: tuple[tuple[str, str], ...]
    """`("ALARM", name)`, `("TRUE", "")`, `("AND", "")` ..., operators after what they take."""

    @property
    def children(self) -> tuple[str, ...]:
        """The alarms it refers to by name, each once, in order."""
        return tuple(dict.fromkeys(name for _, name in self.steps if name))

    def holds(self, states: Mapping[str, str]) -> bool:
        """Whether the rule is true; an alarm that is not in `states` has no data."""
        stack: list[bool] = []
        for kind, name in self.steps:
            if name:
                stack.append(states.get(name, "INSUFFICIENT_DATA") == kind)
            elif kind == "NOT":
                stack.append(not stack.pop())
            elif kind in ("AND", "OR"):
                right, left = stack.pop(), stack.pop()
                stack.append((left and right) if kind == "AND" else (left or right))
            else:
                stack.append(kind == "TRUE")
        return stack[0]

    def surely_holds(self, in_alarm: Container[str]) -> bool:
        """Whether the rule is true in whatever state all alarms but those in ALARM are."""
        stack: list[bool | None] = []
        for kind, name in self.steps:
            if name:
                stack.append(kind == "ALARM" if name in in_alarm else None)
            elif kind == "NOT":
                found = stack.pop()
                stack.append(found if found is None else not found)
            elif kind in ("AND", "OR"):
                decisive = kind == "OR"
                both = stack.pop(), stack.pop()
                open_ = None if None in both else not decisive
                stack.append(decisive if decisive in both else open_)
            else:
                stack.append(kind == "TRUE")
        return stack[0] is True


def alarm_name(name_or_arn: str) -> str:
    """The alarm's name, out of its ARN if it is one; a name may have colons of its own."""
    parts = name_or_arn.split(":", 6)
    is_arn = len(parts) == 7 and parts[0] == "arn" and parts[5] == "alarm"
    return parts[6] if is_arn else name_or_arn


@lru_cache(maxsize=1024)
def compile_rule(text: str) -> AlarmRule:
    """Read a rule. Raises ParseError."""
    if len(text) > MAX_RULE:
        raise ParseError(
            f"alarm rule of {len(text)} characters", hint=f"CloudWatch takes up to {MAX_RULE}"
        )
    steps: list[tuple[str, str]] = []
    waiting: list[str] = []
    place, elements, operand = 0, 0, True
    while True:
        found = _TOKEN.match(text, place)
        if found is None:
            raise _unreadable(text, place)
        kind, column = found.lastgroup or "", found.start(found.lastgroup or 0) + 1
        if kind in ("quoted", "plain"):
            kind, column = "state", found.start("state") + 1
        lexeme = found[kind]
        starts_operand = kind in ("state", "truth") or lexeme in ("NOT", "(")
        if starts_operand != operand:
            raise _misplaced(kind, lexeme, column, operand=operand)
        place = found.end()
        if starts_operand:
            elements += kind in ("state", "truth") or lexeme == "("
            operand = lexeme in ("NOT", "(")
            if kind in ("sign", "word"):
                waiting.append(lexeme)
            else:
                steps.append(_element(found, kind))
            continue
        _unwind(steps, waiting, 0 if kind in ("sign", "end") else _BINDING[lexeme])
        if kind == "end":
            break
        if lexeme == ")":
            if not waiting:
                raise ParseError("a bracket is closed that was not opened", span=_at(column))
            waiting.pop()
        else:
            waiting.append(lexeme)
            operand = True
    if waiting:
        raise ParseError("a bracket is not closed", span=_at(len(text) + 1))
    rule = AlarmRule(text, tuple(steps))
    if elements > MAX_ELEMENTS or len(rule.children) > MAX_CHILDREN:
        raise ParseError(
            f"alarm rule of {elements} elements and {len(rule.children)} alarms",
            hint=f"CloudWatch takes up to {MAX_ELEMENTS} and {MAX_CHILDREN}",
        )
    return rule


def _element(found: re.Match[str], kind: str) -> tuple[str, str]:
    if kind == "truth":
        return found["truth"].upper(), ""
    if found["plain"] is not None:
        name = found["plain"]
    else:
        name = re.sub(r"\\(.)", r"\1", found["quoted"])
        if not name:
            raise ParseError("an alarm without a name", span=_at(found.start("state") + 1))
    return found["state"], alarm_name(name)


def _unwind(steps: list[tuple[str, str]], waiting: list[str], binding: int) -> None:
    while waiting and waiting[-1] != "(" and _BINDING[waiting[-1]] >= binding:
        steps.append((waiting.pop(), ""))


def _unreadable(text: str, place: int) -> ParseError:
    rest = text[place:].lstrip()
    column = len(text) - len(rest) + 1
    if re.match(r"(?:ALARM|OK|INSUFFICIENT_DATA)\b", rest):
        return ParseError(
            f"not an alarm's name in brackets: {rest[:40]!r}",
            hint="put names with quotes or brackets in double quotes, with a backslash before each",
            span=_at(column),
        )
    return ParseError(f"not an alarm rule: {rest[:40]!r}", hint=_HINT, span=_at(column))


def _misplaced(kind: str, lexeme: str, column: int, *, operand: bool) -> ParseError:
    wanted = "an alarm, TRUE, FALSE, NOT or (" if operand else "AND, OR or )"
    shown = "the end" if kind == "end" else repr(lexeme)
    return ParseError(f"{wanted} was expected, found {shown}", hint=_HINT, span=_at(column))


def _at(column: int) -> Span:
    return Span("", 1, column)
