"""The messages themselves."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from tests.notify.telling import START, a_notification, an_alert

from tocsin.alerting import fingerprint
from tocsin.durations import SECOND
from tocsin.notify import WebhookReceiver, alert_line, alertmanager_body, rfc3339, webhook_body


def test_the_webhook_message_has_alertmanagers_shape():
    notification = a_notification("k", an_alert(user="a"), an_alert(user="b", resolved=True))
    body = json.loads(webhook_body(notification, "http://tocsin/"))
    alerts = body.pop("alerts")
    assert body == {
        "version": "4",
        "status": "firing",
        "receiver": "team",
        "groupKey": "{}:{}",
        "groupLabels": {"alertname": "HighFailures"},
        "commonLabels": {"alertname": "HighFailures", "severity": "high"},
        "commonAnnotations": {"summary": "High failed login attempts"},
        "externalURL": "http://tocsin/",
        "truncatedAlerts": 0,
    }
    assert alerts[0] == {
        "status": "firing",
        "labels": {"alertname": "HighFailures", "severity": "high", "user": "a"},
        "annotations": {"summary": "High failed login attempts"},
        "startsAt": "2027-01-15T08:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": fingerprint(an_alert(user="a").labels),
        "activeAt": "2027-01-15T07:59:00Z",
    }
    assert alerts[1]["status"] == "resolved"
    assert alerts[1]["endsAt"] == "2027-01-15T08:01:30Z"


def test_a_message_can_be_truncated():
    body = json.loads(
        webhook_body(a_notification("k", an_alert(), an_alert(user="b")), max_alerts=1)
    )
    assert len(body["alerts"]) == 1
    assert body["truncatedAlerts"] == 1


def test_firing_alerts_end_four_resends_ahead():
    now = START + 5 * SECOND
    body = json.loads(alertmanager_body([an_alert(), an_alert(resolved=True)], now, 60 * SECOND))
    assert body[0]["endsAt"] == rfc3339(now + 240 * SECOND)
    assert body[1]["endsAt"] == rfc3339(START + 90 * SECOND)


@given(st.integers(1, 4_000_000_000 * SECOND))
def test_times_can_be_read_back(micros):
    text = rfc3339(micros)
    read = datetime.fromisoformat(text)
    since = read - datetime(1970, 1, 1, tzinfo=UTC)
    assert since.days * 86_400_000_000 + since.seconds * SECOND + since.microseconds == micros
    assert "." not in text or not text[:-1].endswith("0")


@given(st.text(), st.text(), st.booleans())
def test_a_terminal_line_obeys_nobody(label, summary, resolved):
    alert = an_alert(user=label, resolved=resolved)
    alert.annotations["summary"] = summary
    line = alert_line(alert)
    assert line.isprintable()
    assert ("RESOLVED" if resolved else "FIRING") in line


def test_colour_is_an_addition():
    plain, coloured = alert_line(an_alert()), alert_line(an_alert(), colour=True)
    assert coloured.replace("\x1b[1;31m", "").replace("\x1b[0m", "") == plain
    assert (
        plain
        == '2027-01-15T08:00:00Z FIRING HighFailures {severity="high"} High failed login attempts'
    )


def test_a_receiver_does_not_print_its_secrets():
    shown = repr(WebhookReceiver("team", "http://h/token-1", {"Authorization": "Bearer token-2"}))
    assert "token" not in shown
