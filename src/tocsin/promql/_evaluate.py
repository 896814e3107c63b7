"""Walk a compiled query over a grid of evaluation times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import QueryError
from tocsin.promql._aggregate import aggregate
from tocsin.promql._binary import binary
from tocsin.promql._functions import Arguments
from tocsin.promql._nodes import (
    Aggregate,
    Binary,
    Call,
    Kind,
    Negate,
    Node,
    Number,
    Range,
    Selector,
    Subquery,
    Text,
)
from tocsin.promql._parse import stepped
from tocsin.promql._result import Matrix, Result, Scalar, String, Vector
from tocsin.promql._scope import Options, Scope
from tocsin.promql._select import instant, ranged, subquery
from tocsin.promql._vectors import METADATA, compressed, faded, nameless
from tocsin.promql._windows import Windows
from tocsin.series import Selection

if TYPE_CHECKING:
    from tocsin.labels import Labels
    from tocsin.promql._arrays import Ints
    from tocsin.promql._parse import Query
    from tocsin.series import Queryable

__all__ = ["evaluate"]

_DEFAULTS = Options()


def evaluate(
    query: Query,
    source: Queryable,
    start: int,
    end: int | None = None,
    step: int | None = None,
    *,
    options: Options = _DEFAULTS,
) -> Result:
    """The result at `start`, or at every step from `start` to `end` (all microseconds).

    Raises QueryError where the query fails on the data.
    """
    if query.stepped:
        query = stepped(query.text, step or 0, 0 if end is None else end - start)
    if end is None:
        times = np.array([start], np.int64)
    else:
        times = _grid(start, end, step, options)
        if query.kind is Kind.MATRIX or query.kind is Kind.STRING:
            name = "range vector" if query.kind is Kind.MATRIX else "string"
            raise QueryError(
                f'invalid expression type "{name}" for range query, '
                "must be Scalar or instant Vector"
            )
    scope = Scope.of(source, times, options)
    if end is not None:
        scope = Scope(source, times, start, end, options, scope.budget)
    with np.errstate(all="ignore"):
        value = _value(query.node, scope)
    if isinstance(value, Windows):
        return _matrix(value)
    if isinstance(value, Vector):
        value = faded(compressed(value))
        return value if end is None else _sorted(value)
    return value


def _grid(start: int, end: int, step: int | None, options: Options) -> Ints:
    if step is None or step <= 0:
        raise QueryError("zero or negative query resolution step widths are not accepted")
    if end < start:
        raise QueryError("end timestamp must not be before start time")
    if (end - start) // step >= options.max_samples:
        raise QueryError("exceeded maximum number of steps")
    return np.arange(start, end + 1, step, dtype=np.int64)


def _sorted(vector: Vector) -> Vector:
    """A range query gives its series in label order."""
    order = sorted(range(len(vector.labels)), key=lambda row: vector.labels[row].pairs)
    return Vector(
        [vector.labels[row] for row in order], vector.values[order], vector.present[order]
    )


def _matrix(windows: Windows) -> Matrix:
    """The samples of the only window of each series that has any."""
    counts = windows.counts[:, 0]
    rows = np.flatnonzero(counts).tolist()
    low, high = windows.low[:, 0].tolist(), windows.high[:, 0].tolist()
    slices = [slice(low[row], high[row]) for row in rows]
    none = np.empty(0, np.int64)
    return Matrix(
        Selection(
            [_named(windows, row) for row in rows],
            np.concatenate([windows.times[each] for each in slices] or [none]),
            np.concatenate([windows.values[each] for each in slices] or [np.empty(0)]),
            np.concatenate([[0], np.cumsum(counts[rows])]).astype(np.int64),
        )
    )


def _named(windows: Windows, row: int) -> Labels:
    goes = windows.fading is not None and bool(windows.fading[row])
    return windows.labels[row].drop(METADATA) if goes else windows.labels[row]


def _vector(node: Node, scope: Scope) -> Vector:
    value = _value(node, scope)
    assert isinstance(value, Vector)  # noqa: S101 - the parser has checked the types
    return value


def _value(node: Node, scope: Scope) -> Vector | Scalar | String | Windows:
    match node:
        case Call():
            function = node.function
            if function.name == "timestamp" and isinstance(node.args[0], Selector):
                values = (instant(node.args[0], scope, sample_times=True),)
                return function.run(Arguments(values, node.args, scope))
            return function.run(
                Arguments(tuple(_value(each, scope) for each in node.args), node.args, scope)
            )
        case Selector():
            return instant(node, scope)
        case Range():
            return ranged(node, scope)
        case Number():
            return Scalar(np.full(len(scope.times), node.value))
        case Binary():
            left, right = _value(node.left, scope), _value(node.right, scope)
            delayed = scope.options.delayed_names
            return binary(node, left, right, delayed=delayed)  # type: ignore[arg-type]
        case Aggregate():
            param = None if node.param is None else _value(node.param, scope)
            return aggregate(node, _vector(node.inner, scope), param)  # type: ignore[arg-type]
        case Negate():
            inner = _value(node.inner, scope)
            if isinstance(inner, Scalar):
                return Scalar(-inner.values)
            assert isinstance(inner, Vector)  # noqa: S101 - the parser has checked the types
            return nameless(
                inner.labels,
                -inner.values,
                inner.present,
                whole=True,
                delayed=scope.options.delayed_names,
            )
        case Subquery():
            return subquery(node, scope, lambda grid: _vector(node.inner, grid))
        case Text():
            return String(node.value)
