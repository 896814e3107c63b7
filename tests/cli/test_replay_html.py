"""`tocsin replay --html`: one safe page, the same bytes each time, readable for any length."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.alarms import CompositeAlarm, DatapointTable, Metric, MetricAlarm, Transition, of_values
from tocsin.cli import cli
from tocsin.cli._replay_html import replay_page
from tocsin.replay import Behind, Replayed
from tocsin.replay._chart import COLUMNS, curve

MINUTE = 60_000_000
VOID = {"meta", "br", "rect", "path", "line"}


def alarm(**more):
    made = {
        "alarm_name": "a", "evaluation_periods": 1, "comparison_operator": "GreaterThanThreshold",
        "threshold": 3.0, "metric_name": "m", "namespace": "n", "statistic": "Sum", "period": 60,
        "treat_missing_data": "notBreaching",
    }  # fmt: skip
    return MetricAlarm(**(made | more))


class Page(HTMLParser):
    """Holds that every tag is closed, and collects what is there."""

    def __init__(self, data):
        super().__init__()
        self.open, self.tags, self.words, self.attributes = [], [], [], []
        self.feed(data.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def page_of(changes=(), alarms=(), curves=None, files=("x.log",), warnings=()):
    done = Replayed(begin=0, end=60 * MINUTE, transitions=list(changes), curves=curves or {})
    done.warnings += warnings
    return replay_page(done, alarms or [alarm()], files, "read 1 = counted 1 + dropped 0")


def change(name="a", time=MINUTE, after="ALARM", before="OK", reason="because", clients=()):
    moved = Transition(name, time, before, after, reason, "", ())
    return Behind(moved, 0, MINUTE, 5, tuple(clients), len(clients))


HOSTILE = st.text() | st.sampled_from([
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><b>", "&lt;b&gt;", "\u202egpj",
    "' onload='x", "\x00\x1b[31m", "]]>", "<!--", "\ud800",
])  # fmt: skip


@given(name=HOSTILE, client=HOSTILE, reason=HOSTILE, words=HOSTILE, file=HOSTILE)
@settings(max_examples=100)
def test_text_of_strangers_stays_text(name, client, reason, words, file):
    made = alarm(alarm_name=name, alarm_description=words, metric_name=words, statistic=None,
                 extended_statistic=words)  # fmt: skip
    table = DatapointTable()
    drawn = curve(alarm(), table, (0, MINUTE), 60 * MINUTE)
    whole = CompositeAlarm("c", words)
    data = page_of(
        [change(name, reason=reason, clients=[(client, 5)])], [made, whole], {name: drawn}, [file]
    )
    found = Page(data)
    plain = Page(
        page_of(
            [change("a", clients=[("x", 5)])],
            [alarm(alarm_description="d"), CompositeAlarm("c", "r")],
            {"a": drawn},
        )
    )
    if words:
        assert sorted(found.tags) == sorted(plain.tags)
    names = {key for key, _ in found.attributes}
    assert not {each for each in names if each.startswith("on")} | {"src", "style"} & names
    assert not re.search(rb"[\x00-\x09\x0b-\x1f]", data)
    assert "\u202e" not in data.decode()


def test_the_policy_allows_the_style_and_nothing_else():
    text = page_of().decode()
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in text
    assert "<script" not in text
    assert " style=" not in text
    assert "http://" not in text
    assert "https://" not in text


def test_many_changes_are_cut_and_it_says_so():
    states = ["ALARM", "OK"] * 500
    many = [
        change(time=(at + 1) * MINUTE // 20, after=each, clients=[("10.0.0.1", 5)])
        for at, each in enumerate(states)
    ]
    data = page_of(many)
    assert "The first 100 of 1000 changes" in data.decode()
    assert len(data) < 100_000
    assert "500" in Page(data).words


def naive(points, statistic, period, until):
    """Each evaluation's value, minute by minute."""
    found = {}
    for time in range(MINUTE, until + 1, MINUTE):
        held = [
            v
            for at, values in points.items()
            if time - period * 1_000_000 <= at < time
            for v in values
        ]
        if held:
            found[time] = {"Sum": math.fsum, "Maximum": max, "SampleCount": len}[statistic](held)
    return found


@given(
    points=st.dictionaries(st.integers(0, 700), st.lists(st.integers(-5, 100), min_size=1, max_size=4), min_size=1),
    statistic=st.sampled_from(["Sum", "Maximum", "SampleCount"]), period=st.sampled_from([60, 300]),
)  # fmt: skip
@settings(max_examples=60)
def test_no_extreme_is_lost_between_two_columns(points, statistic, period):
    points = {at * MINUTE: values for at, values in points.items()}
    points.setdefault(0, [1])
    table = DatapointTable()
    for at, values in points.items():
        table.add(Metric.of("n", "m"), at, of_values({float(v): values.count(v) for v in values}))
    made = alarm(statistic=statistic, period=period)
    end = max(points) + MINUTE
    drawn = curve(made, table, (0, end), end)
    assert len(drawn.high) == len(drawn.low) == min(COLUMNS, end // MINUTE)
    expected = naive(points, statistic, period, end)
    low, high = [None] * len(drawn.high), [None] * len(drawn.high)
    for time, value in expected.items():
        at = (time - 1) * len(high) // end
        low[at] = value if low[at] is None else min(low[at], value)
        high[at] = value if high[at] is None else max(high[at], value)
    assert (list(drawn.low), list(drawn.high)) == (low, high)


def test_an_expression_and_numbers_beyond_all_measure():
    table = DatapointTable()
    for at in range(20):
        table.add(Metric.of("n", "m"), at * MINUTE, of_values({2e108: 1, -2e108: 1}))
    for made in (alarm(statistic="Maximum"), alarm(statistic="Minimum"), alarm(threshold=-1e308)):
        drawn = curve(made, table, (0, 20 * MINUTE), 20 * MINUTE)
        text = page_of(alarms=[made], curves={"a": drawn}).decode()
        assert "nan" not in text.lower().replace("insufficient", "")
        assert "inf" not in re.sub("(?i)INSUFFICIENT_DATA", "", text)


def test_a_year_of_minutes_stays_small():
    table = DatapointTable()
    year = 365 * 24 * 60
    for at in range(0, year, 7):
        table.add(Metric.of("n", "m"), at * MINUTE, of_values({float(at % 97): 1}))
    drawn = curve(alarm(), table, (0, year * MINUTE), year * MINUTE)
    assert len(drawn.high) == COLUMNS
    assert max(drawn.high) == 96
    assert len(page_of(alarms=[alarm()], curves={"a": drawn})) < 60_000


LINE = '203.0.113.{} - - [21/Nov/2026:10:{:02d}:01 +0000] "GET /<b> HTTP/1.1" {} 5 "-" "x"\n'


def run(*arguments):
    return CliRunner().invoke(cli, ["replay", *map(str, arguments)], standalone_mode=False)


def test_the_page_of_a_real_replay(tmp_path):
    log = tmp_path / "access.log"
    log.write_text(
        "".join(LINE.format(at % 12, at // 4, 404 if at < 80 else 200) for at in range(160))
    )
    given = ("--pack", "http", "--parameter", "NotFoundThreshold=9", log)
    first, second = tmp_path / "1.html", tmp_path / "2.html"
    one = run("--html", first, *given)
    two = run("--html", second, "--workers", "2", *given)
    assert (one.return_value, two.return_value) == (0, 0), one.exception
    assert one.stdout == two.stdout == run(*given).stdout
    assert first.read_bytes() == second.read_bytes()
    found = Page(first.read_bytes())
    words = " ".join(found.words)
    assert found.tags.count("section") == 5
    assert "read 160 = counted 160 + dropped 0" in words
    busiest = re.search(r"(\d+) *matching events of (\d+) clients", words)
    report = json.loads(run("--format", "json", *given).stdout)
    alarmed = [each for each in report["transitions"] if each["after"] == "ALARM"]
    assert alarmed
    assert busiest.groups() == (str(alarmed[0]["events"]), str(alarmed[0]["clients"]))
    for each in report["transitions"]:
        assert each["reason"] in words
    assert found.tags.count("li") >= len(alarmed[0]["busiest"]) == 10


REFUSED = (
    "Mar  1 10:00:{:02d} srv sshd[{}]: Failed password for invalid user {} from {} port 9 ssh2\n"
)


def test_what_rules_found_is_on_the_page(tmp_path):
    """With the user names of strangers as words; correlations with the same busiest are one list."""
    log, page = tmp_path / "auth.log", tmp_path / "page.html"
    name = "<img src=x onerror=alert(1)>"
    log.write_text("".join(REFUSED.format(at, at, name, "192.0.2.1") for at in range(12)))
    done = run("--pack", "appsec", "--year", 2026, "--html", page, log)
    assert done.return_value == 0, done.exception
    found = Page(page.read_bytes())
    words = " ".join(found.words)
    assert "img" not in found.tags
    report = json.loads(run("--pack", "appsec", "--year", 2026, "--format", "json", log).stdout)
    assert f"{len(report['alerts'])} alerts of Sigma rules" in words
    assert {each["title"] for each in report["alerts"]} == {
        "Brute force from one source", "Brute force against one user",
    }  # fmt: skip
    for each in report["alerts"]:
        assert each["title"] in words
    assert name in words
    (sources,) = [each for each in found.words if "brute_force_by_source" in each]
    assert "credential_stuffing_by_source, password_spraying_by_source" in sources
    assert f"b{sources[1:]}:" in done.stdout


def test_rules_that_found_nothing(tmp_path):
    log, page = tmp_path / "auth.log", tmp_path / "page.html"
    log.write_text(REFUSED.format(1, 1, "ada", "192.0.2.1"))
    done = run("--pack", "appsec", "--year", 2026, "--html", page, log)
    assert done.return_value == 0, done.exception
    found = Page(page.read_bytes()).words
    assert "No alert." in found
    # The alarm for a log gone quiet goes off, for after the log there is silence.
    assert found[found.index("the log ends at ") + 1] == "2026-03-01 10:01:00Z"
    assert ": a daemon would have read on" in found


def test_no_file_that_is_read_is_overwritten(tmp_path):
    log = tmp_path / "access.log"
    log.write_text(LINE.format(1, 2, 404))
    done = run("--pack", "http", "--html", log, log)
    assert "it is one of the files to read" in str(done.exception)
    assert log.read_text() == LINE.format(1, 2, 404)


@pytest.mark.parametrize("text", ["", "no line of any format\n"])
def test_a_log_without_events_makes_a_page_too(tmp_path, text):
    log = tmp_path / "access.log"
    log.write_text(text)
    done = run("--pack", "http", "--log-format", "combined", "--html", tmp_path / "p.html", log)
    assert done.return_value == 0, done.exception
    assert "No event of these logs has a time" in (tmp_path / "p.html").read_text()
