"""What the operators of Terraform expressions make of values.

Source: Terraform documentation, "Arithmetic and Logical Operators" and "Conditional Expressions".
"""

from __future__ import annotations

from fractions import Fraction
from math import isfinite, trunc
from typing import TYPE_CHECKING

from tocsin.definitions._tree import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.definitions._tree import Value

__all__ = ["BINDING", "combined", "negated", "truth"]

BINDING = {
    "||": 0, "&&": 1, "==": 2, "!=": 2, "<=": 3, ">=": 3, "<": 3, ">": 3, "+": 4, "-": 4,
    "*": 5, "/": 5, "%": 5,
}  # fmt: skip
"""The operators, and how much each binds."""
_TRUTH = {"true": True, "false": False}


def truth(value: Value) -> bool | None:
    """A condition; Terraform takes the texts `true` and `false` for one. None for no condition."""
    if isinstance(value, str):
        return _TRUTH.get(value)
    return value if isinstance(value, bool) else None


def negated(sign: str, value: Value) -> Value:
    """`!value` or `-value`."""
    if isinstance(value, Unknown):
        return value
    if sign == "!":
        found = truth(value)
        return _no(sign) if found is None else not found
    number = _number(value)
    return _no(sign) if number is None else _plain(-number)


def combined(sign: str, left: Value, right: Value) -> Value:
    """The value of two with an operator between them."""
    if sign in ("&&", "||"):
        return _logical(sign, left, right)
    for each in (left, right):
        if isinstance(each, Unknown):
            return each
    if sign in ("==", "!="):
        return _equality(sign, left, right)
    one, other = _number(left), _number(right)
    if one is None or other is None:
        return _no(sign)
    if sign in ("/", "%") and not other:
        return Unknown("a division by zero", mistake=True)
    try:
        return _ARITHMETIC[sign](one, other)
    except OverflowError:
        return Unknown(f"{sign}: the numbers are too large", mistake=True)


def _logical(sign: str, left: Value, right: Value) -> Value:
    decisive = sign == "||"
    found = [each if isinstance(each, Unknown) else truth(each) for each in (left, right)]
    if decisive in found:
        return decisive
    for each in found:
        if isinstance(each, Unknown):
            return each
    return _no(sign) if None in found else not decisive


def _equality(sign: str, left: Value, right: Value) -> Value:
    if isinstance(left, dict | list) or isinstance(right, dict | list):
        return Unknown(f"{sign} of lists or maps is not evaluated")
    # Values of different types are never equal: 1 is not "1", and true is neither.
    same = _type(left) == _type(right) and left == right
    return same if sign == "==" else not same


def _type(value: Value) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__
    return "number"


def _number(value: Value) -> Fraction | None:
    """A number, exactly as it is written; Terraform takes a text that is one for it."""
    try:
        found = float(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not isfinite(found):
        return None
    return Fraction(repr(found))


def _plain(value: Fraction) -> int | float:
    """A number as the other values are."""
    return int(value) if value.denominator == 1 and abs(value) < 1e15 else float(value)


def _no(sign: str) -> Unknown:
    return Unknown(f"{sign} does not take these values", mistake=True)


def _rest(left: Fraction, right: Fraction) -> int | float:
    # Of the sign of the dividend, as in Go.
    return _plain(left - right * trunc(left / right))


_ARITHMETIC: dict[str, Callable[[Fraction, Fraction], Value]] = {
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
    "+": lambda left, right: _plain(left + right),
    "-": lambda left, right: _plain(left - right),
    "*": lambda left, right: _plain(left * right),
    "/": lambda left, right: _plain(left / right),
    "%": _rest,
}
