"""Who was behind the alerts of Sigma rules in a replay, beside counting them by hand."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_live_correlations import BEGIN, IP, SECOND, Host, config, entries, line
from tests.engine.test_who_of_rules import TOGETHER
from tocsin.cli import cli
from tocsin.correlation import Budget, Correlator, Event, load_sigma
from tocsin.engine._offenders import offenders_text
from tocsin.packs import pack_rules
from tocsin.replay import Replayer, ReplayOptions
from tocsin.replay._behind_alerts import BehindAlerts
from tocsin.source import LogLimits

RULES = """
title: Login refused
name: refused
level: low
logsource: {category: authentication}
detection: {sel: {event.outcome: failure}, condition: sel}
---
title: Login
name: login
level: informational
logsource: {category: authentication}
detection: {sel: {event.outcome: success}, condition: sel}
---
title: Together
name: together
correlation: {type: event_count, rules: [refused], timespan: 30s, condition: {gte: 4}}
---
title: One source
name: one_source
correlation: {type: event_count, rules: [refused], group-by: [source.ip], timespan: 20s, condition: {gte: 3}}
---
title: One user
name: one_user
correlation: {type: value_count, rules: [refused], group-by: [user.name], timespan: 30s, condition: {gte: 2, field: source.ip}}
---
title: Both
name: both
correlation: {type: event_count, rules: [refused], group-by: [source.ip, user.name], timespan: 20s, condition: {gte: 2}}
---
title: Broken in
name: broken_in
correlation: {type: temporal_ordered, rules: [one_source, login], group-by: [source.ip], timespan: 60s}
"""
SPANS = {"together": 30, "one_source": 20, "one_user": 30, "both": 20, "broken_in": 80}


def sshd(at, user, address, *, accepted=False, number=None):
    stamp = f"Nov 21 10:{at // 60:02}:{at % 60:02} h sshd[{at if number is None else number}]:"
    what = "Accepted password for" if accepted else "Failed password for invalid user"
    return f"{stamp} {what} {user} from {address} port 1 ssh2\n"


def correlated(paths, rules):
    replayer = Replayer((), (), ReplayOptions(year=2026), LogLimits())
    opened = replayer.open([str(path) for path in paths], 0)
    return replayer.correlate(opened, rules, lambda _: None).correlated


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 180), st.sampled_from("abc"),
        st.sampled_from(["203.0.113.9", "198.51.100.7", "192.0.2.1"]), st.sampled_from([0, 0, 0, 1]),
    ),
    min_size=1, max_size=80,
)  # fmt: skip


@settings(max_examples=60)
@given(EVENTS, st.integers(0, 30), st.integers(1, 2), st.randoms(use_true_random=False))
def test_each_alert_names_those_of_its_events(tmp_path_factory, events, late, parts, rng):
    folder = tmp_path_factory.mktemp("behind")
    # Lines stand a little out of order, and in up to two files.
    events = sorted(events, key=lambda each: each[0] + rng.uniform(0, late))
    texts, places = [""] * parts, {}
    for number, (at, user, address, accepted) in enumerate(events):
        part = rng.randrange(parts)
        texts[part] += sshd(at, user, address, accepted=bool(accepted), number=number)
        places[f"{folder}/auth{part}.log:{texts[part].count(chr(10))}"] = number
    paths = [folder / f"auth{part}.log" for part in range(parts) if texts[part]]
    for part, text in enumerate(texts):
        (folder / f"auth{part}.log").write_text(text)
    found = correlated(paths, load_sigma([("rules.yml", RULES.encode())]))
    assert len(found.behind) == len(found.alerts) == found.by_rule.total()
    begin = 1_795_255_200 * SECOND  # 2026-11-21T10:00:00Z
    for alert, behind in zip(found.alerts, found.behind, strict=True):
        group, end = dict(alert.group), (alert.time - begin) // SECOND
        naive = {}
        for number, (at, user, address, accepted) in enumerate(events):
            asked = (not accepted and end - SPANS[alert.rule] <= at <= end
                     and group.get("source.ip") in (None, address)
                     and group.get("user.name") in (None, user))  # fmt: skip
            if asked:
                naive.setdefault(address, []).append((begin + at * SECOND, user, number))
        assert {each.name: (each.events, each.error, each.first, each.last) for each in behind} == {
            name: (len(seen), 0, min(seen)[0], max(seen)[0]) for name, seen in naive.items()
        }
        assert [each.events for each in behind] == sorted(
            (len(s) for s in naive.values()), reverse=True
        )
        for each in behind:
            assert set(each.others) == {user for _, user, _ in naive[each.name]}
            assert 1 <= len(each.samples) <= 3
            assert {places[one] for one in each.samples} <= {one for *_, one in naive[each.name]}


def behind(rules, events, chunk, room):
    """Of each alert who was behind it, of events that are given in chunks."""
    correlator = Correlator(rules, lateness=60 * SECOND, budget=Budget(waiting=room))
    named, alerts, found = BehindAlerts(rules), [], []
    for start in range(0, len(events), chunk):
        settled = []
        alerts += (new := correlator.feed(events[start : start + chunk], settled))
        found += named.take(settled, new)
    settled = []
    alerts += (new := correlator.finish(settled))
    found += named.take(settled, new)
    found += named.finish()
    assert len(found) == len(alerts)
    return [(alert.rule, alert.time, said) for alert, said in zip(alerts, found, strict=True)]


@given(EVENTS, st.integers(1, 30), st.integers(1, 30))
def test_who_it_was_does_not_depend_on_what_is_read_at_once(events, chunk, room):
    rules = load_sigma([("rules.yml", RULES.encode())])
    events = [
        Event(
            at // 20 * SECOND,
            {"event.category": "authentication", "event.outcome": "success" if accepted else "failure",
             "source.ip": address, "user.name": user},
            reference=f"auth.log:{number}",
        )
        for number, (at, user, address, accepted) in enumerate(events)
    ]  # fmt: skip
    assert behind(rules, events, chunk, room) == behind(rules, events, 1000, room)


LONG = "u" * 300


def test_a_live_alert_names_the_same(tmp_path):
    rules = load_sigma([("rules.yml", TOGETHER.encode())])
    host = Host(tmp_path, config(tmp_path, rules), BEGIN)
    tries = [(at, IP if at % 3 else "192.0.2.7", LONG if at % 4 else "root") for at in range(12)]
    text = "".join(line(BEGIN + at * SECOND, client=who, user=user) for at, who, user in tries)
    (tmp_path / "access.log").write_text(text)
    host.at(BEGIN + 20 * SECOND)
    host.at(BEGIN + 90 * SECOND)
    live = {
        (e["correlation"], e["evaluated_at"]): re.sub(r", [^,;]+@\d+", "", e["annotations"]["offenders"])
        for e in entries(host) if e["after"] == "firing"
    }  # fmt: skip
    host.close()
    found = correlated([tmp_path / "access.log"], rules)
    assert live.keys() == {(each.rule, each.time) for each in found.alerts}
    assert live == {
        (alert.rule, alert.time): offenders_text(replace(each, samples=()) for each in behind)
        for alert, behind in zip(found.alerts, found.behind, strict=True)
    }
    # Of a name longer than is shown it is known who it was, too.
    assert [len(dict(e.group)["user.name"]) for e in found.alerts if e.rule == "one_user"] == [300]


def test_a_real_log_names_who_is_behind_all_sources_together(data):
    found = correlated([data / "logs/auth.log"], load_sigma(pack_rules("appsec")))
    said = {}
    for alert, behind in zip(found.alerts, found.behind, strict=True):
        assert behind
        address = dict(alert.group).get("source.ip")
        assert address in (None, *(each.name for each in behind))
        said[alert.rule, alert.reference.rpartition(":")[2]] = [(e.name, e.events) for e in behind]
    assert said["brute_force_overall", "3037"] == [("24.151.103.17", 100)]
    assert found.unnamed == 0


def printed(tmp_path, text, *arguments, rules=RULES):
    (tmp_path / "auth.log").write_text(text)
    (tmp_path / "rules.yml").write_text(rules)
    command = ["replay", "--rules", str(tmp_path / "rules.yml"), "--year", "2026", *arguments]
    done = CliRunner().invoke(cli, [*command, str(tmp_path / "auth.log")], standalone_mode=False)
    assert (done.return_value, done.exception) == (0, None)
    return done.stdout


def test_text_json_and_page_tell_it(tmp_path):
    text = "".join(sshd(at, "ab"[at % 2], f"192.0.2.{1 + at // 3}") for at in range(4))
    told = printed(tmp_path, text, "--html", str(tmp_path / "page.html"))
    place = f"{tmp_path}/auth.log"
    assert (
        f"2026-11-21T10:00:03Z  Together\n    4 since 2026-11-21T10:00:00Z; {place}:4\n"
        "            3  192.0.2.1        2026-11-21T10:00:00Z to 2026-11-21T10:00:02Z\n"
        f"               users a, b\n               {place}:1\n               {place}:2\n"
        f"               {place}:3\n"
        "            1  192.0.2.2        2026-11-21T10:00:03Z\n"
        f"               users b\n               {place}:4\n"
    ) in told
    page = (tmp_path / "page.html").read_text()
    assert "<li><strong>3</strong> 192.0.2.1<br><small>users a, b<br>" in page
    found = json.loads(printed(tmp_path, text, "--format", "json"))
    (alert,) = [each for each in found["alerts"] if each["rule"] == "together"]
    assert alert["offenders"][0] == {
        "name": "192.0.2.1", "events": 3, "error": 0, "first": "2026-11-21T10:00:00Z",
        "last": "2026-11-21T10:00:02Z", "users": ["a", "b"], "more": False,
        "samples": [f"{place}:{n}" for n in (1, 2, 3)],
    }  # fmt: skip
    assert found["alerts_without_offenders"] == 0


def test_hostile_names_are_neutral(tmp_path):
    names = ["\x1b[31m", "\u202egpj", "<b>x</b>", "\x9b2J"]
    text = "".join(sshd(at, name, "192.0.2.1") for at, name in enumerate(names))
    told = printed(tmp_path, text, "--html", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    for shown in (told, page):
        assert not {"\x1b", "\u202e", "\x9b"} & set(shown)
        assert r"\x1b[31m" in shown
    assert "<b>x" not in page
    assert "&lt;b&gt;x" in page


ALONE = """
title: Login refused
level: low
logsource: {category: authentication}
detection: {sel: {event.outcome: failure}, condition: sel}
"""


def test_a_storm_of_alerts_is_named_up_to_a_number_and_that_is_told(tmp_path):
    text = "".join(sshd(at % 3600, "a", "192.0.2.1") for at in range(3600))
    text += text.replace("10:", "11:") + text.replace("10:", "12:")
    told = printed(tmp_path, text, "--html", str(tmp_path / "page.html"), rules=ALONE)
    assert Counter(re.findall(r"^ +\d+  192\.0\.2\.1 ", told, re.MULTILINE)).total() == 4000
    more = told.count("Login refused (low)") - 4000
    assert f"\n{more} alerts without who it was: too many\n" in told
    assert (
        f"<p>{more} alerts without who it was: too many</p>" in (tmp_path / "page.html").read_text()
    )
