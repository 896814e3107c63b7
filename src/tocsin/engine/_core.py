"""What the loops share: clock, head, journal, counters."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tocsin.durations import MINUTE
from tocsin.promql import Options, evaluate
from tocsin.series import Head, Selection, concatenate, is_stale

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.engine._clock import Clock
    from tocsin.engine._journal import Journal
    from tocsin.engine._metrics import Metrics
    from tocsin.labels import Labels, Matcher
    from tocsin.promql import Query, Result
    from tocsin.series import Batch, Queryable
    from tocsin.store import Step

__all__ = ["Core", "History", "head_window"]

_SPARE = 10 * MINUTE


class History:
    """Samples in memory, and for the time before them on disk; a Queryable.

    Safe to use from several threads: what it answers is a copy, or never written again.
    """

    def __init__(self, head: Head, disk: Queryable, since: int) -> None:
        self._head = head
        self._disk = disk
        self.since = since
        """Memory holds every sample from this time on."""
        self.lock = threading.RLock()

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        recent = start >= self.since
        with self.lock:
            newer = self._head.select(matchers, max(start, self.since), end)
        if recent:
            return newer
        return concatenate([self._disk.select(matchers, start, min(end, self.since - 1)), newer])


class Core:
    """The live state that target and group loops work on."""

    def __init__(
        self,
        clock: Clock,
        monotonic: Callable[[], int],
        head: Head,
        history: History,
        journal: Journal,
        metrics: Metrics,
    ) -> None:
        self.clock = clock
        self.monotonic = monotonic
        """Microseconds that never jump."""
        self.head = head
        self.history = history
        self.journal = journal
        self.metrics = metrics
        self.scraping: set[asyncio.Future[None]] = set()
        """Scrapes under way."""
        self.options = Options()
        self.degraded: dict[str, str] = {}
        """What is wrong, by reason; shown by /readyz."""

    def append(self, batch: Batch, budget: int | None = None) -> Batch:
        """Take a batch into memory; answer what of it was accepted."""
        with self.history.lock:
            appended = self.head.append(batch, budget)
        self.metrics.appended.inc(len(appended.batch.labels))
        for reason, count in appended.dropped.items():
            self.metrics.dropped.labels(reason.value).inc(count)
        return appended.batch

    def commit(self, step: Step) -> bool:
        lost = self.journal.samples_lost
        done = self.journal.commit(step)
        if done:
            self.recover("storage")
        else:
            self.metrics.commits_failed.inc()
            self.metrics.samples_lost.inc(self.journal.samples_lost - lost)
            self.degrade("storage", self.journal.failure)
        return done

    def degrade(self, reason: str, detail: str) -> None:
        self.degraded[reason] = detail
        self.metrics.degraded.labels(reason).set(1)

    def recover(self, reason: str) -> None:
        if self.degraded.pop(reason, None) is not None:
            self.metrics.degraded.labels(reason).set(0)

    def query(self, query: Query, time: int) -> Result:
        return evaluate(query, self.history, time, options=self.options)

    def live_series(self, source: str) -> Iterator[Labels]:
        """Series of a source whose last sample does not end them."""
        for labels, value in self.head.last_values(source):
            if not is_stale(value):
                yield labels

    def widen(self, window: int) -> None:
        """Keep more in memory from now on; what went before is read from disk."""
        with self.history.lock:
            self.head.widen(window)

    def trim(self, now: int) -> None:
        """Forget series that ended before everything that evaluation reads."""
        since = now - self.head.window
        with self.history.lock:
            self.head.forget(since)
        self.history.since = max(self.history.since, since)
        self.metrics.series.set(len(self.head))


def head_window(look_back: int) -> int:
    """How much to keep in memory for rules that read `look_back` microseconds back."""
    return max(look_back + _SPARE, 30 * MINUTE)
