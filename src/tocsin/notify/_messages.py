"""What people read of a notification, and the messages of the services that carry it.

Labels and annotations may hold what an attacker wrote. Nothing of it is obeyed: control characters
are shown as escapes, and what a channel would interpret is written as that channel writes text.

Sources: Slack, "Formatting text for app surfaces", section "Escaping text"; PagerDuty, "Send an
event", Events API v2 (a summary has 1024 characters at most, a key 255).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from tocsin.notify._body import rfc3339
from tocsin.printable import printable

if TYPE_CHECKING:
    from tocsin.alerting import Notification, NotifiedAlert

__all__ = ["alert_facts", "headline", "pagerduty_body", "slack_body"]

_LISTED = 20
"""Alerts of a notification that are written out; the rest is counted."""
_LONG = 1000
_SEVERITIES = {
    "critical": "critical", "page": "critical", "error": "error", "high": "error",
    "warning": "warning", "medium": "warning", "info": "info", "low": "info",
}  # fmt: skip


def headline(notification: Notification) -> str:
    """`[FIRING:2] HighFailures (job=login)`: one line that nothing obeys."""
    firing = sum(alert.status == "firing" for alert in notification.alerts)
    count = firing or len(notification.alerts)
    labels = dict(notification.group_labels)
    name = labels.pop("alertname", "") or notification.alerts[0].labels.get("alertname", "")
    rest = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
    text = f"[{notification.status.upper()}:{count}] {name}{f' ({rest})' if rest else ''}"
    return printable(text, 300)


def alert_facts(alert: NotifiedAlert) -> list[tuple[str, str]]:
    """What is to be known of an alert, as names and texts of one line each."""
    facts = [("status", alert.status), ("since", rfc3339(alert.starts_at))]
    if alert.ends_at:
        facts.append(("until", rfc3339(alert.ends_at)))
    facts += [(key, printable(value, _LONG)) for key, value in sorted(alert.annotations.items())]
    labels = ", ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()))
    return [*facts, ("labels", printable(labels, _LONG))]


def listed(notification: Notification) -> tuple[tuple[NotifiedAlert, ...], int]:
    """The alerts to write out, and how many more there are."""
    shown = notification.alerts[:_LISTED]
    return shown, len(notification.alerts) - len(shown)


def slack_body(notification: Notification) -> bytes:
    """A message for an incoming webhook."""
    shown, more = listed(notification)
    lines = [f"*{_slack(headline(notification))}*"]
    for alert in shown:
        lines += [f"• {_slack(key)}: {_slack(text)}" for key, text in alert_facts(alert)]
        lines.append("")
    if more:
        lines.append(f"and {more} more")
    return msgspec.json.encode(
        {"text": "\n".join(lines).rstrip(), "link_names": 0, "unfurl_links": False,
         "unfurl_media": False}
    )  # fmt: skip


def _slack(text: str) -> str:
    """The three characters with a meaning as entities; marks of style broken by a thin space."""
    for each, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(each, written)
    return "".join(f"{each}\u200b" if each in "*_~`@" else each for each in text)


def pagerduty_body(notification: Notification, routing_key: str) -> bytes:
    """An event that triggers or resolves the incident of the notification's group."""
    key = hashlib.sha256(notification.group_key.encode()).hexdigest()
    if notification.status != "firing":
        return msgspec.json.encode(
            {"routing_key": routing_key, "event_action": "resolve", "dedup_key": key}
        )
    alert = next(each for each in notification.alerts if each.status == "firing")
    shown, more = listed(notification)
    details = {str(at): dict(alert_facts(each)) for at, each in enumerate(shown, 1)}
    return msgspec.json.encode(
        {
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": key,
            "client": "Tocsin",
            "payload": {
                "summary": headline(notification)[:1024],
                "source": printable(alert.labels.get("instance", "") or "tocsin", 200),
                "severity": _SEVERITIES.get(alert.labels.get("severity", "").lower(), "error"),
                "timestamp": rfc3339(alert.starts_at),
                "custom_details": {**details, "more": more},
            },
        }
    )
