"""From the text of a filter pattern to its syntax tree.

Source: CloudWatch Logs User Guide, "Filter pattern syntax"; API reference, PutMetricFilter
(1,024 characters). What AWS refuses is refused here, with the place.
"""

from __future__ import annotations

import re

from tocsin.errors import ParseError, Span
from tocsin.pattern._cursor import BLANKS, Cursor
from tocsin.pattern._parse_fields import parse_fields
from tocsin.pattern._parse_json import parse_json
from tocsin.pattern._syntax import Everything, Pattern, Regex, Sign, Term, Terms

__all__ = ["MAX_LENGTH", "parse"]

MAX_LENGTH = 1024
_WORD = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_UNTIL_BLANK = re.compile(r"\S+")


def parse(text: str, *, path: str = "") -> Pattern:
    """Read a filter pattern. Raises ParseError where AWS would refuse it."""
    if len(text) > MAX_LENGTH:
        raise ParseError(
            f"the pattern has {len(text)} characters, more than {MAX_LENGTH}",
            hint="split it into several filters",
            span=Span(path, 1, 1),
        )
    stripped = text.strip(BLANKS)
    start = text.find(stripped)
    cursor = Cursor(text, path, start, start + len(stripped))
    if not stripped:
        return Pattern(Everything(), text, path)
    if stripped.startswith("{"):
        return Pattern(parse_json(cursor), text, path)
    if stripped.startswith("["):
        return Pattern(parse_fields(cursor), text, path)
    return Pattern(_parse_terms(cursor), text, path)


def _parse_terms(cursor: Cursor) -> Terms:
    items: list[Term] = []
    while not cursor.done:
        items.append(_parse_term(cursor))
        at = cursor.at
        cursor.skip()
        if at == cursor.at and not cursor.done:
            cursor.fail(f"expected a blank, found {cursor.here}", "blanks separate terms")
    return Terms(tuple(items))


def _parse_term(cursor: Cursor) -> Term:
    span = cursor.span()
    sign = Sign.REQUIRED
    if cursor.takes("-"):
        sign = Sign.EXCLUDED
        # The 2018-2021 guide writes `"ERROR" - "Exiting"`.
        cursor.skip()
    elif cursor.takes("?"):
        sign = Sign.OPTIONAL
    what: str | Regex
    if cursor.sees('"'):
        what = cursor.quoted()
    elif cursor.sees("%"):
        what = cursor.regex()
    else:
        what = _parse_word(cursor)
    return Term(what, sign, span)


def _parse_word(cursor: Cursor) -> str:
    at = cursor.at
    whole = cursor.take(_UNTIL_BLANK)
    if whole is None:
        cursor.fail(f"expected a term, found {cursor.here}", "a sign stands right before its term")
    cursor.at = at
    word = cursor.take(_WORD)
    if word is None or word.end() < whole.end():
        wrong = word.end() if word else at
        hint = "put it in double quotes: anything but letters, digits and _ needs them"
        if cursor.text[wrong] == "'":
            hint = "single quotes do not delimit phrases; write double quotes"
        shown = whole[0] if len(whole[0]) <= 60 else whole[0][:60] + "..."
        cursor.fail(f"invalid character {cursor.text[wrong]!r} in the term {shown!r}", hint, wrong)
    return word[0]
