"""Notifications to send, and a clock that only moves when somebody sleeps."""

from __future__ import annotations

import asyncio
import heapq

from tocsin.alerting import Notification, NotifiedAlert
from tocsin.durations import SECOND

START = 1_800_000_000 * SECOND


def an_alert(name: str = "HighFailures", *, resolved: bool = False, **labels: str) -> NotifiedAlert:
    return NotifiedAlert(
        labels={"alertname": name, "severity": "high", **labels},
        annotations={"summary": "High failed login attempts"},
        status="resolved" if resolved else "firing",
        active_at=START - 60 * SECOND,
        starts_at=START,
        ends_at=START + 90 * SECOND if resolved else 0,
        value=16.0,
        generator_url="http://127.0.0.1:9090/graph",
    )


def a_notification(
    key: str = "k1", *alerts: NotifiedAlert, group: str = "{}:{}", created: int = START
):
    return Notification(
        key=key,
        receiver="team",
        group_key=group,
        group_labels={"alertname": "HighFailures"},
        alerts=alerts or (an_alert(),),
        created=created,
    )


class FakeTime:
    """Virtual time on a real event loop: when everybody waits, the earliest sleeper wakes."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[int] = []
        self._sleepers: list[tuple[int, int, asyncio.Event]] = []

    def clock(self) -> int:
        return self.now

    async def sleep(self, micros: int) -> None:
        self.slept.append(micros)
        event = asyncio.Event()
        heapq.heappush(self._sleepers, (self.now + micros, len(self.slept), event))
        await event.wait()

    async def run_until(self, done) -> None:
        """Let time pass until `done()`."""
        while not done():
            for _ in range(50):
                await asyncio.sleep(0)
                if done():
                    return
            assert self._sleepers, "nobody waits for time, and yet it is not done"
            self.now, _, event = heapq.heappop(self._sleepers)
            event.set()
