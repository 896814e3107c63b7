"""Real receivers on loopback: answers of every kind, and a real Alertmanager."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request

import pytest
from tests.notify.telling import START, a_notification, an_alert
from tests.referees import alertmanager
from tests.remote.serving import serve_raw

from tocsin.alerting import Refused, Retry, Sent, fingerprint
from tocsin.durations import HOUR, MILLISECOND, MINUTE, SECOND
from tocsin.notify import (
    AlertmanagerNotifier,
    AlertmanagerReceiver,
    TerminalNotifier,
    WebhookNotifier,
    WebhookReceiver,
    make_client,
)
from tocsin.notify._http import retry_after


def answering(raw: bytes, seen: list[bytes], *, hold: bool = False):
    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        seen.append(head + await reader.readexactly(length))
        writer.write(raw)
        if hold:
            await reader.read()

    return serve_raw(handle)


def tell(raw: bytes, *, hold: bool = False, seen: list[bytes] | None = None, **options):
    async def run():
        async with (
            answering(raw, [] if seen is None else seen, hold=hold) as url,
            make_client() as client,
        ):
            receiver = WebhookReceiver("team", url, **({"timeout": 5 * SECOND} | options))
            return await WebhookNotifier(receiver, client, lambda: START).send(
                a_notification("key-1")
            )

    return asyncio.run(run())


def status(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {line}", *headers, "Content-Length: 0", "", ""]).encode()


@pytest.mark.parametrize(
    ("raw", "delivery"),
    [
        (status("200 OK"), Sent()),
        (status("204 No Content"), Sent()),
        (status("404 Not Found"), Refused("answered 404")),
        (status("500 Oops"), Retry("answered 500")),
        (status("503 Busy", "Retry-After: 120"), Retry("answered 503", 2 * MINUTE)),
        (
            status("429 Slow", "Retry-After: Fri, 15 Jan 2027 08:00:30 GMT"),
            Retry("answered 429", 30 * SECOND),
        ),
        (status("429 Slow", "Retry-After: soon"), Retry("answered 429")),
        # Taken, though the connection breaks in the middle of an answer nobody reads.
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx", Sent()),
    ],
)
def test_answers(raw, delivery):
    assert tell(raw) == delivery


def test_redirects_are_not_followed():
    delivery = tell(status("302 Found", "Location: http://127.0.0.1:1/"))
    assert isinstance(delivery, Refused)
    assert "redirects are not followed" in delivery.why


def test_no_answer_is_tried_again():
    assert tell(b"", hold=True, timeout=100 * MILLISECOND) == Retry("no answer within 0.1 s")
    assert isinstance(tell(b""), Retry)
    assert isinstance(tell(b"garbage\r\n\r\n"), Retry)


def test_nobody_listens():
    async def run(url, headers=None):
        async with make_client() as client:
            receiver = WebhookReceiver("team", url, headers or {}, timeout=5 * SECOND)
            return await WebhookNotifier(receiver, client, lambda: START).send(a_notification())

    assert isinstance(asyncio.run(run("http://127.0.0.1:9/")), Retry)
    assert isinstance(asyncio.run(run("gopher://127.0.0.1/")), Refused)
    assert isinstance(asyncio.run(run("http://127.0.0.1:9/", {"X": "a\nb"})), Retry | Refused)


def test_what_the_request_says():
    seen = []
    tell(status("200 OK"), seen=seen, headers={"Authorization": "Bearer x"})
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:])
    assert lines["idempotency-key"] == "key-1"
    assert lines["authorization"] == "bearer x"
    assert lines["content-type"] == "application/json"
    assert lines["user-agent"].startswith("tocsin/")
    assert json.loads(body)["version"] == "4"


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("7", 7 * SECOND),
        ("99999999999", HOUR),
        ("-1", None),
        ("٣", None),
        ("Fri, 15 Jan 2027 07:59:00 GMT", 0),
        ("Fri, 15 Jan 2099 07:59:00 GMT", HOUR),
        ("Fri, 99 Jan 2027", None),
    ],
)
def test_retry_after(header, wait):
    assert retry_after(header, START) == wait


def test_the_terminal():
    written = []
    notifier = TerminalNotifier(written.append)
    assert (
        asyncio.run(notifier.send(a_notification("k", an_alert(), an_alert(resolved=True))))
        == Sent()
    )
    assert [line.split()[1] for line in written[0].splitlines()] == ["FIRING", "RESOLVED"]

    def gone(_text):
        raise BrokenPipeError

    assert isinstance(asyncio.run(TerminalNotifier(gone).send(a_notification())), Refused)


def known(url):
    with urllib.request.urlopen(f"{url}/api/v2/alerts") as answer:
        return json.load(answer)


def test_a_real_alertmanager_takes_alerts_and_their_end(tmp_path):
    now = time.time_ns() // 1000

    def alert(**changes):
        fields = {name: getattr(an_alert(), name) for name in an_alert().__struct_fields__}
        return type(an_alert())(**(fields | {"starts_at": now - 10 * SECOND} | changes))

    with alertmanager(tmp_path) as url:

        async def run(*alerts, again=False):
            async with make_client() as client:
                receiver = AlertmanagerReceiver("am", f"{url}/", timeout=5 * SECOND)
                notifier = AlertmanagerNotifier(receiver, client, lambda: time.time_ns() // 1000)
                if again:
                    return await notifier.resend(alerts)
                return await notifier.send(a_notification("k", *alerts))

        assert asyncio.run(run(alert())) == Sent()
        (found,) = known(url)
        assert found["labels"] == an_alert().labels
        assert found["annotations"] == an_alert().annotations
        assert found["fingerprint"] == fingerprint(an_alert().labels)
        assert asyncio.run(run(alert(), again=True)) == Sent()
        (again,) = known(url)
        assert again["startsAt"] == found["startsAt"]
        assert again["endsAt"] > found["endsAt"]
        assert asyncio.run(run(alert(status="resolved", ends_at=now - SECOND))) == Sent()
        assert known(url) == []
        # It refuses what it cannot take, and that is final.
        assert isinstance(asyncio.run(run(alert(labels={"bad-name": "x"}))), Refused)
