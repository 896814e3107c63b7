"""What one field of an event decides of a pattern: food for a scanner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tocsin.pattern._match import compares
from tocsin.pattern._parse_condition import leaves
from tocsin.pattern._reference import FieldReference
from tocsin.pattern._settings import DEFAULTS
from tocsin.pattern._syntax import Comparison, Fields, Json, Number, Pattern, Selector, StateTest

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from tocsin.pattern._filter import MetricFilter
    from tocsin.pattern._settings import Settings

__all__ = ["FieldUse", "field_use", "json_references", "json_tests", "json_uses"]


@dataclass(frozen=True, slots=True)
class FieldUse:
    """How a space-delimited pattern uses one field."""

    alone: bool
    """Whether no other field has a condition: all events with the same text there are alike."""
    exact: bool
    """Whether that is so only if the event has exactly the number of fields asked about."""
    part: Pattern
    """What the pattern asks of that field, as a pattern for its text."""


def field_use(
    pattern: Pattern, position: int, least: int, count: int, settings: Settings = DEFAULTS
) -> FieldUse | None:
    """How a pattern uses the field at a position, from 0, of events with `least` fields or more.

    None if it does not. Patterns that count fields from the end of the event say something only
    of events with `count` fields.
    """
    body = pattern.body
    if not isinstance(body, Fields):
        return None
    before, after = body.before, body.after
    width = len(before) + len(after)
    exact = width > least
    uses = {at: entry for at, entry in enumerate(before) if entry.condition is not None}
    if body.has_ellipsis:
        tail = {count - len(after) + at: entry for at, entry in enumerate(after)}
        tail = {at: entry for at, entry in tail.items() if entry.condition is not None}
        exact = exact or bool(tail)
        uses |= tail
    elif settings.last_field == "one":
        exact = True
    elif width - 1 in uses:
        # The last field takes the rest of the line.
        exact = True
        if width < count:
            uses[-1] = uses.pop(width - 1)
    found = uses.pop(position, None)
    if found is None:
        return None
    return FieldUse(not uses, exact, Pattern(Fields((found,))))


def json_uses(pattern: Pattern) -> dict[tuple[str, ...], frozenset[Decimal] | None] | None:
    """The properties that alone decide whether an event matches, each by the names on its path.

    With each come the numbers that it is compared with, if only by order (`<`, `>=`), or None.
    None instead of all if something else decides, such as an element of an array.
    """
    body = pattern.body
    if not isinstance(body, Json):
        return None
    uses: dict[tuple[str, ...], frozenset[Decimal] | None] = {}
    for leaf in leaves(body.condition):
        steps = leaf.subject.steps if isinstance(leaf.subject, Selector) else ()
        path = tuple(step for step in steps if isinstance(step, str))
        if not path or len(path) < len(steps):
            return None
        bounds, bound = uses.get(path, frozenset()), _bound(leaf)
        uses[path] = None if bounds is None or bound is None else bounds | {bound}
    return uses


def json_tests(
    pattern: Pattern, settings: Settings = DEFAULTS
) -> dict[tuple[str, ...], list[Callable[[str], bool]]]:
    """What a pattern that `json_uses` knows asks of a text, by the path of the property.

    To the pattern, two texts with the same answers are alike.
    """
    body = pattern.body
    tests: dict[tuple[str, ...], list[Callable[[str], bool]]] = {}
    for leaf in leaves(body.condition) if isinstance(body, Json) else ():
        # All other conditions ask whether something is there, and what is no text.
        if isinstance(leaf, Comparison) and isinstance(leaf.subject, Selector):
            path = tuple(step for step in leaf.subject.steps if isinstance(step, str))
            tests.setdefault(path, []).append(partial(_compares, leaf, settings))
    return tests


def _compares(leaf: Comparison, settings: Settings, text: str) -> bool:
    return compares(leaf, [text], settings)


def json_references(metric_filter: MetricFilter) -> tuple[tuple[str, ...], ...] | None:
    """The properties that say what a match adds, each by its path; None if others do, too."""
    paths = []
    for reference in (metric_filter.value, *(each for _, each in metric_filter.dimensions)):
        if isinstance(reference, FieldReference):
            return None
        if isinstance(reference, Selector):
            path = tuple(step for step in reference.steps if isinstance(step, str))
            if len(path) < len(reference.steps):
                return None
            paths.append(path)
    return tuple(paths)


def _bound(leaf: Comparison | StateTest) -> Decimal | None:
    if isinstance(leaf, Comparison) and leaf.op.orders and isinstance(leaf.value, Number):
        return leaf.value.value
    return None
