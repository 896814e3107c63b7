"""Numbers as they are written, compared exactly.

Source: CloudWatch Logs User Guide, "Filter and Pattern Syntax" (2018-2021), "Numeric
Comparisons": precise matching; an integer or a decimal with an optional sign, or scientific
notation. Strings are not read as scientific notation (the same page, and the present one).
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

__all__ = ["JsonNumber", "is_number", "plain_number", "read_number"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)


class JsonNumber(str):
    """A number of a JSON event, as it is written there."""

    __slots__ = ()


def is_number(text: str) -> bool:
    """Whether a word of a pattern is a number."""
    return _NUMBER.fullmatch(text) is not None


def plain_number(text: str) -> Decimal | None:
    """The value of a text that spells a number without exponent; None for any other."""
    return read_number(text) if _PLAIN.fullmatch(text) else None


def read_number(text: str) -> Decimal:
    """The exact value of a text in number notation."""
    try:
        return Decimal(text)
    except InvalidOperation:
        # The exponent has more digits than any decimal can hold.
        mantissa, _, exponent = text.lower().partition("e")
        sign = "-" if text.startswith("-") else ""
        if exponent.startswith("-") or not mantissa.strip("+-.0"):
            return Decimal(0)
        return Decimal(f"{sign}Infinity")
