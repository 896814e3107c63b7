"""The only place that asks what time it is."""

from __future__ import annotations

import asyncio
import time

__all__ = ["Clock", "next_tick"]


class Clock:
    """Wall time in microseconds since 1970 UTC, and waiting for it."""

    def now(self) -> int:
        return time.time_ns() // 1000

    async def sleep_until(self, moment: int) -> None:
        """Return at `moment` or after; a wall clock set forward wakes within a second."""
        while (left := moment - self.now()) > 0:
            await asyncio.sleep(min(left / 1e6, 1.0))


def next_tick(now: int, interval: int) -> int:
    """The first multiple of `interval` after `now`: all that share an interval share ticks."""
    return (now // interval + 1) * interval
