"""Drills in a real daemon: through the dispatcher of their receiver, and to nobody else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.engine.daemon import Daemon, target, wait_for, webhook
from tocsin.store import read_ledger

RULES = {
    "groups": [
        {
            "name": "g", "interval": "200ms",
            "rules": [
                {
                    "alert": "Guessing", "expr": "increase(login_failures_total[1m]) > 15",
                    "for": "1s", "annotations": {"summary": "many failed logins"},
                }
            ],
        }
    ]
}  # fmt: skip
DRILL = {
    "name": "guessing", "control": "logical-access", "alert": "Guessing", "receiver": "room",
    "series": [{"series": 'login_failures_total{job="login"}', "values": "0+20x100"}],
    "interval": "1s", "within": "20s",
}  # fmt: skip


def config(port, real, room, drill=DRILL):
    return {
        "scrape": [{"job": "login", "targets": [f"127.0.0.1:{port}"], "interval": "200ms"}],
        "receivers": [
            {"name": "team", "webhook": {"url": f"http://127.0.0.1:{real}/"}},
            {"name": "room", "webhook": {"url": f"http://127.0.0.1:{room}/"}},
        ],
        "drills": [drill],
    }


def tocsin(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "tocsin.cli", *arguments], cwd=folder, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip


def entries(daemon, kind):
    return [e.body for e in read_ledger(daemon.state, 0, 2**62).entries if e.kind == kind]


def test_a_drill_reaches_its_receiver_alone_and_is_on_record(tmp_path):
    with target(lambda: "login_failures_total 3\n") as app, webhook() as team, webhook() as room:
        with Daemon(tmp_path, config(app.port, team.port, room.port), RULES) as daemon:
            done = tocsin(tmp_path, "drill", "--format", "json")
            assert done.returncode == 0, done.stderr
            (found,) = json.loads(done.stdout)
            assert found["passed"]
            assert 0 < found["metric"] < found["firing"] <= found["notified"] < 20_000_000
            assert all(each["noticed"] for each in found["weakened"])
            ((_, message, _),) = room.messages
            (alert,) = message["alerts"]
            assert alert["labels"]["drill"] == "true"
            assert alert["labels"]["drill_id"] == found["id"]
            assert alert["annotations"]["summary"] == "DRILL, not real: many failed logins"
            # Nobody else hears of it, and no query sees it.
            assert team.messages == []
            assert daemon.query('{drill="true"}') == []
            assert daemon.query("ALERTS") == []
            assert [row["value"][1] for row in daemon.query("login_failures_total")] == ["3"]
            begun, ended = entries(daemon, "drill")
            assert "passed" not in begun
            assert ended == found
            assert entries(daemon, "transition") == []
            assert not list((daemon.state / "drills").iterdir())


@pytest.mark.slow
def test_a_drill_fails_where_the_receiver_is_broken_or_the_rule_gone(tmp_path):
    with target(lambda: "x 1\n") as app, webhook() as team, webhook() as room:
        room.status = 500
        drill = {**DRILL, "within": "5s"}
        with Daemon(tmp_path, config(app.port, team.port, room.port, drill), RULES) as daemon:
            done = tocsin(tmp_path, "drill")
            assert done.returncode == 1, done.stderr
            assert "FAILED  guessing  the receiver room was not told in time" in done.stdout
            assert "drill guessing" in daemon.get("/readyz")[1]
            rules = {"groups": [{"name": "g", "rules": [{"record": "a", "expr": "1"}]}]}
            daemon.write(config(app.port, team.port, room.port, drill), rules)
            daemon.process.send_signal(1)
            wait_for(lambda: entries(daemon, "configuration"), "the reload is on record")
            done = tocsin(tmp_path, "drill")
            assert done.returncode == 1
            assert "no alerting rule Guessing is in force" in done.stdout


@pytest.mark.slow
def test_a_scheduled_drill_runs_once_a_day_also_after_a_restart(tmp_path):
    with target(lambda: "x 1\n") as app, webhook() as team, webhook() as room:
        drill = {**DRILL, "at": "00:00"}
        with Daemon(tmp_path, config(app.port, team.port, room.port, drill), RULES) as daemon:
            wait_for(lambda: len(entries(daemon, "drill")) == 2, "the drill of today ends")
            daemon.stop()
            daemon.start()
            done = tocsin(tmp_path, "drill")
            assert done.returncode == 0, done.stderr
            assert len(entries(daemon, "drill")) == 4
            assert len(room.messages) == 2


def test_without_a_daemon_it_says_so(tmp_path):
    (tmp_path / "rules.yml").write_text(json.dumps(RULES))
    made = config(1, 2, 3) | {"rules": ["rules.yml"]}
    (tmp_path / "tocsin.yaml").write_text(json.dumps(made))
    done = tocsin(tmp_path, "drill")
    assert done.returncode == 3
    assert "no daemon takes up drills" in done.stderr


def test_the_negative_drill_needs_no_daemon(tmp_path):
    (tmp_path / "rules.yml").write_text(json.dumps(RULES))
    made = config(1, 2, 3) | {"rules": ["rules.yml"]}
    (tmp_path / "tocsin.yaml").write_text(json.dumps(made))
    done = tocsin(tmp_path, "drill", "--negative")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "guessing  as it is: the alert fires",
        "  noticed  the rule is removed: the drill fails: no alerting rule Guessing is in force",
        "  noticed  its threshold is out of reach: the drill fails: the rule did not see the attack",
        "  noticed  the metric stops: the drill fails: the rule did not see the attack",
    ]


def test_mistakes_of_a_drill_are_told_at_once(tmp_path):
    drill = {"name": "A b", "control": "c", "alert": "G", "receiver": "nobody", "at": "25:00",
             "within": "0s", "interval": "1ms",
             "series": [{"series": "x{", "values": "1"}, {"series": "x", "values": "1 y"}]}  # fmt: skip
    made = {"receivers": [{"name": "am", "alertmanager": {"url": "http://h"}}],
            "drills": [drill]}  # fmt: skip
    (tmp_path / "tocsin.yaml").write_text(json.dumps(made))
    done = tocsin(tmp_path, "check", "tocsin.yaml")
    assert done.returncode != 0
    text = done.stdout + done.stderr
    for what in (
        "name 'A b' is not an id", "no receiver is called 'nobody'", "at must be a time of day",
        "within must be from 1s to 1h", "interval must be at least 1s", "series: ",
        "bad series value",
    ):  # fmt: skip
        assert what in text
