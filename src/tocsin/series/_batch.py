"""What a step appends: one scrape's or one rule evaluation's samples."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tocsin.labels import Labels

__all__ = ["Batch", "DropReason"]


class DropReason(StrEnum):
    """Why a sample was not taken; each has a counter."""

    OUT_OF_ORDER = "out_of_order"
    DUPLICATE = "duplicate_timestamp"
    SERIES_BUDGET = "series_budget"
    TOO_FAR_AHEAD = "too_far_ahead"
    LABEL_LIMIT = "label_limit"


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of different series that arrived together."""

    source: str
    """Who wrote them: `scrape/<job>/<instance>` or `rules/<file>/<group>`."""
    time: int
    """Microseconds since 1970 UTC; the time of every sample unless `times` is given."""
    labels: tuple[Labels, ...]
    """S different label sets."""
    values: npt.NDArray[np.float64]
    """S values; a staleness marker ends a series."""
    times: npt.NDArray[np.int64] | None = None
    """S explicit times in microseconds, where the target stamped its samples."""
