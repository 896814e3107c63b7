"""Telling people and other systems: receivers, retries, order."""

from tocsin.notify._apprise import AppriseNotifier, apprise_service
from tocsin.notify._body import alertmanager_body, rfc3339, webhook_body
from tocsin.notify._email import EmailNotifier
from tocsin.notify._file import FileNotifier
from tocsin.notify._http import (
    AlertmanagerNotifier,
    ServiceNotifier,
    WebhookNotifier,
    make_client,
    signature,
)
from tocsin.notify._messages import pagerduty_body, slack_body
from tocsin.notify._outbox import Attempt, Dispatcher
from tocsin.notify._receivers import (
    AlertmanagerReceiver,
    AppriseReceiver,
    EmailReceiver,
    FileReceiver,
    Notifier,
    PagerDutyReceiver,
    Receiver,
    SlackReceiver,
    SnsReceiver,
    TerminalReceiver,
    WebhookReceiver,
)
from tocsin.notify._retry import RetryPolicy
from tocsin.notify._sns import SnsNotifier
from tocsin.notify._terminal import TerminalNotifier, alert_line

__all__ = [
    "AlertmanagerNotifier",
    "AlertmanagerReceiver",
    "AppriseNotifier",
    "AppriseReceiver",
    "Attempt",
    "Dispatcher",
    "EmailNotifier",
    "EmailReceiver",
    "FileNotifier",
    "FileReceiver",
    "Notifier",
    "PagerDutyReceiver",
    "Receiver",
    "RetryPolicy",
    "ServiceNotifier",
    "SlackReceiver",
    "SnsNotifier",
    "SnsReceiver",
    "TerminalNotifier",
    "TerminalReceiver",
    "WebhookNotifier",
    "WebhookReceiver",
    "alert_line",
    "alertmanager_body",
    "apprise_service",
    "make_client",
    "pagerduty_body",
    "rfc3339",
    "signature",
    "slack_body",
    "webhook_body",
]
