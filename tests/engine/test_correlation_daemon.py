"""The real daemon with Sigma rules: the lab's logins, and a daemon that is killed again and again."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.request
from datetime import UTC, datetime

import pytest

from tests.engine.daemon import Daemon, lab_app, wait_for, webhook
from tocsin.store import BlockRecord

RULES = """
title: Login refused
name: refused
logsource: {category: authentication}
detection: {sel: {event.outcome: failure}, condition: sel}
---
title: Sixteen failed logins of one source
name: sixteen
level: high
correlation:
  type: event_count
  rules: [refused]
  group-by: [source.ip]
  timespan: 10m
  condition: {gte: 16}
"""


def daemon(folder, hook, paths, rules=RULES):
    (folder / "rules.sigma.yml").write_text(rules)
    config = {
        "log_groups": [{"name": "app", "paths": paths}],
        "correlations": ["rules.sigma.yml"],
        "receivers": [{"name": "team", "webhook": {"url": f"http://127.0.0.1:{hook.port}/"}}],
    }
    return Daemon(folder, config)


def test_the_sixteenth_failed_login_is_told_within_two_seconds(tmp_path):
    events, source = tmp_path / "events.jsonl", "203.0.113.66"
    with (
        webhook() as hook,
        lab_app(events) as log_in,
        daemon(tmp_path, hook, [events.name]) as running,
    ):
        for number in range(15):
            assert log_in(source) == 401
            assert log_in(f"198.51.100.{number}") == 401
        wait_for(lambda: running.log_group()["read"] == 30, "all is read")
        assert hook.messages == []
        tried = time.time()
        log_in(source)
        ((_, body, at),) = wait_for(lambda: hook.messages, "it is told")
        assert at - tried < 2
        (alert,) = body["alerts"]
        assert alert["labels"]["alertname"] == "Sixteen failed logins of one source"
        assert alert["labels"]["source_ip"] == source
        assert alert["annotations"]["sources"] == f"{source} (16)"
        (shown,) = running.alerts()
        assert (shown["state"], shown["labels"]["rule"]) == ("firing", "sixteen")
        (event,) = BlockRecord(tmp_path / ".tocsin" / "blocks.jsonl").events()
        assert (event.kind, event.network, event.by) == (
            "propose",
            f"{source}/32",
            "correlation sixteen",
        )
        assert "tocsin_correlation_events_matched_total" in running.get("/metrics")[1]
        (rule,) = json.loads(running.get("/api/v1/correlations")[1])["data"]["correlations"]
        assert (rule["name"], rule["firing"]) == ("sixteen", [{"source.ip": source}])
        # What was told early is settled half a minute later, and once only.
        running.kill()
        running.start()
        assert len(running.alerts()) == 1
        assert len(hook.messages) == 1


def line(client):
    stamp = datetime.now(UTC).isoformat()
    return json.dumps({
        "time": stamp, "event": "authn_login_fail", "client": client, "user": "ada",
    }) + "\n"  # fmt: skip


@pytest.mark.slow
def test_kill_9_at_any_moment_tells_each_attack_once(tmp_path, soak):
    """Sources take turns to fail sixteen times; the file is rotated, the daemon killed."""
    chance, kills = random.Random(11), 30 if soak else 5
    done, stop = [0], threading.Event()

    def write():
        log, rotated = tmp_path / "app.log", 0
        while not stop.is_set():
            with log.open("a") as file:
                clients = [f"10.{rotated >> 8}.{rotated & 255}.{n}" for n in range(4)]
                turns = clients * 16
                chance.shuffle(turns)
                for client in turns:
                    text = line(client)
                    cut = chance.randrange(len(text))
                    file.write(text[:cut])
                    file.flush()
                    file.write(text[cut:])
                    file.flush()
                    stop.wait(0.002)
            done[0] += len(turns)
            rotated += 1
            log.rename(tmp_path / f"app.log.{rotated}")

    with webhook() as hook, daemon(tmp_path, hook, ["app.log*"]) as running:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(kills):
                stop.wait(chance.uniform(0.05, 0.8))
                running.kill()
                running.start()
        finally:
            stop.set()
            writer.join()
        wait_for(lambda: running.log_group()["read"] == done[0], "all is read")
        assert running.log_group()["counted"] == done[0]
        sources = done[0] // 16

        def told():
            # A message may be sent twice after a kill, under the same key.
            bodies = {key: body for key, body, _ in hook.messages}
            return [a["labels"]["source_ip"] for b in bodies.values() for a in b["alerts"]]

        wait_for(lambda: len(told()) >= sources, "all are told")
        assert len(set(told())) == len(told()) == sources
        assert running.stop() == 0


def test_routes_and_silences_are_for_alerts_of_rules_too(tmp_path):
    """A silence on a group-by field keeps the receiver quiet; the ledger has the alert."""
    (tmp_path / "rules.sigma.yml").write_text(RULES)
    log = tmp_path / "app.log"
    with webhook() as pager, webhook() as others:
        config = {
            "log_groups": [{"name": "app", "paths": [log.name]}],
            "correlations": ["rules.sigma.yml"],
            "receivers": [
                {"name": "pager", "webhook": {"url": f"http://127.0.0.1:{pager.port}/"}},
                {"name": "others", "webhook": {"url": f"http://127.0.0.1:{others.port}/"}},
            ],
            "route": {
                "receiver": "others", "group_wait": "0s", "group_by": ["rule"],
                "group_interval": "200ms",
                "routes": [{"matchers": ['rule="sixteen"', 'severity="high"'], "receiver": "pager"}],
            },
        }  # fmt: skip
        with Daemon(tmp_path, config, {"groups": []}) as running:
            silence = {
                "matchers": [{"name": "source_ip", "value": "192.0.2.1", "isRegex": False, "isEqual": True}],
                "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
                "createdBy": "me", "comment": "ours",
            }  # fmt: skip
            request = urllib.request.Request(
                running.url + "/api/v2/silences",
                json.dumps(silence).encode(),
                {"Content-Type": "application/json"},
            )
            urllib.request.urlopen(request, timeout=10).close()
            log.write_text(line("192.0.2.1") * 16 + line("203.0.113.9") * 16)
            wait_for(lambda: len(running.alerts()) == 2, "both fire")
            wait_for(lambda: pager.messages, "the pager is told")
            told = [
                a["labels"]["source_ip"] for _, body, _ in pager.messages for a in body["alerts"]
            ]
            assert told == ["203.0.113.9"]
            assert others.messages == []
            query = "?start=0&end=99999999999&kinds=transition"
            entries = json.loads(running.get("/api/v1/ledger" + query)[1])["data"]["entries"]
            assert {e["body"]["group"]["source.ip"] for e in entries} == {
                "192.0.2.1",
                "203.0.113.9",
            }
