"""Drills of lines, by a clock of their own."""

from __future__ import annotations

import pytest

from tests.drill.lab import START
from tests.engine.test_log_daemon import ALARM, FILTER
from tocsin.drill import (
    Drill,
    LogDrillRun,
    Sieve,
    SyntheticLines,
    form_of,
    line_weaknesses_of,
    rehearse_lines,
)
from tocsin.drill._stamp import stamp
from tocsin.durations import DAY, MINUTE, SECOND
from tocsin.engine import load_config, log_setup
from tocsin.logformat import FORMATS, Clues, Parsed, make_format

LINE = '203.0.113.250 - - [$time] "GET /$number HTTP/1.1" 404 0 "-" "$id"'
SAMPLES = {
    "combined": LINE,
    "common": '203.0.113.250 - - [$time] "GET /$id HTTP/1.1" 404 0',
    "nginx-error": "$time [error] 7#7: *1 $id, client: 203.0.113.250, server: x",
    "apache-error": "[$time] [core:error] [pid 7] [client 203.0.113.250:1] $id",
    "json": '{"time":"$time","message":"$id"}',
    "syslog-5424": "<38>1 $time host sshd 7 - - $id",
    "syslog": "$time host sshd[7]: $id",
    "logfmt": 'time=$time level=warn msg="$id"',
}


def drill(line=LINE, count=6, **more):
    fields = {
        "name": "burst", "control": "web-logs", "alert": "burst", "receiver": "room", "series": (),
        "interval": 15 * SECOND, "within": 10 * MINUTE, "at": None,
        "lines": SyntheticLines("/web", line, count),
    }  # fmt: skip
    return Drill(**{**fields, **more})


@pytest.fixture
def setup(tmp_path):
    def make(made, alarm=ALARM % (5, 60), terraform=FILTER):
        (tmp_path / "main.tf").write_text(terraform + alarm)
        (tmp_path / "tocsin.yaml").write_text(
            "log_groups: [{name: /web, paths: [access.log]}]\ndefinitions: [main.tf]\n"
        )
        return log_setup(made, load_config(tmp_path / "tocsin.yaml").logs, START)

    return make


def test_the_alarm_goes_off_and_every_weakness_is_noticed(setup):
    made = drill()
    found = setup(made)
    assert found.form == "combined"
    run = rehearse_lines(made, found, START)
    assert (run.seen, run.fired) == (START, START)
    weak = list(line_weaknesses_of(made, found, START))
    assert [(w.done, w.noticed) for w in weak] == [
        ("the metric filter is removed", True),
        ("its threshold is out of reach", True),
        ("the lines stop", True),
    ]
    assert weak[0].how == "the drill fails: no metric filter of the alarm matched the lines"


def test_an_alarm_over_several_periods_takes_lines_in_each(setup):
    alarm = (ALARM % (5, 60)).replace("evaluation_periods  = 1", "evaluation_periods  = 3")
    made = drill(count=2)
    run = rehearse_lines(made, setup(made, alarm), START)
    assert run.fired is not None
    assert MINUTE < run.fired - START < 4 * MINUTE


def test_an_alarm_that_may_fall_again_is_told_once_its_minute_is_closed(setup):
    alarm = (ALARM % (0, 60)).replace('"Sum"', '"Average"')
    made = drill()
    run = rehearse_lines(made, setup(made, alarm), START)
    assert run.fired is not None
    assert run.fired - run.seen >= 30 * SECOND


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"count": 1}, "the alarm's filters matched, but it did not go off in time"),
        ({"line": LINE.replace("404", "200")}, "no metric filter of the alarm matched the lines"),
        ({"line": "what $id"}, "the lines are not of the log group's format"),
        ({"alert": "other"}, "no metric alarm other is in force"),
        ({"count": 0}, "the log group /web did not read the lines"),
    ],
)
def test_why_it_did_not_come_to_an_alarm(setup, more, why):
    made = drill(**more, interval=60 * SECOND)
    run = rehearse_lines(made, setup(made), START)
    assert (run.fired, run.why_not()) == (None, why)


def test_a_line_that_comes_twice_counts_once(setup):
    made = drill(count=4)
    run = LogDrillRun(made, setup(made), Sieve(b"secret"), "0" * 16, START)
    lines = run.due("combined", START)
    for _ in range(3):
        run.take("combined", lines, START)
    assert run.evaluate(START) is None
    assert run.due("combined", START + 14 * SECOND) == []
    run.take("combined", run.due("combined", START + 15 * SECOND), START + 15 * SECOND)
    assert run.evaluate(START + 15 * SECOND)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("offset", [0, 3600, -12600])
def test_a_stamp_is_read_back_to_the_second(form, offset):
    for time in (START, START + 40 * DAY, START + 250 * DAY):
        line = SAMPLES[form].replace("$time", stamp(form, time, offset)).replace("$id", "x")
        parsed = make_format(form, Clues(offset, time - 30 * DAY)).parse(line.encode())
        assert isinstance(parsed, Parsed), (form, line, parsed)
        assert parsed.time // SECOND == time // SECOND
        if form not in {"common", "combined"}:
            assert form_of(SAMPLES[form], offset, time) == form
