"""The elements of an aggregation: per time and group one run of a flat column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.labels import EMPTY, METRIC_NAME
from tocsin.promql._memo import derived

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.labels import Labels
    from tocsin.promql._arrays import Flags, Floats, Ints
    from tocsin.promql._result import Vector

__all__ = ["Groups", "group_labels", "grouped"]


@dataclass(frozen=True, slots=True)
class Groups:
    """G groups at K times."""

    labels: tuple[Labels, ...]
    """G label sets."""
    values: Floats
    """The elements that are there: first by time, then by group, then in row order."""
    low: Ints
    """One run for each cell that has elements."""
    high: Ints
    filled: Flags
    """K x G: which cells have elements."""
    rows: Ints
    """The row that each element of `values` comes from."""
    first: Ints
    """G: the first row of each group."""

    @property
    def lengths(self) -> Ints:
        return self.high - self.low

    @property
    def run_times(self) -> Ints:
        """The index of the evaluation time of each run."""
        return np.nonzero(self.filled)[0]

    def spread(self, results: Floats) -> tuple[Floats, Flags]:
        """One result a run, as G x K values and presence."""
        out = np.zeros(self.filled.shape)
        out[self.filled] = results
        return out.T, self.filled.T


def group_labels(labels: Sequence[Labels], names: frozenset[str], *, by: bool) -> list[Labels]:
    """The group that each series belongs to."""
    if by:
        return [each.keep(names) for each in labels] if names else [EMPTY] * len(labels)
    dropped = names | {METRIC_NAME}
    return [each.drop(dropped) for each in labels]


def grouped(vector: Vector, names: frozenset[str], *, by: bool) -> Groups:
    """Sort the elements into groups."""
    labels, order, sizes = derived(
        vector.labels, ("groups", names, by), lambda labels: _layout(labels, names, by=by)
    )
    steps = vector.values.shape[1]
    first = order[np.cumsum(sizes) - sizes]
    values, there = vector.values[order].T, vector.present[order].T
    if there.all():
        high = np.cumsum(np.tile(sizes, steps))
        return Groups(
            labels,
            values.reshape(-1),
            high - np.tile(sizes, steps),
            high,
            np.ones((steps, len(labels)), np.bool_),
            np.tile(order, steps),
            first,
        )
    counts = np.add.reduceat(there.astype(np.int64), np.cumsum(sizes) - sizes, axis=1)
    filled = counts > 0
    lengths = counts[filled]
    high = np.cumsum(lengths)
    rows = np.broadcast_to(order, there.shape)[there]
    return Groups(labels, values[there], high - lengths, high, filled, rows, first)


def _layout(
    labels: Sequence[Labels], names: frozenset[str], *, by: bool
) -> tuple[tuple[Labels, ...], Ints, Ints]:
    """The groups, the rows in the order of their groups, and the sizes of the groups."""
    numbers: dict[Labels, int] = {}
    keys = group_labels(labels, names, by=by)
    number = np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), np.int64)
    order = np.argsort(number, kind="stable")
    return tuple(numbers), order, np.bincount(number, minlength=len(numbers))
