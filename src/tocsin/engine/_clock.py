"""The only place that asks what time it is."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock", "next_tick"]


class Clock:
    """Wall time in microseconds since 1970 UTC that never runs backwards, and waiting for it.

    It follows a wall clock that is set forward. One that is set back it lets catch up, by
    running a tenth slower until then: samples stay in order, and detection goes on.
    """

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`wall` and `monotonic` count nanoseconds."""
        self._wall = wall
        self._monotonic = monotonic
        self._now, self._read_at = wall(), monotonic()

    def now(self) -> int:
        read_at = self._monotonic()
        passed, self._read_at = read_at - self._read_at, read_at
        self._now = max(self._wall(), self._now + passed * 9 // 10)
        return self._now // 1000

    @property
    def ahead(self) -> int:
        """Microseconds by which the wall clock is behind."""
        return max(0, self.now() - self._wall() // 1000)

    async def sleep_until(self, moment: int) -> None:
        """Return at `moment` or after; a wall clock set forward wakes within a second."""
        while (left := moment - self.now()) > 0:
            await asyncio.sleep(min(left / 1e6, 1.0))


def next_tick(now: int, interval: int) -> int:
    """The first multiple of `interval` after `now`: all that share an interval share ticks."""
    return (now // interval + 1) * interval
