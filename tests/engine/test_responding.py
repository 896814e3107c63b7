"""Blocks of a running daemon: without asking only where it was told to, and never too much."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from tests.engine.daemon import Daemon, wait_for
from tests.engine.test_log_daemon import ALARM, FILTER, line
from tocsin.cli import cli
from tocsin.engine import load_config, recent_traffic
from tocsin.errors import ConfigError
from tocsin.respond import read_network
from tocsin.store import BlockRecord


@contextmanager
def daemon(folder, **respond):
    (folder / "main.tf").write_text(FILTER + ALARM % (10, 60))
    config = {
        "log_groups": [{"name": "/web", "paths": ["access.log*"]}],
        "definitions": ["main.tf"], "respond": respond,
    }  # fmt: skip
    made = Daemon(folder, config, {"groups": []})
    try:
        yield made.start()
    finally:
        made.__exit__()


def went_well(count, client="198.51.100.{}", ago=60):
    stamp = (datetime.now(UTC) - timedelta(seconds=ago)).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return "".join(
        f'{client.format(n % 250)} - - [{stamp}] "GET / HTTP/1.1" 200 12 "-" "browser"\n'
        for n in range(count)
    )


def attack():
    return "".join(line(n) for n in range(11))


def record(folder):
    return BlockRecord(folder / ".tocsin" / "blocks.jsonl").events()


def test_the_alarm_that_was_named_blocks_and_the_list_has_it_at_once(tmp_path):
    log = tmp_path / "access.log"
    log.write_text(went_well(200))
    with daemon(tmp_path, automatic=["burst"]) as running:
        assert running.get("/api/v1/blocklist")[1] == ""
        with log.open("a") as file:
            file.write(attack())
        wait_for(lambda: running.get("/api/v1/blocklist")[1], "it is blocked")
        assert running.get("/api/v1/blocklist")[1] == "203.0.113.9/32\n"
        assert [(e.kind, e.by, e.automatic) for e in record(tmp_path)] == [
            ("propose", "alarm burst", False), ("approve", "alarm burst", True),
        ]  # fmt: skip
        now = time.time()
        path = f"/api/v1/ledger?kinds=block&start={now - 60}&end={now + 60}"
        (entry,) = wait_for(
            lambda: json.loads(running.get(path)[1])["data"]["entries"], "it is written down"
        )
        assert entry["body"]["network"] == "203.0.113.9/32"
        # What it is refused from now on neither proposes nor renews.
        with log.open("a") as file:
            file.write(attack())
        running.kill()
        running.start()
        assert running.get("/api/v1/blocklist")[1] == "203.0.113.9/32\n"
        assert len(record(tmp_path)) == 2
        assert [told["seq"] for told in told_of(running)] == [entry["seq"]]


def told_of(running):
    """What the ledger has of decisions, when the daemon has looked at all of them."""
    path = f"/api/v1/ledger?kinds=block&start=0&end={time.time() + 60}"
    return json.loads(running.get(path)[1])["data"]["entries"]


def decide(folder, *words):
    done = CliRunner().invoke(
        cli, ["block", *words, "--config", str(folder / "tocsin.yaml")], standalone_mode=False
    )
    assert done.exception is None, done.exception


def test_what_people_decide_is_in_the_ledger_once(tmp_path):
    (tmp_path / "access.log").write_text(went_well(200))
    with daemon(tmp_path) as running:
        decide(tmp_path, "add", "203.0.113.0/24", "--reason", "guessing")
        decide(tmp_path, "remove", "203.0.113.0/24", "--reason", "a customer")
        for _ in range(3):
            running.kill()
            running.start()
            entries = wait_for(lambda: told_of(running), "decisions are in the ledger")
        assert [(e["body"]["what"], e["body"]["reason"]) for e in entries] == [
            ("blocked", "guessing"), ("ended", "a customer"),
        ]  # fmt: skip
        of_record = [(event.network, event.by, event.time) for event in record(tmp_path)]
        bodies = [entry["body"] for entry in entries]
        assert [(b["network"], b["by"], b["decided"]) for b in bodies] == of_record
        running.kill()
        (tmp_path / ".tocsin/blocks.jsonl").write_bytes(b"")
        running.start()
        (*_, last) = wait_for(lambda: told_of(running)[2:], "the loss is in the ledger")
        assert last["body"] == {"what": "the record lost decisions", "lost": 2}
        decide(tmp_path, "add", "203.0.113.7", "--reason", "again")
        running.kill()
        running.start()
        (again,) = wait_for(lambda: told_of(running)[3:], "the next decision")
        assert again["body"]["reason"] == "again"


@pytest.mark.parametrize(
    ("before", "respond"),
    [
        (200, {}),
        (20, {"automatic": ["burst"]}),
        (200, {"automatic": ["burst"], "allow": {"ours": "203.0.113.9"}}),
    ],
    ids=["nobody said so", "too little is known", "protected"],
)
def test_what_is_left_to_people(tmp_path, before, respond):
    log = tmp_path / "access.log"
    log.write_text(went_well(before))
    with daemon(tmp_path, **respond) as running:
        with log.open("a") as file:
            file.write(attack())

        def told():
            return 'tocsin_alert_transitions_total{state="ALARM"}' in running.get("/metrics")[1]

        wait_for(told, "the alarm fired")
        if before == 20:

            def looked_at():
                return (
                    'tocsin_blocks_total{state="left to people"} 1.0' in running.get("/metrics")[1]
                )

            wait_for(looked_at, "it was looked at")
        assert running.get("/api/v1/blocklist")[1] == ""
    assert [e.kind for e in record(tmp_path)] == ([] if "allow" in respond else ["propose"])


def test_what_went_well_lately(tmp_path):
    (tmp_path / "access.log").write_text(
        went_well(100) + went_well(7, "203.0.113.9") + went_well(50, "203.0.113.9", ago=4000)
        + "no line\n" + line(1, 302) + line(2, 401) + line(3, 500)
        # The form, and a refusal, a thousand times.
        + (went_well(1, "203.0.113.50") + line(4, 401).replace("113.9", "113.50")) * 1000
    )  # fmt: skip
    sshd = datetime.now(UTC).strftime("%b %e %H:%M:%S")
    (tmp_path / "auth.log").write_text(
        f"{sshd} host sshd[7]: Failed password for root from 203.0.113.66 port 1 ssh2\n"
        f"{sshd} host sshd[8]: Accepted password for me from 203.0.113.77 port 1 ssh2\n" * 3
    )
    (tmp_path / "app.log").write_text(
        "".join(
            json.dumps({"time": time.time(), "client": "2001:db8:9::7", "status": code}) + "\n"
            for code in (200, 204, 404, 304, "x")
        )
    )
    (tmp_path / "tocsin.yaml").write_text(json.dumps({"log_groups": [
        {"name": name, "paths": [f"{name}.log"]} for name in ("access", "auth", "app", "gone")
    ]}))  # fmt: skip
    found = recent_traffic(load_config(tmp_path / "tocsin.yaml"), time.time_ns() // 1000)
    assert {
        each: found.cut(read_network(each))
        for each in ("203.0.113.9", "203.0.113.66", "203.0.113.77", "2001:db8:9::7", "203.0.113.50")
    } == {
        "203.0.113.9": 6,
        "203.0.113.66": 0,
        "203.0.113.77": 3,
        "2001:db8:9::7": 1,
        "203.0.113.50": 0,
    }
    assert found.total == 110


def test_every_mistake_about_blocks_is_told_at_once(tmp_path):
    (tmp_path / "bot.json").write_text('{"prefixes": [{"ipv4Prefix": "192.0.2.1/24"}]}')
    (tmp_path / "main.tf").write_text(FILTER + ALARM % (10, 60))
    (tmp_path / "tocsin.yaml").write_text(json.dumps({
        "definitions": ["main.tf"],
        "respond": {"allow": {"x": "nonsense"}, "crawlers": ["bot.json", "gone.json"],
                    "automatic": ["burst", "another"], "share": "60%"},
    }))  # fmt: skip
    with pytest.raises(ConfigError) as told:
        load_config(tmp_path / "tocsin.yaml")
    text = str(told.value)
    for part in ("nonsense", "bot.json: prefix 1", "can't read 'gone.json'", "'another'", "share"):
        assert part in text
    assert sum(each.severity == "error" for each in told.value.problems) == 5
