"""histogram_quantile and histogram_fraction over classic buckets.

Source: Prometheus 3.5, `promql/quantile.go` (BucketQuantile, BucketFraction,
coalesceBuckets, ensureMonotonicAndIgnoreSmallDeltas).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.promql._memo import derived
from tocsin.promql._vectors import compressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.labels import Labels
    from tocsin.promql._arrays import Flags, Floats, Ints
    from tocsin.promql._result import Vector

__all__ = ["fraction", "quantile"]

_BOUND_LABEL = "le"
_BOUND_ONLY = frozenset({_BOUND_LABEL})
_SMALL_DELTA = 1e-12
_SMALLEST_NORMAL = 2.2250738585072014e-308
_NUMBER = re.compile(
    r"[+-]?(?:inf|infinity|nan|0x[0-9a-f_]*\.?[0-9a-f_]*p[+-]?[0-9]+|"
    r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)",
    re.IGNORECASE,
)


def _bound(text: str) -> float | None:
    """The upper bound that a `le` value names, as Go reads numbers; None if it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    return float.fromhex(text) if "x" in text.lower() else float(text)


_Rows = tuple["Sequence[Labels]", "Floats", "Flags"]
"""Histograms with their names, values and presence."""


def quantile(vector: Vector, wanted: Floats) -> _Rows:
    """`wanted` has one quantile an evaluation time."""

    def compute(bounds: Floats, counts: Floats, column: Ints) -> Floats:
        return _quantiles(bounds, counts, wanted[column])

    return _by_histogram(vector, compute)


def fraction(vector: Vector, lower: Floats, upper: Floats) -> _Rows:
    def compute(bounds: Floats, counts: Floats, column: Ints) -> Floats:
        return _fractions(bounds, counts, lower[column], upper[column])

    return _by_histogram(vector, compute)


def _by_histogram(vector: Vector, compute: Callable[[Floats, Floats, Ints], Floats]) -> _Rows:
    """Give all histograms with the same buckets to `compute` at once: B bounds, B x cells."""
    vector = compressed(vector)
    steps = vector.values.shape[1]
    labels, shapes = derived(vector.labels, "histograms", _shapes)
    out, present = np.zeros((len(labels), steps)), np.zeros((len(labels), steps), np.bool_)
    for shape in shapes:
        for chosen, place, column in _patterns(vector.present[shape.rows]):
            cells = vector.values[shape.rows[place][:, chosen].T, column]
            edges, counts = _coalesced(shape.bounds[chosen], cells)
            out[shape.numbers[place], column] = compute(edges, counts, column)
            present[shape.numbers[place], column] = True
    return labels, out, present


@dataclass(frozen=True, slots=True)
class _Shape:
    """H histograms with the same B buckets."""

    bounds: Floats
    """B upper bounds, rising."""
    numbers: Ints
    """H: their places in the result."""
    rows: Ints
    """H x B: the series of each bucket."""


def _shapes(labels: Sequence[Labels]) -> tuple[tuple[Labels, ...], list[_Shape]]:
    """The histograms among bucket series; what has no readable bound is left out."""
    members: dict[Labels, list[tuple[float, int]]] = {}
    known: dict[str, float | None] = {}
    for row, each in enumerate(labels):
        text = each[_BOUND_LABEL]
        if text not in known:
            known[text] = _bound(text)
        bound = known[text]
        if bound is not None:
            members.setdefault(each.drop(_BOUND_ONLY), []).append((bound, row))
    alike: dict[tuple[float, ...], list[tuple[int, list[int]]]] = {}
    for number, buckets in enumerate(members.values()):
        buckets.sort(key=lambda bucket: bucket[0])
        bounds = tuple(bound for bound, _ in buckets)
        alike.setdefault(bounds, []).append((number, [row for _, row in buckets]))
    shapes = [
        _Shape(
            np.array(bounds),
            np.array([number for number, _ in histograms], np.int64),
            np.array([rows for _, rows in histograms], np.int64),
        )
        for bounds, histograms in alike.items()
    ]
    return tuple(members), shapes


def _patterns(there: Flags) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Cells (histogram, time) by which of their buckets are there: mostly all of them.

    Yields the buckets that are there, the histograms and the times. `there` is
    histograms x buckets x times.
    """
    everything = np.arange(there.shape[1])
    if there.all():
        place, column = np.nonzero(np.ones((there.shape[0], there.shape[2]), np.bool_))
        yield everything, place, column
        return
    flat = there.transpose(0, 2, 1).reshape(-1, there.shape[1])
    kinds, kind = np.unique(flat, axis=0, return_inverse=True)
    for index, pattern in enumerate(kinds):
        if pattern.any():
            cells = np.flatnonzero(kind.reshape(-1) == index)
            place, column = np.divmod(cells, there.shape[2])
            yield everything[pattern], place, column


def _coalesced(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Buckets with one bound written in several ways are one bucket."""
    edges, first = np.unique(bounds, return_index=True)
    if len(edges) == len(bounds):
        return bounds, counts
    return edges, np.add.reduceat(counts, first, axis=0)


def _nearly_equal(left: Floats, right: Floats) -> Flags:
    """Source: Prometheus, `util/almost/almost.go`."""
    total, distance = np.abs(left) + np.abs(right), np.abs(left - right)
    tiny = (left == 0) | (right == 0) | (total < _SMALLEST_NORMAL)
    relative = distance / np.minimum(total, np.finfo(np.float64).max)
    near: Flags = np.where(
        tiny, distance < _SMALL_DELTA * _SMALLEST_NORMAL, relative < _SMALL_DELTA
    )
    near |= left == right
    return near


def _monotonic(counts: Floats) -> Floats:
    """Counts that never fall: small differences and falls take the count before."""
    counts = counts.copy()
    previous = counts[0]
    for index in range(1, len(counts)):
        current = counts[index]
        counts[index] = np.where(
            _nearly_equal(previous, current) | (current < previous), previous, current
        )
        previous = counts[index]
    return counts


def _quantiles(bounds: Floats, counts: Floats, wanted: Floats) -> Floats:
    cells = np.arange(counts.shape[1])
    if math.inf not in bounds[-1:] or len(bounds) < 2:
        result = np.full(len(cells), np.nan)
    else:
        counts = _monotonic(counts)
        observed = counts[-1]
        rank = wanted * observed
        bucket = np.argmax(np.concatenate([counts[:-1] >= rank, np.ones_like(counts[:1])]), axis=0)
        below = np.where(bucket > 0, counts[np.maximum(bucket - 1, 0), cells], 0.0)
        start = np.where(bucket > 0, bounds[np.maximum(bucket - 1, 0)], 0.0)
        inside = counts[bucket, cells] - below
        result = start + (bounds[bucket] - start) * ((rank - below) / inside)
        result = np.where((bucket == 0) & (bounds[0] <= 0), bounds[0], result)
        result = np.where(bucket == len(bounds) - 1, bounds[-2], result)
        result = np.where(observed == 0, np.nan, result)
    result = np.where(wanted < 0, -np.inf, np.where(wanted > 1, np.inf, result))
    return np.where(np.isnan(wanted), np.nan, result)


def _fractions(bounds: Floats, counts: Floats, lower: Floats, upper: Floats) -> Floats:
    if math.inf not in bounds[-1:]:
        return np.full(counts.shape[1], np.nan)
    total = counts[-1]
    below_upper = _rank_of(upper, bounds, counts)
    below_lower = _rank_of(lower, bounds, counts)
    result = (below_upper - below_lower) / total
    result = np.where(lower >= upper, 0.0, result)
    return np.where((total == 0) | np.isnan(lower) | np.isnan(upper), np.nan, result)


def _rank_of(limit: Floats, bounds: Floats, counts: Floats) -> Floats:
    """How many observations lie below the limit, linear within a bucket."""
    result = counts[-1].copy()
    done = np.zeros(len(limit), np.bool_)
    before, edge = np.zeros_like(result), 0.0 if bounds[0] > 0 else -math.inf
    for index, bound in enumerate(bounds.tolist()):
        count = counts[index]
        at_edge = ~done & (edge >= limit)
        result = np.where(at_edge, before, result)
        done |= at_edge
        within = ~done & (edge < limit) & (bound > limit)
        # Without a lower edge the whole bucket counts.
        linear = before + (count - before) * (limit - edge) / (bound - edge)
        result = np.where(within, count if edge == -math.inf else linear, result)
        done |= within
        before, edge = count, bound
    capped: Floats = np.minimum(result, counts[-1])
    return capped
