"""Who, in alerts of Prometheus rules and of alarms: named in the message and in the ledger."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime

from click.testing import CliRunner

from tests.engine.daemon import Daemon, target, wait_for, webhook
from tocsin.cli import cli
from tocsin.correlation import TopOffender
from tocsin.engine._offenders import offenders_text
from tocsin.store import open_store

SIGMA = """
title: Login refused
name: refused
logsource: {category: authentication}
detection: {sel: {event.outcome: failure}, condition: sel}
---
title: Many
name: many
correlation:
  {type: event_count, rules: [refused], group-by: [source.ip], timespan: 10m, condition: {gte: 9999}}
"""
RULES = {"groups": [{"name": "g", "interval": "200ms", "rules": [
    {"alert": "HighFailures", "expr": "failures > 5", "annotations": {"summary": "too many"}},
]}]}  # fmt: skip
ALARM = {"Resources": {
    "Filter": {"Type": "AWS::Logs::MetricFilter", "Properties": {
        "LogGroupName": "app", "FilterPattern": '{ $.event = "authn_login_fail" }',
        "MetricTransformations": [{"MetricNamespace": "App", "MetricName": "Failed", "MetricValue": "1"}]}},
    "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
        "AlarmName": "failed", "Namespace": "App", "MetricName": "Failed", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching"}},
}}  # fmt: skip


def line(address, user):
    now = datetime.now(UTC).isoformat()
    return json.dumps({
        "datetime": now, "level": "WARN", "event": "authn_login_fail", "source.ip": address, "user": user,
    }) + "\n"  # fmt: skip


def named(text):
    """Address, events and users of each."""
    found = re.findall(r"(\S+) \((\d+) events?, users (.*?), (\S+) to (\S+), (.*?)\)", text)
    for _, _, _, first, last, places in found:
        assert datetime.fromisoformat(first) <= datetime.fromisoformat(last)
        assert all(re.fullmatch(r".*app\.jsonl@\d+", each) for each in places.split(", "))
    return [(address, int(events), users) for address, events, users, *_ in found]


def test_alerts_of_rules_and_alarms_name_who(tmp_path):
    (tmp_path / "sigma.yml").write_text(SIGMA)
    (tmp_path / "alarm.json").write_text(json.dumps(ALARM))
    log, level = tmp_path / "app.jsonl", [0]
    log.write_text("")
    with target(lambda: f"failures {level[0]}\n") as scraped, webhook() as team:
        config = {
            "scrape": [{"job": "j", "targets": [f"127.0.0.1:{scraped.port}"], "interval": "200ms"}],
            "log_groups": [{"name": "app", "paths": ["app.jsonl"], "format": "json"}],
            "correlations": ["sigma.yml"], "definitions": ["alarm.json"],
            "receivers": [{"name": "team", "webhook": {"url": f"http://127.0.0.1:{team.port}/"}}],
        }  # fmt: skip
        with Daemon(tmp_path, config, RULES) as daemon:
            wait_for(lambda: daemon.query("failures"), "a first scrape")
            # All in one minute, so that the alarm is certain.
            wait_for(lambda: time.time() % 60 < 50, "room in this minute", 15)
            with log.open("a") as file:
                for number in range(12):
                    file.write(line("203.0.113.9", f"user{number % 2}"))
                file.write(line("198.51.100.7", "eve"))

            def of(name):
                return [
                    a
                    for _, body, _ in team.messages
                    for a in body["alerts"]
                    if a["labels"]["alertname"] == name
                ]

            (alarm,) = wait_for(lambda: of("failed"), "the alarm goes off")
            assert named(alarm["annotations"]["offenders"])[0] == (
                "203.0.113.9",
                12,
                "user0, user1",
            )
            command = ["offenders", "--url", daemon.url, "--format", "json", "--from", "2020-01-01"]
            for by, first in (
                ("address", ("203.0.113.9", 12, ["user0", "user1"])),
                ("user", ("user0", 6, ["203.0.113.9"])),
            ):
                done = CliRunner().invoke(cli, [*command, "--by", by], standalone_mode=False)
                found = json.loads(done.stdout)["offenders"][0]
                others = found["users" if by == "address" else "addresses"]
                assert (found[by], found["events"], others) == first
                assert all(re.fullmatch(r".*app\.jsonl@\d+", each) for each in found["samples"])
            level[0] = 9
            (alert,) = wait_for(lambda: of("HighFailures"), "the rule fires")
            wanted = [("203.0.113.9", 12, "user0, user1"), ("198.51.100.7", 1, "eve")]
            assert named(alert["annotations"]["offenders"]) == wanted
            assert alert["annotations"]["summary"] == "too many"
            level[0] = 0
            wait_for(lambda: of("HighFailures")[1:], "its end")
            assert of("HighFailures")[1]["annotations"] == alert["annotations"]
            assert daemon.stop() == 0
    store = open_store(tmp_path / ".tocsin", 0)
    bodies = [
        each.body
        for each in store.ledger(kinds=["transition"])
        if each.body.get("rule") == "HighFailures"
    ]
    store.close()
    assert [each["annotations"]["offenders"] for each in bodies] == 2 * [
        alert["annotations"]["offenders"]
    ]


def test_the_text_is_bounded():
    long = tuple("u" * 500 for _ in range(5))
    many = [TopOffender("a" * 400, 1, 2, 0, 0, long, True, (), (), ("p" * 300,)) for _ in range(5)]
    assert len(offenders_text(many)) <= 1000
    assert "1 event, off by at most 2, users" in offenders_text(many)
    assert offenders_text([]) == ""
