"""Binary operators: arithmetic, comparisons and sets, with vector matching.

Source: Prometheus 3.5, `promql/engine.go` (VectorBinop, VectorscalarBinop, VectorAnd,
VectorOr, VectorUnless, resultMetric).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.errors import QueryError
from tocsin.labels import METRIC_NAME
from tocsin.promql._memo import derived
from tocsin.promql._nodes import Card
from tocsin.promql._result import Scalar, Vector
from tocsin.promql._vectors import METADATA, compressed, empty, masked, nameless, unique

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.labels import Labels
    from tocsin.promql._arrays import Flags, Floats, Ints
    from tocsin.promql._nodes import Binary, Matching

__all__ = ["ARITHMETIC", "COMPARISONS", "SETS", "binary"]

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
SETS = frozenset({"and", "or", "unless"})


def binary(
    node: Binary, left: Vector | Scalar, right: Vector | Scalar, *, delayed: bool
) -> Vector | Scalar:
    """`delayed`: metric names go at the end of the query."""
    if isinstance(left, Vector) and isinstance(right, Vector):
        if node.op in SETS:
            return _set(node.op, node.matching, compressed(left), compressed(right))
        return _vectors(node, compressed(left), compressed(right), delayed=delayed)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return Scalar(_compute(node.op, left.values, right.values))
    return _with_scalar(node, left, right, delayed=delayed)


def _compute(op: str, left: Floats, right: Floats) -> Floats:
    """The number that an operator gives; a comparison gives 0 or 1."""
    function = ARITHMETIC.get(op)
    if function is not None:
        result: Floats = function(left, right)
        return result
    truth: Flags = COMPARISONS[op](left, right)
    return truth.astype(np.float64)


def _with_scalar(
    node: Binary, left: Vector | Scalar, right: Vector | Scalar, *, delayed: bool
) -> Vector:
    vector = left if isinstance(left, Vector) else right
    assert isinstance(vector, Vector)  # noqa: S101 - the parser refuses sets with scalars
    if node.op in ARITHMETIC or node.as_bool:
        values = _compute(node.op, left.values, right.values)
        return nameless(vector.labels, values, vector.present, delayed=delayed)
    kept = COMPARISONS[node.op](left.values, right.values)
    return masked(vector, vector.present & kept)


def _signatures(labels: Sequence[Labels], matching: Matching) -> Sequence[Labels]:
    """The labels by which elements find each other."""
    if matching.on:
        names = matching.names
        return derived(labels, ("on", names), lambda all_: tuple(each.keep(names) for each in all_))
    if not matching.names:
        return derived(labels, "off", lambda all_: tuple(each.without_name() for each in all_))
    names = matching.names | {METRIC_NAME}
    return derived(labels, ("off", names), lambda all_: tuple(each.drop(names) for each in all_))


def _set(op: str, matching: Matching, left: Vector, right: Vector) -> Vector:
    mine, theirs = _signatures(left.labels, matching), _signatures(right.labels, matching)
    if op == "or":
        seen = _any_present(mine, left.present, theirs)
        return unique(
            [*left.labels, *right.labels],
            np.concatenate([left.values, right.values]),
            np.concatenate([left.present, right.present & ~seen]),
            _joined(left, right),
            whole=False,
        )
    seen = _any_present(theirs, right.present, mine)
    present = left.present & (seen if op == "and" else ~seen)
    return masked(left, present)


def _joined(left: Vector, right: Vector) -> Flags | None:
    if left.fading is None and right.fading is None:
        return None
    return np.concatenate(
        [
            np.zeros(len(each.labels), np.bool_) if each.fading is None else each.fading
            for each in (left, right)
        ]
    )


def _any_present(keys: Sequence[Labels], present: Flags, asked: Sequence[Labels]) -> Flags:
    """Per asked key and time: whether any row with that key is present."""
    numbers: dict[Labels, int] = {}
    place = [numbers.setdefault(key, len(numbers)) for key in keys]
    table = np.zeros((len(numbers) + 1, present.shape[1]), np.bool_)
    np.logical_or.at(table, np.array(place, np.int64), present)
    found: Flags = table[[numbers.get(key, len(numbers)) for key in asked]]
    return found


def _vectors(node: Binary, left: Vector, right: Vector, *, delayed: bool) -> Vector:
    matching = node.matching
    steps = left.values.shape[1]
    if not len(left.labels) or not len(right.labels):
        return empty(steps)
    swapped = matching.card is Card.ONE_TO_MANY
    many, one = (right, left) if swapped else (left, right)
    many_keys, one_keys = _signatures(many.labels, matching), _signatures(one.labels, matching)
    by_key: dict[Labels, list[int]] = {}
    for row, key in enumerate(one_keys):
        by_key.setdefault(key, []).append(row)
    if len(by_key) < len(one_keys):
        _check_one_side(by_key, one, many, "left" if swapped else "right")
    pairs = [(row, other) for row, key in enumerate(many_keys) for other in by_key.get(key, ())]
    if not pairs:
        return empty(steps)
    table = np.array(pairs, np.int64)
    rows, others = table[:, 0], table[:, 1]
    left_rows, right_rows = (others, rows) if swapped else (rows, others)
    left_values, right_values = left.values[left_rows], right.values[right_rows]
    present = left.present[left_rows] & right.present[right_rows]
    arithmetic = node.op in ARITHMETIC
    if arithmetic or node.as_bool:
        values = _compute(node.op, left_values, right_values)
    else:
        values = left_values
        present &= COMPARISONS[node.op](left_values, right_values)
    keys = [many_keys[row] for row in rows.tolist()]
    labels = _result_labels(node, many, one, rows, others, delayed=delayed)
    _check_matches(matching.card, keys, labels, present)
    fading = None if many.fading is None else many.fading[rows]
    if delayed and (arithmetic or node.as_bool):
        fading = np.ones(len(labels), np.bool_)
    return unique(labels, values, present, fading, whole=False)


def _check_one_side(by_key: dict[Labels, list[int]], one: Vector, many: Vector, side: str) -> None:
    """Two elements of the "one" side in one match group, at a time that matters."""
    asked = many.present.any(axis=0)
    for key, members in by_key.items():
        if len(members) > 1:
            clash = (one.present[members].sum(axis=0) > 1) & asked
            if clash.any():
                column = int(np.flatnonzero(clash)[0])
                both = [row for row in members if one.present[row, column]]
                raise QueryError(
                    f"found duplicate series for the match group {_braced(key)} on the {side} "
                    f"hand-side of the operation: [{one.labels[both[1]]}, {one.labels[both[0]]}]"
                    ";many-to-many matching not allowed: matching labels must be unique on one side"
                )


def _braced(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"


def _check_matches(card: Card, keys: list[Labels], labels: list[Labels], present: Flags) -> None:
    """Refuse two results that come from one match group at one time."""
    one_to_one = card is Card.ONE_TO_ONE
    owners: list[object] = list(keys) if one_to_one else list(zip(keys, labels, strict=True))
    if len(set(owners)) == len(owners):
        return
    groups: dict[object, list[int]] = {}
    for row, owner in enumerate(owners):
        groups.setdefault(owner, []).append(row)
    for members in groups.values():
        if len(members) > 1 and (present[members].sum(axis=0) > 1).any():
            if one_to_one:
                raise QueryError(
                    "multiple matches for labels: many-to-one matching must be explicit "
                    "(group_left/group_right)"
                )
            raise QueryError(
                "multiple matches for labels: grouping labels must ensure unique matches"
            )


def _result_labels(
    node: Binary, many: Vector, one: Vector, rows: Ints, others: Ints, *, delayed: bool
) -> list[Labels]:
    matching = node.matching
    # A filter keeps the name, unless the match itself takes it away.
    drop_name = (node.op in ARITHMETIC or node.as_bool) and not delayed
    base: list[Labels] = [many.labels[row] for row in rows.tolist()]
    if matching.card is Card.ONE_TO_ONE:
        if matching.on:
            names = matching.names - METADATA if drop_name else matching.names
            return [each.keep(names) for each in base]
        names = matching.names | METADATA if drop_name else matching.names
        return [each.drop(names) for each in base] if names else base
    if drop_name:
        base = [each.drop(METADATA) for each in base]
    if not matching.include:
        return base
    return [
        labels.merged({name: one.labels[other][name] for name in matching.include})
        for labels, other in zip(base, others.tolist(), strict=True)
    ]
