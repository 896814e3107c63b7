"""One target's loop: wait for the tick, scrape, append, commit."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from tocsin.durations import MILLISECOND
from tocsin.engine._clock import next_tick
from tocsin.remote import Reader, fetch
from tocsin.series import Exposition, Failed, TargetState
from tocsin.store import LedgerEntry, Step

if TYPE_CHECKING:
    import httpx2

    from tocsin.engine._core import Core
    from tocsin.series import Target

__all__ = ["TargetLoop"]

_log = logging.getLogger(__name__)
_LATE = 100 * MILLISECOND


class TargetLoop:
    """Scrapes a target at each multiple of its interval."""

    def __init__(self, core: Core, target: Target, client: httpx2.AsyncClient) -> None:
        self.core = core
        self.target = target
        self.state = TargetState(target, core.live_series(target.source))
        self._client = client
        self._reader = Reader(target.limits)
        self._down_since = 0

    async def run(self) -> None:
        clock = self.core.clock
        while True:
            tick = next_tick(clock.now(), self.target.interval)
            await clock.sleep_until(tick)
            scrape = asyncio.ensure_future(self.scrape(tick))
            self.core.scraping.add(scrape)
            try:
                await scrape
            finally:
                self.core.scraping.discard(scrape)

    async def scrape(self, tick: int) -> None:
        """One scrape; its samples carry the tick's time unless it began late."""
        core = self.core
        begun = core.clock.now()
        time = tick if begun - tick < _LATE else begun // MILLISECOND * MILLISECOND
        scraped = await fetch(self._client, self.target, self._reader, core.monotonic)
        self.take(time, scraped.outcome, scraped.duration)

    def take(self, time: int, outcome: Exposition | Failed, duration: int) -> None:
        """Append and commit what a scrape brought."""
        core = self.core
        before = self.state.health
        step = Step(time, ledger=self._gaps(time, outcome, before))
        batch = self.state.ingest(time, outcome, duration)
        step.batches.append(core.append(batch, self.target.series_budget + 8))
        result = outcome.reason.value if isinstance(outcome, Failed) else "ok"
        core.metrics.scrapes.labels(self.target.job, result).inc()
        core.commit(step)

    def _gaps(self, time: int, outcome: Exposition | Failed, before: str) -> list[LedgerEntry]:
        """A gap opens with the first failed scrape and closes with the first good one."""
        target = {"job": self.target.job, "instance": self.target.instance}
        if isinstance(outcome, Failed) and before != "down":
            _log.warning("target %s is down: %s", self.target.shown_url, outcome.detail)
            self._down_since = time
            return [LedgerEntry(time, "gap", {
                "what": "scrape", **target, "state": "open", "start": time,
                "reason": outcome.reason.value, "detail": outcome.detail,
            })]  # fmt: skip
        if isinstance(outcome, Exposition) and before == "down":
            _log.warning("target %s is up again", self.target.shown_url)
            return [LedgerEntry(time, "gap", {
                "what": "scrape", **target, "state": "closed",
                "start": self._down_since, "end": time,
            })]  # fmt: skip
        return []

    def end(self, time: int) -> None:
        """The target is no longer configured: its series end."""
        core = self.core
        core.commit(Step(time, [core.append(self.state.end(time), None)]))
