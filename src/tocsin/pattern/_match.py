"""Match one event.

Source: CloudWatch Logs User Guide, "Filter pattern syntax"; API reference, TestMetricFilter,
for what a match extracts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tocsin.pattern._compare import FieldText, as_text, holds, is_comparable
from tocsin.pattern._event import Event
from tocsin.pattern._parse_condition import leaves
from tocsin.pattern._settings import DEFAULTS
from tocsin.pattern._syntax import (
    And,
    Comparison,
    Everything,
    Fields,
    Json,
    Op,
    Or,
    Selector,
    Sign,
    State,
    StateTest,
    Terms,
    Wildcard,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.pattern._settings import Settings
    from tocsin.pattern._syntax import Condition, Pattern, Term

__all__ = [
    "Bound",
    "Match",
    "bind",
    "compares",
    "match",
    "select",
    "state_holds",
    "term_occurs",
]


@dataclass(frozen=True, slots=True)
class Match:
    """What a pattern says of an event."""

    matched: bool
    extracted: dict[str, str] = field(default_factory=dict)
    """As TestMetricFilter returns it: fields by `$name`, those without a name by `$position`."""


_NO = Match(False)


def match(pattern: Pattern, message: str | bytes | Event, settings: Settings = DEFAULTS) -> Match:
    """Match one event. Every message has an answer: what is no text or no JSON does not match."""
    event = message if isinstance(message, Event) else Event(message)
    body = pattern.body
    if isinstance(body, Everything):
        return Match(True)
    if isinstance(body, Terms):
        return Match(True) if _terms(body, event.text) else _NO
    if isinstance(body, Json):
        return _match_json(body, event, settings)
    bound = bind(body, event, settings)
    if bound is None or not all(
        _fields_hold(entry.condition, value, settings)
        for entry, value in bound.named
        if entry.condition is not None
    ):
        return _NO
    return Match(True, bound.extracted)


def _terms(body: Terms, text: str) -> bool:
    if not body.ignored:
        return any(term_occurs(term, text) for term in body.items)
    return all(
        term_occurs(term, text) is (term.sign is Sign.REQUIRED)
        for term in body.items
        if term.sign is not Sign.OPTIONAL
    )


def term_occurs(term: Term, text: str) -> bool:
    """Whether a word, phrase or regex is in a text, whatever its sign."""
    if isinstance(term.what, str):
        return term.matches_all or term.what in text
    return term.what.search(text)


def _match_json(body: Json, event: Event, settings: Settings) -> Match:
    if not event.is_json or not _json_holds(body.condition, event.json, settings):
        return _NO
    if settings.json_extraction == "nothing":
        return Match(True)
    extracted: dict[str, str] = {}
    for leaf in leaves(body.condition):
        if isinstance(leaf.subject, Selector):
            scalars = [each for each in select(event.json, leaf.subject) if _is_scalar(each)]
            if scalars:
                extracted[str(leaf.subject)] = as_text(scalars[0])
    return Match(True, extracted)


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | bool)


def _json_holds(condition: Condition, root: Any, settings: Settings) -> bool:
    if isinstance(condition, And):
        return all(_json_holds(item, root, settings) for item in condition.items)
    if isinstance(condition, Or):
        return any(_json_holds(item, root, settings) for item in condition.items)
    nodes = select(root, condition.subject) if isinstance(condition.subject, Selector) else []
    if isinstance(condition, StateTest):
        return state_holds(condition.state, nodes)
    return compares(condition, nodes, settings)


def select(root: Any, selector: Selector) -> list[Any]:
    """The nodes that a selector points at; none where a step leads nowhere."""
    nodes = [root]
    for step in selector.steps:
        if isinstance(step, str):
            nodes = [node[step] for node in nodes if isinstance(node, dict) and step in node]
        elif isinstance(step, int):
            nodes = [node[step] for node in nodes if isinstance(node, list) and step < len(node)]
        elif step is Wildcard.FIELD:
            nodes = [each for node in nodes if isinstance(node, dict) for each in node.values()]
        else:
            nodes = [each for node in nodes if isinstance(node, list) for each in node]
        if not nodes:
            break
    return nodes


def state_holds(state: State, nodes: Sequence[Any]) -> bool:
    if state is State.MISSING:
        return not nodes
    wanted = {State.NULL: None, State.TRUE: True, State.FALSE: False}[state]
    return any(node is wanted for node in nodes)


def compares(condition: Comparison, nodes: Sequence[Any], settings: Settings) -> bool:
    """Whether any node that can be compared satisfies a comparison."""
    if not nodes:
        return settings.missing_not_equal and condition.op is Op.NOT_EQUAL
    return any(
        holds(node, condition.op, condition.value, settings)
        for node in nodes
        if is_comparable(node, settings)
    )


@dataclass(frozen=True, slots=True)
class Bound:
    """The fields of an event, laid beside the entries of a pattern."""

    values: tuple[str, ...]
    """All fields, in order."""
    named: tuple[tuple[Any, str], ...]
    """The entries of the pattern, without the ellipsis, each with its value."""
    extracted: dict[str, str]


def bind(body: Fields, event: Event, settings: Settings) -> Bound | None:
    """Lay the fields of an event beside those of a pattern; None if their numbers disagree."""
    tokens = event.fields(settings)
    before, after = body.before, body.after
    values = [text for text, _ in tokens]
    if body.entries and not body.has_ellipsis:
        count = len(before)
        if len(values) > count and settings.last_field == "rest":
            rest = event.text[tokens[count - 1][1] :].rstrip(" \t\r\n\f\v")
            values[count - 1 :] = [rest]
        if len(values) != count:
            return None
    if len(values) < len(before) + len(after):
        return None
    tail = len(values) - len(after)
    named = [*zip(before, values, strict=False), *zip(after, values[tail:], strict=True)]
    names = {at: entry.name for at, entry in enumerate(before)}
    names |= {tail + at: entry.name for at, entry in enumerate(after)}
    extracted = {f"${names.get(at) or at + 1}": value for at, value in enumerate(values)}
    return Bound(tuple(values), tuple(named), extracted)


def _fields_hold(condition: Condition, value: str, settings: Settings) -> bool:
    if isinstance(condition, And):
        return all(_fields_hold(item, value, settings) for item in condition.items)
    if isinstance(condition, Or):
        return any(_fields_hold(item, value, settings) for item in condition.items)
    if isinstance(condition, StateTest):
        return False
    return holds(FieldText(value), condition.op, condition.value, settings)
