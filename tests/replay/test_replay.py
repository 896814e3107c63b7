"""Replay: real logs against naive counts, and what must not change an answer."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.alarms import CompositeAlarm, MetricAlarm
from tocsin.cli import cli
from tocsin.errors import ParseError
from tocsin.pattern import Transformation, make_filter
from tocsin.replay import Replayer, ReplayOptions
from tocsin.source import LogLimits

MINUTE = 60_000_000
ACCESS = "[ip, id, user, timestamp, request, status = {}, size, ...]"


def metric_filter(name, pattern, log_group="web", **more):
    made = [Transformation(metric=name, namespace="Web", value="1", **more)]
    return make_filter(name=name, log_group=log_group, pattern=pattern, transformations=made)


def sum_alarm(metric, threshold, **more):
    settings = {
        "alarm_name": f"many-{metric}", "metric_name": metric, "namespace": "Web", "statistic": "Sum",
        "period": 300, "evaluation_periods": 1, "threshold": threshold, "treat_missing_data": "notBreaching",
        "comparison_operator": "GreaterThanOrEqualToThreshold",
    }  # fmt: skip
    return MetricAlarm(**{**settings, **more})


def replayed(paths, filters, alarms=(), *, now=0, limits=None, report=False, **options):
    replayer = Replayer(filters, alarms, ReplayOptions(**options), limits or LogLimits())
    opened = replayer.open([str(path) for path in paths], now)
    return replayer.run(opened, lambda _: None, report=report)


def naive_access(path):
    """Status and minute of each line, with nothing but splitting."""
    found = []
    for line in path.read_text().splitlines():
        stamp = line.split("[")[1].split("]")[0]
        moment = datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z")
        seconds = int(moment.timestamp())
        found.append(
            (
                line.split('" ')[1].split(" ")[0],
                (seconds - seconds % 60) * 1_000_000,
                line.split(" ")[0],
            )
        )
    return found


def test_the_access_log_by_status_and_minute(data):
    path = data / "logs/apache_access.log"
    statuses = ("200", "206", "301", "304", "403", "404", "416", "500")
    filters = [metric_filter(f"s{status}", ACCESS.format(status)) for status in statuses]
    done = replayed([path], filters)
    naive = naive_access(path)
    assert Counter(status for status, _, _ in naive).keys() == set(statuses)
    expected = Counter((f"s{status}", minute) for status, minute, _ in naive)
    counted = {
        (key[1], minute): count for (key, minute), count in done.tally.minutes.matches.items()
    }
    assert counted == expected
    # The line that is cut off in its user agent has its time and its status all the same.
    assert (done.tally.read, done.tally.counted, done.tally.dropped) == (10_000, 10_000, {})
    clients = Counter()
    for (key, _, _), found in done.tally.sources.items():
        if key[1] == "s404":
            clients.update(found)
    assert clients == Counter(client for status, _, client in naive if status == "404")


def test_the_alarm_fires_when_a_naive_sum_says_so(data, tmp_path):
    path = data / "logs/apache_access.log"
    definitions = tmp_path / "definitions.json"
    definitions.write_text(json.dumps({
        "metricFilters": [{
            "filterName": "not-found", "logGroupName": "web", "filterPattern": ACCESS.format(404),
            "metricTransformations": [{"metricName": "NotFound", "metricNamespace": "Web", "metricValue": "1"}],
        }],
        "MetricAlarms": [{
            "AlarmName": "many-404", "MetricName": "NotFound", "Namespace": "Web", "Statistic": "Sum", "Period": 300,
            "EvaluationPeriods": 1, "Threshold": 8, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
        }],
    }))  # fmt: skip
    command = ["replay", "--definitions", str(definitions), "--format", "json", str(path)]
    first = CliRunner().invoke(cli, command, standalone_mode=False)
    assert (first.return_value, first.exception) == (0, None)
    found = json.loads(first.stdout)
    fired = [
        (each["time"], each["busiest"]) for each in found["transitions"] if each["after"] == "ALARM"
    ]

    missed = [(minute, client) for status, minute, client in naive_access(path) if status == "404"]
    counts = Counter(minute for minute, _ in missed)
    seen = sorted({minute for _, minute, _ in naive_access(path)})
    expected, alarmed, sums = [], False, {}
    for end in range(seen[0] + MINUTE, seen[-1] + 60 * MINUTE, MINUTE):
        sums[end] = sum(counts[end - back * MINUTE] for back in range(1, 6))
        held = [sums.get(end - back * 5 * MINUTE, 0) for back in range(3)]
        # While the evaluation range has any datapoint, the newest one decides, however old.
        newest = next((each for each in held if each), 0)
        if newest >= 8 and not alarmed:
            inside = Counter(
                client for minute, client in missed if end - 5 * MINUTE <= minute < end
            )
            ranked = sorted(inside.items(), key=lambda each: (-each[1], each[0]))[:10]
            moment = datetime.fromtimestamp(end / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            expected.append(
                (moment, [{"client": client, "events": count} for client, count in ranked])
            )
        alarmed = newest >= 8
    assert fired == expected
    assert len(fired) == 3
    assert found["accounting"]["read"] == found["accounting"]["counted"] == 10_000
    second = CliRunner().invoke(cli, command, standalone_mode=False)
    assert second.stdout == first.stdout

    text = CliRunner().invoke(
        cli, [*command[:3], "--threshold-report", str(path)], standalone_mode=False
    )
    assert text.stdout.endswith("read 10000 = counted 10000 + dropped 0\n")
    assert "2015-05-20T09:06:00Z  many-404: OK -> ALARM" in text.stdout
    assert re.search(r"\n +8 +3 +0:45:00  <- the definition's\n", text.stdout)


def test_the_login_log_counts_repeated_messages(data):
    path = data / "logs/auth.log"
    done = replayed([path], [metric_filter("failed", '"Failed password"')], year=2017)
    expected = repeats = lines = 0
    for line in path.read_text().splitlines():
        lines += 1
        times = (
            int(line.split("message repeated ")[1].split(" ")[0])
            if "message repeated" in line
            else 1
        )
        repeats += times - 1
        expected += times if "Failed password" in line else 0
    assert sum(done.tally.minutes.matches.values()) == expected
    assert (done.tally.read, done.tally.counted, done.tally.repeats) == (lines, lines, repeats)
    assert done.begin == 1_490_619_960_000_000  # 27 March 2017, 13:06


def test_hosts_with_five_failures_in_ten_minutes_see_the_alarm(data):
    """The busiest hosts of each window, held against a window count done by hand."""
    path = data / "logs/auth.log"
    alarm = sum_alarm("failed", 5, period=600)
    done = replayed([path], [metric_filter("failed", '"Failed password"')], [alarm], year=2017)
    times = []
    for line in path.read_text().splitlines():
        if "Failed password" in line:
            moment = datetime.strptime(f"2017 {line[:15]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
            seconds = int(moment.timestamp())
            times += [seconds - seconds % 60] * (
                int(line.split("repeated ")[1].split(" ")[0]) if "repeated" in line else 1
            )
    counts = Counter(times)
    for each in done.transitions:
        if each.transition.after == "ALARM":
            start, end = each.start // 1_000_000, each.end // 1_000_000
            assert end - start == 600
            assert each.events == sum(counts[minute] for minute in range(start, end, 60)) >= 5
    assert sum(each.transition.after == "ALARM" for each in done.transitions) > 50


def access(minute, status=404, client="1.2.3.4"):
    stamp = datetime.fromtimestamp(1_700_000_040 + minute * 60, UTC).strftime(
        "%d/%b/%Y:%H:%M:%S +0000"
    )
    return f'{client} - - [{stamp}] "GET /" {status} 3 "-" "-"\n'.encode()


def told(done):
    return [(each.transition, each.sources, each.events) for each in done.transitions]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from([200, 404]), st.sampled_from("abc")), min_size=1, max_size=40),
    st.integers(0, 40), st.integers(1, 300), st.booleans(), st.randoms(),
)  # fmt: skip
def test_neither_order_nor_files_nor_chunks_change_the_answer(
    tmp_path, events, at, chunk, packed, random
):
    filters = [metric_filter("gone", ACCESS.format(404))]
    alarms = [sum_alarm("gone", 3)]
    lines = [access(*each) for each in events]
    (tmp_path / "whole.log").write_bytes(b"".join(lines))
    expected = replayed([tmp_path / "whole.log"], filters, alarms)
    random.shuffle(lines)
    parts = [b"".join(lines[:at]), b"".join(lines[at:]).rstrip(b"\n")]
    pack = gzip.compress if packed else bytes
    for name, part in zip("ab", parts, strict=True):
        (tmp_path / name).write_bytes(pack(part))
    done = replayed(
        [tmp_path / "b", tmp_path / "a"], filters, alarms, limits=LogLimits(chunk=chunk)
    )
    assert told(done) == told(expected)
    assert done.tally.minutes == expected.tally.minutes
    assert done.tally.counted == expected.tally.counted == len(lines)


def test_late_lines_count_in_their_own_minute(tmp_path):
    (tmp_path / "a.log").write_bytes(access(9) + access(0) + access(5) + access(0))
    done = replayed([tmp_path / "a.log"], [metric_filter("gone", ACCESS.format(404))])
    begin = 1_700_000_040_000_000
    counts = {minute: count for (_, minute), count in done.tally.minutes.matches.items()}
    assert counts == {begin: 2, begin + 5 * MINUTE: 1, begin + 9 * MINUTE: 1}


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=60), max_size=20), st.integers(1, 64))
def test_hostile_lines_are_accounted_for(tmp_path, hostile, chunk):
    path = tmp_path / "a.log"
    content = access(0) + b"".join(line + b"\n" + access(1) for line in hostile)
    path.write_bytes(content)
    done = replayed(
        [path], [metric_filter("gone", ACCESS.format(404))], [sum_alarm("gone", 1)],
        limits=LogLimits(chunk=chunk, line=200), log_format="combined",
    )  # fmt: skip
    assert done.tally.balanced
    assert done.tally.read == content.count(b"\n")
    assert done.tally.counted >= 1 + len(hostile)


def test_centuries_between_two_lines_cost_nothing(tmp_path):
    lines = [b'{"time":"%d-01-01T00:00:00Z","m":"x"}\n' % year for year in (1970, 2099)]
    (tmp_path / "a.log").write_bytes(b"".join(lines))
    alarms = [sum_alarm("any", 1), sum_alarm("any", 1, alarm_name="daily", period=86_400)]
    done = replayed(
        [tmp_path / "a.log"], [metric_filter("any", "{ $.m = x }")], alarms, report=True
    )
    fired = [each.transition.time for each in done.transitions if each.transition.after == "ALARM"]
    assert len(fired) == 4


def test_a_composite_alarm_follows_its_children(tmp_path):
    (tmp_path / "a.log").write_bytes(access(0) + access(1, 500) + access(40))
    filters = [
        metric_filter("gone", ACCESS.format(404)),
        metric_filter("broken", ACCESS.format(500)),
    ]
    both = CompositeAlarm(
        alarm_name="both", alarm_rule='ALARM("many-gone") AND ALARM("many-broken")'
    )
    done = replayed(
        [tmp_path / "a.log"], filters, [both, sum_alarm("gone", 1), sum_alarm("broken", 1)]
    )
    order = [(each.transition.alarm, each.transition.after) for each in done.transitions]
    assert [each for each in order if each[0] == "both"] == [
        ("both", "OK"),
        ("both", "ALARM"),
        ("both", "OK"),
    ]
    assert order.index(("both", "ALARM")) == order.index(("many-broken", "ALARM")) + 1


def test_an_alarm_without_its_filter_is_named(tmp_path):
    (tmp_path / "a.log").write_bytes(access(0))
    done = replayed([tmp_path / "a.log"], [metric_filter("gone", "404")], [sum_alarm("other", 1)])
    assert ["no filter here makes" in str(each) for each in done.warnings] == [True]


def test_log_groups_by_name(tmp_path):
    filters = [metric_filter("a", "GET", "/app/web"), metric_filter("b", "GET", "/app/api.log")]
    for name, number in (("web.log-20231114.gz", 1), ("api.log.3", 2)):
        (tmp_path / name).write_bytes(access(0) * number)
    done = replayed([tmp_path / "web.log-20231114.gz", tmp_path / "api.log.3"], filters)
    assert {key: count for (key, _), count in done.tally.minutes.matches.items()} == {
        ("/app/web", "a"): 1, ("/app/api.log", "b"): 2,
    }  # fmt: skip
    (tmp_path / "other.log").write_bytes(access(0))
    with pytest.raises(ParseError, match="of which log group"):
        replayed([tmp_path / "other.log"], filters)
    done = replayed([tmp_path / "other.log"], filters, log_group="/app/web")
    assert done.tally.counted == 1
    with pytest.raises(ParseError, match="no filter is of log group"):
        replayed([tmp_path / "other.log"], filters, log_group="nope")


def test_a_log_of_no_known_format_is_refused_and_an_empty_one_is_not(tmp_path):
    (tmp_path / "a.log").write_bytes(b"what\nis\nthis\n")
    with pytest.raises(ParseError, match="no log format"):
        replayed([tmp_path / "a.log"], [])
    assert replayed([tmp_path / "a.log"], [], log_format="json").tally.dropped == {
        "not a line of the format": 3
    }
    (tmp_path / "a.log").write_bytes(b"")
    done = replayed([tmp_path / "a.log"], [metric_filter("a", "GET")], [sum_alarm("a", 1)])
    assert (done.tally.read, done.begin, done.transitions) == (0, None, [])


def test_a_year_is_taken_from_the_files_date_and_said(tmp_path):
    path = tmp_path / "auth.log"
    path.write_bytes(b"Dec 31 23:59:00 host sshd[1]: x\nJan  1 00:01:00 host sshd[1]: x\n")
    stamp = datetime(2024, 1, 1, 12, tzinfo=UTC).timestamp()
    os.utime(path, (stamp, stamp))
    done = replayed([path], [metric_filter("a", "sshd")])
    assert ["taken as of 2023" in str(each) for each in done.warnings] == [True]
    assert (done.begin, done.end) == (1_704_067_140_000_000, 1_704_067_320_000_000)
    assert replayed([path], [metric_filter("a", "sshd")], year=2016).end == 1_483_228_920_000_000


def test_a_zone_east_of_utc_does_not_move_the_last_hours_to_another_year(tmp_path):
    path = tmp_path / "auth.log"
    path.write_bytes(b"Nov 21 11:30:00 host p: x\nNov 21 13:30:00 host p: x\n")
    stamp = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
    os.utime(path, (stamp, stamp))
    done = replayed([path], [metric_filter("a", "x")])
    assert done.end - done.begin == 121 * MINUTE


def test_a_filter_sees_a_repeated_message_as_if_it_were_written_out(tmp_path):
    (tmp_path / "a.log").write_bytes(
        b"Mar 29 23:18:33 h p[7]: message repeated 5 times: [ gone: 1]\n"
    )
    done = replayed([tmp_path / "a.log"], [metric_filter("a", '"p[7]: gone: 1"')], year=2017)
    assert sum(done.tally.minutes.matches.values()) == 5


def test_wrong_input_is_exit_code_2(tmp_path):
    log, definitions = tmp_path / "a.log", tmp_path / "d.json"
    log.write_bytes(b"of no format\n")
    for text, path in (
        ("{", log),
        ('{"metricFilters": []}', log),
        ('{"metricFilters": []}', tmp_path / "absent"),
    ):
        definitions.write_text(text)
        command = [
            sys.executable,
            "-m",
            "tocsin.cli",
            "replay",
            "--definitions",
            str(definitions),
            str(path),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert "Traceback" not in done.stderr


def test_formats_and_zones_that_are_told(tmp_path):
    (tmp_path / "a.log").write_bytes(b"at 2024-01-01 12:00:00 from 9.9.9.9: gone\nnothing\n")
    form = r"at (?P<time>\S+ \S+) from (?P<client>\S+):"
    filters, alarms = [metric_filter("gone", "gone")], [sum_alarm("gone", 1)]
    done = replayed([tmp_path / "a.log"], filters, alarms, log_format=form, offset=-3600)
    assert done.begin == 1_704_114_000_000_000  # 13:00 UTC
    assert done.tally.dropped == {"not a line of the format": 1}
    assert [each.sources for each in done.transitions if each.transition.after == "ALARM"] == [
        (("9.9.9.9", 1),)
    ]


def test_delivery_files_of_cloudtrail(data):
    paths = sorted((data / "cloudtrail/invictus").glob("*.json"))
    done = replayed(paths, [metric_filter("any", '{ $.eventName = "*" }')])
    expected = Counter()
    for path in paths:
        for record in json.loads(path.read_text())["Records"]:
            moment = datetime.strptime(record["eventTime"], "%Y-%m-%dT%H:%M:%SZ").replace(
                tzinfo=UTC
            )
            expected[int(moment.timestamp()) // 60] += 1
    counts = {minute // MINUTE: count for (_, minute), count in done.tally.minutes.events.items()}
    assert counts == expected
    assert done.tally.counted == expected.total() > 1000


def test_what_was_taken_away_while_reading_is_told(tmp_path):
    line = b'203.0.113.9 - - [21/Nov/2026:10:00:01 +0000] "GET / HTTP/1.1" 404 5 "-" "x"\n'
    log, journal = tmp_path / "web.log", tmp_path / "journal"
    log.write_bytes(line + b"\0" * 7 + line)
    entry = b"__CURSOR=s\n__REALTIME_TIMESTAMP=1795255201000000\nMESSAGE=hello\n\n"
    journal.write_bytes(entry + b"__CURSOR=t\nnot a field\n\n" + entry)
    filters = [metric_filter("f", ACCESS.format(404))]
    done = replayed([log, journal], filters)
    assert done.tally.minutes.matches.total() == 2
    assert (done.reading.nuls, done.reading.malformed) == (7, 1)
    told = sorted(each.what for each in done.warnings if each.span.path)
    assert told == [
        "NUL bytes before lines, taken away: 7",
        "entries that are not as the journal's format says, left out: 1",
    ]


def test_silence_after_the_end_of_a_log_is_called_so(tmp_path):
    log = tmp_path / "access.log"
    log.write_text('192.0.2.7 - - [10/Oct/2000:13:55:36 +0000] "GET /x HTTP/1.1" 200 12 "-" "-"\n')
    page = tmp_path / "page.html"
    command = ["replay", "--pack", "appsec", "--html", str(page), str(log)]
    done = CliRunner().invoke(cli, command, standalone_mode=False)
    assert "<td>1</td><td>from the end on</td>" in page.read_text()
    told = done.stdout.splitlines()
    (alarm,) = [at for at, line in enumerate(told) if line.endswith("OK -> ALARM")]
    end = "    the log ends at 2000-10-10T13:56:00Z: a daemon would have read on"
    assert told[alarm + 2] == end
    assert told.count(end) == 1
