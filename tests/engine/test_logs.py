"""Live log groups: what the daemon counts and tells is what a replay of the same log finds."""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.living_log import live, mishaps
from tests.replay.test_replay import ACCESS, metric_filter, replayed, sum_alarm
from tocsin.alarms import CompositeAlarm, Place
from tocsin.alerting import plan_notifications
from tocsin.definitions import Definitions
from tocsin.engine import Core, History
from tocsin.engine._config_logs import LogConfig
from tocsin.engine._journal import Journal
from tocsin.engine._line_drill import LineDrills
from tocsin.engine._log_group import LogGroup
from tocsin.engine._log_reading import MALFORMED
from tocsin.engine._logs import Logs
from tocsin.engine._metrics import Metrics
from tocsin.pattern import DEFAULTS
from tocsin.series import Head
from tocsin.store import open_store

SECOND = 1_000_000
MINUTE = 60 * SECOND
BEGIN = 1_700_000_040 * SECOND
assert BEGIN % MINUTE == 0

FILTERS = (
    metric_filter("missing", ACCESS.format("404")),
    metric_filter("error", ACCESS.format("5*")),
)
ALARMS = (
    sum_alarm("missing", 5, period=60),
    sum_alarm("error", 3, period=120, evaluation_periods=3, datapoints_to_alarm=2),
    sum_alarm("missing", 9, alarm_name="kept", treat_missing_data="missing", statistic="SampleCount"),
    CompositeAlarm("both", 'ALARM("many-missing") AND NOT ALARM("many-error")'),
)  # fmt: skip


class Hands:
    """A clock that the test sets."""

    def __init__(self, now):
        self.time = now

    def now(self):
        return self.time


class Told:
    """In place of receivers: remembers what they would be sent."""

    def __init__(self):
        self.names = ("team",)
        self.external_labels = {}
        self.external_url = "http://localhost"
        self.notifications = []

    def commit(self, step, announcements=()):
        step.outbox += plan_notifications(announcements, self.names, step.time)
        self.notifications += step.outbox
        self.core.commit(step)


def line(time, status=404, client="203.0.113.9"):
    stamp = datetime.fromtimestamp(time / SECOND, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'{client} - - [{stamp}] "GET / HTTP/1.1" {status} 12 "-" "probe"\n'


class Host:
    """What a daemon is around its logs; `restart` is what a kill leaves."""

    def __init__(self, folder, config, now):
        self.folder, self.config, self.clock, self.told = folder, config, Hands(now), Told()
        self.logs = self.store = None
        self.restart()

    def restart(self, config=None):
        self.close()
        self.config = config or self.config
        self.store = open_store(self.folder / "state", self.clock.now())
        head = Head(MINUTE)
        history = History(head, self.store, 0)
        core = Core(self.clock, self.clock.now, head, history, Journal(self.store), Metrics())
        self.core = self.told.core = core
        self.logs = Logs(
            core,
            self.config,
            lambda: self.told,
            self.store.states(),
            self.store.tallies,
            LineDrills(b"drills"),
        )

    def reload(self):
        """What the daemon does with a new configuration."""
        states = self.store.states() | self.logs.states()
        before, self.logs = self.logs, None
        before.close()
        self.logs = Logs(
            self.core, self.config, lambda: self.told, states, before.tallies, LineDrills(b"drills")
        )

    def close(self):
        if self.logs is not None:
            self.logs.close()
            self.store.close()

    def read(self):
        async def rounds():
            while await self.logs.round():
                pass

        asyncio.run(rounds())

    def at(self, time):
        self.clock.time = time
        self.read()

    @property
    def settled(self):
        """The transitions that evaluations found, as the ledger has them."""
        return [
            (e.body["evaluated_at"], e.body["alarm"], e.body["before"], e.body["after"], e.body["reason"])
            for e in self.store.ledger(kinds=["transition"])
            if not e.body["early"]
        ]  # fmt: skip

    @property
    def state(self):
        return self.logs.groups["web"].state


def config(folder, filters=FILTERS, alarms=ALARMS, **group):
    given = {"paths": (str(folder / "access.log*"),), "lateness": 30 * SECOND, **group}
    return LogConfig((LogGroup("web", **given),), Definitions(filters, alarms), DEFAULTS, Place())


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path, config(tmp_path), BEGIN)
    yield made
    made.close()


def test_an_alarm_is_told_at_once_and_the_evaluation_finds_it(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text("".join(line(BEGIN + 10 * SECOND) for _ in range(4)))
    host.at(BEGIN + 11 * SECOND)
    assert host.told.notifications == []
    with log.open("a") as file:
        file.write(line(BEGIN + 12 * SECOND, client="198.51.100.7"))
    host.at(BEGIN + 12 * SECOND)
    (told,) = host.told.notifications
    assert told.group_labels == {"alertname": "many-missing"}
    assert told.alerts[0].annotations["sources"] == "203.0.113.9 (4), 198.51.100.7 (1)"
    assert told.alerts[0].message["NewStateValue"] == "ALARM"
    assert told.alerts[0].message["Trigger"]["Threshold"] == 5
    assert host.settled == []
    host.at(BEGIN + 10 * MINUTE)
    first, last = [each for each in host.settled if each[1] == "many-missing"]
    assert first[:4] == (BEGIN + MINUTE, "many-missing", "INSUFFICIENT_DATA", "ALARM")
    assert last[2:4] == ("ALARM", "OK")
    # Told once, and once that it is over; the composite alarm comes with the evaluation.
    assert [(n.group_labels["alertname"], n.status) for n in host.told.notifications] == [
        ("many-missing", "firing"), ("both", "firing"), ("many-missing", "resolved"), ("both", "resolved"),
    ]  # fmt: skip
    assert len({n.key for n in host.told.notifications}) == 4


def told_of(host):
    return [(n.group_labels["alertname"], n.status) for n in host.told.notifications]


def test_an_evaluation_before_the_one_that_is_foreseen_ends_nothing(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(line(BEGIN + SECOND))
    host.at(BEGIN + 50 * SECOND)
    with log.open("a") as file:
        file.write(line(BEGIN + 65 * SECOND) * 6)
    host.at(BEGIN + 66 * SECOND)
    # The first minute is found to be OK meanwhile.
    host.at(BEGIN + 95 * SECOND)
    assert ("many-missing", "OK") in {each[1:4:2] for each in host.settled}
    host.restart()
    host.at(BEGIN + 155 * SECOND)
    assert told_of(host) == [("many-missing", "firing"), ("both", "firing")]
    host.at(BEGIN + 10 * MINUTE)
    assert told_of(host)[2:] == [("many-missing", "resolved"), ("both", "resolved")]


def quiet(alarm):
    return msgspec.structs.replace(alarm, actions_enabled=False)


COMPOSED = (
    quiet(sum_alarm("missing", 5, period=60)),
    quiet(sum_alarm("error", 3, period=60)),
    CompositeAlarm("either", 'ALARM("many-missing") OR ALARM("many-error")'),
    CompositeAlarm("over", 'FALSE OR ALARM("either")'),
    CompositeAlarm("together", 'ALARM("many-missing") AND ALARM("many-error")'),
    CompositeAlarm("but", 'ALARM("many-missing") AND NOT ALARM("many-error")'),
    CompositeAlarm("kept back", 'ALARM("many-missing")', actions_suppressor="many-error",
                   actions_suppressor_wait_period=60, actions_suppressor_extension_period=60),
)  # fmt: skip


def test_composite_alarms_that_are_certain_are_told_at_once_with_who_is_behind(tmp_path):
    host = Host(tmp_path, config(tmp_path, alarms=COMPOSED), BEGIN)
    log = tmp_path / "access.log"
    log.write_text(line(BEGIN + SECOND) * 6)
    host.at(BEGIN + 2 * SECOND)
    assert told_of(host) == [("either", "firing"), ("over", "firing")]
    for each in host.told.notifications:
        assert each.alerts[0].annotations["sources"] == "203.0.113.9 (6)"
        assert "203.0.113.9" in each.alerts[0].annotations["offenders"]
    with log.open("a") as file:
        file.write(line(BEGIN + 3 * SECOND, 500) * 4)
    host.at(BEGIN + 4 * SECOND)
    assert told_of(host)[2:] == [("together", "firing")]
    host.restart()
    with log.open("a") as file:
        file.write(line(BEGIN + 5 * SECOND, 500) * 4)
    host.at(BEGIN + 6 * SECOND)
    early = [e.body["alarm"] for e in host.store.ledger(kinds=["transition"]) if e.body["early"]]
    assert early == ["many-missing", "either", "over", "many-error", "together"]
    host.at(BEGIN + 2 * MINUTE)
    reasons = {
        e.body["alarm"]: set()
        for e in host.store.ledger(kinds=["transition"])
        if e.body["after"] == "ALARM"
    }
    for e in host.store.ledger(kinds=["transition"]):
        if e.body["after"] == "ALARM" and not e.body["delayed"]:
            reasons[e.body["alarm"]].add((e.body["evaluated_at"], e.body["reason"]))
    # What was told is what the evaluation finds, to the letter but for what was not counted yet.
    assert all(len({time for time, _ in found}) == 1 for found in reasons.values())
    assert len(reasons["either"]) == len(reasons["over"]) == 1
    host.at(BEGIN + 10 * MINUTE)
    assert {name for name, status in told_of(host) if status == "resolved"} == {
        "either", "over", "together",
    }  # fmt: skip
    host.close()


def test_what_was_told_early_is_not_told_again_after_a_kill(host, tmp_path):
    (tmp_path / "access.log").write_text("".join(line(BEGIN + SECOND) for _ in range(6)))
    host.at(BEGIN + 2 * SECOND)
    host.restart()
    host.at(BEGIN + 100 * SECOND)
    missing = [n for n in host.told.notifications if n.group_labels["alertname"] == "many-missing"]
    assert len(missing) == 1
    assert host.store.outbox()[0].key == missing[0].key


def test_events_that_come_too_late_are_counted_as_late(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(line(BEGIN + 5 * SECOND))
    host.at(BEGIN + 5 * MINUTE)
    with log.open("a") as file:
        file.write(line(BEGIN + 6 * SECOND) + line(BEGIN + 5 * MINUTE) + "garbage\n")
        file.write(line(BEGIN + 9 * 60 * MINUTE))
    host.at(BEGIN + 5 * MINUTE + SECOND)
    assert host.state.read == 5
    assert host.state.counted == 2
    assert host.state.dropped == {
        "later than the allowed lateness": 1,
        "not a line of the format": 1,
        "more than two hours ahead of the clock": 1,
    }


def test_an_old_log_met_for_the_first_time_fills_the_windows_and_alarms_nobody(tmp_path):
    old = [BEGIN - age for age in (10 * 24 * 60 * MINUTE, 2 * MINUTE, MINUTE)]
    text = "".join(line(each) for each in old for _ in range(9))
    (tmp_path / "access.log").write_text(text)
    host = Host(tmp_path, config(tmp_path), BEGIN)
    host.at(BEGIN + SECOND)
    assert host.told.notifications == []
    assert host.state.dropped == {"from before the first start": 9}
    host.at(BEGIN + 2 * MINUTE)
    # The alarm over five minutes sees the two minutes before it began.
    assert "kept" in [n.group_labels["alertname"] for n in host.told.notifications]
    host.close()


def test_time_that_the_daemon_was_away_is_made_up_for(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(line(BEGIN + SECOND))
    host.at(BEGIN + 2 * MINUTE)
    with log.open("a") as file:
        for minute in (5, 9):
            file.write(line(BEGIN + minute * MINUTE) * 7)
    host.clock.time = BEGIN + 30 * MINUTE
    host.restart()
    host.read()
    fired = [each[0] for each in host.settled if each[1:4:2] == ("many-missing", "ALARM")]
    assert fired == [BEGIN + 6 * MINUTE, BEGIN + 10 * MINUTE]
    statuses = [
        n.status for n in host.told.notifications if n.group_labels["alertname"] == "many-missing"
    ]
    assert statuses == ["firing", "resolved", "firing", "resolved"]


def test_a_new_configuration_keeps_counts_and_ends_alarms_that_are_gone(host, tmp_path):
    (tmp_path / "access.log").write_text(line(BEGIN + SECOND) * 6)
    host.at(BEGIN + 2 * SECOND)
    assert [n.status for n in host.told.notifications] == ["firing"]
    host.restart(config(tmp_path, alarms=ALARMS[1:3]))
    assert [n.status for n in host.told.notifications] == ["firing", "resolved"]
    host.at(BEGIN + 2 * MINUTE)
    assert host.state.read == 6
    assert host.logs.alarming.datapoints


def test_pushed_lines_count_and_other_groups_take_none(tmp_path):
    host = Host(tmp_path, config(tmp_path, paths=(), push=True), BEGIN)
    host.clock.time = BEGIN + SECOND
    table = asyncio.run(host.logs.push("web", (line(BEGIN) * 6).encode()))
    assert (table.read, table.counted) == (6, 6)
    assert [n.status for n in host.told.notifications] == ["firing"]
    assert asyncio.run(host.logs.push("other", b"x\n")) is None
    host.restart()
    assert host.state.read == 6
    host.close()


@contextmanager
def temporary_host(config_of):
    with tempfile.TemporaryDirectory() as name:
        host = Host(Path(name), config_of(Path(name)), BEGIN)
        try:
            yield host
        finally:
            host.close()


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 12 * 60 - 1),  # when, seconds after the begin
        st.integers(0, 14),  # how much later it is written; the round it falls in comes on top
        st.sampled_from([404, 404, 404, 200, 503]),
        st.integers(1, 6),  # how often
        st.sampled_from(["203.0.113.9", "198.51.100.7", "2001:db8::1"]),
    ),
    max_size=60,
)


@settings(
    max_examples=1000 if os.environ.get("TOCSIN_SOAK") else 25,
    suppress_health_check=list(HealthCheck),
)
@given(EVENTS, mishaps(until=14 * 60), st.integers(4, 15))
def test_live_finds_what_a_replay_finds(events, disturbances, pace):
    """The same log in pieces, with rotations and kills, late and out of order."""
    first = (0, 0, 200, 1, "203.0.113.9")
    written = [
        (at + delay, line(BEGIN + at * SECOND, status, who) * count)
        for at, delay, status, count, who in [first, *events]
    ]
    with temporary_host(config) as host:
        whole = live(host, BEGIN, written, disturbances, until=16 * 60, pace=pace)
        for minute in range(16, 40):
            host.at(BEGIN + minute * MINUTE)
        copy = host.folder / "whole.txt"
        copy.write_text(whole)
        expected = replayed([copy], FILTERS, ALARMS)
        assert host.state.read == host.state.counted == expected.tally.read
        assert host.settled == [
            (each.transition.time, each.transition.alarm, each.transition.before, each.transition.after,
             each.transition.reason)
            for each in expected.transitions
        ]  # fmt: skip


def test_events_with_times_of_their_own(tmp_path):
    host = Host(tmp_path, config(tmp_path, paths=(), push=True), BEGIN)
    text = line(0).strip().encode()
    events = [(BEGIN + SECOND, text)] * 6 + [(BEGIN - 400 * 24 * 3600 * SECOND, text)]
    table = asyncio.run(host.logs.push("web", events))
    assert (table.read, table.counted) == (7, 6)
    (told,) = host.told.notifications
    assert told.alerts[0].annotations["sources"] == "203.0.113.9 (6)"
    host.close()


def test_the_journal_is_followed_and_what_is_no_entry_is_counted(host, tmp_path):
    log = tmp_path / "access.log"
    whole = (
        f"__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP={BEGIN}\n_HOSTNAME=web1\n"
        "SYSLOG_IDENTIFIER=sshd\n_PID=42\nMESSAGE=Failed password for root\n\n"
    )
    for second, part in enumerate((whole[:40], whole[40:] + "broken\n", "\n" + whole), 1):
        with log.open("a") as file:
            file.write(part)
        host.at(BEGIN + second * SECOND)
        host.restart()
    assert (host.state.read, host.state.counted) == (3, 2)
    assert host.state.dropped == {MALFORMED: 1}
    assert host.logs.form("web") == "syslog"


def test_a_full_disk_loses_no_line_and_counts_none_twice(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(line(BEGIN + SECOND) * 3)
    host.at(BEGIN + 2 * SECOND)
    db = host.store._db
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    with log.open("a") as file:
        for second in range(3, 40):
            file.write(line(BEGIN + second * SECOND, client=f"198.51.100.{second}" * 20))
            file.flush()
            host.at(BEGIN + second * SECOND)
    assert "storage" in host.core.degraded
    # Detection goes on meanwhile.
    assert [n.status for n in host.told.notifications if n.group_labels["alertname"] == "kept"] == [
        "firing"
    ]
    # Killed while the disk is full: what is on disk is read on from.
    host.store._db.execute("PRAGMA max_page_count = 1000000")
    host.restart()
    host.at(BEGIN + 41 * SECOND)
    assert (host.state.read, host.state.counted) == (40, 40)
    host.at(BEGIN + 10 * MINUTE)
    (reason,) = [e[4] for e in host.settled if e[1] == "kept" and e[3] == "ALARM"]
    assert "[40.0 " in reason
