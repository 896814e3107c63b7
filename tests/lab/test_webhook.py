from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from tocsin.lab._watch import look
from tocsin.lab._webhook import Webhook
from tocsin.remote import PrometheusApi, parse_address

ALERT = {
    "status": "firing",
    "labels": {"alertname": "A", "severity": "high"},
    "annotations": {"summary": "S"},
    "startsAt": "2026-11-21T22:00:00Z",
}


def post(url, body):
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=5) as answer:
        return answer.status


def test_alerts_are_kept_in_the_order_of_their_arrival():
    with Webhook() as webhook:
        body = {"version": "4", "alerts": [ALERT, {**ALERT, "status": "resolved"}]}
        assert post(webhook.url, json.dumps(body).encode()) == 200
        assert [each.status for each in webhook.received] == ["firing", "resolved"]
        assert webhook.firing("A").body == body
        assert webhook.firing("B") is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"alerts":[{}]}', b'{"alerts":7}', b"\xff"])
def test_what_is_no_message_is_refused(body):
    with Webhook() as webhook:
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(webhook.url, body)
        assert caught.value.code == 400
        caught.value.close()
        assert webhook.received == []


@pytest.mark.parametrize("length", [b"-1", b"x", b"99999999999"])
def test_a_length_that_is_none_is_refused(length):
    with Webhook() as webhook:
        port = urlsplit(webhook.url).port
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\n")
            assert b" 400 " in connection.recv(200)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", None])
def test_a_system_that_does_not_answer_as_it_should_gives_a_reason(url):
    async def ask(address):
        async with PrometheusApi(parse_address(address), lambda: 0, body_limit=9999) as api:
            return await look(api, 1.0, 0.0, 1)

    with Webhook() as webhook:
        seen = asyncio.run(ask(url or webhook.url))
    assert seen.error
    assert seen.rules == ()
