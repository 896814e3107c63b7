"""Receivers at work: what the outbox holds goes out, what came of it goes into the record."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from tocsin.alerting import (
    Retry,
    Sent,
    generator_url,
    notified_alert,
    plan_notifications,
)
from tocsin.durations import SECOND
from tocsin.notify import (
    AlertmanagerNotifier,
    AlertmanagerReceiver,
    AppriseNotifier,
    AppriseReceiver,
    Dispatcher,
    EmailNotifier,
    EmailReceiver,
    FileNotifier,
    FileReceiver,
    PagerDutyReceiver,
    ServiceNotifier,
    SlackReceiver,
    SnsNotifier,
    SnsReceiver,
    TerminalNotifier,
    TerminalReceiver,
    WebhookNotifier,
    pagerduty_body,
    slack_body,
)
from tocsin.store import LedgerEntry, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import httpx2

    from tocsin.alerting import Announcement, Notification, NotifiedAlert, Router, Silence
    from tocsin.engine._core import Core
    from tocsin.notify import Attempt, Notifier, Receiver
    from tocsin.rules import ActiveAlert

__all__ = ["ROUTER_KEY", "Notifying"]

ROUTER_KEY = "routing"

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
        router: Router | None = None,
    ) -> None:
        """Without a router every receiver is told everything at once."""
        self._core = core
        self.router = router
        self._wake = asyncio.Event()
        self.external_labels = external_labels
        self.external_url = external_url
        self.names = tuple(receiver.name for receiver in receivers)
        self.taken: dict[str, Callable[[Attempt], None]] = {}
        """Who waits for a message to be taken, by its key."""
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

    def commit(self, step: Step, announcements: Sequence[Announcement] = ()) -> None:
        """Commit a step together with what is to be told of it; then tell."""
        now = self._core.clock.now()
        if self.router is None:
            found = plan_notifications(announcements, self.names, now)
        elif announcements:
            self.router.put((alert for each in announcements for alert in each.alerts), now)
            found = self._routed(step, now)
            self._wake.set()
        else:
            found = []
        step.outbox += found
        self._core.commit(step)
        self.put(found)

    def _routed(self, step: Step, now: int) -> list[Notification]:
        """What the router holds due; what it keeps back is put on record."""
        assert self.router is not None  # noqa: S101 - for the type checker
        routed = self.router.due(now)
        for each in routed.muted:
            body = {"labels": dict(each.labels), "group": each.group_key, "reason": each.reason,
                    "state": "muted" if each.reason else "told again"}  # fmt: skip
            step.ledger.append(LedgerEntry(now, "muted", body))
        step.states[ROUTER_KEY] = msgspec.json.encode(self.router.state)
        return routed.notifications

    def adopt(self, firing: Iterable[tuple[str, ActiveAlert]]) -> None:
        """Route what fires already; it was told before there were routes."""
        if self.router is not None:
            self.router.put(self._notified(firing), self._core.clock.now())

    def _notified(self, firing: Iterable[tuple[str, ActiveAlert]]) -> list[NotifiedAlert]:
        return [
            notified_alert(alert, self.external_labels, generator_url(self.external_url, expr))
            for expr, alert in firing
        ]

    async def route(self) -> None:
        """Tell what is due as time goes on."""
        clock = self._core.clock
        while self.router is not None:
            self._wake.clear()
            following, now = self.router.next_at, clock.now()
            if following is not None and following <= now:
                step = Step(now)
                found = self._routed(step, now)
                step.outbox += found
                self._core.commit(step)
                self.put(found)
                continue
            wait = 1.0 if following is None else min((following - now) / SECOND, 1.0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)

    def silence(self, silence: Silence) -> None:
        """Add a silence, or put one in place of what has its id; who, what, when and why stay."""
        assert self.router is not None  # noqa: S101 - callers look
        now = self._core.clock.now()
        before = self.router.state.silences.get(silence.id)
        self.router.state.silences[silence.id] = silence
        body = {"what": "changed" if before else "added", "silence": msgspec.to_builtins(silence)}
        step = Step(now, ledger=[LedgerEntry(now, "silence", body)])
        step.states[ROUTER_KEY] = msgspec.json.encode(self.router.state)
        self._core.commit(step)

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
        if isinstance(delivery, Sent) and notification.key in self.taken:
            self.taken.pop(notification.key)(attempt)

    async def resend(self, firing: Callable[[], Iterable[tuple[str, ActiveAlert]]]) -> None:
        """Keep Alertmanagers told of what still fires: they forget what they don't hear of."""

        async def one(notifier: AlertmanagerNotifier) -> None:
            while True:
                await asyncio.sleep(notifier.receiver.resend_delay / SECOND)
                name = notifier.receiver.name
                alerts = [each for each in self._notified(firing()) if self._goes_to(each, name)]
                if alerts:
                    await notifier.resend(alerts)

        await asyncio.gather(*(one(notifier) for notifier in self._resenders))

    def _goes_to(self, alert: NotifiedAlert, integration: str) -> bool:
        if self.router is None:
            return True
        routing = self.router.routing
        return any(
            integration == name
            for route in routing.root.match(alert.labels)
            for name, _ in routing.receivers.get(route.receiver, ())
        )

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
    if isinstance(receiver, SlackReceiver):
        return ServiceNotifier(receiver, slack_body, client, clock)
    if isinstance(receiver, PagerDutyReceiver):
        body = partial(pagerduty_body, routing_key=receiver.routing_key)
        return ServiceNotifier(receiver, body, client, clock)
    if isinstance(receiver, EmailReceiver):
        return EmailNotifier(receiver)
    if isinstance(receiver, SnsReceiver):
        return SnsNotifier(receiver)
    if isinstance(receiver, AppriseReceiver):
        return AppriseNotifier(receiver)
    if isinstance(receiver, FileReceiver):
        return FileNotifier(receiver)
    return WebhookNotifier(receiver, client, clock, external_url)
