"""Receivers at work: what the outbox holds goes out, what came of it goes into the record."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

from tocsin.alerting import Retry, Sent, generator_url, notified_alert
from tocsin.durations import SECOND
from tocsin.notify import (
    AlertmanagerNotifier,
    AlertmanagerReceiver,
    Dispatcher,
    TerminalNotifier,
    TerminalReceiver,
    WebhookNotifier,
)
from tocsin.store import LedgerEntry, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import httpx2

    from tocsin.alerting import Notification, NotifiedAlert
    from tocsin.engine._core import Core
    from tocsin.notify import Attempt, Notifier, Receiver
    from tocsin.rules import ActiveAlert

__all__ = ["Notifying"]

_log = logging.getLogger(__name__)


class Notifying:
    """One dispatcher a receiver, so that a broken one delays nobody else."""

    def __init__(
        self,
        core: Core,
        receivers: Sequence[Receiver],
        client: httpx2.AsyncClient,
        random: Callable[[], float],
        external_labels: Mapping[str, str],
        external_url: str,
    ) -> None:
        self._core = core
        self.external_labels = external_labels
        self.external_url = external_url
        self.names = tuple(receiver.name for receiver in receivers)
        self._resenders = [
            AlertmanagerNotifier(receiver, client, core.clock.now)
            for receiver in receivers
            if isinstance(receiver, AlertmanagerReceiver)
        ]
        self._dispatchers = {
            receiver.name: Dispatcher(
                _notifier(receiver, client, core.clock.now, external_url),
                self._record,
                clock=core.clock.now,
                random=random,
            )
            for receiver in receivers
        }

    def put(self, notifications: Iterable[Notification]) -> None:
        for notification in notifications:
            dispatcher = self._dispatchers.get(notification.receiver)
            if dispatcher is not None:
                dispatcher.put(notification)

    def forsaken(self, outbox: Iterable[Notification]) -> list[Notification]:
        """What the outbox holds for receivers that are no longer configured."""
        return [each for each in outbox if each.receiver not in self._dispatchers]

    def _record(self, attempt: Attempt) -> None:
        """The result goes down before the outbox forgets the message."""
        notification, delivery = attempt.notification, attempt.delivery
        result = type(delivery).__name__.lower()
        self._core.metrics.notifications.labels(notification.receiver, result).inc()
        if isinstance(delivery, Retry) and attempt.number > 1:
            return  # The first failure and the end are in the record; the rest is counted.
        body = {"receiver": notification.receiver, "key": notification.key, "result": result,
                "attempt": attempt.number, "status": notification.status,
                "created": notification.created,
                "alerts": [alert.labels for alert in notification.alerts]}  # fmt: skip
        if not isinstance(delivery, Sent):
            body["why"] = delivery.why
            _log.warning("receiver %s: %s: %s", notification.receiver, result, delivery.why)
        step = Step(attempt.at, ledger=[LedgerEntry(attempt.at, "notification", body)])
        if not isinstance(delivery, Retry):
            step.delivered.append((notification.receiver, notification.key))
        self._core.commit(step)

    async def resend(self, firing: Callable[[], Iterable[tuple[str, ActiveAlert]]]) -> None:
        """Keep Alertmanagers told of what still fires: they forget what they don't hear of."""

        async def one(notifier: AlertmanagerNotifier) -> None:
            while True:
                await asyncio.sleep(notifier.receiver.resend_delay / SECOND)
                alerts: list[NotifiedAlert] = [
                    notified_alert(
                        alert, self.external_labels, generator_url(self.external_url, expr)
                    )
                    for expr, alert in firing()
                ]
                if alerts:
                    await notifier.resend(alerts)

        await asyncio.gather(*(one(notifier) for notifier in self._resenders))

    async def stop(self) -> list[Notification]:
        """Let what is under way end; answer what was not delivered, in order."""
        stopping = (dispatcher.stop() for dispatcher in self._dispatchers.values())
        return [each for left in await asyncio.gather(*stopping) for each in left]


def _notifier(
    receiver: Receiver, client: httpx2.AsyncClient, clock: Callable[[], int], external_url: str
) -> Notifier:
    if isinstance(receiver, TerminalReceiver):
        return TerminalNotifier(sys.stderr.write, colour=sys.stderr.isatty())
    if isinstance(receiver, AlertmanagerReceiver):
        return AlertmanagerNotifier(receiver, client, clock)
    return WebhookNotifier(receiver, client, clock, external_url)
