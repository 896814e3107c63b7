"""`{ $.a.b[0] = "x" && $.c IS NULL }`.

Source: CloudWatch Logs User Guide, "Using filter patterns to match terms in JSON log events".
Strings with more than letters, digits and underscore should be in double quotes, it says, and
its own examples, like those of the CIS benchmark, write `123.123.*` and `kms.amazonaws.com`
bare; so do we allow, and the linter speaks where it goes further than that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.pattern._parse_condition import comparisons, leaves, parse_condition
from tocsin.pattern._syntax import (
    Comparison,
    Condition,
    Json,
    Regex,
    Selector,
    State,
    StateTest,
    Wildcard,
)

if TYPE_CHECKING:
    from tocsin.pattern._cursor import Cursor

__all__ = ["MAX_REGEXES", "check_regexes", "parse_json", "parse_selector"]

MAX_REGEXES = 2
MAX_WILDCARDS = 3
_LARGEST_INDEX = 2**31 - 1
_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_INDEX = re.compile(r"\[ *([0-9]+) *\]", re.ASCII)
_BRACKET_KEY = re.compile(r"""\[ *(?:'([^']*)'|"([^"]*)") *\]""")
_LETTERS = re.compile(r"[A-Za-z]+", re.ASCII)


def parse_json(cursor: Cursor) -> Json:
    cursor.at += 1
    if not cursor.text.endswith("}", 0, cursor.end):
        cursor.fail("a JSON pattern must end with }", "close the brace", cursor.end)
    cursor.skip()
    if cursor.sees("}"):
        cursor.fail("a JSON pattern without a condition", 'write { $.field = "value" }')
    condition = parse_condition(cursor, _leaf)
    if not cursor.takes("}"):
        cursor.fail(
            f"expected &&, || or }}, found {cursor.here}",
            "put a value with blanks or symbols in double quotes",
        )
    cursor.skip()
    if not cursor.done:
        cursor.fail(f"expected the end of the pattern, found {cursor.here}", "nothing follows }")
    _check_wildcards(condition)
    check_regexes([condition])
    return Json(condition)


def _leaf(cursor: Cursor) -> Condition:
    span = cursor.span()
    if cursor.sees("!") or cursor.sees("NOT"):
        cursor.fail("a condition cannot be negated", "use != or NOT EXISTS after the selector")
    subject = parse_selector(cursor)
    cursor.skip()
    at = cursor.at
    word = cursor.take(_LETTERS)
    if word is not None:
        return StateTest(subject, _state(cursor, word[0], at), span)
    op = cursor.operator(str(subject))
    return Comparison(subject, op, cursor.value(op, "json"), span)


def _state(cursor: Cursor, first: str, at: int) -> State:
    cursor.skip()
    second_at = cursor.at
    second = cursor.take(_LETTERS)
    words = f"{first} {second[0] if second else ''}".upper().strip()
    if words in tuple(State):
        return State(words)
    if words == "IS NOT":
        cursor.fail(
            "IS NOT is not supported", "write != or, for a boolean, IS TRUE or IS FALSE", at
        )
    if first.upper() == "EXISTS":
        cursor.fail("EXISTS is not supported", "write = * for a property with a value", at)
    if first.upper() == "IS":
        cursor.fail("IS needs NULL, TRUE or FALSE", "compare values with =", second_at)
    if first.upper() == "NOT":
        cursor.fail("NOT needs EXISTS", "compare values with !=", second_at)
    return cursor.fail(f"{first} is not an operator", "one of = != < > <= >=, IS, NOT EXISTS", at)


def parse_selector(cursor: Cursor) -> Selector:
    """Read `$.a.b[0]`, `$.['a.b']`, `$.a[*]`, `$.*`. Raises ParseError."""
    start = cursor.at
    if not cursor.takes("$"):
        cursor.fail(
            f"expected a property selector, found {cursor.here}",
            "selectors begin with $. : $.field",
        )
    if not cursor.sees("."):
        cursor.fail("a selector must begin with $.", "for example $.field or $.['a field']", start)
    steps: list[str | int | Wildcard] = []
    while True:
        if cursor.takes("."):
            steps.append(_property(cursor))
        elif cursor.takes("[*]"):
            steps.append(Wildcard.ELEMENT)
        elif cursor.sees("["):
            steps.append(_bracket(cursor))
        else:
            break
    if sum(isinstance(step, Wildcard) for step in steps) > 1:
        cursor.fail("more than one wildcard in a selector", "name the other steps", start)
    return Selector(tuple(steps), cursor.span(start))


def _property(cursor: Cursor) -> str | Wildcard:
    if cursor.takes("*"):
        return Wildcard.FIELD
    if cursor.sees("["):
        key = cursor.take(_BRACKET_KEY)
        if key is None:
            cursor.fail("expected a name in quotes inside the brackets", "for example $.['a.b']")
        return key[1] if key[1] is not None else key[2]
    match = cursor.take(_KEY)
    if match is None:
        cursor.fail(
            f"expected a property name, found {cursor.here}",
            "letters, digits, - and _; other names in brackets: $.['a.b']",
        )
    return match[0]


def _bracket(cursor: Cursor) -> str | int:
    index = cursor.take(_INDEX)
    if index is not None:
        number = int(index[1])
        if number > _LARGEST_INDEX:
            cursor.fail("the array index is too large", "indexes count from 0", index.start())
        return number
    key = cursor.take(_BRACKET_KEY)
    if key is None:
        cursor.fail(
            f"expected an array index, found {cursor.here}",
            "a number, * for any element, or a name in quotes",
        )
    return key[1] if key[1] is not None else key[2]


def _check_wildcards(condition: Condition) -> None:
    found = [leaf for leaf in leaves(condition) if _has_wildcard(leaf.subject)]
    if len(found) > MAX_WILDCARDS:
        _fail_at(
            found[MAX_WILDCARDS],
            f"more than {MAX_WILDCARDS} wildcard selectors in a pattern",
        )


def _has_wildcard(subject: object) -> bool:
    return isinstance(subject, Selector) and subject.has_wildcard


def check_regexes(conditions: list[Condition]) -> None:
    """Refuse more regular expressions than AWS allows in one pattern."""
    found = [
        leaf
        for condition in conditions
        for leaf in comparisons(condition)
        if isinstance(leaf.value, Regex)
    ]
    if len(found) > MAX_REGEXES:
        _fail_at(found[MAX_REGEXES], f"more than {MAX_REGEXES} regular expressions in a pattern")


def _fail_at(leaf: Comparison | StateTest, what: str) -> None:
    raise ParseError(what, hint="split it into several filters", span=leaf.span)
