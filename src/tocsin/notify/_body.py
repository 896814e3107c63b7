"""What goes over the wire.

Sources: Alertmanager documentation, "Configuration", `<webhook_config>`; its OpenAPI
description of `/api/v2/alerts`; Prometheus, `rules/manager.go` for the end of firing alerts.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from tocsin.alerting import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.alerting import Notification, NotifiedAlert

__all__ = ["alertmanager_body", "rfc3339", "sns_body", "webhook_body"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = "0001-01-01T00:00:00Z"
_RESENDS_MISSED = 4
_SHORT = 1000
"""Characters that a text is cut to where nothing else helps."""


def rfc3339(micros: int) -> str:
    """UTC with as many decimals as needed, as Go writes it; the zero time for 0."""
    if not micros:
        return _NEVER
    text = (_EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text.rstrip("0").rstrip(".") + "Z"


def webhook_body(notification: Notification, external_url: str = "", max_alerts: int = 0) -> bytes:
    """Alertmanager's webhook message, version 4.

    `activeAt` is ours: when the condition first held, which the original never says.
    """
    alerts = notification.alerts[: max_alerts or None]
    return _encoded(
        {
            "receiver": notification.receiver,
            "status": notification.status,
            "alerts": [
                {
                    "status": alert.status,
                    "labels": alert.labels,
                    "annotations": alert.annotations,
                    "startsAt": rfc3339(alert.starts_at),
                    "endsAt": rfc3339(alert.ends_at),
                    "generatorURL": alert.generator_url,
                    "fingerprint": fingerprint(alert.labels),
                    "activeAt": rfc3339(alert.active_at),
                }
                for alert in alerts
            ],
            "groupLabels": notification.group_labels,
            "commonLabels": _common([alert.labels for alert in notification.alerts]),
            "commonAnnotations": _common([alert.annotations for alert in notification.alerts]),
            "externalURL": external_url,
            "version": "4",
            "groupKey": notification.group_key,
            "truncatedAlerts": len(notification.alerts) - len(alerts),
        }
    )


def sns_body(notification: Notification, limit: int = 0) -> bytes:
    """What CloudWatch publishes of an alarm; an alert of a rule is put in the same members.

    A body of more than `limit` bytes lists fewer alerts, and says how many it left out; what is
    still too long loses its texts. 0: no limit.
    """
    alert, listed = notification.alerts[0], notification.alerts
    if alert.message and len(listed) == 1:
        body: dict[str, object] = dict(alert.message)
    else:
        firing = notification.status == "firing"
        body = {
            "AlarmName": notification.group_labels.get("alertname", ""),
            "AlarmDescription": alert.annotations.get("summary"),
            "NewStateValue": "ALARM" if firing else "OK",
            "NewStateReason": alert.annotations.get("description", ""),
            "StateChangeTime": rfc3339(alert.ends_at or alert.starts_at),
            "OldStateValue": "OK" if firing else "ALARM",
            "Alerts": [{"Labels": each.labels, "State": each.status} for each in listed],
        }
    written = _encoded(body)
    while limit and len(written) > limit and (alerts := body.get("Alerts")):
        assert isinstance(alerts, list)  # noqa: S101 - for the type checker
        del alerts[len(alerts) // 2 :]
        written = _encoded(body | {"TruncatedAlerts": len(listed) - len(alerts)})
    if limit and len(written) > limit:
        short = {key: value[:_SHORT] for key, value in body.items() if isinstance(value, str)}
        written = _encoded(short | {"TruncatedAlerts": len(listed)})
    return written


def alertmanager_body(alerts: Iterable[NotifiedAlert], now: int, resend_delay: int) -> bytes:
    """The message for `POST /api/v2/alerts`.

    A firing alert ends in the future, four resends from now: an Alertmanager that hears
    no more of it lets it go by itself. So firing alerts have to be posted again.
    """
    return _encoded(
        [
            {
                "labels": alert.labels,
                "annotations": alert.annotations,
                "startsAt": rfc3339(alert.starts_at),
                "endsAt": rfc3339(alert.ends_at or now + _RESENDS_MISSED * resend_delay),
                "generatorURL": alert.generator_url,
            }
            for alert in alerts
        ]
    )


def _encoded(value: object) -> bytes:
    """JSON in which what a terminal might obey, or nobody sees, is written as an escape.

    JSON leaves such characters as they are from U+007F on. The text that it says is the same.
    """
    text = msgspec.json.encode(value).decode()
    if text.isprintable():
        return text.encode()
    return "".join(e if e.isprintable() else json.dumps(e)[1:-1] for e in text).encode()


def _common(sets: Sequence[dict[str, str]]) -> dict[str, str]:
    shared = set(sets[0].items()) if sets else set()
    return dict(sorted(shared.intersection(*(each.items() for each in sets[1:]))))
