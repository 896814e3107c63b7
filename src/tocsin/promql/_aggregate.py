"""Aggregation operators.

Source: Prometheus 3.5, `promql/engine.go` (aggregation, aggregationK,
aggregationCountValues).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import QueryError
from tocsin.promql._fingerprint import ratio_position
from tocsin.promql._groups import Groups, group_labels, grouped
from tocsin.promql._quantile import quantile_of_runs
from tocsin.promql._result import Scalar, String, Vector
from tocsin.promql._sums import mean_of_runs, ranks, sum_of_runs
from tocsin.promql._vectors import compressed, empty, masked, picked

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.promql._arrays import Flags, Floats
    from tocsin.promql._nodes import Aggregate

__all__ = ["AGGREGATIONS", "aggregate", "format_value"]

AGGREGATIONS = {
    "avg": "the mean, compensated; a running mean where the sum would overflow",
    "bottomk": "the k smallest elements; NaN last; ties keep the earlier series",
    "count": "the number of elements",
    "count_values": "the number of elements with each value",
    "group": "1 for each group",
    "limit_ratio": "a share of the elements, chosen by the hash of the labels",
    "limitk": "the first k elements",
    "max": "the largest element; NaN only where there is nothing else",
    "min": "the smallest element; NaN only where there is nothing else",
    "quantile": "the quantile, linear between the two nearest ranks",
    "stddev": "the population standard deviation",
    "stdvar": "the population variance",
    "sum": "the sum, compensated",
    "topk": "the k largest elements; NaN last; ties keep the earlier series",
}


def aggregate(node: Aggregate, vector: Vector, param: Scalar | String | None) -> Vector:
    vector = compressed(vector)
    steps = vector.values.shape[1]
    if not len(vector.labels):
        _check_param(node.op, param)
        return empty(steps)
    if isinstance(param, String):
        return _count_values(node, vector, param.value)
    groups = grouped(vector, node.names, by=node.by)
    if param is None:
        return _spread(vector, groups, _SIMPLE[node.op](groups))
    _check_param(node.op, param)
    if node.op == "quantile":
        wanted = param.values[groups.run_times]
        results = quantile_of_runs(groups.values, groups.lengths, wanted)
        return _spread(vector, groups, results)
    if node.op == "limit_ratio":
        return _limit_ratio(vector, param.values)
    return _pick(node.op, vector, groups, param.values)


def _spread(vector: Vector, groups: Groups, results: Floats) -> Vector:
    """One result a run; a group by name keeps the name as long as its first series."""
    fading = None if vector.fading is None else vector.fading[groups.first]
    return Vector(groups.labels, *groups.spread(results), fading)


def _check_param(op: str, param: Scalar | String | None) -> None:
    if op == "count_values" and isinstance(param, String):
        if not param.value:
            raise QueryError(f'invalid label name "{param.value}"')
    elif isinstance(param, Scalar) and op in {"topk", "bottomk", "limitk"}:
        if np.isnan(param.values).any():
            raise QueryError("Parameter value is NaN")
        large = np.abs(param.values) >= 2.0**63
        if large.any():
            raise QueryError(f"Scalar value {param.values[large][0]} overflows int64")
    elif isinstance(param, Scalar) and op == "limit_ratio" and np.isnan(param.values).any():
        raise QueryError("Ratio value is NaN")


def _sum(groups: Groups) -> Floats:
    return sum_of_runs(groups.values, groups.low, groups.high, -0.0)


def _avg(groups: Groups) -> Floats:
    return mean_of_runs(groups.values, groups.low, groups.high)


def _max(groups: Groups) -> Floats:
    return np.fmax.reduceat(groups.values, groups.low)


def _min(groups: Groups) -> Floats:
    return np.fmin.reduceat(groups.values, groups.low)


def _stdvar(groups: Groups) -> Floats:
    """The sum of squared distances grows with each element (Welford)."""
    order, steps = ranks(groups.low, groups.high)
    mean, squares = np.zeros(len(order)), np.zeros(len(order))
    for rank, (count, cells) in enumerate(steps, 1):
        value = groups.values[cells]
        delta = value - mean[:count]
        mean[:count] += delta / rank
        # A first element is its own mean; an infinite one makes the result NaN.
        squares[:count] += delta * (value - mean[:count]) if rank > 1 else value * 0.0
    result = np.empty(len(order))
    result[order] = squares / groups.lengths[order]
    return result


_SIMPLE: dict[str, Callable[[Groups], Floats]] = {
    "avg": _avg,
    "count": lambda groups: groups.lengths.astype(np.float64),
    "group": lambda groups: np.ones(len(groups.low)),
    "max": _max,
    "min": _min,
    "stddev": lambda groups: np.sqrt(_stdvar(groups)),
    "stdvar": _stdvar,
    "sum": _sum,
}


def _pick(op: str, vector: Vector, groups: Groups, wanted: Floats) -> Vector:
    """topk, bottomk and limitk: keep the elements whose rank in their run is below k."""
    run = np.repeat(np.arange(len(groups.low)), groups.lengths)
    if op == "limitk":
        order = np.arange(len(run))
    else:
        order = np.lexsort((-groups.values if op == "topk" else groups.values, run))
    rank = np.arange(len(run)) - groups.low[run]
    run_times = groups.run_times
    size = np.trunc(wanted)[run_times]
    kept = order[rank < size[run]]
    rows, columns = groups.rows[kept], run_times[run[kept]]
    present = np.zeros(vector.present.shape, np.bool_)
    present[rows, columns] = True
    chosen = masked(vector, present)
    # An instant result comes group by group, best first.
    return chosen if len(wanted) > 1 or op == "limitk" else picked(chosen, rows)


def _limit_ratio(vector: Vector, wanted: Floats) -> Vector:
    ratio = np.clip(wanted, -1.0, 1.0)
    place = np.array([ratio_position(each) for each in vector.labels])[:, None]
    chosen: Flags = np.where(ratio >= 0, place < ratio, place >= 1.0 + ratio)
    chosen |= ratio == 1.0
    return masked(vector, vector.present & chosen & (ratio != 0))


def format_value(value: float) -> str:
    """The shortest decimal notation without exponent, as Go's `'f', -1` writes it."""
    if value != value:  # noqa: PLR0124
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")


def _count_values(node: Aggregate, vector: Vector, label: str) -> Vector:
    _check_param(node.op, String(label))
    names = node.names | {label} if node.by else node.names
    counts: dict[object, Floats] = {}
    for row, labels in enumerate(vector.labels):
        there = vector.present[row]
        # By bits: -0 and 0 are written differently.
        bits = np.ascontiguousarray(vector.values[row]).view(np.int64)
        for each in np.unique(bits[there]):
            value, same = float(each.view(np.float64)), there & (bits == each)
            marked = labels.merged({label: format_value(value)})
            key = group_labels([marked], names, by=node.by)[0]
            known = counts.get(key)
            counts[key] = same.astype(np.float64) if known is None else known + same
    keys = list(counts)
    table = np.stack([counts[key] for key in keys]) if keys else np.zeros((0, len(vector.values.T)))
    return Vector(keys, table, table > 0)  # type: ignore[arg-type]
