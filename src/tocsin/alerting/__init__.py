"""From transitions to notifications: what to tell, to whom, once each."""

from tocsin.alerting._model import (
    Delivery,
    Notification,
    NotifiedAlert,
    Refused,
    Retry,
    Sent,
    fingerprint,
)
from tocsin.alerting._plan import generator_url, notified_alert, plan_notifications

__all__ = [
    "Delivery",
    "Notification",
    "NotifiedAlert",
    "Refused",
    "Retry",
    "Sent",
    "fingerprint",
    "generator_url",
    "notified_alert",
    "plan_notifications",
]
