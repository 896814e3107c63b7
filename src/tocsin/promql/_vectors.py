"""Making vectors whose label sets are unique."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import QueryError
from tocsin.labels import METRIC_NAME
from tocsin.promql._memo import derived
from tocsin.promql._result import Vector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.labels import Labels
    from tocsin.promql._arrays import Flags, Floats, Ints

__all__ = [
    "METADATA",
    "compressed",
    "empty",
    "faded",
    "masked",
    "nameless",
    "picked",
    "stripped",
    "unique",
]

METADATA = frozenset({METRIC_NAME, "__type__", "__unit__"})
"""What goes with the metric name. Source: Prometheus 3.5, `schema/labels.go`."""
_DUPLICATES = "vector cannot contain metrics with the same labelset"


def empty(steps: int) -> Vector:
    return Vector((), np.zeros((0, steps)), np.zeros((0, steps), np.bool_))


def compressed(vector: Vector) -> Vector:
    """Without the series that have no element at any time."""
    used = vector.present.any(axis=1)
    return vector if used.all() else picked(vector, np.flatnonzero(used))


def picked(vector: Vector, rows: Ints) -> Vector:
    """Some of the rows, in the order given."""
    return Vector(
        [vector.labels[row] for row in rows.tolist()],
        vector.values[rows],
        vector.present[rows],
        None if vector.fading is None else vector.fading[rows],
    )


def masked(vector: Vector, present: Flags) -> Vector:
    """The same rows, present at other times."""
    return Vector(vector.labels, vector.values, present, vector.fading)


def faded(vector: Vector) -> Vector:
    """Without the names that were to go at the end."""
    if vector.fading is None:
        return vector
    labels = [
        each.drop(METADATA) if goes else each
        for each, goes in zip(vector.labels, vector.fading.tolist(), strict=True)
    ]
    return unique(labels, vector.values, vector.present, whole=True)


def unique(
    labels: Sequence[Labels],
    values: Floats,
    present: Flags,
    fading: Flags | None = None,
    *,
    whole: bool,
) -> Vector:
    """A vector of rows that may have come to share a label set.

    Rows that take turns become one series; two at one time are an error. Where
    `whole`, two rows at any times are an error: Prometheus checks functions over
    ranges only after the last step.
    """
    if len(labels) < 2 or len(set(labels)) == len(labels):
        return Vector(labels, values, present, fading)
    rows: dict[Labels, list[int]] = {}
    for row in np.flatnonzero(present.any(axis=1)).tolist():
        rows.setdefault(labels[row], []).append(row)
    first = [members[0] for members in rows.values()]
    out_values, out_present = values[first], present[first]
    for index, members in enumerate(rows.values()):
        for row in members[1:]:
            if whole or np.any(out_present[index] & present[row]):
                raise QueryError(_DUPLICATES)
            out_values[index] = np.where(present[row], values[row], out_values[index])
            out_present[index] |= present[row]
    return Vector(list(rows), out_values, out_present, None if fading is None else fading[first])


def nameless(
    labels: Sequence[Labels],
    values: Floats,
    present: Flags,
    *,
    whole: bool = False,
    delayed: bool = False,
) -> Vector:
    """A vector without metric names, as most functions and operators give."""
    if delayed:
        return Vector(labels, values, present, np.ones(len(labels), np.bool_))
    names_off, distinct = derived(labels, "nameless", stripped)
    if distinct:
        return Vector(names_off, values, present)
    return unique(names_off, values, present, whole=whole)


def stripped(labels: Sequence[Labels]) -> tuple[tuple[Labels, ...], bool]:
    """Without names, and whether they are still all different."""
    names_off = tuple(each.drop(METADATA) for each in labels)
    return names_off, len(names_off) < 2 or len(set(names_off)) == len(names_off)
