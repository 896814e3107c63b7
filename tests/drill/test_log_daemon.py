"""Drills of lines in a real daemon: through its log groups, and counted nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

from tests.drill.test_daemon import config as series_config
from tests.drill.test_daemon import entries, tocsin
from tests.drill.test_lines import LINE
from tests.engine.daemon import Daemon, target, wait_for, webhook
from tests.engine.test_log_daemon import ALARM, FILTER, alarm_of, line
from tests.evidence.answering import answering
from tests.referees import alertmanager
from tocsin.store import BlockRecord

DRILL = {
    "name": "burst", "control": "web-logs", "alert": "burst", "receiver": "room",
    "lines": {"log_group": "/web", "line": LINE, "count": 6}, "interval": "5s", "within": "30s",
}  # fmt: skip
SIGMA = """
title: A page that is not there
name: missing
logsource: {category: webserver}
detection: {sel: {sc-status: 404}, condition: sel}
---
title: Many pages that are not there
name: many
correlation:
  type: event_count
  rules: [missing]
  group-by: [c-ip]
  timespan: 10m
  condition: {gte: 6}
"""


def config(team, room, **more):
    drill = {**DRILL, "lines": {**DRILL["lines"], **more}}
    return {
        "log_groups": [{"name": "/web", "paths": ["access.log*"], "push": True}],
        "definitions": ["main.tf"],
        "correlations": ["many.sigma.yml"],
        "receivers": [
            {"name": "team", "webhook": {"url": f"http://127.0.0.1:{team}/"}},
            {"name": "room", "webhook": {"url": f"http://127.0.0.1:{room}/"}},
        ],
        "drills": [drill],
    }


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "main.tf").write_text(FILTER + ALARM % (5, 60))
    (tmp_path / "many.sigma.yml").write_text(SIGMA)
    (tmp_path / "access.log").write_text(line(0, 200))
    return tmp_path


def drilled(folder, daemon, room):
    """The alert that the receiver was sent by a drill that passed."""
    wait_for(lambda: daemon.log_group()["counted"] == 1, "the real line is read")
    done = tocsin(folder, "drill", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads(done.stdout)
    assert 0 < found["metric"] <= found["firing"] <= found["notified"] < 20_000_000
    assert [each["noticed"] for each in found["weakened"]] == [True] * 3
    ((_, message, _),) = room.messages
    (alert,) = message["alerts"]
    assert alert["labels"]["drill"] == "true"
    return alert


def nothing_real_came_of_it(daemon, team, lines=1):
    group = daemon.log_group()
    assert (group["counted"], group["read"] - group["counted"]) == (
        lines,
        sum(group["dropped"].values()),
    )
    assert team.messages == []
    assert not alarm_of(daemon)["firing"]
    began = [e for e in entries(daemon, "transition") if e["after"] in {"ALARM", "firing"}]
    assert began == []
    assert BlockRecord(daemon.state / "blocks.jsonl").events() == []
    return group["dropped"]


@pytest.mark.parametrize("file", ["", "access.log"])
def test_lines_go_the_way_of_all_lines_and_count_nowhere(folder, file):
    with webhook() as team, webhook() as room:
        made = config(team.port, room.port, **({"file": file} if file else {}))
        with Daemon(folder, made, {"groups": []}) as daemon:
            alert = drilled(folder, daemon, room)
            assert alert["labels"]["alertname"] == "burst"
            assert alert["annotations"]["summary"] == "DRILL, not real: burst"
            assert nothing_real_came_of_it(daemon, team) == {"of a drill": 6}
            written = (folder / "access.log").read_text()
            assert written.count("tocsin-drill-") == (6 if file else 0)
            # Real lines of the same kind are counted all the same.
            with (folder / "access.log").open("a") as log:
                log.write("".join(line(n) for n in range(6)))
            names = {"burst", "Many pages that are not there"}
            wait_for(
                lambda: (
                    {m["alerts"][0]["labels"]["alertname"] for _, m, _ in team.messages} == names
                ),
                "the real alarm and the real correlation are told",
            )


def post(daemon, path, body, kind):
    request = urllib.request.Request(
        daemon.url + path, data=body, headers={"Content-Type": kind}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_lines_that_others_hand_on_stay_apart_too(folder):
    """Another agent reads the same file and sends what it finds, as lines or as OpenTelemetry."""
    with webhook() as team, webhook() as room:
        made = config(team.port, room.port, file="elsewhere.log")
        made["drills"][0]["within"] = "2s"
        (folder / "elsewhere.log").touch()
        with Daemon(folder, made, {"groups": []}) as daemon:
            wait_for(lambda: daemon.log_group()["counted"] == 1, "the real line is read")
            assert "did not read the lines" in tocsin(folder, "drill").stdout
            lines = (folder / "elsewhere.log").read_text().splitlines()
            post(daemon, "/api/v1/logs//web", "\n".join(lines).encode(), "text/plain")
            assert nothing_real_came_of_it(daemon, team) == {"of a drill": len(lines)}
            records = [
                {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": each}}
                for each in lines
            ]
            logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
            post(daemon, "/v1/logs", json.dumps(logs).encode(), "application/json")
            assert nothing_real_came_of_it(daemon, team) == {"of a drill": 2 * len(lines)}


def test_lines_of_a_drill_that_was_cut_short_stay_apart(folder):
    """Killed between writing and reading: the next daemon knows the lines too."""
    with webhook() as team, webhook() as room:
        made = config(team.port, room.port, file="elsewhere.log")
        (folder / "elsewhere.log").touch()
        with Daemon(folder, made, {"groups": []}) as daemon:
            wait_for(lambda: daemon.log_group()["counted"] == 1, "the real line is read")
            command = [sys.executable, "-m", "tocsin.cli", "drill"]
            with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as ask:
                wait_for((folder / "elsewhere.log").read_text, "the lines are written")
                daemon.kill()
                ask.terminate()
            with (folder / "access.log").open("a") as log:
                log.write((folder / "elsewhere.log").read_text())
            daemon.start()
            wait_for(lambda: daemon.log_group()["read"] > 1, "the lines are read")
            assert set(nothing_real_came_of_it(daemon, team)) == {"of a drill"}
            assert room.messages == []


def test_a_file_that_cannot_be_written_fails_the_drill_at_once(folder):
    with webhook() as team, webhook() as room:
        made = config(team.port, room.port, file="absent.log")
        with Daemon(folder, made, {"groups": []}):
            done = tocsin(folder, "drill")
            assert done.returncode == 1
            assert "absent.log: No such file or directory" in done.stdout


def test_the_negative_drill_of_lines_needs_no_daemon(folder):
    made = config(1, 2)
    (folder / "tocsin.yaml").write_text(json.dumps(made))
    done = tocsin(folder, "drill", "--negative")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[:2] == [
        "burst  as it is: the alert fires",
        "  noticed  the metric filter is removed: the drill fails: no metric filter of the alarm"
        " matched the lines",
    ]


def test_mistakes_of_lines_are_told_at_once(tmp_path):
    lines = {"log_group": "/other", "line": "$id and $id", "count": 5000, "what": 1}
    made = {
        "receivers": [{"name": "room", "terminal": {}}],
        "drills": [{**DRILL, "lines": lines}, {**DRILL, "lines": {}, "series": []}],
    }
    (tmp_path / "tocsin.yaml").write_text(json.dumps(made))
    done = tocsin(tmp_path, "check", "tocsin.yaml")
    text = done.stdout + done.stderr
    for what in ("no log group is called '/other'", "line must have $id once", "'what'",
                 "up to 35,000 lines", "either series or lines"):  # fmt: skip
        assert what in text, text


def rules():
    return {"groups": [{"name": "g", "interval": "200ms", "rules": [
        {"alert": "Guessing", "expr": "increase(login_failures_total[1m]) > 15", "for": "1s"}]}]}  # fmt: skip


def test_a_service_that_pages_is_told_of_an_end_only(tmp_path):
    posted = []

    def enqueue(body):
        posted.append(json.loads(body))
        return b'{"status": "success"}'

    (tmp_path / "key").write_text("0123456789abcdef0123456789abcdef\n")
    with target(lambda: "x 1\n") as app, answering(enqueue) as url:
        made = series_config(app.port, 1, 2)
        made["receivers"] = [{"name": "room", "pagerduty": {"routing_key_file": "key", "url": url}}]
        with Daemon(tmp_path, made, rules()):
            done = tocsin(tmp_path, "drill")
            assert done.returncode == 0, done.stdout + done.stderr
    assert [(each["event_action"], "payload" in each) for each in posted] == [("resolve", False)]


@contextmanager
def paging_alertmanager(folder, hook):
    """A real Alertmanager that tells a webhook of everything, at once."""
    config = {
        "route": {"receiver": "hook", "group_wait": "0s", "group_by": ["..."]},
        "receivers": [
            {
                "name": "hook",
                "webhook_configs": [
                    {"url": f"http://127.0.0.1:{hook.port}/", "send_resolved": True}
                ],
            }
        ],
    }
    with alertmanager(folder, json.dumps(config)) as url:
        yield url


def test_an_alertmanager_pages_nobody_for_a_drill(tmp_path):
    level = ["x 1\n"]
    with (
        target(lambda: level[0]) as app,
        webhook() as paged,
        paging_alertmanager(tmp_path, paged) as url,
    ):
        made = series_config(app.port, 1, 2)
        made["receivers"] = [{"name": "room", "alertmanager": {"url": url}}]
        with Daemon(tmp_path, made, rules()) as daemon:
            done = tocsin(tmp_path, "drill")
            assert done.returncode == 0, done.stdout + done.stderr
            assert paged.messages == []
            # What comes after it and is real is paged, so it would have been too.
            level[0] = "login_failures_total 1\n"
            wait_for(lambda: daemon.query("login_failures_total"), "the calm before it")
            level[0] = "login_failures_total 900\n"
            ((_, message, _), *_) = wait_for(lambda: paged.messages, "the real alert is paged")
    assert [alert["labels"].get("drill") for alert in message["alerts"]] == [None]


def test_a_drill_of_a_correlation_pages_blocks_and_counts_nobody(folder):
    with webhook() as team, webhook() as room:
        made = config(team.port, room.port)
        made["drills"][0]["alert"] = "many"
        made["respond"] = {"automatic": ["many"]}
        with Daemon(folder, made, {"groups": []}) as daemon:
            alert = drilled(folder, daemon, room)
            assert alert["labels"]["rule"] == "many"
            assert alert["annotations"]["summary"].startswith("DRILL, not real: Many pages")
            assert nothing_real_came_of_it(daemon, team) == {"of a drill": 6}
            with urllib.request.urlopen(daemon.url + "/api/v1/correlations", timeout=10) as answer:
                told = json.load(answer)["data"]["correlations"]
            assert [each["offenders"] for each in told] == [[]]
            assert b"203.0.113.250" not in json.dumps(told).encode()
