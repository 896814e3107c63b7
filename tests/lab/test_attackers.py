"""Real attackers against the real application on loopback, counts compared."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tocsin.lab.app import MAX_PASSWORD, USERS, password_of
from tocsin.lab.attackers import KINDS, attack, parse_target, plan

# Where the SDK was imported from, so that the processes find it too.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


@contextmanager
def lab(*options: str):
    command = [sys.executable, "-m", "tocsin.lab.app", "--port", "0", "--seed", "4", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT
    ) as process:
        try:
            first = process.stdout.readline()
            yield int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", first)[1])
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0


def visit(port: int, *options: str) -> dict:
    command = [sys.executable, "-m", "tocsin.lab.attackers", *options]
    command += ["--target", f"http://127.0.0.1:{port}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def scrape(port: int) -> dict[str, float]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    connection.close()
    samples = [s for f in text_string_to_metric_families(page) for s in f.samples]
    return {s.name + "".join(f"/{v}" for v in s.labels.values()): s.value for s in samples}


def test_what_the_attackers_count_is_what_the_application_counts(tmp_path):
    log = tmp_path / "events.jsonl"
    with lab("--slow", "0.4", "--event-log", str(log)) as port:
        done = [
            visit(port, kind, "--rate", rate, "--seconds", "1", "--seed", "9")
            for kind, rate in zip(KINDS, ("40", "40", "40", "10"), strict=True)
        ]
        seen = scrape(port)
    assert [d["attempts"] for d in done] == [40, 40, 40, 10]
    assert [d["errors"] for d in done] == [0] * 4
    assert done[1]["failures"] == done[2]["failures"] == 40
    assert done[0]["failures"] < 20
    failures = sum(d["failures"] for d in done)
    assert seen["login_requests_total"] == 130
    assert seen["login_failures_total"] == failures
    assert seen["security_events_total/authn_login_fail"] == failures
    assert seen["http_requests_total/POST//login/401"] == failures
    # Only the ten of the slow-down are above the objective.
    assert seen["login_latency_seconds_count"] == 130
    assert seen["login_latency_seconds_count"] - seen["login_latency_seconds_bucket/0.3"] >= 10

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    failed = [line for line in lines if line["event"] == "authn_login_fail"]
    assert len(failed) == failures
    brute = [line for line in failed if line["client"] == "203.0.113.66"]
    assert {line["user"] for line in brute} == {USERS[7]}
    assert len(brute) == 40
    stuffed = [line for line in failed if line["client"].startswith("198.51.100.")]
    assert len({line["user"] for line in stuffed}) == 40
    assert len({line["client"] for line in stuffed}) == 12


def test_an_attacker_stops_when_asked_and_still_tells():
    with lab() as port:
        command = [sys.executable, "-m", "tocsin.lab.attackers", "traffic", "--rate", "20",
                   "--seconds", "600", "--target", f"http://127.0.0.1:{port}"]  # fmt: skip
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        ) as process:
            while scrape(port)["login_requests_total"] < 3:
                pass
            process.send_signal(signal.SIGTERM)
            summary = json.loads(process.communicate(timeout=20)[0])
        assert summary["stopped"] is True
        assert summary["attempts"] == scrape(port)["login_requests_total"] >= 3


def test_nobody_home_is_an_error():
    # Port 1 on loopback: refused at once, and nothing leaves the machine.
    summary = attack("traffic", ("127.0.0.1", 1), rate=200, seconds=0.02)
    assert summary["errors"] == summary["attempts"] == 4


@pytest.mark.parametrize("url", [
    "http://example.com:80", "http://10.0.0.1:5000", "http://0.0.0.0:5000", "https://127.0.0.1:5000",
    "http://127.0.0.1", "http://127.0.0.1:5000/x", "http://127.0.0.1.example.com:80", "http://[::]:1",
    "http://localhost@192.0.2.1:80", "http://2130706433:80", "127.0.0.1:5000", "", "http://127.0.0.1:x",
    "http://127.0.0.1:99999",
])  # fmt: skip
def test_only_loopback_is_visited(url):
    with pytest.raises(ValueError, match="hint: "):
        parse_target(url)


def test_loopback_targets():
    assert parse_target("http://127.0.0.1:5000") == ("127.0.0.1", 5000)
    assert parse_target("http://127.0.0.1:5000/") == ("127.0.0.1", 5000)
    assert parse_target("http://localhost:5000") == ("127.0.0.1", 5000)
    assert parse_target("http://[::1]:5000") == ("::1", 5000)


@pytest.mark.parametrize(("rate", "seconds"), [(0, 1), (201, 1), (1, 601), (1, 0), (-1, 1)])
def test_attacks_are_bounded(rate, seconds):
    with pytest.raises(ValueError, match="hint: "):
        attack("traffic", ("127.0.0.1", 1), rate=rate, seconds=seconds)


@given(kind=st.sampled_from(KINDS), count=st.integers(0, 200), seed=st.integers(0, 2**32))
def test_the_same_seed_makes_the_same_attempts(kind, count, seed):
    attempts = list(plan(kind, count, seed))
    assert attempts == list(plan(kind, count, seed))
    assert len(attempts) == count
    right = [a for a in attempts if a.password.rstrip(" ") == password_of(a.user)]
    if kind in ("brute-force", "stuffing"):
        assert not right
    if kind == "slow-down":
        assert len(right) == count
        assert all(len(a.password) == MAX_PASSWORD for a in attempts)
    if kind == "stuffing":
        assert len({a.user for a in attempts}) == count


def test_an_unknown_visitor_is_refused():
    with pytest.raises(ValueError, match="hint: one of traffic"):
        list(plan("tourist", 1, 0))
