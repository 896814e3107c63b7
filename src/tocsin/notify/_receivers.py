"""Who is told: the receivers as configured, and the port their notifiers implement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from tocsin.durations import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.alerting import Delivery, Notification

__all__ = [
    "AlertmanagerReceiver",
    "AppriseReceiver",
    "EmailReceiver",
    "FileReceiver",
    "Notifier",
    "PagerDutyReceiver",
    "Receiver",
    "SlackReceiver",
    "SnsReceiver",
    "TerminalReceiver",
    "WebhookReceiver",
]

# Addresses and headers carry tokens, so they stay out of what is printed of a receiver.


@dataclass(frozen=True, slots=True)
class WebhookReceiver:
    """An HTTP address that takes a message by POST."""

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: int = 10 * SECOND
    """Microseconds for one attempt."""
    max_alerts: int = 0
    """Alerts in one message; the rest is counted in `truncatedAlerts`. 0: all."""
    body: Literal["alertmanager", "sns"] = "alertmanager"
    """Alertmanager's webhook message, version 4, or what CloudWatch publishes to a topic."""
    secret: str = field(default="", repr=False)
    """Signs each message; empty for no signature."""


@dataclass(frozen=True, slots=True)
class AlertmanagerReceiver:
    """An existing Alertmanager, spoken to through its v2 API."""

    name: str
    url: str = field(repr=False)
    """Its address without `/api/v2`."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: int = 10 * SECOND
    """Microseconds for one attempt."""
    resend_delay: int = 60 * SECOND
    """How often firing alerts are posted again; unheard of for four times this, they end."""


@dataclass(frozen=True, slots=True)
class TerminalReceiver:
    """The terminal that the daemon runs in."""

    name: str


@dataclass(frozen=True, slots=True)
class FileReceiver:
    """A file that gets a JSON line a message."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class SlackReceiver:
    """An incoming webhook of Slack, or of what understands its messages."""

    name: str
    url: str = field(repr=False)
    timeout: int = 10 * SECOND
    """Microseconds for one attempt."""


@dataclass(frozen=True, slots=True)
class PagerDutyReceiver:
    """A PagerDuty service, through its Events API v2."""

    name: str
    routing_key: str = field(repr=False)
    url: str = "https://events.pagerduty.com/v2/enqueue"
    timeout: int = 10 * SECOND
    """Microseconds for one attempt."""


@dataclass(frozen=True, slots=True)
class EmailReceiver:
    """People, by e-mail through one server."""

    name: str
    server: tuple[str, int]
    sender: str
    to: tuple[str, ...]
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    timeout: int = 10 * SECOND
    """Microseconds for one answer of the server."""


@dataclass(frozen=True, slots=True)
class SnsReceiver:
    """A topic of Amazon SNS."""

    name: str
    topic: str
    """Its ARN."""
    region: str
    endpoint: str = ""
    """Where the API is; empty for that of the region."""
    timeout: int = 10 * SECOND
    """Microseconds for one attempt."""


@dataclass(frozen=True, slots=True)
class AppriseReceiver:
    """A service that the library Apprise knows, by Apprise's address of it."""

    name: str
    url: str = field(repr=False)
    timeout: int
    """Microseconds for one attempt."""


Receiver = (
    WebhookReceiver
    | AlertmanagerReceiver
    | TerminalReceiver
    | FileReceiver
    | SlackReceiver
    | PagerDutyReceiver
    | EmailReceiver
    | SnsReceiver
    | AppriseReceiver
)


class Notifier(Protocol):
    """Tells one receiver."""

    async def send(self, notification: Notification) -> Delivery:
        """Try once. What goes wrong is in the answer, not raised."""
        ...
