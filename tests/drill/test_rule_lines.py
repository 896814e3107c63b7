"""Drills of Sigma rules and correlations, by a clock of their own."""

from __future__ import annotations

import pytest

from tests.drill.lab import START
from tocsin.drill import (
    Drill,
    RuleDrillRun,
    RuleSetup,
    Sieve,
    SyntheticLines,
    line_weaknesses_of,
    rehearse_lines,
)
from tocsin.durations import MINUTE, SECOND
from tocsin.engine import load_config, log_setup
from tocsin.errors import ConfigError

FAILED = (
    "$time drill sshd[$number]: Failed password for invalid user $id from 203.0.113.250 port 9 ssh2"
)
ACCEPTED = "$time drill sshd[9]: Accepted password for $id from 203.0.113.250 port 9 ssh2"
NOT_FOUND = '203.0.113.250 - - [$time] "GET /$number HTTP/1.1" 404 0 "-" "$id"'


def drill(alert, line, count, then="", group="ssh", **more):
    lines = SyntheticLines(group, line, count, then)
    fields = {"interval": 15 * SECOND, "within": 5 * MINUTE, "at": None, **more}
    return Drill("guess", "logical-access", alert, "room", (), lines=lines, **fields)


@pytest.fixture
def setup(tmp_path):
    def make(made, packs="[appsec]"):
        (tmp_path / "tocsin.yaml").write_text(
            "log_groups: [{name: ssh, paths: [a.log], format: syslog}, {name: web, paths: [b.log], format: combined}]\n"
            f"packs: {packs}\n"
        )
        return log_setup(made, load_config(tmp_path / "tocsin.yaml").logs, START)

    return make


@pytest.mark.parametrize(
    "called",
    [
        "brute_force_by_source",
        "a86db117-2c53-5dcc-8b61-c086468391e9",
        "Brute force from one source",
    ],
)
def test_a_correlation_by_name_id_or_title(setup, called):
    made = drill(called, FAILED, 5)
    found = setup(made)
    assert isinstance(found, RuleSetup)
    run = rehearse_lines(made, found, START)
    assert (run.seen, run.fired) == (START, START)
    assert run.alert.rule == "brute_force_by_source"
    assert dict(run.alert.group) == {"source.ip": "203.0.113.250"}
    assert [(w.done, w.noticed) for w in line_weaknesses_of(made, found, START)] == [
        ("the rule is removed", True), ("its threshold is out of reach", True), ("the lines stop", True),
    ]  # fmt: skip


def test_an_order_of_events_takes_a_line_that_follows(setup):
    for count, then, fired in ((5, ACCEPTED, True), (5, "", False)):
        made = drill("break_in_by_source", FAILED, count, then)
        assert (rehearse_lines(made, setup(made), START).fired is not None) is fired


def test_different_values_are_counted(setup):
    names = [
        e.name
        for e in setup(drill("x", FAILED, 1)).rules.correlations
        if e.name.startswith("scanner") and e.alone
    ]
    made = drill(names[0], NOT_FOUND, 200, group="web")
    run = rehearse_lines(made, setup(made), START)
    assert run.alert is not None
    assert run.alert.measure <= 200


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (
            {"count": 1, "within": MINUTE},
            "Sigma rules matched the lines, but this one did not find",
        ),
        ({"line": "$time drill cron[1]: $id"}, "no Sigma rule matched the lines"),
        ({"line": "what $id"}, "the lines are not of the log group's format"),
        ({"alert": "other"}, "no metric alarm and no Sigma rule other is in force as an alert"),
        (
            {"alert": "brute_force_refused"},
            "no Sigma rule brute_force_refused is in force as an alert",
        ),
        ({"count": 0}, "the log group ssh did not read the lines"),
    ],
)
def test_why_it_did_not_come_to_an_alert(setup, more, why):
    made = (
        drill(
            **{"alert": "brute_force_by_source", "line": FAILED, "count": 5, **more},
            interval=60 * SECOND,
        )
        if "within" not in more
        else drill(
            **{"alert": "brute_force_by_source", "line": FAILED, **more}, interval=60 * SECOND
        )
    )
    run = rehearse_lines(made, setup(made), START)
    assert run.fired is None
    assert why in run.why_not()


def test_a_rule_that_is_switched_off_fails_its_drill(setup):
    made = drill("brute_force_by_source", FAILED, 5)
    found = setup(made, "[{name: appsec, except: [brute_force_by_source]}]")
    assert not found.ready
    assert "is in force as an alert" in rehearse_lines(made, found, START).why_not()


def test_a_line_that_comes_twice_counts_once(setup):
    made = drill("brute_force_by_source", FAILED, 3)
    run = RuleDrillRun(made, setup(made), Sieve(b"secret"), "0" * 16, START)
    lines = run.due("syslog", START)
    for _ in range(3):
        run.take("syslog", lines, START)
    assert run.evaluate(START) is None
    run.take("syslog", run.due("syslog", START + 15 * SECOND), START + 15 * SECOND)
    assert run.evaluate(START + 15 * SECOND) == "Brute force from one source"
    assert run.evaluate(START + 16 * SECOND) is None


def test_a_line_that_follows_has_a_mark_too(tmp_path):
    (tmp_path / "tocsin.yaml").write_text(
        "log_groups: [{name: a, push: true}]\nreceivers: [{name: r, terminal: {}}]\n"
        "drills: [{name: d, control: c, alert: x, receiver: r, lines: {log_group: a, line: 'x $id', then: 'y'}}]\n"
    )
    with pytest.raises(ConfigError) as raised:
        load_config(tmp_path / "tocsin.yaml")
    assert "then must have $id once" in str(raised.value)
