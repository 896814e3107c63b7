"""Compensated sums over many runs of numbers at once.

Source of the algorithm: Prometheus 3.5, `promql/functions.go` (Kahan summation with
Neumaier's improvement); the same order of operations gives the same bits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.promql._arrays import Floats, Ints

__all__ = ["Kahan", "kahan_mean", "mean_of_runs", "ranks", "sum_of_runs", "sum_runs"]

_FEW_RUNS = 40
"""Below this many runs, plain floats are faster than one numpy call a rank."""


class Kahan:
    """Running sums of many columns."""

    __slots__ = ("carry", "total")

    def __init__(self, start: Floats) -> None:
        self.total = start
        self.carry: Floats = np.zeros_like(start)

    def add(self, count: int, terms: Floats) -> None:
        """Add a term to each of the first `count` columns."""
        before, carry = self.total[:count], self.carry[:count]
        after = before + terms
        larger = np.abs(before) >= np.abs(terms)
        carry += np.where(larger, (before - after) + terms, (terms - after) + before)
        carry[np.isinf(after)] = 0.0
        self.total[:count] = after

    def result(self) -> Floats:
        return np.where(np.isinf(self.total), self.total, self.total + self.carry)


def ranks(low: Ints, high: Ints) -> tuple[Ints, Iterator[tuple[int, Ints]]]:
    """Walk runs `low:high` of a flat column in step: first elements first.

    Returns the order (longest run first) and, per rank, how many of the runs in that
    order reach it and where their elements are.
    """
    length = high - low
    order = np.argsort(-length, kind="stable")
    longest = int(length[order[0]]) if len(order) else 0
    # counts[r]: runs longer than r.
    counts = len(order) - np.searchsorted(np.sort(length), np.arange(longest), side="right")
    first = low[order]

    def walk() -> Iterator[tuple[int, Ints]]:
        for rank, count in enumerate(counts.tolist()):
            yield count, first[:count] + rank

    return order, walk()


def sum_runs(values: Floats, low: Ints, high: Ints, start: float = 0.0) -> tuple[Floats, Floats]:
    """Sum and carry of every run `low:high` of the column, not yet added up."""
    if len(low) < _FEW_RUNS:
        pairs = [
            _sum_few(values[a:b].tolist(), start)
            for a, b in zip(low.tolist(), high.tolist(), strict=True)
        ]
        return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    order, steps = ranks(low, high)
    kahan = Kahan(np.full(len(low), start))
    for count, cells in steps:
        kahan.add(count, values[cells])
    total, carry = np.empty(len(low)), np.empty(len(low))
    total[order], carry[order] = kahan.total, kahan.carry
    return total, carry


def _sum_few(values: list[float], start: float) -> tuple[float, float]:
    total, carry = start, 0.0
    for value in values:
        after = total + value
        if abs(after) == math.inf:
            carry = 0.0
        elif abs(total) >= abs(value):
            carry += (total - after) + value
        else:
            carry += (value - after) + total
        total = after
    return total, carry


def sum_of_runs(values: Floats, low: Ints, high: Ints, start: float = 0.0) -> Floats:
    """The sum of every run."""
    total, carry = sum_runs(values, low, high, start)
    return np.where(np.isinf(total), total, total + carry)


def mean_of_runs(values: Floats, low: Ints, high: Ints) -> Floats:
    """The mean of every run; no run is empty."""
    total, carry = sum_runs(values, low, high, -0.0)
    number = high - low
    means = total / number + carry / number
    for index in np.flatnonzero(~np.isfinite(total)).tolist():
        means[index] = kahan_mean(values[low[index] : high[index]].tolist())
    return means


def kahan_mean(values: Iterable[float]) -> float:
    """The mean of at least one number, also where the sum overflows.

    Source: Prometheus 3.5, `promql/functions.go` (avg_over_time) and
    `promql/engine.go` (avg): the plain mean while the sum is finite, from there on a
    running mean.
    """
    total, carry, count = 0.0, 0.0, 0
    running = False
    for value in values:
        count += 1
        if count == 1:
            total = value
            continue
        if not running:
            after, next_carry = _kahan_step(value, total, carry)
            if not math.isinf(after):
                total, carry = after, next_carry
                continue
            running = True
            total /= count - 1
            carry /= count - 1
        if math.isinf(total) and (
            (math.isinf(value) and (total > 0) == (value > 0)) or math.isfinite(value)
        ):
            continue
        share = (count - 1) / count
        total, carry = _kahan_step(value / count, share * total, share * carry)
    return total + carry if running else total / count + carry / count


def _kahan_step(value: float, total: float, carry: float) -> tuple[float, float]:
    after = total + value
    if math.isinf(after):
        return after, 0.0
    if abs(total) >= abs(value):
        return after, carry + ((total - after) + value)
    return after, carry + ((value - after) + total)
