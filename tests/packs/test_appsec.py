"""The pack `appsec`: every rule has its tests, its twins and its page; what it says of real logs."""

from __future__ import annotations

import json
import re
from ipaddress import ip_network

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.correlation.test_data import annotated, form_of

from tests.conftest import ROOT
from tocsin.cli import cli
from tocsin.correlation import (
    Correlator,
    Event,
    EventReader,
    is_sigma_test,
    load_sigma,
    load_sigma_tests,
    run_sigma_tests,
)
from tocsin.durations import format_duration
from tocsin.engine import load_config
from tocsin.logformat import Clues, make_format
from tocsin.packs import apply_pack, pack_rules
from tocsin.scan import Scanner, Table

FILES = {
    place.rpartition("/")[2].removesuffix(".yml"): data for place, data in pack_rules("appsec")
}
RULES = load_sigma(pack_rules("appsec"))
FOLDER = ROOT / "src/tocsin/packs/appsec"
YEAR_2017 = 1_483_228_800_000_000
LOGINS = ("brute-force", "credential-stuffing", "password-spraying", "break-in")


def test_one_page_and_one_test_for_each_file():
    assert sorted(FILES) == sorted(
        each.name.removesuffix(".test.yml") for each in FOLDER.glob("*.test.yml")
    )
    pages = {each.stem for each in (ROOT / "docs/packs/appsec").glob("*.md")}
    assert pages == {*FILES, "log-silence", "README"}
    assert not any(is_sigma_test(data) for data in FILES.values())
    listed = re.findall(
        r"^\| \[(.+?)\]", (ROOT / "docs/packs/appsec/README.md").read_text(), re.MULTILINE
    )
    assert set(listed) == {*FILES, "log-silence"}


@pytest.mark.parametrize("slug", FILES)
def test_the_tests_beside_the_rules(slug):
    path = FOLDER / f"{slug}.test.yml"
    file = load_sigma_tests(path.read_bytes(), str(path))
    assert file.sigma_files == (f"{slug}.yml",)
    rules = load_sigma([(slug, FILES[slug])])
    assert [str(each) for each in run_sigma_tests(file, rules)] == []
    # Positive samples: each rule that alerts is expected somewhere.
    alerting = {each.name for each in (*rules.detections, *rules.correlations) if each.alone}
    assert {wanted.rule for test in file.tests for wanted in test.alerts} == alerting
    assert any(test.name.startswith("hostile") for test in file.tests)
    assert any(not test.alerts and not test.name.startswith("hostile") for test in file.tests)


def bases(rules, name):
    """The detections that a correlation counts in the end."""
    found = next((each for each in rules.correlations if each.name == name), None)
    return {name} if found is None else set().union(*(bases(rules, each) for each in found.rules))


@pytest.mark.parametrize("slug", FILES)
def test_every_keyed_rule_has_its_twins(slug):
    rules = load_sigma([(slug, FILES[slug])])
    alone = [each for each in rules.correlations if each.alone]
    keyed = [each for each in alone if each.group_by]
    assert keyed
    for each in keyed:
        counted = bases(rules, each.name)
        twins = [t for t in alone if not t.group_by and bases(rules, t.name) <= counted]
        assert any(
            t.kind == ("value_count" if each.kind == "value_count" else "event_count")
            for t in twins
        ), each.name
        distinct = [t for t in twins if t.kind == "value_count"]
        kinds = {name for t in distinct for names in t.value for name in names}
        assert set(each.group_by) & kinds, each.name


@pytest.mark.parametrize("slug", FILES)
def test_tags_and_texts(slug):
    rules = load_sigma([(slug, FILES[slug])])
    assert rules.warnings == ()
    for each in (*rules.detections, *rules.correlations):
        assert any(re.fullmatch(r"attack\.t\d{4}(\.\d{3})?", tag) for tag in each.tags), each.name
        assert any(re.fullmatch(r"appsensor\.[a-z-]+", tag) for tag in each.tags), each.name
        assert any(re.fullmatch(r"appsensor\.[a-z]{2,3}\d+", tag) for tag in each.tags), each.name
        assert each.level
        assert each.name.startswith(slug.split("-")[0])


@pytest.mark.parametrize("slug", [*FILES, "log-silence"])
def test_each_rule_has_its_page(slug):
    text = (ROOT / f"docs/packs/appsec/{slug}.md").read_text()
    for heading in (
        "What it sees", "Why it matters", "False positives", "What to do", "Thresholds", "Controls it serves",
    ):  # fmt: skip
        assert f"## {heading}\n" in text
    rules = load_sigma([(slug, FILES.get(slug, b""))])
    for each in rules.correlations:
        row = next(
            (line for line in text.splitlines() if line.startswith(f"| `{each.name}` ")), None
        )
        # Those that only others refer to are no alerts.
        assert (row is not None) == each.alone
        if row is not None:
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            assert cells[1] == each.level
            assert cells[2] == (
                ", ".join(f"`{name}`" for name in each.group_by) or "(all together)"
            )
            assert cells[4] == format_duration(each.timespan)
            assert cells[5] == (
                "the last step" if each.kind == "temporal_ordered" else f"{each.test.number:g}"
            )
    for each in rules.detections:
        assert not each.alone or f"| `{each.name}` | {each.level} |" in text


def test_a_refused_login_is_the_same_in_all_rules():
    texts = {
        re.search(rb"detection:\n(  login:.*?)\nlevel:", FILES[slug], re.DOTALL)[1] for slug in LOGINS
    }  # fmt: skip
    assert len(texts) == 1


def alerts_of(events, lateness=0):
    correlator = Correlator(RULES, lateness=lateness)
    return correlator.feed(events) + correlator.finish()


def read(path, form):
    reader = EventReader(make_format(form, Clues(after=YEAR_2017)))
    found = [reader.read(line) for line in path.read_bytes().splitlines()]
    return [each for each in found if isinstance(each, Event)]


def test_a_server_under_attack(data):
    found = alerts_of(read(data / "logs/auth.log", "syslog"), 60_000_000)
    by_rule = {}
    for each in found:
        by_rule.setdefault(each.rule, set()).add(each.group)
    assert len(by_rule["brute_force_by_source"]) == 101
    assert by_rule["break_in_by_source"] == {(("source.ip", "24.151.103.17"),)}
    assert not any(
        rule.startswith(("privilege", "session", "scanner", "inject")) for rule in by_rule
    )


def test_an_ordinary_web_site(data):
    assert alerts_of(read(data / "logs/apache_access.log", "combined"), 60_000_000) == []


def counted_by(host):
    """An address of version 6 counts as its /64."""
    return str(ip_network(f"{host}/64", strict=False)) if ":" in host else host


def test_no_injected_host_is_named(data):
    """Each annotated failure, ten times over: whoever is named is the one of the annotation."""
    for name in (
        "sshd-journal",
        "apache-auth",
        "nginx-http-auth",
        "nginx-botsearch",
        "apache-noscript",
    ):
        hosts, events = set(), []
        for line, said, _ in annotated(data / "fail2ban" / name):
            form, text = (
                ("syslog", "Mar  1 10:00:00 " + line) if name == "sshd-journal" else form_of(line)
            )
            reader = EventReader(make_format(form, Clues(after=YEAR_2017)))
            event = reader.read(text.encode("utf-8", "surrogateescape"))
            hosts |= {said.get(key) for key in ("host", "ip4", "ip6") if said}
            events += [
                Event(10**15 + len(events) + n, event.fields, 1, event.text) for n in range(10)
            ]
        named = {
            value for each in alerts_of(events) for key, value in each.group if key == "source.ip"
        }
        assert named <= {counted_by(each) for each in hosts if each}, name
        assert named or name != "sshd-journal"


PRINTABLE = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=60)
FORGED = st.sampled_from([
    "root from 198.51.100.7 port 22 ssh2", "x from 198.51.100.7", "\x1b[2J", "=cmd|' /C calc'!A0",
    "Failed password for root from 198.51.100.7 port 22 ssh2", '","client":"198.51.100.7',
])  # fmt: skip


@given(
    users=st.lists(st.tuples(PRINTABLE, FORGED, PRINTABLE).map("".join), min_size=5, max_size=12)
)
@settings(max_examples=60)
def test_a_user_name_blames_nobody_else(users):
    ssh = EventReader(make_format("syslog", Clues(after=YEAR_2017)))
    app = EventReader(make_format("json"))
    for n, user in enumerate(users):
        line = f"Mar  1 10:00:{n:02} srv sshd[{n}]: Failed password for invalid user {user} from 192.0.2.1 port 9 ssh2"
        event = {
            "time": f"2017-03-01T10:00:{n:02}Z",
            "event": "authn_login_fail",
            "client": "192.0.2.1",
            "user": user,
        }
        events = [ssh.read(line.encode()), app.read(json.dumps(event).encode())]
        assert all(isinstance(each, Event) for each in events)
        assert {each.fields.get("client", "192.0.2.1") for each in events} == {"192.0.2.1"}
        users[n] = events
    found = alerts_of([each for pair in users for each in pair])
    named = {value for each in found for key, value in each.group if key == "source.ip"}
    assert named == {"192.0.2.1"}


@given(
    sources=st.integers(1, 40), users=st.integers(1, 40), gap=st.integers(0, 6_000_000),
    rounds=st.integers(100, 130),
)  # fmt: skip
@settings(max_examples=60)
def test_however_an_attack_is_spread_something_sees_it(sources, users, gap, rounds):
    """A hundred failures within ten minutes, from as few or as many as one likes."""
    fields = {"event.category": "authentication", "event.outcome": "failure"}
    events = [
        Event(10**15 + n * min(gap, 600_000_000 // rounds), {
            **fields, "client": f"192.0.2.{n % sources}", "user": f"u{n % users}",
        })
        for n in range(rounds)
    ]  # fmt: skip
    found = {each.rule for each in alerts_of(events)}
    assert "brute_force_overall" in found
    assert ("brute_force_by_source" in found) == (rounds >= 5 * sources - sources + 1)
    assert ("brute_force_sources" in found) == (sources >= 30)


def test_silence_is_an_alarm_for_any_log():
    for form in ("syslog", "regex", "", "combined"):
        made = apply_pack("appsec", "web", form, {"SilencePeriods": "3", "NotFoundThreshold": "1"})
        assert made.problems == ()
        (alarm,) = made.alarms
        assert (alarm.alarm_name, alarm.evaluation_periods, alarm.treat_missing_data) == (
            "web-appsec-log-silence", 3, "breaching",
        )  # fmt: skip
    text = (ROOT / "docs/packs/appsec/log-silence.md").read_text()
    default = apply_pack("appsec", "web", "", {}).alarms[0].evaluation_periods
    assert f"`SilencePeriods`, default {default}:" in text


def silences(path, minutes):
    """When the alarm goes off and is over, over a log with a line at each of these minutes."""
    lines = [
        json.dumps({"time": f"2026-11-21T{n // 60:02}:{n % 60:02}:30Z", "message": "hello"})
        for n in minutes
    ]
    path.write_text("\n".join(lines) + "\n")
    done = replay("--pack", "appsec", "--parameter", "SilencePeriods=3", "--format", "json", path)
    found = json.loads(done.stdout)["transitions"]
    return [(each["after"], each["time"][11:16]) for each in found]


def test_a_log_that_falls_silent(tmp_path):
    path = tmp_path / "app.log"
    # A line every ten minutes is none; after the end of the file nothing follows.
    busy = range(0, 120, 10)
    assert [after for after, _ in silences(path, busy)] == ["OK", "ALARM"]
    (_, silent, again, end) = silences(path, [*busy, *range(180, 240)])
    assert (silent[0], again[0], end[0]) == ("ALARM", "OK", "ALARM")
    assert "02:05" <= silent[1] <= "02:20"
    assert "03:00" <= again[1] <= "03:05"
    assert end[1] > "04:00"


def test_silence_costs_no_look_at_a_line():
    (made,) = apply_pack("appsec", "web", "", {}).filters
    table, scanner = Table(), Scanner([made], make_format("combined"))
    line = b'192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 7 "-" "-"\n'
    scanner.scan(line * 1000, table)
    assert (
        table.read,
        table.slow,
        table.minutes.matches.total() if table.minutes.matches else 0,
    ) == (1000, 0, 0)


def test_in_the_configuration(tmp_path):
    path = tmp_path / "tocsin.yaml"
    groups = [
        {"name": "web", "paths": ["none"]},
        {"name": "ssh", "paths": ["x"], "format": "syslog"},
    ]
    path.write_text(json.dumps({"log_groups": groups, "packs": ["appsec"]}))
    config = load_config(path)
    assert config.warnings == ()
    assert {each.name for each in config.logs.rules.correlations} == {
        each.name for each in RULES.correlations
    }
    assert [each.alarm_name for each in config.logs.definitions.alarms] == [
        "web-appsec-log-silence", "ssh-appsec-log-silence",
    ]  # fmt: skip
    path.write_text(json.dumps({"packs": ["appsec"]}))
    assert any(each.what == "pack appsec fits no log group" for each in load_config(path).warnings)


def replay(*arguments, **more):
    words = ["replay", *map(str, arguments)]
    return CliRunner().invoke(cli, words, standalone_mode=False, **more)


def test_replay(tmp_path):
    log = tmp_path / "auth.log"
    lines = [
        f"Mar  1 10:00:0{n} srv sshd[{n}]: Failed password for x from 192.0.2.1 port 9 ssh2\n"
        for n in range(5)
    ]
    log.write_text("".join(lines))
    done = replay("--pack", "appsec", "--year", 2017, "--format", "json", log)
    assert done.return_value == 0, done.output
    found = json.loads(done.stdout)
    assert found["alerts_by_rule"] == {"brute_force_by_source": 1}
    assert found["alerts"][0]["reference"] == f"{log}:5"
    assert {each["alarm"] for each in found["transitions"]} == {"web-appsec-log-silence"}
    assert "read once" in str(replay("--pack", "appsec", "-", input="".join(lines)).exception)


def test_replay_beside_rules_of_ones_own(tmp_path):
    (tmp_path / "own.yml").write_text(
        "title: POST\nlogsource: {category: webserver}\ndetection: {post: {cs-method: POST}, condition: post}\n"
    )
    log = tmp_path / "access.log"
    log.write_text(
        '192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "POST /login HTTP/1.1" 401 12 "-" "-"\n' * 5
    )
    done = replay(
        "--pack", "appsec", "--pack", "http", "--rules", tmp_path, "--format", "json", log
    )
    assert done.return_value == 0, done.output
    assert json.loads(done.stdout)["alerts_by_rule"] == {"brute_force_by_source": 1, "POST": 5}


def test_a_copy_can_be_confined_to_one_kind_of_log():
    """A login in two logs counts twice; a rule that asks for the log hears one of them."""
    access = b'192.0.2.1 - ada [21/Nov/2026:10:00:00 +0000] "POST /login HTTP/1.1" 401 12 "-" "x"'
    sdk = b'{"time":"2026-11-21T10:00:00Z","event":"authn_login_fail","client":"192.0.2.1","user":"ada"}'
    syslog = b"Nov 21 10:00:00 srv sshd[7]: Failed password for ada from 192.0.2.1 port 9 ssh2"
    events = [
        EventReader(make_format(form, Clues(after=YEAR_2017))).read(line)
        for form, line in (("combined", access), ("json", sdk), ("syslog", syslog))
    ]
    refused = [each for each in RULES.detections if each.name == "brute_force_refused"]
    assert sum(refused[0].name in names(RULES, each) for each in events) == 3
    for number, dataset in enumerate(("access", "security", "syslog")):
        text = FILES["brute-force"].decode()
        copied = text.replace(
            "condition: login or",
            f"heard: {{event.dataset: {dataset}}}\n  condition: heard and (login or",
            1,
        )
        copied = re.sub(r"(condition: heard and .*)", r"\1)", copied, count=1)
        rules = load_sigma([("copy.yml", copied.encode())])
        heard = [refused[0].name in names(rules, each) for each in events]
        assert heard == [at == number for at in range(3)]


def names(rules, event):
    """The rules that an event matches."""
    return [
        rules.detections[at].name for _, places in Correlator(rules).sift([event]) for at in places
    ]
