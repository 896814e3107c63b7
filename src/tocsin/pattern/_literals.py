r"""What the text of an event must contain for a pattern to match: food for a pre-filter.

An answer is a set of strings of which every matching event contains at least one, or None
where nothing follows from the pattern. JSON may spell any character as an escape, so there a
`\u` is always among the alternatives, and characters with escapes of their own are cut out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.pattern._compare import glob_parts
from tocsin.pattern._settings import DEFAULTS
from tocsin.pattern._syntax import (
    And,
    Comparison,
    Everything,
    FieldName,
    Json,
    Number,
    Op,
    Or,
    Regex,
    Sign,
    State,
    StateTest,
    Terms,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.pattern._settings import Settings
    from tocsin.pattern._syntax import Condition, Pattern, Term, Value

__all__ = ["literals"]

ESCAPE = "\\u"
_Found = frozenset[str] | None
_ESCAPED_IN_JSON = re.compile(r'["\\/\x00-\x1f]')
_ATOM = re.compile(
    r"\\x(?P<hex>[0-9A-Fa-f]{2})|\\(?P<escaped>[^dDsSwW])|(?P<other>\\.|\[\^?(?:\\.|[^\]\\])+\]|[.^$])"
    r"|(?P<plain>[^\\\[.^$|*+?{}])"
)
_QUANTIFIER = re.compile(r"(?:[*+?]|\{ *(?P<least>[0-9]*) *,? *[0-9]* *\})\??")
_STATES = {State.NULL: "null", State.TRUE: "true", State.FALSE: "false"}
_LONGEST_NUMBER = 40


def literals(pattern: Pattern, settings: Settings = DEFAULTS) -> frozenset[str] | None:
    """Strings of which every event that matches contains at least one; None if none follow."""
    body = pattern.body
    if isinstance(body, Everything):
        return None
    if isinstance(body, Terms):
        if body.ignored:
            return _best(_term(term) for term in body.items if term.sign is Sign.REQUIRED)
        return _union(_term(term) for term in body.items)
    if isinstance(body, Json):
        return _condition(body.condition, settings)
    fields = (*body.before, *body.after)
    return _best(_condition(field.condition, settings) for field in fields if field.condition)


def _term(term: Term) -> _Found:
    if isinstance(term.what, Regex):
        return _regex(term.what)
    return None if term.matches_all else frozenset({term.what})


def _best(found: Iterable[_Found]) -> _Found:
    """All hold, so any one of them will do: the one hardest to meet by accident."""
    known = [each for each in found if each is not None]
    return max(known, key=_rank, default=None)


def _rank(found: frozenset[str]) -> tuple[int, int]:
    return min((len(each) for each in found if each != ESCAPE), default=0), -len(found)


def _union(found: Iterable[_Found]) -> _Found:
    """One holds, and which is unknown."""
    every: set[str] = set()
    for each in found:
        if each is None:
            return None
        every |= each
    return frozenset(every)


def _condition(condition: Condition, settings: Settings) -> _Found:
    if isinstance(condition, And):
        return _best(_condition(item, settings) for item in condition.items)
    if isinstance(condition, Or):
        return _union(_condition(item, settings) for item in condition.items)
    if isinstance(condition, StateTest):
        word = _STATES.get(condition.state)
        return None if word is None else frozenset({word})
    return _comparison(condition, settings)


def _comparison(leaf: Comparison, settings: Settings) -> _Found:
    if leaf.op is not Op.EQUAL:
        return None
    if isinstance(leaf.subject, FieldName):
        return _value(leaf.value, settings)
    found = _value(leaf.value, settings)
    if found is None:
        return None
    cut = set()
    for each in found:
        piece = max(_ESCAPED_IN_JSON.split(each), key=len)
        if not piece:
            return None
        cut.add(piece)
    if isinstance(leaf.value, Number):
        # 404 may be written 4.04e2 or 4040e-1: before the e stands its last digit, or a zero.
        last = leaf.value.value.as_tuple().digits
        significant = "".join(map(str, last)).rstrip("0")[-1:]
        cut |= {f"{digit}{e}" for digit in {significant or "0", "0"} for e in "eE"}
    return frozenset(cut | {ESCAPE})


def _value(value: Value, settings: Settings) -> _Found:
    if isinstance(value, Regex):
        return _regex(value)
    if isinstance(value, Number):
        digits = _digits(value)
        return None if digits is None else frozenset({digits, value.text})
    part = max(glob_parts(value.text, settings), key=len)
    return frozenset({part}) if part else None


def _digits(number: Number) -> str | None:
    """What every spelling of a number without exponent contains."""
    exponent = number.value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _LONGEST_NUMBER:
        return None
    text = format(number.value.copy_abs(), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.lstrip("0") or "0"


def _regex(regex: Regex) -> _Found:
    """The longest fixed text of each alternative. There are no groups, so all are outermost."""
    return _union(
        frozenset({longest}) if longest else None
        for longest in (max(runs, key=len) for runs in _branches(regex.source))
    )


def _branches(source: str) -> Iterator[list[str]]:
    runs, at = [""], 0
    while at < len(source):
        if source[at] == "|":
            yield runs
            runs, at = [""], at + 1
            continue
        atom = _ATOM.match(source, at)
        if atom is None:
            # RE2 reads it some other way; claim nothing from here on.
            runs, at = [""], len(source)
            break
        at = atom.end()
        letter = _letter(atom)
        quantifier = _QUANTIFIER.match(source, at)
        if quantifier is None:
            if letter:
                runs[-1] += letter
            elif atom["other"] not in ("^", "$"):
                runs.append("")
            continue
        at = quantifier.end()
        least = quantifier["least"]
        required = quantifier[0][0] == "+" or (least or "0").strip("0") != ""
        if letter and required:
            runs[-1] += letter
        runs.append("")
    yield runs


def _letter(atom: re.Match[str]) -> str:
    if atom["hex"]:
        return chr(int(atom["hex"], 16))
    return atom["escaped"] or atom["plain"] or ""
