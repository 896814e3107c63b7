"""A target over time: its scrapes become batches, and what it stops exposing becomes stale."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tocsin.durations import MINUTE, SECOND
from tocsin.labels import METRIC_NAME, Labels
from tocsin.series._batch import Batch, DropReason
from tocsin.series._exposition import NO_TIME, Exposition, Failed
from tocsin.series._stale import STALE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from tocsin.series._exposition import Metadata, Target

__all__ = ["TargetState", "resolve_labels"]

_AHEAD = 10 * MINUTE
_REPORT = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the label sets of an exposition become those of a batch."""

    raw: tuple[Labels, ...] | None
    """None before the first exposition."""
    kept: npt.NDArray[np.int64]
    """Positions in `raw`: the first sample of each series."""
    labels: tuple[Labels, ...]
    """The series kept, then the report series."""
    series: dict[Labels, None] = field(default_factory=dict)
    """The series kept."""


class TargetState:
    """What is known of one target between scrapes.

    Source of the meaning: Prometheus, "Staleness" in the querying documentation,
    and `scrape/scrape.go`.
    """

    def __init__(self, target: Target, live: Iterable[Labels] = ()) -> None:
        """`live`: after a restart, the series of the target that have not ended."""
        self.target = target
        self.source = target.source
        self.identity = target.identity
        self.health = "unknown"
        """`unknown`, `up` or `down`."""
        self.failure: Failed | None = None
        self.scraped_at = 0
        """Microseconds since 1970 UTC; 0 before the first scrape."""
        self.duration = 0
        """Microseconds the last scrape took."""
        self.metadata: Mapping[str, Metadata] = {}
        self.dropped: Counter[DropReason] = Counter()
        """Samples dropped since the start, by reason; the head counts its own."""
        self._report = tuple(self.identity.merged({METRIC_NAME: name}) for name in _REPORT)
        self._live = {labels: None for labels in live if labels not in self._report}
        self._layout = _Layout(None, np.empty(0, np.int64), self._report, dict(self._live))
        self._resolved: dict[Labels, Labels] = {}

    def ingest(self, time: int, outcome: Exposition | Failed, duration: int) -> Batch:
        """The batch of one scrape that began at `time` and took `duration`.

        While a target keeps its layout, every batch carries the same `labels` object.
        """
        self.scraped_at, self.duration = time, duration
        if isinstance(outcome, Failed):
            self.health, self.failure = "down", outcome
            ended, self._live = tuple(self._live), {}
            labels = (*ended, *self._report) if ended else self._report
            report = self._report_values(0, 0, 0, 0)
            return Batch(self.source, time, labels, np.concatenate([_ends(len(ended)), report]))
        self.health, self.failure, self.metadata = "up", None, outcome.metadata
        added = 0
        if outcome.labels != self._layout.raw:
            before = self._layout.series
            self._layout = self._lay_out(outcome.labels)
            added = sum(labels not in before for labels in self._layout.series)
        self._count(outcome.dropped)
        duplicates = len(outcome.labels) - len(self._layout.kept)
        self._count({DropReason.DUPLICATE: duplicates})
        read = len(outcome.labels) + sum(outcome.dropped.values())
        return self._fill(outcome, self._report_values(1, read, len(outcome.labels), added))

    def end(self, time: int) -> Batch:
        """The last batch of a target that is no longer scraped: everything it wrote ends."""
        labels = (*self._live, *self._report)
        self._live = {}
        self.health = "unknown"
        return Batch(self.source, time, labels, _ends(len(labels)))

    def _fill(self, outcome: Exposition, report: npt.NDArray[np.float64]) -> Batch:
        time, layout = self.scraped_at, self._layout
        labels, series, live = layout.labels, layout.series, layout.series
        values, times = outcome.values[layout.kept], None
        if outcome.times is not None:
            times = outcome.times[layout.kept]
            own = times != NO_TIME
            ahead = own & (times > time + _AHEAD)
            if ahead.any():
                self._count({DropReason.TOO_FAR_AHEAD: int(ahead.sum())})
                near = ~ahead
                series = dict.fromkeys(each for each, ok in zip(series, near, strict=True) if ok)
                labels = (*series, *self._report)
                values, times, own = values[near], times[near], own[near]
            # A series with times of its own is never marked: the target says when it ends.
            live = dict.fromkeys(each for each, timed in zip(series, own, strict=True) if not timed)
            times = np.where(own, times, time)
        gone: list[Labels] = []
        if live is not self._live:
            gone = [each for each in self._live if each not in series]
            self._live = live
        if gone:
            labels = (*labels, *gone)
        if times is not None:
            times = np.concatenate([times, np.full(len(report) + len(gone), time, np.int64)])
        return Batch(
            self.source, time, labels, np.concatenate([values, report, _ends(len(gone))]), times
        )

    def _lay_out(self, raw: tuple[Labels, ...]) -> _Layout:
        resolved: dict[Labels, Labels] = {}
        series: dict[Labels, None] = {}
        kept: list[int] = []
        honor = self.target.honor_labels
        for position, each in enumerate(raw):
            final = self._resolved.get(each)
            if final is None:
                final = resolve_labels(each, self.identity, honor=honor)
            resolved[each] = final
            # A target cannot speak for its own report: `up` is ours.
            if final not in series and final not in self._report:
                series[final] = None
                kept.append(position)
        self._resolved = resolved
        return _Layout(raw, np.array(kept, np.int64), (*series, *self._report), series)

    def _report_values(self, *counts: int) -> npt.NDArray[np.float64]:
        up, read, kept, added = counts
        return np.array([up, self.duration / SECOND, read, kept, added], np.float64)

    def _count(self, dropped: Mapping[DropReason, int]) -> None:
        for reason, count in dropped.items():
            if count:
                self.dropped[reason] += count


def resolve_labels(exposed: Labels, identity: Labels, *, honor: bool) -> Labels:
    """The labels of a series: those of the target and those it exposes.

    Where both name a label, the target's own wins if `honor`; otherwise it is
    kept as `exported_<name>`.
    """
    if honor:
        return Labels(identity.to_dict() | exposed.to_dict())
    made = exposed.to_dict() | identity.to_dict()
    for name in sorted((name for name, _ in exposed if name in identity), key=len):
        renamed = f"exported_{name}"
        while renamed in made:
            renamed = f"exported_{renamed}"
        made[renamed] = exposed[name]
    return Labels(made)


def _ends(count: int) -> npt.NDArray[np.float64]:
    return np.full(count, STALE)
