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

__all__ = [
    "Delivery",
    "Notification",
    "NotifiedAlert",
    "Refused",
    "Retry",
    "Sent",
    "fingerprint",
]
