"""Sigma rules live: what the daemon settles and tells is what a replay of the same log finds."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.correlation.test_data import RULES as SSHD
from tests.engine.living_log import live, mishaps
from tests.engine.test_logs import BEGIN, MINUTE, SECOND, Host, temporary_host
from tocsin.alarms import Place
from tocsin.correlation import load_sigma
from tocsin.definitions import Definitions
from tocsin.engine._config_logs import LogConfig
from tocsin.engine._log_group import LogGroup
from tocsin.engine._log_reading import LATE
from tocsin.logformat import Clues, make_format
from tocsin.pattern import DEFAULTS
from tocsin.replay import Replayer, ReplayOptions
from tocsin.source import LogLimits

RULES = """
title: Refused
name: refused
logsource: {category: webserver}
detection: {sel: {sc-status: 401}, condition: sel}
---
title: Let in
name: let_in
logsource: {category: webserver}
detection: {sel: {sc-status: 200, cs-uri-stem: /login}, condition: sel}
---
title: Brute force
name: brute
level: high
correlation: {type: event_count, rules: [refused], group-by: [source.ip], timespan: 60s, condition: {gte: 4}}
---
title: Broken in
name: broken
level: critical
correlation: {type: temporal_ordered, rules: [brute, let_in], group-by: [source.ip], timespan: 5m, generate: true}
---
title: Many users
name: spraying
level: medium
correlation: {type: value_count, rules: [refused], group-by: [source.ip], timespan: 2m, condition: {field: cs-username, gte: 3}}
---
title: Few
name: few
level: low
correlation: {type: event_count, rules: [refused], group-by: [cs-username], timespan: 30s, condition: {lt: 2}}
---
title: Broken
name: error
level: high
logsource: {category: webserver}
detection: {sel: {sc-status: 500}, condition: sel}
"""
IP = "203.0.113.9"


def rules(text=RULES):
    return load_sigma([("rules.yml", text.encode())])


def line(time, status=401, client=IP, user="a", path="/login"):
    stamp = datetime.fromtimestamp(time / SECOND, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'{client} - {user} [{stamp}] "POST {path} HTTP/1.1" {status} 12 "-" "probe"\n'


def config(folder, loaded=None, **group):
    given = {"paths": (str(folder / "access.log*"),), "lateness": 30 * SECOND, **group}
    groups = (LogGroup("web", **given),)
    return LogConfig(groups, Definitions((), ()), DEFAULTS, Place(), loaded or rules())


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path, config(tmp_path), BEGIN)
    yield made
    made.close()


def entries(host, *, early=False):
    return [
        e.body for e in host.store.ledger(kinds=["transition"])
        if "correlation" in e.body and e.body["early"] is early
    ]  # fmt: skip


def began(host):
    """The alerts that were settled, as a replay lists them."""
    return [
        (e["evaluated_at"], e["correlation"], tuple(e["group"].items()), e["measure"], e["first"])
        for e in entries(host) if e["after"] == "firing"
    ]  # fmt: skip


def attacks(alerts, loaded):
    """What alerts of a replay come to: an attack that goes on is one, however often it fired."""
    spans = {each.name: each.timespan for each in loaded.correlations}
    begins, going, ended = [], {}, []
    for each in alerts:
        key, span = (each.rule, each.group), spans.get(each.rule, 5 * MINUTE)
        until, fired = going.get(key, (0, 0))
        until = max(until, each.previous and each.previous + span)
        if fired and each.time > until:
            ended.append((*key, fired))
            fired = 0
        if not fired:
            begins.append((each.time, each.rule, each.group, each.measure, each.first))
        going[key] = max(until, each.time + span), fired + 1
    return begins, sorted(ended + [(*key, fired) for key, (_, fired) in going.items()])


def told(host):
    return [(n.status, n.group_labels["alertname"], len(n.alerts)) for n in host.told.notifications]


def replayed(path, loaded):
    replayer = Replayer((), (), ReplayOptions(), LogLimits())
    opened = replayer.open([str(path)], 0)
    return replayer.correlate(opened, loaded, lambda _: None).correlated


def test_an_attack_is_told_at_once_and_is_one_alert(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text("".join(line(BEGIN + n * SECOND) for n in range(3)))
    host.at(BEGIN + 3 * SECOND)
    assert told(host) == []
    with log.open("a") as file:
        file.write(line(BEGIN + 3 * SECOND))
    host.at(BEGIN + 4 * SECOND)
    assert told(host) == [("firing", "Brute force", 1)]
    (alert,) = host.told.notifications[0].alerts
    assert alert.labels == {
        "alertname": "Brute force", "rule": "brute", "severity": "high", "source_ip": IP,
    }  # fmt: skip
    assert alert.annotations["sources"] == f"{IP} (4)"
    assert alert.annotations["reason"] == "4 events within 3 s"
    assert began(host) == []
    assert [e["evaluated_at"] for e in entries(host, early=True)] == [BEGIN + 3 * SECOND]
    # It goes on for two minutes, and ends a minute after its last.
    for second in range(10, 120, 10):
        with log.open("a") as file:
            file.write(line(BEGIN + second * SECOND))
        host.at(BEGIN + second * SECOND)
    host.at(BEGIN + 5 * MINUTE)
    assert [e for e in told(host) if e[1] == "Brute force"] == [
        ("firing", "Brute force", 1), ("resolved", "Brute force", 1),
    ]  # fmt: skip
    assert [e[:2] for e in began(host) if e[1] == "brute"] == [(BEGIN + 3 * SECOND, "brute")]
    (ended,) = [
        e for e in entries(host) if e["after"] == "inactive" and e["correlation"] == "brute"
    ]
    assert ended["evaluated_at"] == BEGIN + (110 + 60) * SECOND
    assert not [e for e in host.logs.firing() if e.labels["rule"] == "brute"]


def test_what_was_told_is_not_told_again_after_a_kill(host, tmp_path):
    (tmp_path / "access.log").write_text("".join(line(BEGIN + SECOND) for _ in range(6)))
    host.at(BEGIN + 2 * SECOND)
    host.restart()
    assert len(list(host.logs.firing())) == 1
    host.at(BEGIN + 40 * SECOND)
    host.restart()
    host.at(BEGIN + 50 * SECOND)
    brute = [e for e in told(host) if e[1] == "Brute force"]
    assert brute == [("firing", "Brute force", 1)]
    assert [e[:2] for e in began(host) if e[1] == "brute"] == [(BEGIN + SECOND, "brute")]


def test_a_rule_that_is_an_alert_by_itself_is_over_after_five_minutes(host, tmp_path):
    log = tmp_path / "access.log"
    for minute in (1, 3, 7):
        with log.open("a") as file:
            file.write(line(BEGIN + minute * MINUTE, 500))
        host.at(BEGIN + minute * MINUTE)
    host.at(BEGIN + 30 * MINUTE)
    assert told(host) == [("firing", "Broken", 1), ("resolved", "Broken", 1)]
    ends = [e["evaluated_at"] for e in entries(host) if e["after"] == "inactive"]
    assert ends == [BEGIN + 12 * MINUTE]


def test_sources_are_proposed_to_be_blocked_and_users_never(tmp_path):
    proposed = []

    class Proposing(Host):
        def restart(self, config=None):
            super().restart(config)
            self.logs._propose = proposed.extend

    host = Proposing(tmp_path, config(tmp_path), BEGIN)
    (tmp_path / "access.log").write_text(line(BEGIN, user="198.51.100.1") * 4)
    host.at(BEGIN + 5 * MINUTE)
    assert "few" in {e[1] for e in began(host)}
    assert [(e.client, e.by, e.reason) for e in proposed] == [
        (IP, "correlation brute", "4 events within 0 s")
    ]
    host.close()


def test_late_early_and_unreadable_events_are_counted(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(line(BEGIN - MINUTE) + line(BEGIN + SECOND) + line(BEGIN + SECOND, 204))
    host.at(BEGIN + 5 * MINUTE)
    with log.open("a") as file:
        file.write(line(BEGIN + 6 * SECOND) + line(BEGIN + 5 * MINUTE) + "garbage\n")
        file.write(line(BEGIN + 9 * 60 * MINUTE))
    host.at(BEGIN + 5 * MINUTE + SECOND)
    found = {
        (sample.name, sample.labels.get("reason", "")): sample.value
        for family in host.core.metrics.registry.collect() if "correlation" in family.name
        for sample in family.samples if not sample.name.endswith("_created")
    }  # fmt: skip
    assert found["tocsin_correlation_lines_read_total", ""] == 7
    assert found["tocsin_correlation_events_matched_total", ""] == 2
    dropped = "tocsin_correlation_events_dropped_total"
    assert {reason: n for (name, reason), n in found.items() if name == dropped} == {
        LATE: 1, "more than two hours ahead of the clock": 1, "from before the first start": 1,
    }  # fmt: skip
    # What is no event is told of the log group.
    assert host.state.dropped["not a line of the format"] == 1
    assert found["tocsin_correlation_events_waiting", ""] == 1


def test_rules_that_stay_keep_their_windows_and_alerts_of_others_end(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(line(BEGIN + SECOND) * 3 + line(BEGIN + SECOND, 500))
    host.at(BEGIN + 2 * SECOND)
    assert told(host) == [("firing", "Broken", 1)]
    text = RULES.rpartition("---")[0].replace("name: few", "name: other")
    host.restart(config(tmp_path, rules(text)))
    assert told(host) == [("firing", "Broken", 1), ("resolved", "Broken", 1)]
    with log.open("a") as file:
        file.write(line(BEGIN + 3 * SECOND))
    host.at(BEGIN + 4 * SECOND)
    assert told(host)[2:] == [("firing", "Brute force", 1)]


def lost(host):
    return [
        e.body["detail"]
        for e in host.store.ledger(kinds=["gap"])
        if e.body["what"] == "correlation"
    ]


def test_rules_that_ask_something_else_begin_anew_and_say_so(host, tmp_path):
    (tmp_path / "access.log").write_text(line(BEGIN + SECOND) * 3)
    host.at(BEGIN + 2 * SECOND)
    # The same ones; one more; one less.
    host.restart()
    host.restart(config(tmp_path, rules(RULES + LONE)))
    host.restart()
    assert lost(host) == []
    changed = config(tmp_path, rules(RULES.replace("gte: 4", "gte: 5")))
    host.restart(changed)
    said = ["begin anew, they ask something else than before: brute, broken"]
    assert lost(host) == said
    host.restart(changed)
    assert lost(host) == said
    host.restart(config(tmp_path, rules(RULES.replace("gte: 4", "gte: 5").replace("500", "501"))))
    assert lost(host) == [*said, "begin anew, they ask something else than before: error"]


LONE = """---
title: Lone
name: lone
logsource: {category: webserver}
detection: {sel: {sc-status: 418}, condition: sel}
"""


def test_without_rules_nothing_is_kept_and_alerts_end(host, tmp_path):
    (tmp_path / "access.log").write_text(line(BEGIN + SECOND, 500))
    host.at(BEGIN + 2 * SECOND)
    none = LogConfig(host.config.groups, host.config.definitions, DEFAULTS, Place())
    host.restart(none)
    assert [e[0] for e in told(host)] == ["firing", "resolved"]
    assert not [key for key in host.store.states() if key.startswith("correlations")]
    host.restart()
    host.at(BEGIN + 3 * SECOND)
    assert len(told(host)) == 2


def test_a_log_group_that_lags_holds_back_what_is_settled_but_not_what_is_certain(tmp_path):
    made = config(tmp_path)
    slow = LogGroup("slow", (str(tmp_path / "slow.log"),), lateness=10 * MINUTE)
    made = LogConfig(
        (*made.groups, slow),
        *(getattr(made, n) for n in ("definitions", "settings", "place", "rules")),
    )
    host = Host(tmp_path, made, BEGIN)
    (tmp_path / "access.log").write_text(line(BEGIN + SECOND) * 3)
    host.at(BEGIN + MINUTE)
    (tmp_path / "slow.log").write_text(line(BEGIN + 2 * SECOND))
    host.at(BEGIN + 2 * MINUTE)
    assert ("firing", "Brute force", 1) in told(host)
    assert began(host) == []
    host.at(BEGIN + 11 * MINUTE)
    assert (BEGIN + 2 * SECOND, "brute", (("source.ip", IP),), 4, BEGIN + SECOND) in began(host)
    host.close()


def test_pushed_events_with_times_of_their_own(tmp_path):
    host = Host(tmp_path, config(tmp_path, paths=(), push=True), BEGIN)
    text = line(0).strip().encode()
    asyncio.run(host.logs.push("web", [(BEGIN + SECOND, text)] * 4))
    assert told(host) == [("firing", "Brute force", 1)]
    host.close()


def test_a_storm_is_bounded_and_all_of_it_is_in_the_ledger(tmp_path):
    host = Host(tmp_path, config(tmp_path), BEGIN)
    clients = [f"198.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(6000)]
    with (tmp_path / "access.log").open("w") as file:
        for client in clients:
            file.write(line(BEGIN + SECOND, client=client) * 4)
    host.at(BEGIN + 2 * SECOND)
    assert "correlations" in host.core.degraded or len(list(host.logs.firing())) <= 5000
    host.at(BEGIN + 45 * SECOND)
    brute = {e[2][0][1] for e in began(host) if e[1] == "brute"}
    assert brute == set(clients)
    assert len(list(host.logs.firing())) == 5000
    assert "correlations" in host.core.degraded
    assert len(host.told.notifications) < 50
    host.at(BEGIN + 10 * MINUTE)
    assert "correlations" not in host.core.degraded
    assert not list(host.logs.firing())
    host.close()


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 8 * 60 - 1),  # when, seconds after the begin
        st.integers(0, 14),  # how much later it is written; the round it falls in comes on top
        st.sampled_from([401, 401, 401, 401, 200, 500, 404]),
        st.integers(1, 3),  # how often
        st.sampled_from([IP, "198.51.100.7", "2001:db8::1"]),
        st.sampled_from("abc"),
    ),
    max_size=60,
)


@settings(
    max_examples=1000 if os.environ.get("TOCSIN_SOAK") else 25,
    suppress_health_check=list(HealthCheck),
)
@given(EVENTS, mishaps("reload", until=10 * 60), st.integers(4, 15))
def test_live_finds_what_a_replay_finds(events, disturbances, pace):
    """The same log in pieces, with rotations and kills, late and out of order."""
    first = (0, 0, 204, 1, IP, "a")
    written = [
        (at + delay, line(BEGIN + at * SECOND, status, who, user) * count)
        for at, delay, status, count, who, user in [first, *events]
    ]
    with temporary_host(config) as host:
        whole = live(host, BEGIN, written, disturbances, until=11 * 60, pace=pace)
        for minute in range(11, 25):
            host.at(BEGIN + minute * MINUTE)
        copy = host.folder / "whole.txt"
        copy.write_text(whole)
        expected = replayed(copy, host.config.rules)
        assert expected.late == 0
        begins, fired = attacks(expected.alerts, host.config.rules)
        assert began(host) == begins
        ends = [e for e in entries(host) if e["after"] == "inactive"]
        assert fired == sorted(
            (e["correlation"], tuple(e["group"].items()), e["fired"]) for e in ends
        )
        # Each is told once, and that it is over; nothing that was told early was wrong.
        firing = {}
        for each in (a for n in host.told.notifications for a in n.alerts):
            key = tuple(sorted(each.labels.items()))
            assert firing.get(key, "resolved") != each.status
            firing[key] = each.status
        assert set(firing.values()) <= {"resolved"}
        names = {e["correlation"] for e in entries(host, early=True)}
        assert names <= {"refused", "let_in", "brute", "broken", "spraying", "error"}
        settled = {(e[1], e[2]) for e in began(host)}
        assert {
            (e["correlation"], tuple(e["group"].items())) for e in entries(host, early=True)
        } <= settled


def test_an_alert_that_ends_and_begins_anew_in_one_step_survives_a_kill(host, tmp_path):
    (tmp_path / "access.log").write_text(line(BEGIN + 14 * SECOND) + line(BEGIN + 45 * SECOND))
    host.at(BEGIN + 44 * SECOND + 1)
    host.at(BEGIN + 76 * SECOND)
    assert [e[:2] for e in began(host)] == [
        (BEGIN + 14 * SECOND, "few"), (BEGIN + 45 * SECOND, "few"),
    ]  # fmt: skip
    host.restart()
    host.at(BEGIN + 5 * MINUTE)
    assert [e[0] for e in told(host)] == ["firing", "resolved", "firing", "resolved"]


def test_a_real_log_fed_live_with_kills_tells_the_101_hosts(tmp_path, data):
    """sshd tells some endings in several lines, so what is remembered of it must survive too."""
    lines = (data / "logs/auth.log").read_bytes().splitlines(keepends=True)
    form = make_format("syslog", Clues(after=datetime(2017, 1, 1, tzinfo=UTC).timestamp() * SECOND))
    times = [form.parse(each.rstrip(b"\n")).time for each in lines]
    begin = min(times) - MINUTE
    loaded = rules(SSHD.decode())
    host = Host(tmp_path, config(tmp_path, loaded, format="syslog"), begin)
    chance, at, number = random.Random(5), 0, 0
    while at < len(lines):
        some = chance.randrange(1, 120)
        with (tmp_path / "access.log").open("ab") as file:
            file.writelines(lines[at : at + some])
        at += some
        number += 1
        host.at(max(times[:at]) + SECOND)
        if number % 7 == 0:
            host.restart()
        if number % 11 == 0:
            host.reload()
    host.at(max(times) + 10 * MINUTE)
    brute = [e for e in began(host) if e[1] == "brute"]
    assert len(brute) == len({e[2] for e in brute}) == 101
    assert [e[2] for e in began(host) if e[1] == "broken_in"] == [(("source.ip", "24.151.103.17"),)]
    host.close()


def test_long_names_take_little_memory_and_are_still_told_apart(host, tmp_path):
    long = [f"{'x' * 100_000}{n}" for n in range(30)]
    with (tmp_path / "access.log").open("w") as file:
        file.writelines(line(BEGIN + SECOND, user=each) for each in long)
    host.at(BEGIN + 2 * SECOND)
    host.at(BEGIN + MINUTE)
    few = [dict(e[2])["cs-username"] for e in began(host) if e[1] == "few"]
    assert len(set(few)) == 30
    assert max(map(len, few)) <= 512
    kept = sum(len(v) for k, v in host.store.states().items() if k.startswith("correlations"))
    assert kept < 1 << 20


def test_a_full_disk_loses_no_event_and_takes_none_twice(host, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(line(BEGIN + SECOND))
    host.at(BEGIN + 2 * SECOND)
    db = host.store._db
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    with log.open("a") as file:
        for second in range(3, 40):
            file.write(line(BEGIN + second * SECOND, client=f"198.51.100.{second}"))
            file.flush()
            host.at(BEGIN + second * SECOND)
        assert "storage" in host.core.degraded
        file.write(line(BEGIN + 39 * SECOND) * 3)
    host.at(BEGIN + 40 * SECOND)
    # Detection goes on meanwhile.
    assert ("firing", "Brute force", 1) in told(host)
    # Killed while the disk is full: what is on disk is gone on from.
    host.store._db.execute("PRAGMA max_page_count = 1000000")
    host.restart()
    host.at(BEGIN + 41 * SECOND)
    host.at(BEGIN + 10 * MINUTE)
    brute = [e for e in began(host) if e[1] == "brute"]
    assert brute == [(BEGIN + 39 * SECOND, "brute", (("source.ip", IP),), 4, BEGIN + SECOND)]


JOINED = """
title: Refused
name: refused
logsource: {category: webserver}
detection: {sel: {sc-status: 401}, condition: sel}
---
title: Shell
name: shell
logsource: {product: linux, service: sshd}
detection: {sel: {event.outcome: success}, condition: sel}
---
title: Refused at the door, in through the window
name: around
level: critical
correlation: {type: temporal_ordered, rules: [refused, shell], group-by: [source.ip], timespan: 10m}
---
title: Nothing of value
name: void
correlation: {type: value_avg, rules: [shell], group-by: [source.ip], timespan: 1m, condition: {field: size, lt: 5}}
"""


def test_a_rule_joins_what_two_logs_say(tmp_path):
    made = config(tmp_path, rules(JOINED))
    auth = LogGroup("auth", (str(tmp_path / "auth.log"),), lateness=10 * SECOND)
    host = Host(
        tmp_path,
        LogConfig((*made.groups, auth), made.definitions, DEFAULTS, Place(), made.rules),
        BEGIN,
    )
    (tmp_path / "access.log").write_text(line(BEGIN + SECOND))
    host.at(BEGIN + 2 * SECOND)
    stamp = datetime.fromtimestamp(BEGIN / SECOND + 3, UTC).isoformat()
    (tmp_path / "auth.log").write_text(
        f"<38>1 {stamp} srv sshd 7 - - Accepted password for x from {IP} port 9 ssh2\n"
    )
    host.at(BEGIN + 4 * SECOND)
    assert told(host) == [("firing", "Refused at the door, in through the window", 1)]
    host.at(BEGIN + MINUTE)
    assert [e[:3] for e in began(host)] == [
        (BEGIN + 3 * SECOND, name, (("source.ip", IP),)) for name in ("around", "void")
    ]
    # Of no values the mean is no number: receivers are told so.
    (void,) = [e for e in host.logs.firing() if e.labels["rule"] == "void"]
    assert (void.value, void.shown) == (None, "-inf")
    host.close()


def test_an_end_and_a_new_begin_are_told_in_their_order(host, tmp_path):
    """Beside another alert of the rule that begins in the same step."""
    lines = [line(BEGIN + at * SECOND, user=user) for at, user in ((14, "b"), (44, "a"), (45, "b"))]
    (tmp_path / "access.log").write_text(lines[0])
    host.at(BEGIN + 44 * SECOND + 1)
    (tmp_path / "access.log").write_text("".join(lines))
    host.at(BEGIN + 76 * SECOND)
    of_b = [
        a.status
        for n in host.told.notifications
        for a in n.alerts
        if a.labels.get("cs_username") == "b"
    ]
    assert of_b == ["firing", "resolved", "firing"]
    assert {e.labels["cs_username"] for e in host.logs.firing()} == {"a", "b"}


def test_a_flood_of_matches_is_one_alert_and_few_entries(host, tmp_path):
    with (tmp_path / "access.log").open("w") as file:
        file.writelines(line(BEGIN + n * SECOND // 100, 500) for n in range(3000))
    host.at(BEGIN + MINUTE)
    host.at(BEGIN + 10 * MINUTE)
    assert told(host) == [("firing", "Broken", 1), ("resolved", "Broken", 1)]
    begin, end = entries(host)
    assert (begin["after"], end["after"], end["fired"]) == ("firing", "inactive", 3000)
    assert len(entries(host, early=True)) == 1


def test_what_is_remembered_of_a_flood_is_condensed_beside_the_loop(tmp_path):
    host = Host(tmp_path, config(tmp_path), BEGIN)
    log = tmp_path / "access.log"
    log.write_text("")
    record = host.logs.correlating._record
    for second in range(1, 13):
        with log.open("a") as file:
            clients = (f"10.{second}.{n >> 8}.{n & 255}" for n in range(1000))
            file.writelines(
                line(BEGIN + second * SECOND, client=each, user="u" * 60) for each in clients
            )
        host.at(BEGIN + second * SECOND)
        assert not record.is_long
    assert record._generation > 1
    pieces = [key for key in host.store.states() if key.startswith("correlations/")]
    assert 0 < len(pieces) < 12
    waiting, held = host.logs.correlating.correlator.waiting, host.logs.correlating.snapshot()
    assert waiting == 12_000
    host.restart()
    assert host.logs.correlating.correlator.waiting == waiting
    assert host.logs.correlating.snapshot().keys() == held.keys()

    async def ticks():
        """How often others had a turn while it was made."""
        condensing, count = asyncio.create_task(host.logs._condense()), 0
        while not condensing.done():
            await asyncio.sleep(0)
            count += 1
        return count

    assert asyncio.run(ticks()) > 10
    host.close()
