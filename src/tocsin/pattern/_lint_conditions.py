"""Traps of conditions, in JSON and in space-delimited patterns."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from tocsin.pattern._compare import FieldText, Scalar, glob_parts, holds
from tocsin.pattern._finding import Finding
from tocsin.pattern._lint_terms import check_regex
from tocsin.pattern._numbers import JsonNumber, is_number
from tocsin.pattern._parse_condition import leaves
from tocsin.pattern._syntax import (
    And,
    Comparison,
    FieldName,
    Number,
    Op,
    Or,
    Regex,
    Selector,
    State,
    StateTest,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.errors import Span
    from tocsin.pattern._settings import Settings
    from tocsin.pattern._syntax import Condition

__all__ = ["check_conditions"]

_Leaf = Comparison | StateTest
_CIDR = re.compile(
    r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}/[0-9]{1,2}|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*/[0-9]{1,3}"
)
_PLAIN = re.compile(r"[A-Za-z0-9_.*:/-]*", re.ASCII)
_LOWER_STATE = re.compile(r"\b(?:is\s+(?:null|true|false)|not\s+exists)\b", re.IGNORECASE)


def check_conditions(condition: Condition, text: str, settings: Settings) -> Iterator[Finding]:
    yield from _groups(condition, text, settings)
    for leaf in leaves(condition):
        if isinstance(leaf, StateTest):
            yield from _state(leaf, text)
            continue
        yield from _comparison(leaf, settings)
        if isinstance(leaf.value, Regex):
            yield from check_regex(leaf.value)
        elif isinstance(leaf.value, Number):
            yield from _number(leaf, leaf.value)
        else:
            yield from _text(leaf, leaf.value, settings)


def _comparison(leaf: Comparison, settings: Settings) -> Iterator[Finding]:
    subject = leaf.subject
    if leaf.op is not Op.NOT_EQUAL or not isinstance(subject, Selector):
        return
    if subject.has_wildcard:
        yield Finding(
            "any-not-equal",
            leaf.span,
            f"{leaf} holds as soon as any one of the values differs",
            "no condition says that none of them is equal; name one element, or turn it round",
        )
    if len(subject.steps) > 1 and not settings.missing_not_equal:
        yield Finding(
            "missing-not-equal",
            leaf.span,
            f"{leaf} does not hold for events without {subject}",
            f"add || {subject} NOT EXISTS if those should match, too",
        )


def _number(leaf: Comparison, value: Number) -> Iterator[Finding]:
    if value.quoted:
        yield Finding(
            "quoted-number",
            value.span,
            f"{leaf.op} compares numbers, and {value} is in quotes",
            f"write {leaf.op} {value.text}",
        )


def _text(leaf: Comparison, value: Text, settings: Settings) -> Iterator[Finding]:
    text, span = value.text, value.span
    lenient = settings.missing_not_equal and isinstance(leaf.subject, Selector)
    parts = glob_parts(text, settings)
    if leaf.op is Op.NOT_EQUAL and len(parts) > 1 and not any(parts) and not lenient:
        yield Finding(
            "never-matches", leaf.span, f"{leaf} never holds: * is every value", "use NOT EXISTS"
        )
    if value.quoted and is_number(text):
        yield Finding(
            "quoted-number",
            span,
            f"{value} is compared as text: 4.0e2 and 400.0 are not 400",
            f"write {text} without quotes to compare numbers",
        )
    if _CIDR.fullmatch(text.strip("*")):
        yield Finding(
            "cidr",
            span,
            f"{text} is compared as text; there is no matching of networks",
            "use a prefix, 10.0.*, or a regular expression",
        )
    inner = text[1:-1] if settings.inner_asterisk == "literal" else ""
    if "*" in inner and text != "**":
        yield Finding(
            "inner-asterisk",
            span,
            f"the asterisk inside {text} stands for itself",
            "asterisks count at either end; for the middle use a regular expression: %a.*b%",
        )
    if value.quoted:
        return
    if isinstance(leaf.subject, Selector) and text in ("true", "false", "null"):
        yield Finding(
            "bare-constant",
            span,
            f"{leaf}: AWS does not say that a word equals the JSON constant {text}",
            f"write {leaf.subject} IS {text.upper()}",
        )
    if text.startswith("!"):
        yield Finding(
            "reversed-operator",
            span,
            f"{leaf} compares with a text that begins with an exclamation mark",
            f"write != {text[1:]}",
        )
    elif not _PLAIN.fullmatch(text):
        yield Finding(
            "unquoted-symbols",
            span,
            f"AWS asks for double quotes around {text}",
            f'write "{text}"',
        )


def _state(leaf: StateTest, text: str) -> Iterator[Finding]:
    line = text.split("\n")[leaf.span.line - 1]
    word = _LOWER_STATE.search(line, leaf.span.column - 1)
    if word is not None and word[0] != word[0].upper():
        yield Finding(
            "lower-case-keyword",
            leaf.span,
            f"{word[0]} is documented in upper case only",
            f"write {leaf.state}",
        )


def _groups(condition: Condition, text: str, settings: Settings) -> Iterator[Finding]:
    if isinstance(condition, Or):
        yield from _alternatives(condition, text)
    if isinstance(condition, And | Or):
        yield from _duplicates(condition)
        for item in condition.items:
            yield from _groups(item, text, settings)
    if isinstance(condition, And):
        for group in _by_subject(condition):
            if not _can_hold(group, settings):
                shown = " && ".join(str(leaf) for leaf in group)
                yield Finding(
                    "never-matches",
                    group[0].span,
                    f"no event can satisfy {shown}"[:200],
                    "join alternatives with ||",
                )


def _by_subject(condition: And | Or) -> list[list[_Leaf]]:
    """The leaves that speak of one and the same scalar."""
    groups: dict[str, list[_Leaf]] = defaultdict(list)
    for item in condition.items:
        if isinstance(item, And | Or):
            continue
        if isinstance(item.subject, FieldName) or not item.subject.has_wildcard:
            groups[str(item.subject)].append(item)
    return [group for group in groups.values() if len(group) > 1]


def _can_hold(group: list[_Leaf], settings: Settings) -> bool:
    """False only where no value can satisfy all."""
    states = {leaf.state for leaf in group if isinstance(leaf, StateTest)}
    compared = [leaf for leaf in group if isinstance(leaf, Comparison)]
    if states == {State.MISSING} and settings.missing_not_equal:
        return all(leaf.op is Op.NOT_EQUAL for leaf in compared)
    if states:
        # IS TRUE beside = true is odd, and possible.
        return len(states) == 1 and (not compared or states <= {State.TRUE, State.FALSE})
    exact = [leaf.value for leaf in compared if leaf.op is Op.EQUAL and _is_exact(leaf, settings)]
    if exact:
        field = isinstance(group[0].subject, FieldName)
        return any(
            all(holds(scalar, leaf.op, leaf.value, settings) for leaf in compared)
            for value in exact
            for scalar in _spellings(value, field=field)
        )
    return _ends_agree(compared, settings) and _range_is_open(compared)


def _is_exact(leaf: Comparison, settings: Settings) -> bool:
    if isinstance(leaf.value, Text):
        return len(glob_parts(leaf.value.text, settings)) == 1
    return isinstance(leaf.value, Number)


def _spellings(value: Text | Number | Regex, *, field: bool) -> Iterator[Scalar]:
    if isinstance(value, Regex):
        return
    if field:
        yield FieldText(value.text)
        return
    yield value.text
    if is_number(value.text):
        yield JsonNumber(value.text)
    if value.text in ("true", "false"):
        yield value.text == "true"


def _ends_agree(compared: list[Comparison], settings: Settings) -> bool:
    globs = [
        glob_parts(leaf.value.text, settings)
        for leaf in compared
        if leaf.op is Op.EQUAL and isinstance(leaf.value, Text)
    ]
    heads = [parts[0] for parts in globs]
    tails = [parts[-1][::-1] for parts in globs]
    return _nested(heads) and _nested(tails)


def _nested(texts: list[str]) -> bool:
    """Whether each text begins the longest."""
    longest = max(texts, key=len, default="")
    return all(longest.startswith(text) for text in texts)


def _range_is_open(compared: list[Comparison]) -> bool:
    numbers = [leaf for leaf in compared if isinstance(leaf.value, Number)]
    above = [leaf for leaf in numbers if leaf.op in (Op.GREATER, Op.GREATER_EQUAL)]
    below = [leaf for leaf in numbers if leaf.op in (Op.LESS, Op.LESS_EQUAL)]
    for low in above:
        for high in below:
            if not isinstance(low.value, Number) or not isinstance(high.value, Number):
                continue
            strict = low.op is Op.GREATER or high.op is Op.LESS
            if low.value.value > high.value.value:
                return False
            if strict and low.value.value == high.value.value:
                return False
    return True


def _alternatives(condition: Or, text: str) -> Iterator[Finding]:
    for group in _by_subject(condition):
        compared = [leaf for leaf in group if isinstance(leaf, Comparison)]
        denied = [leaf for leaf in compared if leaf.op is Op.NOT_EQUAL]
        values = {str(leaf.value) for leaf in denied}
        equal = {str(leaf.value) for leaf in compared if leaf.op is Op.EQUAL}
        if len(values) > 1 or values & equal:
            yield Finding(
                "always-matches",
                denied[0].span,
                f"one of these always holds: {' || '.join(str(leaf) for leaf in compared)}"[:200],
                "join exclusions with &&",
            )
    mixed = [item for item in condition.items if isinstance(item, And)]
    if any(not _follows_parenthesis(item.span, text) for item in mixed):
        yield Finding(
            "precedence",
            condition.span,
            "&& binds tighter than ||",
            "put parentheses where you mean them",
        )


def _follows_parenthesis(span: Span, text: str) -> bool:
    line = text.split("\n")[span.line - 1]
    return line[: span.column - 1].rstrip().endswith("(")


def _duplicates(condition: And | Or) -> Iterator[Finding]:
    seen = set()
    for item in condition.items:
        if item in seen:
            yield Finding("redundant", item.span, f"{item} stands twice"[:200], "once is enough")
        seen.add(item)
