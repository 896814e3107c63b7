"""Scraping real sockets, friendly and hostile."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, make_wsgi_app
from tests.referees import prometheus
from tests.remote.serving import serve_raw, serve_wsgi

from tocsin.durations import MILLISECOND, SECOND
from tocsin.remote import Reader, fetch, make_client
from tocsin.series import Exposition, FailureReason, Target, TargetState, is_stale


def monotonic() -> int:
    return time.monotonic_ns() // 1000


def serving(answer):
    """A server that reads a request and then does `answer(request, writer)`."""

    async def handle(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        await answer(request.decode(), writer)

    return serve_raw(handle)


def scrape(answer, **options):
    async def run():
        async with serving(answer) as url, make_client() as client:
            target = Target("t", f"{url}/metrics", **({"timeout": 5 * SECOND} | options))
            return await fetch(client, target, Reader(), monotonic)

    return asyncio.run(run())


def answering(body: bytes, *headers: str, status: str = "200 OK"):
    async def answer(_request, writer):
        head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
        writer.write("\r\n".join(head).encode() + body)
        await writer.drain()

    return answer


def test_a_good_target():
    found = scrape(answering(b"a 1\n", "Content-Type: text/plain"))
    assert isinstance(found.outcome, Exposition)
    assert found.outcome.values.tolist() == [1]
    assert found.size == 4
    assert 0 < found.duration < 5 * SECOND


def test_what_the_request_says():
    seen = []

    async def answer(request, writer):
        seen.append(request)
        await answering(b"")(request, writer)

    scrape(answer, timeout=2500 * MILLISECOND)
    headers = dict(line.split(": ", 1) for line in seen[0].split("\r\n")[1:] if line)
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["x-prometheus-scrape-timeout-seconds"] == "2.5"
    assert headers["accept"].startswith("application/openmetrics-text;version=1.0.0")
    assert "text/plain;version=0.0.4" in headers["accept"]
    assert headers["accept-encoding"] == "gzip"
    assert headers["user-agent"].startswith("tocsin/")


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (answering(b"\x00\xff garbage"), FailureReason.UNPARSABLE, "line 1: not UTF-8"),
        (answering(b"a 1\n<html>"), FailureReason.UNPARSABLE, "line 2: not a sample"),
        (answering(b"a 1\n", "Content-Type: application/openmetrics-text"), FailureReason.UNPARSABLE, "# EOF"),
        (answering(b"oh", status="500 Oops"), FailureReason.STATUS, "answered 500"),
        (answering(b"", status="204 No Content"), FailureReason.STATUS, "answered 204"),
        (answering(b"", "Location: http://a\x1b[31m/", status="302 Found"), FailureReason.REDIRECT, "a\\x1b[31m/"),
        (answering(b"", "Location: http://a/", status="302 Found"), FailureReason.REDIRECT, "http://a/"),
        (answering(b"x", "Content-Encoding: br"), FailureReason.ENCODING, "br"),
        (answering(b"not gzip", "Content-Encoding: gzip"), FailureReason.ENCODING, "damaged"),
        (answering(gzip.compress(b"a 1\n" * 9)[:-9], "Content-Encoding: gzip"), FailureReason.ENCODING, "cut off"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_value(answer, reason, words):
    failed = scrape(answer).outcome
    assert failed.reason is reason
    assert words in failed.detail
    assert failed.detail.isprintable()


def test_a_wrong_content_type_is_read_as_text():
    assert scrape(
        answering(b"a 1\n", "Content-Type: application/json")
    ).outcome.values.tolist() == [1]


def test_gzip_of_several_members():
    body = gzip.compress(b"a 1\n") + gzip.compress(b"b 2\n")
    found = scrape(answering(body, "Content-Encoding: gzip"))
    assert found.outcome.values.tolist() == [1, 2]
    assert found.size == 8


def test_a_gzip_bomb_stops_at_the_limit():
    body = gzip.compress(b"a 1\n" * (25 << 20), 1)
    found = scrape(answering(body, "Content-Encoding: gzip"), body_limit=1 << 20)
    assert found.outcome.reason is FailureReason.TOO_LARGE


def test_a_gzip_stream_without_output_stops():
    found = scrape(answering(gzip.compress(b"") * 5000, "Content-Encoding: gzip"))
    assert found.outcome.reason is FailureReason.ENCODING


def test_a_hundred_megabytes_stop_at_the_limit():
    sent = 0

    async def answer(_request, writer):
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        chunk = b"a 1\n" * (1 << 16)
        while sent < 100_000_000:
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)

    found = scrape(answer, body_limit=1 << 20)
    assert found.outcome.reason is FailureReason.TOO_LARGE
    assert sent < 50_000_000


def test_a_big_body_is_read_in_a_thread():
    body = b"".join(b'a{n="%d"} 1\n' % n for n in range(30_000))
    assert len(scrape(answering(body)).outcome.labels) == 30_000


def drip(head: bytes):
    async def answer(_request, writer):
        writer.write(head)
        while True:
            await asyncio.sleep(0.02)
            writer.write(b"a")
            await writer.drain()

    return answer


async def hang_up(_request, _writer):
    pass


async def stop_short(_request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\n")


@pytest.mark.parametrize("answer", [drip(b"HTTP/1.1 200 OK\r\n\r\n"), drip(b"")])
def test_a_byte_at_a_time_ends_at_the_timeout(answer):
    found = scrape(answer, timeout=200 * MILLISECOND)
    assert found.outcome.reason is FailureReason.TIMEOUT
    assert found.outcome.detail == "no complete answer within 0.2 s"
    assert 200 * MILLISECOND <= found.duration < 2 * SECOND


def test_a_target_that_accepts_and_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as server:

        async def run():
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            async with make_client() as client:
                target = Target("t", url, timeout=100 * MILLISECOND)
                return await fetch(client, target, Reader(), monotonic)

        assert asyncio.run(run()).outcome.reason is FailureReason.TIMEOUT


@pytest.mark.parametrize("answer", [hang_up, stop_short])
def test_a_connection_that_breaks(answer):
    assert scrape(answer).outcome.reason is FailureReason.CONNECTION


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://name.invalid/",
        "http://",
        "gopher://x/",
        "http://127.0.0.1:99999/",
    ],
)
def test_addresses_that_lead_nowhere(url):
    async def run():
        async with make_client() as client:
            return await fetch(client, Target("t", url, timeout=5 * SECOND), Reader(), monotonic)

    assert asyncio.run(run()).outcome.reason is FailureReason.CONNECTION


@pytest.fixture
def application():
    registry = CollectorRegistry()
    Counter("login_failures", "Failures", ["user"], registry=registry).labels("eve").inc(3)
    Histogram("login_latency_seconds", "Latency", registry=registry).observe(0.2)
    with serve_wsgi(make_wsgi_app(registry)) as url:
        yield f"{url}/metrics"


def test_a_real_client_library_answers_in_openmetrics(application):
    async def run():
        reader = Reader()
        async with make_client() as client:
            target = Target("t", application, timeout=5 * SECOND)
            first = await fetch(client, target, reader, monotonic)
            second = await fetch(client, target, reader, monotonic)
            return first.outcome, second.outcome

    first, second = asyncio.run(run())
    values = dict(zip(map(str, first.labels), first.values, strict=True))
    assert values['login_failures_total{user="eve"}'] == 3
    assert values["login_latency_seconds_count"] == 1
    assert first.metadata["login_failures"].type == "counter"
    assert all(a is b for a, b in zip(first.labels, second.labels, strict=True))


HOSTILE = b"""# HELP plain_counter Named without suffix.
# TYPE plain_counter counter
plain_counter 5
no_type{ a = "x y" , b="\\\\ \\" \\n {}=,#" , } 1e-3
job_conflict{job="theirs",instance="other",exported_job="older"} 1
inf -Inf
nan NaN
stamped 7 %d
braces{} 2
"""


def test_a_real_prometheus_reads_the_same_series(tmp_path):
    """The same text scraped by Prometheus and by us gives the same label sets and values."""
    body = HOSTILE % (time.time() * 1000)

    def app(_environ, start):
        start("200 OK", [("Content-Type", "text/plain; version=0.0.4")])
        return [body]

    with serve_wsgi(app) as url, prometheus(tmp_path, scraping(url)) as server:
        theirs = wait_for_series(server)
        host = url.removeprefix("http://")

        async def run():
            async with make_client() as client:
                target = Target("lab", f"{url}/metrics", timeout=5 * SECOND)
                scraped = await fetch(client, target, Reader(), monotonic)
                state = TargetState(target)
                return state.ingest(time.time_ns() // 1000, scraped.outcome, scraped.duration)

        batch = asyncio.run(run())
    ours = {
        tuple(labels.pairs): float(value)
        for labels, value in zip(batch.labels, batch.values, strict=True)
        if not is_stale(value) and labels.name != "scrape_duration_seconds"
    }
    theirs = {
        pairs: value
        for pairs, value in theirs.items()
        if dict(pairs)["__name__"] not in ("scrape_duration_seconds", "scrape_series_added")
    }
    ours = {p: v for p, v in ours.items() if dict(p)["__name__"] != "scrape_series_added"}
    assert host in {dict(pairs)["instance"] for pairs in ours}
    assert {p: repr(v) for p, v in ours.items()} == {p: repr(v) for p, v in theirs.items()}


def wait_for_series(server: str) -> dict[tuple[tuple[str, str], ...], float]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{server}/api/v1/query?query=%7Bjob!%3D%22%22%7D") as answer:
            result = json.load(answer)["data"]["result"]
        if result:
            return {tuple(sorted(r["metric"].items())): float(r["value"][1]) for r in result}
        threading.Event().wait(0.1)
    raise AssertionError("prometheus scraped nothing")


def scraping(url):
    address = url.removeprefix("http://")
    return (
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: lab, static_configs: [{{targets: ['{address}']}}]}}]\n"
    )
