"""What a metric filter reads from a matching event: a number, `$.field`, `$name` or `$7`.

Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters"; API reference,
MetricTransformation.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.pattern._compare import FieldText, Scalar, number_of
from tocsin.pattern._cursor import Cursor
from tocsin.pattern._match import bind, select
from tocsin.pattern._numbers import is_number, read_number
from tocsin.pattern._parse_fields import FIELD_NAME
from tocsin.pattern._parse_json import parse_selector
from tocsin.pattern._syntax import Fields, Json, Selector

if TYPE_CHECKING:
    from tocsin.pattern._event import Event
    from tocsin.pattern._settings import Settings
    from tocsin.pattern._syntax import Pattern

__all__ = ["FieldReference", "Reference", "as_float", "parse_reference", "read"]

_POSITION = re.compile(r"[1-9][0-9]{0,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FieldReference:
    """A field of a space-delimited event, by name in lower case or by position from 1."""

    key: str | int


Reference = float | Selector | FieldReference


def parse_reference(text: str, pattern: Pattern) -> Reference:
    """Read a metric value. Raises ParseError where the pattern has no such value."""
    if is_number(text):
        number = float(read_number(text))
        if math.isinf(number):
            raise ParseError(f"{text[:40]} is too large", hint="a number below 1.8e308")
        return number
    body = pattern.body
    if text.startswith("$."):
        if not isinstance(body, Json):
            raise ParseError(
                f"{text} needs a JSON pattern", hint="write the pattern as { $.field = * }"
            )
        return _selector(text)
    if text.startswith("$"):
        if not isinstance(body, Fields):
            raise ParseError(
                f"{text} needs a space-delimited pattern", hint="name the fields: [ip, ..., bytes]"
            )
        return _field(text, body)
    raise ParseError(
        f"not a metric value: {text[:40]!r}", hint="a number, $.field, $name or $7 of the pattern"
    )


def _selector(text: str) -> Selector:
    cursor = Cursor(text)
    selector = parse_selector(cursor)
    if not cursor.done:
        raise ParseError(f"not a selector: {text[:60]!r}", hint="for example $.latency")
    if selector.has_wildcard:
        raise ParseError(f"{text[:60]} has a wildcard", hint="name one property")
    return selector


def _field(text: str, body: Fields) -> FieldReference:
    key = text[1:]
    if _POSITION.fullmatch(key):
        return FieldReference(int(key))
    names = {entry.name.lower() for entry in (*body.before, *body.after) if entry.name}
    if not FIELD_NAME.fullmatch(key) or key.lower() not in names:
        known = ", ".join(f"${name}" for name in sorted(names)) or "none but $1, $2, ..."
        raise ParseError(f"the pattern has no field {text[:60]}", hint=f"it has {known}")
    return FieldReference(key.lower())


def read(
    reference: Selector | FieldReference, pattern: Pattern, event: Event, settings: Settings
) -> Scalar | None:
    """The value of a reference in an event that matched; None if it has none."""
    if isinstance(reference, Selector):
        nodes = [node for node in select(event.json, reference) if isinstance(node, str | bool)]
        return nodes[0] if nodes else None
    body = pattern.body
    bound = bind(body, event, settings) if isinstance(body, Fields) else None
    if bound is None:
        return None
    if isinstance(reference.key, int):
        values = bound.values
        found = values[reference.key - 1] if reference.key <= len(values) else None
        return None if found is None else FieldText(found)
    for entry, value in bound.named:
        if entry.name.lower() == reference.key:
            return FieldText(value)
    return None


def as_float(scalar: Scalar, settings: Settings) -> float | None:
    """The number that a metric can hold; None where there is none."""
    number = number_of(scalar, settings)
    if number is None:
        return None
    value = float(number)
    return None if math.isinf(value) else value
