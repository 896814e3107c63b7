"""Messages of each channel: what it takes, and that nothing hostile is obeyed there."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import socketserver
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.notify.telling import START, a_notification, an_alert
from tests.remote.serving import serve_raw

from tocsin.alerting import Refused, Retry, Sent
from tocsin.durations import SECOND
from tocsin.notify import (
    EmailNotifier,
    EmailReceiver,
    FileNotifier,
    FileReceiver,
    PagerDutyReceiver,
    ServiceNotifier,
    SlackReceiver,
    WebhookNotifier,
    WebhookReceiver,
    make_client,
)
from tocsin.notify._email import email_message
from tocsin.notify._messages import pagerduty_body, slack_body

HOSTILE = (
    "<!channel> *x* `y` <https://evil.example|click>\r\nBcc: a@b.example\x1b[31m\u202e<script>&"
)


def hostile(name="HighFailures"):
    return a_notification("k", an_alert(name, user=HOSTILE, instance=HOSTILE))


def sent_over_http(notifier_of):
    """What a receiver on loopback got: head and body."""

    async def run():
        seen = []

        async def handle(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
            seen.append((head.decode(), await reader.readexactly(length)))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        async with serve_raw(handle) as url, make_client() as client:
            delivery = await notifier_of(url, client).send(hostile())
        return delivery, *seen[0]

    return asyncio.run(run())


def test_a_webhook_is_signed():
    receiver = {"timeout": 5 * SECOND, "secret": "s3cret"}
    delivery, head, body = sent_over_http(
        lambda url, client: WebhookNotifier(
            WebhookReceiver("t", url, **receiver), client, lambda: START
        )
    )
    assert delivery == Sent()
    time, mac = re.search(r"(?i)x-tocsin-signature: t=(\d+),v1=([0-9a-f]+)", head).groups()
    assert int(time) == START // SECOND
    assert mac == hmac.new(b"s3cret", f"{time}.".encode() + body, hashlib.sha256).hexdigest()


def test_slack_gets_text_and_nothing_that_it_obeys():
    delivery, _, body = sent_over_http(
        lambda url, client: ServiceNotifier(
            SlackReceiver("t", url), slack_body, client, lambda: START
        )
    )
    assert delivery == Sent()
    text = json.loads(body)["text"]
    assert text.startswith("*[FIRING:1] HighFailures*\n")
    assert "High failed login attempts" in text
    assert "<" not in text
    assert "&lt;!channel&gt;" in text


@given(st.text())
def test_whatever_the_text_slack_sees_no_markup(text):
    notification = a_notification("k", an_alert(user=text))
    lines = json.loads(slack_body(notification))["text"].split("\n")
    rest = "\n".join(lines[1:])
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", rest)
    assert not re.search(r"[*_~`@](?!\u200b)", rest)


def test_pagerduty_opens_and_closes_one_incident_a_group():
    delivery, _, body = sent_over_http(
        lambda url, client: ServiceNotifier(
            PagerDutyReceiver("t", "key", url),
            partial(pagerduty_body, routing_key="key"),
            client,
            lambda: START,
        )
    )
    assert delivery == Sent()
    event = json.loads(body)
    assert (event["event_action"], event["payload"]["severity"]) == ("trigger", "error")
    assert event["payload"]["summary"] == "[FIRING:1] HighFailures"
    assert event["payload"]["source"].isprintable()
    ended = json.loads(pagerduty_body(a_notification("k2", an_alert(resolved=True)), "key"))
    assert (ended["event_action"], ended["dedup_key"]) == ("resolve", event["dedup_key"])


def test_a_file_gets_a_line_a_message(tmp_path):
    path = tmp_path / "alerts.jsonl"
    notifier = FileNotifier(FileReceiver("t", str(path)))
    for _ in range(2):
        assert asyncio.run(notifier.send(hostile())) == Sent()
    first, second = path.read_text().splitlines()
    assert first == second
    assert json.loads(first)["alerts"][0]["labels"]["user"] == HOSTILE
    assert path.stat().st_mode & 0o777 == 0o600
    missing = FileNotifier(FileReceiver("t", str(tmp_path / "no" / "such")))
    assert isinstance(asyncio.run(missing.send(hostile())), Retry)


@contextmanager
def mail_server(greeting="250 ok"):
    """Speaks as much SMTP as it takes to get a message; answers DATA with `greeting`."""
    got = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 test\r\n")
            while line := self.rfile.readline():
                verb = line.split()[0].upper() if line.split() else b""
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    body = b""
                    while not body.endswith(b"\r\n.\r\n"):
                        body += self.rfile.readline()
                    got.append(body[:-3])
                    self.wfile.write(greeting.encode() + b"\r\n")
                elif verb == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.server_address, got
        server.shutdown()
        thread.join()


def mail(server, **more):
    given = {
        "sender": "tocsin@example.org",
        "to": ("a@example.org", "b@example.org"),
        "tls": "none",
    }
    return EmailReceiver("t", server, **{**given, **more})


def test_a_mail_arrives_and_has_only_our_headers():
    with mail_server() as (server, got):
        assert (
            asyncio.run(EmailNotifier(mail(server)).send(hostile("Name\r\nBcc: x@y.example")))
            == Sent()
        )
    message = message_from_bytes(got[0], policy=policy.default)
    assert message["Bcc"] is None
    assert message["To"] == "a@example.org, b@example.org"
    assert message["Subject"].startswith("[FIRING:1] HighFailures")
    assert message["Message-ID"] == "<k@tocsin.invalid>"
    text, page = (part.get_content() for part in message.iter_parts())
    assert "\x1b" not in text
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@given(st.text(), st.text())
def test_whatever_the_text_a_mail_can_be_made(name, user):
    message = email_message(
        a_notification("k", an_alert(name, user=user)), "a@b.example", ("c@d.example",)
    )
    assert set(message.keys()) == {
        "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert message.as_bytes()


@pytest.mark.parametrize(
    ("answer", "kind"), [("451 later", Retry), ("550 never", Refused), ("250 ok", Sent)]
)
def test_what_the_mail_server_says_decides(answer, kind):
    with mail_server(answer) as (server, _):
        assert isinstance(asyncio.run(EmailNotifier(mail(server)).send(hostile())), kind)


def test_no_mail_server_is_no_end():
    with mail_server() as (server, _):
        pass
    assert isinstance(asyncio.run(EmailNotifier(mail(server)).send(hostile())), Retry)
    with mail_server() as (server, _):
        # A server that can't encrypt is not told a word in the clear.
        assert isinstance(
            asyncio.run(EmailNotifier(mail(server, tls="starttls")).send(hostile())), Retry
        )
