"""From the text of a composite alarm's rule to its steps.

Source: API reference of CloudWatch, `PutCompositeAlarm`, parameter AlarmRule; user guide,
"Composite alarms": a name without quotes has no blanks, brackets or commas.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tocsin.alarms._rule import AlarmRule, Step, alarm_name
from tocsin.errors import ParseError, Span

__all__ = ["MAX_CHILDREN", "MAX_ELEMENTS", "MAX_RULE", "compile_rule"]

MAX_RULE = 10_240
MAX_CHILDREN = 100
MAX_ELEMENTS = 500

_STATES = "ALARM|OK|INSUFFICIENT_DATA"
_NAME = r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^"()\s,]+)'
_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<state>{_STATES})\s*\(\s*(?:{_NAME})\s*\)
    |(?P<least>AT_LEAST)\s*\(
    |(?P<truth>(?i:TRUE|FALSE))(?![\w(])
    |(?P<word>AND|OR|NOT)(?![\w])
    |(?P<sign>[()])
    |(?P<end>$)
    )""",
    re.VERBOSE,
)
_THRESHOLD = re.compile(r"\s*([0-9]{1,4})(%?)\s*,", re.ASCII)
_CONDITION = re.compile(rf"\s*(NOT\s+)?({_STATES})\s*,")
_OPENING = re.compile(r"\s*\(")
_LISTED = re.compile(rf"\s*(?:{_NAME})")
_NEXT = re.compile(r"\s*([,)])")
_CLOSING = re.compile(r"\s*\)")
_BINDING = {"NOT": 3, "AND": 2, "OR": 1}
_HINT = 'for example ALARM("one") AND NOT (OK("two") OR INSUFFICIENT_DATA("three"))'
_HINT_LEAST = (
    'for example AT_LEAST(2, ALARM, ("one", "two", "three")) or AT_LEAST(50%, NOT OK, (...))'
)


@lru_cache(maxsize=1024)
def compile_rule(text: str) -> AlarmRule:
    """Read a rule. Raises ParseError."""
    if len(text) > MAX_RULE:
        raise ParseError(
            f"alarm rule of {len(text)} characters", hint=f"CloudWatch takes up to {MAX_RULE}"
        )
    steps: list[Step] = []
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
        starts_operand = kind in ("state", "least", "truth") or lexeme in ("NOT", "(")
        if starts_operand != operand:
            raise _misplaced(kind, lexeme, column, operand=operand)
        place = found.end()
        if starts_operand:
            elements += kind in ("state", "least", "truth") or lexeme == "("
            operand = lexeme in ("NOT", "(")
            if kind in ("sign", "word"):
                waiting.append(lexeme)
            elif kind == "least":
                place, count = _at_least(text, place, steps)
                elements += count
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


def _at_least(text: str, place: int, steps: list[Step]) -> tuple[int, int]:
    """Read `2, ALARM, (one, two, three))`; where it ends, and how many alarms it has."""
    threshold = _expect(_THRESHOLD, text, place, "a number of alarms or a percentage")
    condition = _expect(_CONDITION, text, threshold.end(), "a state, or NOT and a state")
    place = _expect(_OPENING, text, condition.end(), "the alarms in brackets").end()
    count, more = 0, True
    while more:
        listed = _expect(_LISTED, text, place, "an alarm's name")
        steps.append(Step(condition[2], _name(listed, _skipped(text, place) + 1)))
        if condition[1]:
            steps.append(Step("NOT"))
        count += 1
        following = _expect(_NEXT, text, listed.end(), ", or )")
        place, more = following.end(), following[1] == ","
    place = _expect(_CLOSING, text, place, ")").end()
    number, column = int(threshold[1]), threshold.start(1) + 1
    most = 100 if threshold[2] else count
    if not 1 <= number <= most:
        raise ParseError(
            f"AT_LEAST {number}{threshold[2]} of {count}",
            hint=f"use 1 to {most}{threshold[2]}",
            span=_at(column),
        )
    least = -(-number * count // 100) if threshold[2] else number
    steps.append(Step("AT_LEAST", taken=count, least=least))
    return place, count


def _expect(wanted: re.Pattern[str], text: str, place: int, what: str) -> re.Match[str]:
    found = wanted.match(text, place)
    if found is None:
        start = _skipped(text, place)
        shown = repr(text[start : start + 40]) if start < len(text) else "the end"
        raise ParseError(
            f"{what} was expected, found {shown}", hint=_HINT_LEAST, span=_at(start + 1)
        )
    return found


def _skipped(text: str, place: int) -> int:
    """Where the next thing after blanks begins."""
    return len(text) - len(text[place:].lstrip())


def _element(found: re.Match[str], kind: str) -> Step:
    if kind == "truth":
        return Step(found["truth"].upper())
    return Step(found["state"], _name(found, found.start("state") + 1))


def _name(found: re.Match[str], column: int) -> str:
    if found["plain"] is not None:
        return alarm_name(found["plain"])
    name = re.sub(r"\\(.)", r"\1", found["quoted"])
    if not name:
        raise ParseError("an alarm without a name", span=_at(column))
    return alarm_name(name)


def _unwind(steps: list[Step], waiting: list[str], binding: int) -> None:
    while waiting and waiting[-1] != "(" and _BINDING[waiting[-1]] >= binding:
        steps.append(Step(waiting.pop()))


def _unreadable(text: str, place: int) -> ParseError:
    start = _skipped(text, place)
    rest = text[start:]
    if re.match(rf"(?:{_STATES})\b", rest):
        return ParseError(
            f"not an alarm's name in brackets: {rest[:40]!r}",
            hint="put a name with blanks, commas, quotes or brackets in double quotes, "
            "with a backslash before each quote",
            span=_at(start + 1),
        )
    hint = _HINT_LEAST if rest.startswith("AT_LEAST") else _HINT
    return ParseError(f"not an alarm rule: {rest[:40]!r}", hint=hint, span=_at(start + 1))


def _misplaced(kind: str, lexeme: str, column: int, *, operand: bool) -> ParseError:
    wanted = "an alarm, TRUE, FALSE, NOT or (" if operand else "AND, OR or )"
    shown = "the end" if kind == "end" else repr(lexeme)
    return ParseError(f"{wanted} was expected, found {shown}", hint=_HINT, span=_at(column))


def _at(column: int) -> Span:
    return Span("", 1, column)
