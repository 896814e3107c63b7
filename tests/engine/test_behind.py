"""Who was behind an alarm: told from the lines themselves, with or without Sigma rules."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.engine.test_logs import ALARMS, BEGIN, FILTERS, MINUTE, SECOND, Host, config, line
from tests.replay.test_replay import ACCESS, metric_filter, sum_alarm
from tocsin.alarms import CompositeAlarm
from tocsin.engine._behind import Behind, KeptLines
from tocsin.engine._origin import Origin
from tocsin.logformat import make_format
from tocsin.scan import Scanner, Table

ONE, OTHER = "203.0.113.9", "198.51.100.7"


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path, config(tmp_path), BEGIN)
    yield made
    made.close()


def offenders(host, name):
    """Of the first message about an alarm: address, events, places of each."""
    told = next(n for n in host.told.notifications if n.group_labels["alertname"] == name)
    text = told.alerts[0].annotations["offenders"]
    found = [each.partition(" (") for each in text.split("; ")]
    return [
        (
            who,
            int(facts.split(" ")[0]),
            re.findall(r"(\S+?@\d+)", facts),
            re.findall(r"\S+Z", facts),
        )
        for who, _, facts in found
    ]


def test_an_alarm_without_sigma_rules_says_who_when_and_where(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(line(BEGIN + SECOND, 200) + line(BEGIN + 3 * SECOND, client=OTHER))
    host.at(BEGIN + 4 * SECOND)
    with log.open("a") as file:
        for second in range(5, 10):
            file.write(line(BEGIN + second * SECOND))
    host.at(BEGIN + 10 * SECOND)
    first, second = offenders(host, "many-missing")
    told = host.told.notifications[0].alerts[0].annotations
    (entry,) = host.store.ledger(kinds=["transition"])
    assert entry.body["annotations"]["offenders"] == told["offenders"]
    assert first[:2] == (ONE, 5)
    assert second[:2] == (OTHER, 1)
    assert first[3] == ["2023-11-14T22:14:05Z", "2023-11-14T22:14:09Z"]
    # Each place is where a line of that address begins.
    for who, _, places, _ in (first, second):
        assert places
        for place in places:
            path, _, offset = place.rpartition("@")
            assert path == str(log)
            assert log.read_bytes()[int(offset) :].startswith(who.encode() + b" ")


def test_places_are_right_over_a_rotation_and_beside_lines_of_drills(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(line(BEGIN + SECOND))
    host.at(BEGIN + 2 * SECOND)
    log.rename(tmp_path / "access.log.1")
    drilled = host.logs._drills.sieve.mark(line(BEGIN + 2 * SECOND).strip() + "$id", "0" * 16)
    log.write_bytes(
        line(BEGIN + 3 * SECOND, 200).encode()
        + drilled
        + b"\n"
        + "".join(line(BEGIN + s * SECOND) for s in range(3, 7)).encode()
    )
    host.at(BEGIN + 7 * SECOND)
    ((who, events, places, _),) = offenders(host, "many-missing")
    assert (who, events) == (ONE, 5)
    first, *later = places
    # The name is the one that the file had when it was read.
    assert first == f"{log}@0"
    for place in later:
        offset = int(place.rpartition("@")[2])
        assert log.read_bytes()[offset:].startswith(ONE.encode())
        assert b"drill" not in log.read_bytes()[offset:].split(b"\n")[0]


def test_a_composite_alarm_names_those_behind_the_alarms_that_speak_for_it(tmp_path):
    alarms = (
        *ALARMS[:1],
        sum_alarm("error", 2, period=60),
        sum_alarm("missing", 1, period=60, alarm_name="low"),
        CompositeAlarm("both", 'ALARM("many-missing") AND (ALARM("many-error") OR ALARM("low"))'),
        CompositeAlarm("top", 'ALARM("both") AND NOT ALARM("gone")'),
    )
    host = Host(tmp_path, config(tmp_path, alarms=alarms), BEGIN)
    lines = [line(BEGIN + s * SECOND) for s in range(6)]
    lines += [line(BEGIN + s * SECOND, 503, OTHER) for s in range(3)]
    lines += [line(BEGIN + SECOND, 404, "192.0.2.1"), line(BEGIN, 200, "192.0.2.2")]
    (tmp_path / "access.log").write_text("".join(lines))
    host.at(BEGIN + 10 * SECOND)
    host.at(BEGIN + 2 * MINUTE)
    for name in ("both", "top"):
        # What two alarms count is no more events for it.
        assert [each[:2] for each in offenders(host, name)] == [
            (ONE, 6),
            (OTHER, 3),
            ("192.0.2.1", 1),
        ]
        told = next(n for n in host.told.notifications if n.group_labels["alertname"] == name)
        assert told.alerts[0].annotations["sources"] == f"{ONE} (6), {OTHER} (3), 192.0.2.1 (1)"
    host.close()


def test_a_composite_alarm_knows_its_alarms_after_a_kill(tmp_path):
    alarms = (
        *ALARMS[:1],
        sum_alarm("error", 2, period=60),
        CompositeAlarm("both", 'ALARM("many-missing") AND ALARM("many-error")'),
    )
    host = Host(tmp_path, config(tmp_path, alarms=alarms), BEGIN)
    log = tmp_path / "access.log"
    log.write_text("".join(line(BEGIN + s * SECOND) for s in range(6)))
    host.at(BEGIN + 100 * SECOND)
    host.restart()
    with log.open("a") as file:
        for minute in (1, 2):
            file.write(line(BEGIN + minute * MINUTE + 40 * SECOND) * 6)
            file.write(line(BEGIN + minute * MINUTE + 40 * SECOND, 503, OTHER) * 3)
    host.at(BEGIN + 220 * SECOND)
    told = next(n for n in host.told.notifications if n.group_labels["alertname"] == "both")
    assert told.alerts[0].annotations["sources"] == f"{ONE} (6), {OTHER} (3)"
    host.close()


def test_events_that_were_sent_are_named_too(tmp_path):
    host = Host(tmp_path, config(tmp_path, paths=(), push=True), BEGIN)
    events = [(BEGIN + SECOND, line(0).strip().encode())] * 6
    asyncio.run(host.logs.push("web", events))
    told = host.told.notifications[0].alerts[0].annotations["offenders"]
    assert told == f"{ONE} (6 events, 2023-11-14T22:14:01Z to 2023-11-14T22:14:01Z, sent)"
    host.close()


def test_what_is_kept_and_looked_at_is_bounded_and_the_counts_stay_exact(tmp_path):
    form, filters = make_format("combined"), [FILTERS[0]]
    table, scanner = Table(), Scanner(filters, form)
    behind = Behind(
        config(tmp_path), lambda: [{BEGIN: table}], lambda *_: "", kept=100_000, parsed=40
    )
    for at in range(50):
        who = ONE if at % 3 else OTHER
        data = (line(BEGIN + at * SECOND, client=who) * 30).encode()
        table.merge(counted := scanner.scan(data))
        behind.keep([KeptLines.of_lines("web", form, data, Origin("a.log", at * 10_000), counted)])
        assert sum(each.size for each in behind._kept) <= 100_000
    sources, text = behind([(ALARMS[0], BEGIN, BEGIN + MINUTE)])
    assert sources == [(ONE, 990), (OTHER, 510)]
    # Of some of the lines that are still there it is known when and where; how many, of all.
    assert text.startswith(f"{ONE} (990 events, 2023-11-14T22:14:")
    assert f"{OTHER} (510 events, 2023-11-14T22:14:" in text
    told = re.search(r"; times, users and places are those of (\d+) of 1500 events$", text)
    assert 20 < int(told[1]) <= 40


def test_filters_with_dimensions_count_their_own(tmp_path):
    filters = (metric_filter("missing", ACCESS.format("404")), FILTERS[1])
    host = Host(tmp_path, config(tmp_path, filters, (sum_alarm("missing", 2, period=60),)), BEGIN)
    text = line(BEGIN + SECOND, 404, OTHER) * 3 + line(BEGIN + SECOND, 503) * 9
    (tmp_path / "access.log").write_text(text)
    host.at(BEGIN + 2 * SECOND)
    assert [each[:2] for each in offenders(host, "many-missing")] == [(OTHER, 3)]
    host.close()
