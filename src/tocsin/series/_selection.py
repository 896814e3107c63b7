"""What the evaluator reads: many series as three flat columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tocsin.labels import Labels, Matcher

__all__ = ["NO_SAMPLES", "Queryable", "Selection", "concatenate"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Samples of S series, one series after the other, each in rising time order."""

    labels: Sequence[Labels]
    """S label sets, each different."""
    times: npt.NDArray[np.int64]
    """Microseconds since 1970 UTC, N."""
    values: npt.NDArray[np.float64]
    """N, staleness markers included."""
    offsets: npt.NDArray[np.int64]
    """S + 1: series i owns the rows `offsets[i]:offsets[i + 1]`."""


NO_SAMPLES = Selection((), np.empty(0, np.int64), np.empty(0), np.zeros(1, np.int64))


class Queryable(Protocol):
    """Anything that holds samples."""

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Samples with `start <= time <= end` of the series that satisfy all matchers."""
        ...


def concatenate(parts: Sequence[Selection]) -> Selection:
    """One selection of several over different times, earlier ones first.

    A series that several parts hold becomes one series; a sample of a later part
    whose time is not after the series' last one is left out.
    """
    filled = [part for part in parts if len(part.labels)]
    if not filled:
        return NO_SAMPLES
    if len(filled) == 1:
        return filled[0]
    pieces: dict[Labels, list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]] = {}
    for part in filled:
        for index, labels in enumerate(part.labels):
            low, high = part.offsets[index], part.offsets[index + 1]
            times, values = part.times[low:high], part.values[low:high]
            known = pieces.setdefault(labels, [])
            if known and len(times):
                last = known[-1][0][-1]
                fresh = int(np.searchsorted(times, last, side="right"))
                times, values = times[fresh:], values[fresh:]
            if len(times):
                known.append((times, values))
    counts = [sum(len(times) for times, _ in known) for known in pieces.values()]
    flat = [piece for known in pieces.values() for piece in known]
    return Selection(
        tuple(pieces),
        np.concatenate([times for times, _ in flat]) if flat else np.empty(0, np.int64),
        np.concatenate([values for _, values in flat]) if flat else np.empty(0),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )
