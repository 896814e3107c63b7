"""Samples in memory, for tests."""

from __future__ import annotations

import numpy as np

from tocsin.labels import Labels
from tocsin.series import NO_SAMPLES, Selection

SECOND = 1_000_000


class Columns:
    """Series given as lists of (seconds, value); a Queryable."""

    def __init__(self, series: dict[str | Labels, list[tuple[float, float]]]) -> None:
        self.series = {
            key if isinstance(key, Labels) else labels(key): sorted(samples)
            for key, samples in series.items()
        }

    def select(self, matchers, start, end) -> Selection:
        chosen = {
            each: [(round(t * SECOND), v) for t, v in samples if start <= round(t * SECOND) <= end]
            for each, samples in self.series.items()
            if all(matcher.matches(each[matcher.name]) for matcher in matchers)
        }
        if not chosen:
            return NO_SAMPLES
        flat = [sample for samples in chosen.values() for sample in samples]
        return Selection(
            tuple(chosen),
            np.array([t for t, _ in flat], np.int64),
            np.array([v for _, v in flat], np.float64),
            np.concatenate([[0], np.cumsum([len(s) for s in chosen.values()])]).astype(np.int64),
        )


def labels(text: str) -> Labels:
    """`x{a=1,b=2}`, without quotes."""
    name, _, rest = text.partition("{")
    pairs = dict(pair.split("=") for pair in rest.rstrip("}").split(",") if pair)
    return Labels({"__name__": name, **pairs})
