"""The pack `http`: what each rule counts and what it does not, in every kind of log."""

from __future__ import annotations

import json
import logging

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tocsin.alarms import CompositeAlarm
from tocsin.cli import cli
from tocsin.engine import load_config
from tocsin.errors import ConfigError
from tocsin.logformat import make_format
from tocsin.packs import PACKS, apply_pack, fits
from tocsin.pattern import Event, lint, match
from tocsin.scan import Scanner, Table
from tocsin_sdk.events import Level, SecurityEvent
from tocsin_sdk.logs import JsonLines

RULES = ["not-found", "server-errors", "bad-requests", "auth-errors", "critical-errors"]
RULE_OF = {
    404: "not-found", 400: "bad-requests", 401: "auth-errors", 403: "auth-errors",
    500: "server-errors", 502: "server-errors", 503: "server-errors", 599: "server-errors",
}  # fmt: skip
BENIGN = "Mozilla/5.0 (X11; Linux x86_64)"


def combined(status, *, user="-", request="GET / HTTP/1.1", size="512", referer="-", agent=BENIGN):
    head = f"203.0.113.9 - {user} [21/Nov/2026:10:00:01 +0000]"
    return f'{head} "{request}" {status} {size} "{referer}" "{agent}"'


def common(status, **more):
    return combined(status, **more).partition(' "-" "')[0]


def nginx_json(status, **more):
    line = {"time": "2026-11-21T10:00:01+00:00", "remote_addr": "203.0.113.9", "status": status}
    return json.dumps({**line, "http_user_agent": BENIGN, **more})


def ecs(status, **more):
    line = {"@timestamp": "2026-11-21T10:00:01Z", "http": {"response": {"status_code": status}}}
    return json.dumps({**line, **more})


def sdk(status=None, level=Level.INFO, description=None):
    """What the SDK's own formatter writes of an event."""
    event = SecurityEvent(
        event="authz_fail", level=level, time=1_795_255_201.5, client="203.0.113.9",
        status=status, description=description,
    )  # fmt: skip
    record = logging.makeLogRecord({"security_event": event})
    return JsonLines().format(record)


def sdk_record(level, message):
    return JsonLines().format(logging.LogRecord("app", level, "a.py", 1, message, (), None))


def seen(form, line):
    """The rules that count a line, by the matcher and by the scanner, which have to agree."""
    filters = apply_pack("http", "web", form, {}).filters
    by_match = {each.name for each in filters if match(each.pattern, Event(line)).matched}
    table = Table()
    Scanner(filters, make_format(form)).scan(line.encode() + b"\n", table)
    assert (table.read, table.counted) == (1, 1), line
    assert {key[1] for (key, _) in table.minutes.matches} == by_match
    return {name.removeprefix("web-http-") for name in by_match}


ACCESS = {"combined": combined, "common": common}
JSON = {"nginx": nginx_json, "ecs": ecs, "sdk": sdk}


@pytest.mark.parametrize("status", [*RULE_OF, 200, 204, 301, 304, 402, 405, 410, 418, 429, 499])
def test_each_status_is_counted_by_its_rule(status):
    expected = {RULE_OF[status]} if status in RULE_OF else set()
    for form, write in ACCESS.items():
        assert seen(form, write(status)) == expected
    for write in JSON.values():
        assert seen("json", write(status)) == expected
    assert seen("json", nginx_json(str(status))) == expected
    assert seen("common", common(status, size="-")) == expected
    for behind in (' "203.0.113.7, 10.0.0.1"', " 0.004 404", ' "-" 500'):
        assert seen("combined", combined(status) + behind) == expected


HOSTILE = [
    {"agent": "x 404 12"}, {"agent": " 404 "}, {"agent": r"\" 404 12 \"-\""}, {"agent": r"\x22 404 1"},
    {"agent": r"\\\" 500 1"}, {"referer": "http://a/ 404 500 401"}, {"referer": r"a\" 401 7"},
    {"referer": "404", "agent": "400"}, {"request": "GET /404 HTTP/1.1"}, {"request": r"GET /\" 404 1 HTTP/1.1"},
    {"request": r"GET /\x22 503 1 HTTP/1.1"}, {"size": "404"}, {"size": "500", "user": "404"},
    {"user": "a b"}, {"user": "a 404 b"}, {"user": "x 404"}, {"user": "x y 404 z"}, {"user": r"\" 404 1"},
    {"user": "x [21/Nov/2026:10:00:01 +0000] [GET_/ HTTP/1.1] 404"}, {"agent": "Critical_Error"},
]  # fmt: skip


@pytest.mark.parametrize("fields", HOSTILE, ids=str)
def test_what_clients_write_neither_counts_nor_hides(fields):
    assert seen("combined", combined(200, **fields)) == set()
    for status, rule in RULE_OF.items():
        assert seen("combined", combined(status, **fields)) == {rule}


def escaped(text):
    """As nginx writes what clients sent."""
    return "".join(
        each
        if each.isprintable() and each.isascii() and each not in '"\\'
        else f"\\x{ord(each) & 255:02X}"
        for each in text
    )


@given(
    status=st.sampled_from([*RULE_OF, 200, 301]), user=st.text(max_size=20), agent=st.text(max_size=20),
    path=st.text(' 0145[]"\\x', max_size=20), referer=st.text(' 0145-[]"\\', max_size=12).map(str.strip),
)  # fmt: skip
@settings(max_examples=200)
def test_only_the_status_decides(status, user, agent, path, referer):
    line = combined(
        status, user=escaped(user) or "-", agent=escaped(agent), referer=escaped(referer),
        request=f"GET /{escaped(path)} HTTP/1.1",
    )  # fmt: skip
    filters = apply_pack("http", "web", "combined", {}).filters
    found = {each.name for each in filters if match(each.pattern, Event(line)).matched}
    assert found == ({f"web-http-{RULE_OF[status]}"} if status in RULE_OF else set())


@given(text=st.text() | st.sampled_from(['","status":404,"a":"', "Critical Error", "CRITICAL"]))
@settings(max_examples=100)
def test_in_json_too(text):
    more = {"http_user_agent": text, "user": text, "request_uri": text, "args": {"status": 404}}
    assert seen("json", nginx_json(200, **more)) == set()


def test_critical_errors():
    assert seen("combined", combined(200, agent="Critical Error")) == {"critical-errors"}
    assert seen("combined", combined(200, agent="critical error")) == set()
    critical, error = logging.CRITICAL, logging.ERROR
    assert seen("json", sdk_record(critical, "the disk is gone")) == {"critical-errors"}
    assert seen("json", sdk_record(error, "Critical Error in the ledger")) == {"critical-errors"}
    assert seen("json", sdk_record(error, "CRITICAL")) == set()
    assert seen("json", sdk(level=Level.CRITICAL)) == {"critical-errors"}
    assert seen("json", sdk(description="a Critical Error")) == {"critical-errors"}
    assert seen("json", sdk(403, Level.CRITICAL)) == {"critical-errors", "auth-errors"}
    for level in ("critical", "fatal", "FATAL"):
        assert seen("json", ecs(200, log={"level": level})) == {"critical-errors"}
        assert seen("json", ecs(200, **{"log.level": level})) == {"critical-errors"}
        assert seen("json", nginx_json(200, level=level)) == {"critical-errors"}
    assert seen("json", nginx_json(200, level="error")) == set()


@pytest.mark.parametrize("form", ["combined", "json"])
def test_the_templates_hold_what_they_promise(form):
    one, two = (apply_pack("http", name, form, {}) for name in ("/app/web", "/app/api"))
    assert one.problems == ()
    assert one.holds == "5 metric filters, 5 alarms, 0 unresolved"
    assert [each.name for each in one.filters] == [f"/app/web-http-{rule}" for rule in RULES]
    for alarm, made in zip(one.alarms, one.filters, strict=True):
        assert not isinstance(alarm, CompositeAlarm)
        assert lint(made.pattern) == []
        assert (alarm.statistic, alarm.period, alarm.treat_missing_data) == (
            "Sum",
            300,
            "notBreaching",
        )
        assert (alarm.namespace, alarm.metric_name) == (
            made.transformation.namespace,
            made.transformation.metric,
        )
        assert f"{alarm.threshold:g}" in alarm.alarm_description
    assert not {each.key for each in one.filters} & {each.key for each in two.filters}
    assert not {each.alarm_name for each in one.alarms} & {each.alarm_name for each in two.alarms}
    metrics = [{(a.namespace, a.metric_name) for a in each.alarms} for each in (one, two)]
    assert not metrics[0] & metrics[1]


def test_thresholds_and_a_topic():
    topic = "arn:aws:sns:eu-central-1:123456789012:team"
    given = {"AuthErrorsThreshold": "3", "AlarmTopicArn": topic, "LogGroupName": "other", "X": "1"}
    made = apply_pack("http", "web", "common", given)
    assert [alarm.threshold for alarm in made.alarms] == [50, 10, 20, 3, 10]
    assert {alarm.alarm_actions for alarm in made.alarms} == {(topic,)}
    assert {each.log_group for each in made.filters} == {"web"}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_has_its_page(rule):
    text = (ROOT / f"docs/packs/http/{rule}.md").read_text()
    for heading in ("What it sees", "Why it matters", "False positives", "What to do", "Threshold"):
        assert f"## {heading}\n" in text
    made = apply_pack("http", "web", "combined", {}).alarms[RULES.index(rule)]
    assert f"`{made.metric_name}Threshold`" in text
    assert f"default {made.threshold:g}" in text
    assert "tocsin replay --pack http --threshold-report" in text


def test_what_it_fits():
    assert [
        form for form in ("combined", "common", "json", "syslog") if fits("http", form)
    ] == list(PACKS["http"])


def configured(tmp_path, log_groups, **more):
    path = tmp_path / "tocsin.yaml"
    path.write_text(json.dumps({"log_groups": log_groups, "packs": ["http"], **more}))
    return load_config(path)


def test_each_log_group_gets_what_fits_it(tmp_path):
    (tmp_path / "a.log").write_text("")
    (tmp_path / "a.log.1").write_text((combined(200) + "\n") * 3)
    (tmp_path / "b.json").write_text(nginx_json(200) + "\n")
    (tmp_path / "c.log").write_text("Nov 21 10:00:00 host sshd[1]: hello\n")
    config = configured(
        tmp_path,
        [{"name": "a", "paths": ["a.log*"]}, {"name": "b", "paths": ["b.json"]}, {"name": "c", "paths": ["c.log"]},
         {"name": "d", "paths": ["none"], "format": "combined"}],
        parameters={"NotFoundThreshold": "7"},
    )  # fmt: skip
    groups = [each.log_group for each in config.logs.definitions.filters]
    assert groups == ["a"] * 5 + ["b"] * 5 + ["d"] * 5
    found = {each.alarm_name: each.threshold for each in config.logs.definitions.alarms}
    assert (found["a-http-not-found"], found["b-http-not-found"]) == (7, 7)
    assert [each.what for each in config.warnings] == ["no metric filter reads log group 'c'"]
    assert config.logs.unfed == frozenset()


def test_a_log_group_without_a_known_format_is_told(tmp_path):
    config = configured(tmp_path, [{"name": "a", "paths": ["none"]}, {"name": "b", "push": True}])
    told = [each for each in config.warnings if "its format is not known" in each.what]
    assert [each.hint.partition(",")[0] for each in told] == ["give `format:`"] * 2
    assert any(each.what == "pack http fits no log group" for each in config.warnings)


def test_a_composite_alarm_may_watch_alarms_of_a_pack(tmp_path):
    rule = "ALARM(web-http-not-found) AND ALARM(web-http-auth-errors)"
    composite = {"CompositeAlarms": [{"AlarmName": "scan", "AlarmRule": rule}]}
    (tmp_path / "c.json").write_text(json.dumps(composite))
    config = configured(
        tmp_path, [{"name": "web", "paths": ["x"], "format": "json"}], definitions=["c.json"]
    )
    assert len(config.logs.definitions.alarms) == 6
    assert config.warnings == ()


def test_mistakes_are_told_together(tmp_path):
    with pytest.raises(ConfigError) as caught:
        configured(
            tmp_path, [{"name": "web", "paths": ["x"], "format": "json"}],
            packs=["http", "htpt"], parameters={"NotFoundThreshold": "many"},
        )  # fmt: skip
    text = str(caught.value)
    assert "no pack 'htpt', hint: there are: http" in text
    assert "Threshold must be a number, not 'many'" in text


def replay(*arguments):
    return CliRunner().invoke(cli, ["replay", *map(str, arguments)], standalone_mode=False)


def test_replay_with_a_pack(tmp_path):
    path = tmp_path / "access.log"
    path.write_text("\n".join([combined(404)] * 4 + [combined(200)]) + "\n")
    done = replay("--pack", "http", "--parameter", "NotFoundThreshold=3", path)
    assert "web-http-not-found: OK -> ALARM" in done.stdout or (
        "web-http-not-found: INSUFFICIENT_DATA -> ALARM" in done.stdout
    )
    assert "4 matching events of 1 client" in done.stdout
    named = replay("--pack", "http", "--log-group", "/a/b", "--format", "json", path)
    assert {t["alarm"] for t in json.loads(named.stdout)["transitions"]} == {
        f"/a/b-http-{r}" for r in RULES
    }


@pytest.mark.parametrize("form", ["combined", "json"])
def test_a_burst_in_ordinary_traffic_is_told_once(tmp_path, form):
    """Without a default value the metric is missing after the burst, and CloudWatch looks further
    back: the window slides over what is left of the burst, and the alarm goes off again twice."""
    asked = [(second, 200) for second in range(0, 6000, 4)]
    asked += [(second, 404) for second in range(1800, 2560)]
    lines = []
    for second, status in sorted(asked):
        clock = f"{10 + second // 3600}:{second // 60 % 60:02}:{second % 60:02}"
        line = combined(status) if form == "combined" else nginx_json(status)
        lines.append(line.replace("10:00:01", clock) + "\n")
    path = tmp_path / "log"
    path.write_text("".join(lines))
    done = replay("--pack", "http", "--format", "json", path)
    told = [
        (each["before"], each["after"])
        for each in json.loads(done.stdout)["transitions"]
        if each["alarm"] == "web-http-not-found"
    ]
    assert told == [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM"), ("ALARM", "OK")]


def test_replay_says_what_it_cannot_do(tmp_path):
    (tmp_path / "a.log").write_text(combined(404) + "\n")
    (tmp_path / "b.json").write_text(nginx_json(404) + "\n")
    (tmp_path / "c.log").write_text("Nov 21 10:00:00 host sshd[1]: hello\n")
    assert "give --definitions, --pack or --rules" in str(replay(tmp_path / "a.log").exception)
    both = replay("--pack", "http", tmp_path / "a.log", tmp_path / "b.json")
    assert "has access logs and JSON lines" in str(both.exception)
    assert "is not for" in str(replay("--pack", "http", tmp_path / "c.log").exception)
