"""Patterns that are valid and do not mean what they seem to: one entry a trap, with a hint.

The sentences and examples of LINTS make the reference page; a test holds page, examples and
checks together. What AWS refuses outright is not here: the parser refuses it, with a hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.errors import Problem, Span
from tocsin.pattern._finding import Finding
from tocsin.pattern._lint_conditions import check_conditions
from tocsin.pattern._lint_terms import check_terms
from tocsin.pattern._parse_condition import comparisons
from tocsin.pattern._settings import DEFAULTS
from tocsin.pattern._syntax import Field, Fields, Json, Number, Op, Regex, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.pattern._settings import Settings
    from tocsin.pattern._syntax import Pattern

__all__ = ["LINTS", "Lint", "lint"]


_LEVELS = frozenset(
    ["CRITICAL", "DEBUG", "ERR", "ERROR", "EXCEPTION", "FATAL", "PANIC", "WARN", "WARNING"]
)
"""Words that are looked for in logs; as the name of a field they are taken for one."""


class Lint(NamedTuple):
    """One trap."""

    name: str
    meaning: str
    example: str
    """A pattern that walks into it."""


LINTS = (
    Lint("never-matches", "Conditions or terms that contradict each other.", "ERROR -ERR"),
    Lint(
        "always-matches",
        "Exclusions joined with `||`: each event satisfies one of them.",
        "{ $.user != alice || $.user != bob }",
    ),
    Lint(
        "mixed-optional",
        "`?` terms beside other terms are ignored.",
        "?ERROR ?FATAL -timeout",
    ),
    Lint("word-operator", "`AND`, `OR`, `NOT` are words to be found.", "ERROR OR FATAL"),
    Lint("lower-case", "Case counts, and log levels are seldom in lower case.", "error"),
    Lint("quoted-pattern", "A JSON pattern, regex or field list in quotes.", '"{ $.a = 1 }"'),
    Lint("asterisk-in-term", "Terms have no wildcards.", '"ERROR*"'),
    Lint("detached-minus", "A blank between `-` and its term.", 'ERROR - "Exiting"'),
    Lint("redundant", "The same term or condition twice.", "ERROR ERROR"),
    Lint("unescaped-dot", "A dot between digits of a regex.", "%10.0.0.1%"),
    Lint("long-repetition", "A regex that repeats more than a hundred times.", "%a{500}b%"),
    Lint("literal-brace", "A `{` in a regex that begins no repetition.", "%${name}%"),
    Lint(
        "missing-not-equal",
        "`!=` does not hold where a nested property is missing.",
        "{ $.userIdentity.invokedBy != AWS }",
    ),
    Lint(
        "any-not-equal",
        "`!=` with a wildcard holds as soon as one value differs.",
        "{ $.roles[*] != admin }",
    ),
    Lint("quoted-number", "A number in quotes is compared as text.", '{ $.status = "404" }'),
    Lint("bare-constant", "`= true` where `IS TRUE` is meant.", "{ $.ok = true }"),
    Lint("cidr", "An address range is compared as text.", '{ $.ip = "10.0.0.0/8" }'),
    Lint("inner-asterisk", "An asterisk in the middle stands for itself.", "{ $.a = Ev*ent }"),
    Lint("reversed-operator", "`=!` in place of `!=`.", "[level=!ERROR, text]"),
    Lint("unquoted-symbols", "A word that AWS wants in quotes.", "{ $.mail = a@b.example }"),
    Lint("lower-case-keyword", "`is null` in lower case.", "{ $.a is null }"),
    Lint("precedence", "`&&` and `||` mixed without parentheses.", "{ $.a=1 || $.b=2 && $.c=3 }"),
    Lint(
        "last-field",
        "Without `...`, the last field takes the rest of the line, and its condition looks at "
        "all of that.",
        "[ip, user, status=404]",
    ),
    Lint("only-ellipsis", "A field list without names or conditions.", "[...]"),
    Lint("name-only", "A word to be found, written as the name of a field.", "[ERROR]"),
)
"""Every trap, in the order of the reference page."""


def lint(pattern: Pattern, settings: Settings = DEFAULTS) -> list[Problem]:
    """Say where a pattern does not mean what it seems to."""
    found = sorted(_findings(pattern, settings), key=lambda each: (each.span, each.lint))
    return [
        Problem(each.span, f"{each.what} [{each.lint}]", each.hint, "warning")
        for each in dict.fromkeys(found)
    ]


def _findings(pattern: Pattern, settings: Settings) -> Iterator[Finding]:
    body = pattern.body
    if isinstance(body, Terms):
        yield from check_terms(body, pattern.text)
    elif isinstance(body, Json):
        yield from check_conditions(body.condition, pattern.text, settings)
    elif isinstance(body, Fields):
        for entry in body.entries:
            if isinstance(entry, Field) and entry.condition is not None:
                yield from check_conditions(entry.condition, pattern.text, settings)
        yield from _whole(body, pattern.path, settings)


def _whole(body: Fields, path: str, settings: Settings) -> Iterator[Finding]:
    fields = (*body.before, *body.after)
    if body.has_ellipsis and not any(field.name for field in fields):
        yield Finding(
            "only-ellipsis",
            Span(path, 1, 1),
            f"it matches every event with {len(fields)} fields or more",
            "give a field a name and a condition",
        )
    yield from _name_only(body, fields)
    if body.has_ellipsis or not fields or settings.last_field != "rest":
        return
    last = fields[-1]
    if last.condition is None:
        return
    whole = [leaf for leaf in comparisons(last.condition) if _needs_all(leaf.op, leaf.value)]
    if whole:
        yield Finding(
            "last-field",
            last.span,
            f"{whole[0]} looks at the rest of the line: true only with {len(fields)} fields",
            "append a field without condition or, where lines vary, ...",
        )


def _name_only(body: Fields, fields: Sequence[Field]) -> Iterator[Finding]:
    if any(field.condition is not None for field in fields):
        return
    alone = len(fields) == 1 and not body.has_ellipsis
    for field in fields:
        if field.name and (alone or field.name in _LEVELS):
            yield Finding(
                "name-only",
                field.span,
                f"{field.name} is only the name of a field: every event with "
                f"{len(fields)} field{'s' * (len(fields) > 1)} or more matches",
                f'write {field.name}, "[{field.name}]", or the condition of a field',
            )


def _needs_all(op: Op, value: object) -> bool:
    if op is Op.NOT_EQUAL or isinstance(value, Regex):
        return False
    return isinstance(value, Number) or not str(value).strip('"').endswith("*")
