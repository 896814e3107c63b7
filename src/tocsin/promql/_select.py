"""Selectors: from matchers to instant vectors and windows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import QueryError
from tocsin.promql._result import Vector
from tocsin.promql._vectors import empty
from tocsin.promql._windows import positions, windows_of
from tocsin.series import Selection, stale_mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.promql._arrays import Ints
    from tocsin.promql._nodes import At, Range, Selector, Subquery
    from tocsin.promql._scope import Scope
    from tocsin.promql._windows import Windows

__all__ = ["instant", "ranged", "subquery"]


def _reference(scope: Scope, at: At, offset: int) -> Ints:
    """The times that a selector really looks at: K of them, or one where @ fixes it."""
    if at is None:
        return scope.times - offset if offset else scope.times
    fixed = scope.start if at == "start" else scope.end if at == "end" else at
    return np.array([fixed - offset], np.int64)


def instant(node: Selector, scope: Scope, *, sample_times: bool = False) -> Vector:
    """The newest sample within the lookback, or its time in seconds."""
    options, steps = scope.options, len(scope.times)
    wanted = _reference(scope, node.at, node.offset)
    reach = options.lookback if scope.closed else options.lookback - 1
    selection = scope.load(
        scope.source.select(node.matchers, int(wanted[0]) - reach, int(wanted[-1]))
    )
    if not len(selection.times):
        return empty(steps)
    after = positions(selection, wanted)
    present = after > selection.offsets[:-1, None]
    cell = np.where(present, after - 1, 0)
    times, values = selection.times[cell], selection.values[cell]
    present &= times >= wanted - reach
    present &= ~stale_mask(values)
    if sample_times:
        values = times / 1e6
    if len(wanted) < steps:
        values, present = np.repeat(values, steps, axis=1), np.repeat(present, steps, axis=1)
    return Vector(selection.labels, values, present)


def ranged(node: Range, scope: Scope) -> Windows:
    selector, steps = node.selector, len(scope.times)
    ends = _reference(scope, selector.at, selector.offset)
    first = int(ends[0]) - node.width + (0 if scope.closed else 1)
    selection = scope.load(scope.source.select(selector.matchers, first, int(ends[-1])))
    windows = windows_of(selection, ends, node.width, scope.times, closed=scope.closed)
    return windows if len(ends) == steps else _repeated(windows, steps)


def _repeated(windows: Windows, steps: int) -> Windows:
    """One window, fixed by @, seen from every evaluation time."""
    return replace(
        windows,
        low=np.repeat(windows.low, steps, axis=1),
        high=np.repeat(windows.high, steps, axis=1),
        starts=np.repeat(windows.starts, steps),
        ends=np.repeat(windows.ends, steps),
    )


def subquery(node: Subquery, scope: Scope, evaluate: Callable[[Scope], Vector]) -> Windows:
    """Evaluate the inner expression on multiples of the step and window the result.

    Source: Prometheus 3.5, `promql/engine.go` (SubqueryExpr): the grid starts at the
    first multiple of the step inside the earliest window.
    """
    steps, options = len(scope.times), scope.options
    ends = _reference(scope, node.at, node.offset)
    starts = ends - node.width
    step = node.step or options.default_subquery_step
    first, last = int(starts[0]), int(ends[-1])
    # Multiples of the step after the first left edge, or on it where windows are closed.
    low = -(-first // step) if scope.closed else first // step + 1
    high = last // step
    if high - low + 1 > options.max_samples:
        raise QueryError(
            "query processing would load too many samples into memory in query execution",
            hint=f"the subquery has {high - low + 1} steps",
        )
    grid = np.arange(low, high + 1, dtype=np.int64) * step
    if len(ends) > 1:
        # Windows may leave gaps between them: nobody sees what lies there.
        following = np.searchsorted(ends, grid)
        left = starts[np.minimum(following, len(ends) - 1)]
        grid = grid[(left <= grid) if scope.closed else (left < grid)]
    inner = evaluate(scope.at(grid)) if len(grid) else empty(0)
    selection = _flat(inner, grid)
    windows = windows_of(selection, ends, node.width, scope.times, closed=scope.closed)
    if inner.fading is not None:
        windows = replace(windows, fading=inner.fading)
    return windows if len(ends) == steps else _repeated(windows, steps)


def _flat(vector: Vector, grid: Ints) -> Selection:
    counts = vector.present.sum(axis=1)
    times = np.broadcast_to(grid, vector.present.shape)[vector.present]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]).astype(np.int64)
    return Selection(vector.labels, times, vector.values[vector.present], offsets)
