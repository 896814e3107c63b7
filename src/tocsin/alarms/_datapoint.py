"""Datapoints that merge by adding.

A datapoint holds what was measured in one slot of time (a second, ten seconds, a minute).
Merging any of them in any order gives the same datapoint, bit by bit: sample counts are
whole numbers, sums are kept exactly, and values are kept with their counts.

Source: API reference of CloudWatch, `MetricDatum` and `StatisticSet`; user guide,
"CloudWatch statistics definitions", section "Requirements to use percentiles".
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["LARGEST", "MAX_COUNT", "MAX_VALUES", "Datapoint", "merge", "of_set", "of_values"]

LARGEST = 2.0**360
"""The largest value CloudWatch takes, either way."""
MAX_COUNT = 2**40
"""The largest sample count of one value in one call."""
MAX_VALUES = 10_000
"""Distinct values a datapoint keeps exactly; beyond, they are kept to 7 binary digits."""


class Datapoint(msgspec.Struct, frozen=True):
    """The statistic set of one slot, with the values it came from while they are known."""

    count: int
    sums: tuple[float, ...]
    """The exact sum as floats that do not overlap, largest first."""
    minimum: float
    maximum: float
    values: tuple[tuple[float, int], ...] | None
    """Each value and how often, in rising order; None if only the statistic set is known."""
    rounded: bool = False
    """Whether the values are kept to 7 binary digits (within 0.8 %)."""

    @property
    def total(self) -> float:
        return self.sums[0] if self.sums else 0.0


def of_values(values: Mapping[float, int] | Iterable[float]) -> Datapoint:
    """The datapoint of measured values, each with its count or simply listed.

    Raises ParseError for none at all, for NaN, infinities and values beyond 2^360.
    """
    pairs: dict[float, int] = {}
    source = values.items() if hasattr(values, "items") else ((each, 1) for each in values)
    for raw, count in source:
        value = _sound(raw)
        _sound_count(count)
        pairs[value] = pairs.get(value, 0) + count
    if not pairs:
        raise ParseError("a datapoint of no values", hint="leave it out: no data is no datapoint")
    exact = sum((Fraction(value) * count for value, count in pairs.items()), Fraction())
    kept = tuple(sorted(pairs.items()))
    point = Datapoint(sum(pairs.values()), _digits(exact), kept[0][0], kept[-1][0], kept)
    return _bounded(point)


def of_set(count: int, total: float, minimum: float, maximum: float) -> Datapoint:
    """The datapoint of a statistic set; its values are known only if they are all equal."""
    _sound_count(count)
    low, high = _sound(minimum), _sound(maximum)
    if low > high:
        raise ParseError("a statistic set whose minimum is larger than its maximum")
    if not -LARGEST * MAX_COUNT <= total <= LARGEST * MAX_COUNT:
        raise ParseError(f"not a sum of metric values: {str(total)[:40]}")
    # NOTE: the page's two conditions are one: equal bounds and a sum that follows from them.
    known = low == high and math.isclose(total, low * count, rel_tol=1e-9)
    return Datapoint(
        count, (float(total),) if total else (), low, high, ((low, count),) if known else None
    )


def merge(points: Iterable[Datapoint]) -> Datapoint | None:
    """All of them as one; None for none. The order changes nothing."""
    points = list(points)
    if len(points) <= 1:
        return points[0] if points else None
    rounded = any(point.rounded for point in points)
    values: dict[float, int] = {}
    known = all(point.values is not None for point in points)
    for point in points if known else ():
        for value, count in point.values or ():
            values[value] = values.get(value, 0) + count
    merged = Datapoint(
        sum(point.count for point in points),
        _partials(chain.from_iterable(point.sums for point in points)),
        min(point.minimum for point in points),
        max(point.maximum for point in points),
        tuple(sorted(values.items())) if known else None,
        # Values that are not known any more are not rounded either: one form for one meaning.
        rounded and known,
    )
    return _bounded(merged)


def _bounded(point: Datapoint) -> Datapoint:
    """Round the values once there are too many; a function of the whole, not of the order."""
    if point.values is None or not (point.rounded or len(point.values) > MAX_VALUES):
        return point
    coarse: dict[float, int] = {}
    for value, count in point.values:
        fraction, exponent = math.frexp(value)
        near = math.ldexp(round(fraction * 128) / 128, exponent)
        coarse[near] = coarse.get(near, 0) + count
    return msgspec.structs.replace(point, values=tuple(sorted(coarse.items())), rounded=True)


def _digits(exact: Fraction) -> tuple[float, ...]:
    found = []
    while exact and (part := float(exact)):
        found.append(part)
        exact -= Fraction(part)
    return tuple(found)


def _partials(parts: Iterable[float]) -> tuple[float, ...]:
    """The one way to write an exact sum: the nearest float, then the nearest to the rest."""
    rest = list(parts)
    found = []
    while part := math.fsum(rest):
        found.append(part)
        rest.append(-part)
    return tuple(found)


def _sound(value: float) -> float:
    if not -LARGEST <= value <= LARGEST:
        raise ParseError(
            f"not a metric value: {str(value)[:40]}",
            hint="CloudWatch takes numbers from -2^360 to 2^360, no NaN and no infinities",
        )
    # NOTE: -0.0 would make two spellings of one value.
    return float(value) + 0.0


def _sound_count(count: int) -> None:
    if not isinstance(count, int) or not 0 < count <= MAX_COUNT:
        raise ParseError(
            f"not a sample count: {str(count)[:40]}", hint=f"use 1 to {MAX_COUNT}, whole numbers"
        )
