"""Making vectors whose label sets are unique."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import QueryError
from tocsin.promql._memo import derived
from tocsin.promql._result import Vector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.labels import Labels
    from tocsin.promql._arrays import Flags, Floats

__all__ = ["compressed", "empty", "nameless", "stripped", "unique"]

_DUPLICATES = "vector cannot contain metrics with the same labelset"


def empty(steps: int) -> Vector:
    return Vector((), np.zeros((0, steps)), np.zeros((0, steps), np.bool_))


def compressed(vector: Vector) -> Vector:
    """Without the series that have no element at any time."""
    used = vector.present.any(axis=1)
    if used.all():
        return vector
    rows = np.flatnonzero(used)
    return Vector(
        [vector.labels[row] for row in rows.tolist()], vector.values[rows], vector.present[rows]
    )


def unique(labels: Sequence[Labels], values: Floats, present: Flags, *, whole: bool) -> Vector:
    """A vector of rows that may have come to share a label set.

    Rows that take turns become one series; two at one time are an error. Where
    `whole`, two rows at any times are an error: Prometheus checks functions over
    ranges only after the last step.
    """
    if len(labels) < 2 or len(set(labels)) == len(labels):
        return Vector(labels, values, present)
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
    return Vector(list(rows), out_values, out_present)


def nameless(
    labels: Sequence[Labels], values: Floats, present: Flags, *, whole: bool = False
) -> Vector:
    """A vector without metric names, as most functions and operators give."""
    names_off, distinct = derived(labels, "nameless", stripped)
    if distinct:
        return Vector(names_off, values, present)
    return unique(names_off, values, present, whole=whole)


def stripped(labels: Sequence[Labels]) -> tuple[tuple[Labels, ...], bool]:
    """Without names, and whether they are still all different."""
    names_off = tuple(each.without_name() for each in labels)
    return names_off, len(names_off) < 2 or len(set(names_off)) == len(names_off)
