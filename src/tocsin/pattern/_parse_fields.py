"""`[ip, user, ..., status_code = 4*, bytes]`.

Source: CloudWatch Logs User Guide, "Using filter patterns to match terms in space-delimited log
events". A condition names its own field only: `status_code = 4* && bytes > 1000` stood in the
guide for two years and is refused by AWS.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.pattern._parse_condition import parse_condition
from tocsin.pattern._parse_json import check_regexes
from tocsin.pattern._syntax import Comparison, Condition, Ellipsis_, Field, FieldName, Fields

if TYPE_CHECKING:
    from tocsin.pattern._cursor import Cursor

__all__ = ["FIELD_NAME", "parse_fields"]

FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)


def parse_fields(cursor: Cursor) -> Fields:
    if not cursor.text.endswith("]", 0, cursor.end):
        cursor.fail("a space-delimited pattern must end with ]", "close the bracket", cursor.end)
    cursor.at += 1
    cursor.skip()
    entries: list[Field | Ellipsis_] = []
    if not cursor.takes("]"):
        entries = _entries(cursor)
    cursor.skip()
    if not cursor.done:
        cursor.fail(f"expected the end of the pattern, found {cursor.here}", "nothing follows ]")
    conditions = [entry.condition for entry in entries if isinstance(entry, Field)]
    check_regexes([condition for condition in conditions if condition is not None])
    return Fields(tuple(entries))


def _entries(cursor: Cursor) -> list[Field | Ellipsis_]:
    entries: list[Field | Ellipsis_] = []
    names: set[str] = set()
    while True:
        cursor.skip()
        start, span = cursor.at, cursor.span()
        if cursor.takes("..."):
            if any(isinstance(entry, Ellipsis_) for entry in entries):
                cursor.fail("more than one ... in a pattern", "keep one", start)
            entries.append(Ellipsis_(span))
        elif cursor.sees(",") or cursor.sees("]"):
            entries.append(Field(span=span))
        else:
            entry = _field(cursor)
            if entry.name.lower() in names:
                cursor.fail(f"two fields have the name {entry.name}", "give each its own", start)
            names.add(entry.name.lower())
            entries.append(entry)
        cursor.skip()
        if cursor.takes("]"):
            return entries
        if not cursor.takes(","):
            cursor.fail(
                f"expected , or ] after a field, found {cursor.here}",
                "commas separate fields; put a value with blanks or symbols in double quotes",
            )


def _field(cursor: Cursor) -> Field:
    span = cursor.span()
    if not cursor.sees("("):
        start = cursor.at
        name = _name(cursor)
        cursor.skip()
        if cursor.sees(",") or cursor.sees("]"):
            return Field(name, span=span)
        cursor.at = start
    own: list[str] = []

    def leaf(cursor: Cursor) -> Condition:
        at = cursor.span()
        start = cursor.at
        name = _name(cursor)
        if own and name.lower() != own[0].lower():
            cursor.fail(
                f"the condition of {own[0]} names {name}",
                f"a condition may name only its own field; put a comma before {name}",
                start,
            )
        own.append(name)
        cursor.skip()
        op = cursor.operator(name)
        # Names compare without case, so the first spelling stands for all.
        return Comparison(FieldName(own[0], at), op, cursor.value(op, "fields"), at)

    condition = parse_condition(cursor, leaf)
    return Field(own[0], condition, span)


def _name(cursor: Cursor) -> str:
    match = cursor.take(FIELD_NAME)
    if match is None:
        hint = "letters, digits, _ and -, a letter first; nothing for a field without a name"
        if cursor.sees(".") or cursor.sees("…"):
            hint = "an ellipsis is three full stops: ..."
        elif cursor.sees("$"):
            hint = "names stand without $ in a pattern; $name is for metric values"
        cursor.fail(f"expected a field name, found {cursor.here}", hint)
    return match[0]
