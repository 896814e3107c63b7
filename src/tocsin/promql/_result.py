"""What a query yields, over K evaluation times (K = 1 for an instant query)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from tocsin.labels import Labels
    from tocsin.series import Selection

__all__ = ["Matrix", "Result", "Scalar", "String", "Vector"]


@dataclass(frozen=True, slots=True)
class Vector:
    """An instant vector at K times: S series."""

    labels: Sequence[Labels]
    """S label sets."""
    values: npt.NDArray[np.float64]
    """S x K."""
    present: npt.NDArray[np.bool_]
    """S x K: whether the series has an element at that time (NaN is a value)."""
    fading: npt.NDArray[np.bool_] | None = None
    """S: whose metric name goes when the query is done. Never set in a result."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number at each of K times."""

    values: npt.NDArray[np.float64]
    """K."""


@dataclass(frozen=True, slots=True)
class String:
    """A string literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """A range vector at one time: the samples themselves, without staleness markers."""

    selection: Selection


Result = Vector | Scalar | String | Matrix
