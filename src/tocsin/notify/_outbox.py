"""Delivery: every message at least once, in order within its group, receivers apart.

The engine persists a notification before it is put here and what became of it in
`record`; so a message that a stop or a crash leaves here is put again at the next start,
under the same key.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.alerting import Refused, Retry, Sent
from tocsin.durations import SECOND
from tocsin.notify._retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from tocsin.alerting import Delivery, Notification
    from tocsin.notify._receivers import Notifier

__all__ = ["Attempt", "Dispatcher", "sleep"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver a notification, and its end unless `delivery` is Retry."""

    notification: Notification
    delivery: Delivery
    number: int
    """From 1, counted since the start."""
    at: int
    """When the answer was there, microseconds since 1970 UTC."""
    next_at: int = 0
    """When the next one is due; 0 if there is none."""


async def sleep(micros: int) -> None:
    await asyncio.sleep(micros / SECOND)


class Dispatcher:
    """Delivers to one receiver. To be used on one event loop."""

    def __init__(
        self,
        notifier: Notifier,
        record: Callable[[Attempt], object],
        *,
        clock: Callable[[], int],
        random: Callable[[], float],
        sleep: Callable[[int], Awaitable[None]] = sleep,
        policy: RetryPolicy | None = None,
        concurrency: int = 4,
    ) -> None:
        self.counts: Counter[str] = Counter()
        """`sent`, `retried`, `refused`, `expired`, `unrecorded`: since the start."""
        self._notifier = notifier
        self._record = record
        self._clock = clock
        self._random = random
        self._sleep = sleep
        self._policy = policy or RetryPolicy()
        self._slots = asyncio.Semaphore(concurrency)
        self._queues: dict[str, deque[Notification]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._sending: set[str] = set()
        self._stopping = False

    def pending(self) -> list[Notification]:
        """What is not delivered yet, in order within each group."""
        return [each for queue in self._queues.values() for each in queue]

    def put(self, notification: Notification) -> None:
        """Deliver, after what the group was told before; returns at once."""
        group = notification.group_key
        self._queues.setdefault(group, deque()).append(notification)
        if group not in self._tasks and not self._stopping:
            self._tasks[group] = asyncio.get_running_loop().create_task(self._drain(group))

    async def drained(self) -> None:
        """Wait until nothing is pending."""
        while self._tasks:
            await _settle(self._tasks.values())

    async def stop(self, grace: int = 5 * SECOND) -> list[Notification]:
        """Begin no attempt, let those under way end within `grace`; return what is left."""
        self._stopping = True
        under_way = {group: self._tasks[group] for group in self._sending}
        for group, task in self._tasks.items():
            if group not in under_way:
                task.cancel()
        if under_way:
            timer = asyncio.ensure_future(self._sleep(grace))
            ended = asyncio.ensure_future(_settle(under_way.values()))
            await asyncio.wait([timer, ended], return_when=asyncio.FIRST_COMPLETED)
            for late in (timer, *under_way.values()):
                late.cancel()
            await _settle([timer, ended])
        await _settle(self._tasks.values())
        self._tasks.clear()
        return self.pending()

    async def _drain(self, group: str) -> None:
        """Deliver what one group is told, one message after the other."""
        queue = self._queues[group]
        try:
            while queue and await self._deliver(group, queue[0]):
                queue.popleft()
        finally:
            # In one step with finding the queue empty, so that no `put` falls in between.
            del self._tasks[group]
            if not queue:
                del self._queues[group]

    async def _deliver(self, group: str, notification: Notification) -> bool:
        """Try until it is sent or refused; False if stopped before."""
        number = 0
        while True:
            async with self._slots:
                if self._stopping:
                    return False
                self._sending.add(group)
                try:
                    delivery = await self._try(notification)
                finally:
                    self._sending.discard(group)
            number += 1
            next_at = self._note(notification, delivery, number)
            if not next_at:
                return True
            if self._stopping:
                return False
            await self._sleep(next_at - self._clock())

    async def _try(self, notification: Notification) -> Delivery:
        try:
            return await self._notifier.send(notification)
        except Exception as error:  # noqa: BLE001 - a bug must not lose the message
            _log.exception("notifier for %s failed", notification.receiver)
            return Retry(f"a fault of ours ({type(error).__name__})")

    def _note(self, notification: Notification, delivery: Delivery, number: int) -> int:
        """Count and record an attempt; return when the next one is due, 0 for never."""
        now, next_at = self._clock(), 0
        match delivery:
            case Sent():
                self.counts["sent"] += 1
            case Refused():
                self.counts["refused"] += 1
            case Retry(why) if self._policy.expired(notification.created, now):
                self.counts["expired"] += 1
                delivery = Refused(f"given up as too old: {why}")
            case Retry(_, after):
                self.counts["retried"] += 1
                next_at = self._policy.next_attempt(number, now, after, self._random)
        try:
            self._record(Attempt(notification, delivery, number, now, next_at))
        except Exception:  # noqa: BLE001
            # A full disk must not silence the alarm; the worst is a message told twice.
            self.counts["unrecorded"] += 1
            _log.exception("could not record a delivery to %s", notification.receiver)
        return next_at


async def _settle(tasks: Iterable[asyncio.Future[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
