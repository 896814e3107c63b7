"""Statistics of a datapoint: the five simple ones and the extended ones.

Source: user guide, "CloudWatch statistics definitions". Where the page leaves the rounding
of ranks open, the comparison it makes decides: p99 is the largest value of what is left
after the highest 1 % of the samples is ignored. So a percentile is always a value that
was measured, at rank ceil(p * n), and a trimmed statistic keeps whole samples.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from tocsin.alarms._datapoint import merge
from tocsin.alarms._vocabulary import STATISTICS
from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.alarms._datapoint import Datapoint

__all__ = ["Statistic", "parse_statistic"]

_NUMBER = r"\d{1,15}(?:\.\d{1,10})?"
_SINGLE = re.compile(rf"(p|tm|tc|ts|wm)({_NUMBER})", re.ASCII)
_RANGE = re.compile(rf"(TM|TC|TS|WM|PR)\(({_NUMBER}%?)?:({_NUMBER}%?)?\)", re.ASCII)
_HINT = (
    "use Sum, Average, Minimum, Maximum, SampleCount, p99, tm90, TM(10%:90%), PR(:300), IQM, ..."
)

_Values = tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic, read."""

    text: str
    kind: str
    """One of the five simple names, or p, tm, tc, ts, wm, pr."""
    low: Fraction | None = None
    high: Fraction | None = None
    percent: bool = False
    """Whether the bounds are percentiles and not values."""

    @property
    def extended(self) -> bool:
        return self.kind not in STATISTICS

    @property
    def low_sample_count(self) -> int:
        """Fewer samples than this are too few for this percentile; 0 for other statistics.

        10/(1-p) for p from 0.5, 10/p below (user guide, "Percentile-based alarms and low
        data samples").
        """
        if self.kind != "p" or self.high is None or not 0 < self.high < 100:
            return 0
        share = self.high / 100
        return math.ceil(10 / (1 - share if share >= Fraction(1, 2) else share))

    def of_all(self, points: Sequence[Datapoint]) -> tuple[float | None, int | None]:
        """The statistic of one period's datapoints, as of them merged, and the sample count."""
        if not points:
            return None, None
        if not self.extended:
            # The values are not needed, and a day has many.
            count = sum(point.count for point in points)
            return _simple_of_all(self.kind, points, count), count
        merged = merge(points)
        value = None if merged is None else self.of(merged)
        return value, None if merged is None or value is None else merged.count

    def of(self, point: Datapoint) -> float | None:
        """The statistic of one period's datapoint; None where it is not available.

        Extended statistics need the values, and are not available if any is negative.
        """
        if not self.extended:
            return _simple_of_all(self.kind, (point,), point.count)
        if point.values is None or point.minimum < 0:
            return None
        return _extended(self, point.values, point.count)


@lru_cache(maxsize=4096)
def parse_statistic(text: str) -> Statistic:
    """Read a statistic's name. Raises ParseError."""
    if text in STATISTICS:
        return Statistic(text, text)
    if text == "IQM":
        return Statistic(text, "tm", Fraction(25), Fraction(75), percent=True)
    if single := _SINGLE.fullmatch(text):
        edge = Fraction(single[2])
        if edge > 100:
            raise ParseError(f"percentile over 100: {text[:40]!r}", hint="use 0 to 100")
        return Statistic(text, single[1], None, edge, percent=True)
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ParseError(f"not a statistic: {text[:40]!r}", hint=_HINT)
    bounds = [each for each in (found[2], found[3]) if each]
    percent = [each.endswith("%") for each in bounds]
    if not bounds or any(percent) != all(percent):
        raise ParseError(
            f"bounds of different kinds, or none: {text[:40]!r}",
            hint="give one or two bounds, both percentages or both values",
        )
    low, high = (Fraction(each.rstrip("%")) if each else None for each in (found[2], found[3]))
    if low is not None and high is not None and low >= high:
        raise ParseError(f"lower bound not below the upper: {text[:40]!r}")
    if percent[0] and max(low or 0, high or 0) > 100:
        raise ParseError(f"percentage over 100: {text[:40]!r}", hint="use 0 to 100")
    if percent[0] and found[1] == "PR":
        raise ParseError(
            f"PR takes values, not percentages: {text[:40]!r}", hint="for example PR(100:2000)"
        )
    return Statistic(text, found[1].lower(), low, high, percent=percent[0])


def _simple_of_all(kind: str, points: Sequence[Datapoint], count: int) -> float:
    if kind == "SampleCount":
        return float(count)
    if kind == "Minimum":
        return min(point.minimum for point in points)
    if kind == "Maximum":
        return max(point.maximum for point in points)
    total = math.fsum(part for point in points for part in point.sums)
    return total / count if kind == "Average" else total


def _extended(statistic: Statistic, values: _Values, count: int) -> float | None:
    if statistic.kind == "p":
        return _at_rank(values, max(1, math.ceil(_share(statistic.high, count, 100))))
    kept = _ranked(statistic, values, count) if statistic.percent else _between(statistic, values)
    if statistic.kind == "wm":
        return _winsorized(statistic, values, kept, count)
    number = sum(times for _, times in kept)
    if statistic.kind == "pr":
        return 100.0 * number / count
    if statistic.kind == "tc":
        return float(number)
    total = _sum(kept)
    if statistic.kind == "ts":
        return total
    return total / number if number else None


def _share(percent: Fraction | None, count: int, otherwise: int) -> Fraction:
    return (Fraction(otherwise) if percent is None else percent) * count / 100


def _at_rank(values: _Values, rank: int) -> float:
    place = 0
    while rank > values[place][1]:
        rank -= values[place][1]
        place += 1
    return values[place][0]


def _ranked(statistic: Statistic, values: _Values, count: int) -> Sequence[tuple[float, int]]:
    """The samples left after as many whole ones as the bounds allow are cut at either end."""
    first = math.floor(_share(statistic.low, count, 0))
    last = math.ceil(_share(statistic.high, count, 100))
    kept, rank = [], 0
    for value, times in values:
        inside = min(rank + times, last) - max(rank, first)
        if inside > 0:
            kept.append((value, inside))
        rank += times
    return kept


def _between(statistic: Statistic, values: _Values) -> Sequence[tuple[float, int]]:
    """Without the lower bound, with the upper one."""
    return [
        (value, times)
        for value, times in values
        if (statistic.low is None or value > statistic.low)
        and (statistic.high is None or value <= statistic.high)
    ]


def _winsorized(
    statistic: Statistic, values: _Values, kept: Sequence[tuple[float, int]], count: int
) -> float:
    """The mean with the samples outside counted as the value at the edge."""
    if statistic.percent:
        low, high = kept[0][0], kept[-1][0]
    else:
        low = -math.inf if statistic.low is None else float(statistic.low)
        high = math.inf if statistic.high is None else float(statistic.high)
    return _sum([(min(max(value, low), high), times) for value, times in values]) / count


def _sum(kept: Sequence[tuple[float, int]]) -> float:
    return math.fsum(value * times for value, times in kept)
