"""From an evaluation's transitions to the messages that receivers get."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from tocsin.alerting._model import Announcement, Notification, NotifiedAlert

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.rules import ActiveAlert, Transition

__all__ = ["announce", "generator_url", "notified_alert", "plan_notifications"]


def announce(
    transitions: Iterable[Transition], external_labels: Mapping[str, str], external_url: str
) -> list[Announcement]:
    """What is to be told of an evaluation. Pending alerts tell nobody."""
    groups: dict[str, list[NotifiedAlert]] = {}
    times: dict[str, int] = {}
    for transition in transitions:
        if "firing" not in (transition.before, transition.after):
            continue
        ended = transition.time if transition.after != "firing" else 0
        url = generator_url(external_url, transition.expr)
        alert = notified_alert(transition.alert, external_labels, url, ended)
        groups.setdefault(transition.rule, []).append(alert)
        times[transition.rule] = transition.time
    return [Announcement(name, times[name], tuple(alerts)) for name, alerts in groups.items()]


def plan_notifications(
    announcements: Iterable[Announcement], receivers: Sequence[str], created: int
) -> list[Notification]:
    """Without routes: one message to each receiver for each announcement.

    The same announcement gives the same keys, so that a receiver can tell a message sent twice
    from two messages.
    """
    return [
        _notification(receiver, each, created) for receiver in receivers for each in announcements
    ]


def generator_url(external_url: str, expr: str) -> str:
    """Where the expression can be looked at: a query that the API answers."""
    return f"{external_url.rstrip('/')}/api/v1/query?query={quote(expr, safe='')}"


def notified_alert(
    alert: ActiveAlert, external_labels: Mapping[str, str], generator_url: str, ended: int = 0
) -> NotifiedAlert:
    """An alert as receivers see it; `ended` is when it was resolved, 0 while it fires."""
    return NotifiedAlert(
        # An alert's own label wins over an external one, as in Prometheus.
        {**external_labels, **alert.labels},
        alert.annotations,
        "resolved" if ended else "firing",
        alert.active_at,
        alert.fired_at,
        ended,
        alert.value,
        generator_url,
    )


def _notification(receiver: str, each: Announcement, created: int) -> Notification:
    told = [(alert.status, alert.labels) for alert in each.alerts]
    content = msgspec.json.encode([receiver, each.name, each.time, told])
    return Notification(
        key=hashlib.sha256(content).hexdigest()[:32],
        receiver=receiver,
        group_key=f'{{}}:{{alertname="{each.name}"}}',
        group_labels={"alertname": each.name},
        alerts=each.alerts,
        created=created,
    )
