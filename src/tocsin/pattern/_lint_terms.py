"""Traps of unstructured patterns, and of regular expressions anywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.pattern._finding import Finding
from tocsin.pattern._regex import LITERAL_BRACE
from tocsin.pattern._syntax import Regex, Sign, Term, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_regex", "check_terms"]

_WORD_OPERATORS = frozenset({"AND", "OR", "NOT", "and", "or", "not"})
_LOWER_LEVELS = frozenset(
    {
        "critical",
        "denied",
        "error",
        "exception",
        "fail",
        "failed",
        "failure",
        "fatal",
        "forbidden",
        "timeout",
        "unauthorized",
        "warn",
        "warning",
    }
)
_QUOTED_PATTERN = re.compile(r"\{.*\$\..*\}|%.+%|\[.*,.*\]", re.DOTALL)
_DETACHED = re.compile(r"-\s")
_UNESCAPED_DOT = re.compile(r"[0-9]\.[0-9]")
_REPEAT = re.compile(r"\{[^}]*?([0-9]+) *\}|\{([0-9]+) *, *\}")
_LONG_REPEAT = 100
_ESCAPED = re.compile(r"\\.", re.DOTALL)


def check_terms(body: Terms, text: str) -> Iterator[Finding]:
    yield from _signs(body)
    yield from _contradictions(body)
    words = {term.what for term in body.items if isinstance(term.what, str)}
    for term in body.items:
        if isinstance(term.what, Regex):
            yield from check_regex(term.what)
        else:
            yield from _phrase(term, term.what, words)
        line, column = term.span.line, term.span.column
        if term.sign is Sign.EXCLUDED and _DETACHED.match(text.split("\n")[line - 1], column - 1):
            yield Finding(
                "detached-minus",
                term.span,
                f"a blank between - and {term.what}",
                "write the minus right before its term; only old editions of the guide do not",
            )


def _signs(body: Terms) -> Iterator[Finding]:
    optional = [term for term in body.items if term.sign is Sign.OPTIONAL]
    if optional and body.ignored:
        yield Finding(
            "mixed-optional",
            optional[0].span,
            f"{', '.join(map(str, optional[:3]))} without effect: ? is ignored beside other terms",
            "put ? before every term, or make one filter for each alternative",
        )


def _contradictions(body: Terms) -> Iterator[Finding]:
    required = [t for t in body.items if t.sign is Sign.REQUIRED and isinstance(t.what, str)]
    for term in body.items:
        if term.sign is not Sign.EXCLUDED or not isinstance(term.what, str):
            continue
        inside = [t for t in required if isinstance(t.what, str) and term.what in t.what]
        if term.matches_all or inside:
            because = f"{inside[0]} contains it" if inside else "a blank phrase is in every event"
            yield Finding(
                "never-matches",
                term.span,
                f"no event can match: {term} is excluded, and {because}",
                "remove one of the two",
            )
    seen: list[str] = []
    for term in required:
        other = [word for word in seen if word == term.what]
        if other:
            yield Finding(
                "redundant",
                term.span,
                f"{term} is asked for twice",
                "once is enough; order is free",
            )
        seen.append(str(term.what))


def _phrase(term: Term, what: str, words: set[str]) -> Iterator[Finding]:
    if what in _WORD_OPERATORS:
        yield Finding(
            "word-operator",
            term.span,
            f"{what} is a word to be found, not an operator",
            "terms are joined by and; put ? before every term for or, - before one for not",
        )
    if what in _LOWER_LEVELS and not any(w != what and w.lower() == what for w in words):
        other = " ".join(f"?{each}" for each in (what, what.capitalize(), what.upper()))
        yield Finding(
            "lower-case",
            term.span,
            f"{what} does not find {what.capitalize()} or {what.upper()}: case counts",
            f"{other}, or %{''.join(f'[{c.upper()}{c}]' for c in what)}%",
        )
    if _QUOTED_PATTERN.fullmatch(what.strip()):
        yield Finding(
            "quoted-pattern",
            term.span,
            "a pattern inside quotes is a phrase to be found",
            "remove the double quotes around it",
        )
    if len(what) > 1 and (what.startswith("*") or what.endswith("*")):
        yield Finding(
            "asterisk-in-term",
            term.span,
            f"the asterisk in {term} stands for itself",
            "leave it out: a term is found anywhere, also inside a word",
        )


def check_regex(regex: Regex) -> Iterator[Finding]:
    if _UNESCAPED_DOT.search(regex.source):
        yield Finding(
            "unescaped-dot",
            regex.span,
            f"the dots in {regex} match any character",
            "escape them: 10\\.0\\.0\\.1",
        )
    if LITERAL_BRACE.search(_ESCAPED.sub("__", regex.source)):
        yield Finding(
            "literal-brace",
            regex.span,
            f"a {{ of {str(regex)[:40]} begins no repetition and is taken as the character",
            "write \\{ to say so",
        )
    for match in _REPEAT.finditer(regex.source):
        if int(match[1] or match[2]) > _LONG_REPEAT:
            yield Finding(
                "long-repetition",
                regex.span,
                f"{match[0]} makes {str(regex)[:40]} slow on long events",
                "use * or +, or a smaller number",
            )
