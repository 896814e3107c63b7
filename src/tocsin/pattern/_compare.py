"""Whether one scalar of an event satisfies one comparison.

Source: CloudWatch Logs User Guide, "Filter pattern syntax". An asterisk also matches the text
of numbers. Arrays, objects and null satisfy no comparison, `!=` neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.pattern._numbers import JsonNumber, plain_number, read_number
from tocsin.pattern._syntax import Number, Op, Regex, Text

if TYPE_CHECKING:
    from decimal import Decimal

    from tocsin.pattern._settings import Settings
    from tocsin.pattern._syntax import Value

__all__ = ["FieldText", "Scalar", "as_text", "glob_parts", "holds", "is_comparable", "number_of"]

Scalar = str | bool
"""A JsonNumber is a str, too."""


class FieldText(str):
    """The text of a field, which is a number wherever it spells one."""

    __slots__ = ()


def holds(scalar: Scalar, op: Op, value: Value, settings: Settings) -> bool:
    """Whether `scalar op value`."""
    if op is Op.EQUAL:
        return _equal(scalar, value, settings)
    if op is Op.NOT_EQUAL:
        return not _equal(scalar, value, settings)
    if not isinstance(value, Number):
        return False
    number = number_of(scalar, settings)
    return number is not None and _in_order(number, op, value.value)


def is_comparable(value: object, settings: Settings) -> bool:
    """Whether comparisons look at a JSON value at all."""
    if isinstance(value, bool):
        return settings.booleans
    return isinstance(value, str)


def as_text(scalar: Scalar) -> str:
    """A scalar as it is written in the event."""
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    return str(scalar)


def number_of(scalar: Scalar, settings: Settings) -> Decimal | None:
    """The number that a scalar is, if it is one."""
    if isinstance(scalar, bool):
        return None
    if isinstance(scalar, JsonNumber):
        return read_number(scalar)
    if settings.numeric_strings or isinstance(scalar, FieldText):
        return plain_number(scalar)
    return None


def glob_parts(text: str, settings: Settings) -> list[str]:
    """The literal parts between the wildcards of a string; one part if there are none."""
    if settings.inner_asterisk == "wildcard":
        return text.split("*")
    if text == "*":
        return ["", ""]
    first = int(text.startswith("*"))
    last = len(text) - int(text.endswith("*"))
    return [""] * first + [text[first:last]] + [""] * (len(text) - last)


def _equal(scalar: Scalar, value: Value, settings: Settings) -> bool:
    if isinstance(value, Regex):
        return value.search(as_text(scalar))
    if isinstance(value, Number):
        number = number_of(scalar, settings)
        return as_text(scalar) == value.text or (number is not None and number == value.value)
    if isinstance(scalar, JsonNumber) and _is_quoted_number(value) and not settings.quoted_numbers:
        return False
    return _matches(as_text(scalar), glob_parts(value.text, settings))


def _is_quoted_number(value: Text) -> bool:
    return value.quoted and "*" not in value.text


def _matches(text: str, parts: list[str]) -> bool:
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if len(text) < len(first) + len(last):
        return False
    if not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _in_order(number: Decimal, op: Op, than: Decimal) -> bool:
    if op is Op.LESS:
        return number < than
    if op is Op.LESS_EQUAL:
        return number <= than
    if op is Op.GREATER:
        return number > than
    return number >= than
