"""What a receiver is told, and what became of telling it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Announcement",
    "Delivery",
    "Notification",
    "NotifiedAlert",
    "Refused",
    "Retry",
    "Sent",
    "fingerprint",
]


class NotifiedAlert(msgspec.Struct, frozen=True):
    """One alert as a receiver sees it."""

    labels: dict[str, str]
    """With `alertname`."""
    annotations: dict[str, str]
    status: str
    """`firing` or `resolved`."""
    active_at: int
    """When its expression first held, microseconds since 1970 UTC."""
    starts_at: int
    """When it began to fire."""
    ends_at: int
    """When it was resolved; 0 while it fires."""
    value: float | None
    """The expression's value at the transition."""
    generator_url: str
    """Where the expression can be looked at; empty if nowhere."""
    message: dict[str, Any] = {}
    """Of a metric or composite alarm: the body that CloudWatch publishes to a topic."""


class Announcement(msgspec.Struct, frozen=True):
    """Alerts of one name that began or ceased to fire at one time."""

    name: str
    time: int
    alerts: tuple[NotifiedAlert, ...]


class Notification(msgspec.Struct, frozen=True):
    """One message to one receiver; sent at least once, always under the same key."""

    key: str
    """The idempotency key: equal for every attempt, different for every message."""
    receiver: str
    group_key: str
    group_labels: dict[str, str]
    alerts: tuple[NotifiedAlert, ...]
    created: int
    """Microseconds since 1970 UTC."""

    @property
    def status(self) -> str:
        firing = any(alert.status == "firing" for alert in self.alerts)
        return "firing" if firing else "resolved"


@dataclass(frozen=True, slots=True)
class Sent:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now; try again."""

    why: str
    after: int | None = None
    """Microseconds the receiver asked to wait, if it did."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Never: the receiver does not take this message."""

    why: str


Delivery = Sent | Retry | Refused


def fingerprint(labels: Mapping[str, str]) -> str:
    """The 16 hex digits that Alertmanager names a label set by.

    FNV-1a over name, 0xff, value, 0xff in the order of names
    (Prometheus common, `model/fnv.go` and `model/signature.go`).
    """
    digest = 0xCBF29CE484222325
    for name, value in sorted(labels.items()):
        for byte in (*name.encode(), 0xFF, *value.encode(), 0xFF):
            digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"
