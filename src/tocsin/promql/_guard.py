"""Look at query text before the parser does.

The parser dies of deep nesting and slows down faster than the square of the number
of operators, so both are bounded here by one linear scan.
"""

from __future__ import annotations

import re

from tocsin.errors import ParseError

__all__ = ["DEEPEST_NESTING", "LONGEST_QUERY", "MOST_OPERATORS", "check_text"]

LONGEST_QUERY = 4_000
"""Characters."""
MOST_OPERATORS = 300
DEEPEST_NESTING = 200
"""Open brackets at one place."""

_TOKEN = re.compile(
    r"""
    (?P<skip> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `[^`]*` | \#[^\n]* )
  | (?P<word> [A-Za-z_:][A-Za-z0-9_:]* )
  | (?P<open> [(\[{] )
  | (?P<close> [)\]}] )
  | (?P<operator> [-+*/%^@,] | [=!<>]=?~? )
    """,
    re.VERBOSE | re.DOTALL,
)
_WORDS = frozenset({"and", "or", "unless", "atan2", "offset", "bool"})


def check_text(text: str) -> None:
    """Raise ParseError for text that is too long, too deep or too full of operators."""
    if len(text) > LONGEST_QUERY:
        raise ParseError(
            f"query too long: {len(text)} characters",
            hint=f"at most {LONGEST_QUERY}; split it with a recording rule",
        )
    if "\0" in text:
        raise ParseError("query contains a NUL character")
    depth = operators = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "open":
            depth += 1
            if depth > DEEPEST_NESTING:
                raise ParseError(
                    f"query nested too deeply: more than {DEEPEST_NESTING} open brackets",
                    hint="split it with a recording rule",
                )
        elif kind == "close":
            depth -= 1
        elif kind == "operator" or (kind == "word" and match.group().lower() in _WORDS):
            operators += 1
            if operators > MOST_OPERATORS:
                raise ParseError(
                    f"query has too many operators: more than {MOST_OPERATORS}",
                    hint="split it with a recording rule",
                )
