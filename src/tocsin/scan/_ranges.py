"""Numbers that are only compared by order: which range they are in is all that matters.

A decoded number may be a little off what the line says, 0.1 as well as 1e-999. It is never on
the other side of a bound: rounding keeps the order. On a bound only a whole number is certain.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Range", "Ranges"]

_DIGITS = 15
"""Bounds of so many digits are distinct as floats, too."""
_LARGEST = 1 << 53
_FLOATS = frozenset({int, float})


class Range:
    """Numbers that are alike; one of them stands for all."""

    __slots__ = ("example",)

    def __init__(self, example: Decimal) -> None:
        self.example = msgspec.Raw(format(example, "f").encode())


class Ranges:
    """The ranges that some bounds make, the bounds themselves among them."""

    def __init__(self, bounds: Iterable[Decimal]) -> None:
        """Of bounds that `can_order`, one or more."""
        known = sorted(set(bounds))
        with localcontext() as context:
            context.prec = 4 * _DIGITS
            between = [(a + b) / 2 for a, b in pairwise(known)]
            examples = [known[0] - 1, *between, known[-1] + 1]
        self._bounds = np.array([float(each) for each in known])
        self._ranges = [Range(examples[0])]
        for bound, example in zip(known, examples[1:], strict=True):
            self._ranges += [Range(bound), Range(example)]

    @staticmethod
    def can_order(bound: Decimal) -> bool:
        """Whether it is a bound that numbers are told from."""
        digits, exponent = bound.as_tuple().digits, bound.as_tuple().exponent
        return isinstance(exponent, int) and len(digits) <= _DIGITS and abs(exponent) <= _DIGITS

    def __call__(self, values: list[Any]) -> list[Any]:
        """The ranges of numbers, in their place. One that may be on a bound is left as it is."""
        numbers = values
        if not _FLOATS.issuperset(map(type, values)):
            at = [row for row, each in enumerate(values) if type(each) in _FLOATS]
            numbers = [values[row] for row in at]
        try:
            floats = np.fromiter(numbers, np.float64, len(numbers))
        except OverflowError:
            return values
        # Even between bounds, odd on one.
        where = np.searchsorted(self._bounds, floats, "left")
        where += np.searchsorted(self._bounds, floats, "right")
        ranges = self._ranges
        found: list[Any] = [ranges[each] for each in where.tolist()]
        for row in np.flatnonzero(where & 1).tolist():
            number = numbers[row]
            if type(number) is float or abs(number) >= _LARGEST:
                found[row] = number
        if numbers is values:
            return found
        mixed = list(values)
        for row, each in zip(at, found, strict=True):
            mixed[row] = each
        return mixed
