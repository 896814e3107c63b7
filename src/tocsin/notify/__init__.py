"""Telling people and other systems: receivers, retries, order."""

from tocsin.notify._body import alertmanager_body, rfc3339, webhook_body
from tocsin.notify._http import AlertmanagerNotifier, WebhookNotifier, make_client
from tocsin.notify._outbox import Attempt, Dispatcher
from tocsin.notify._receivers import (
    AlertmanagerReceiver,
    Notifier,
    Receiver,
    TerminalReceiver,
    WebhookReceiver,
)
from tocsin.notify._retry import RetryPolicy
from tocsin.notify._terminal import TerminalNotifier, alert_line

__all__ = [
    "AlertmanagerNotifier",
    "AlertmanagerReceiver",
    "Attempt",
    "Dispatcher",
    "Notifier",
    "Receiver",
    "RetryPolicy",
    "TerminalNotifier",
    "TerminalReceiver",
    "WebhookNotifier",
    "WebhookReceiver",
    "alert_line",
    "alertmanager_body",
    "make_client",
    "rfc3339",
    "webhook_body",
]
