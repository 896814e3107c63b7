"""What a pack is taken without: it makes no alert, and whatever builds on it stays."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

from tocsin.cli import cli
from tocsin.correlation import load_sigma, rules_called, switch_off
from tocsin.engine import load_config
from tocsin.engine._in_force import identity_of, texts_of
from tocsin.errors import ConfigError
from tocsin.packs import PACKS, pack_alarms, pack_rules

RULES = load_sigma(pack_rules("appsec"))


def config(tmp_path, packs):
    groups = "log_groups: [{name: web, paths: [a.log], format: combined}, {name: ssh, paths: [b.log], format: syslog}]"
    (tmp_path / "tocsin.yaml").write_text(f"{groups}\npacks: {packs}\n")
    return load_config(tmp_path / "tocsin.yaml")


def alone(rules):
    return {each.name for each in (*rules.detections, *rules.correlations) if each.alone}


def alarms(made):
    return {each.alarm_name for each in made.logs.definitions.alarms}


def test_a_rule_by_name_id_title_or_file(tmp_path):
    whole = config(tmp_path, "[appsec]").logs.rules
    assert alone(whole) == alone(RULES)
    name = "brute_force_by_source"
    for called in (name, "a86db117-2c53-5dcc-8b61-c086468391e9", "Brute force from one source"):
        made = config(tmp_path, f"[{{name: appsec, except: ['{called}']}}]")
        assert alone(made.logs.rules) == alone(whole) - {name}
    made = config(tmp_path, "[{name: appsec, except: [brute-force]}]")
    gone = alone(whole) - alone(made.logs.rules)
    assert name in gone
    assert all(each.startswith("brute_force") for each in gone)


@pytest.mark.parametrize("name", sorted(alone(RULES)))
def test_each_rule_can_be_switched_off_and_no_other_changes(name):
    left = switch_off(RULES, {name})
    assert alone(left) == alone(RULES) - {name}
    known = {each.name for each in (*left.detections, *left.correlations)}
    needed = {one for each in left.correlations for one in each.rules}
    assert needed <= known
    # What is left is an alert, or needed for one.
    assert known == alone(left) | needed


def test_what_others_build_on_is_still_held_against_events():
    rules = load_sigma([("packs/p/a.yml", CHAIN.encode())])
    assert alone(rules) == {"after", "many", "accepted"}
    left = switch_off(rules, {"many"})
    assert [(each.name, each.alone) for each in left.correlations] == [
        ("many", False),
        ("after", True),
    ]
    assert [each.name for each in left.detections] == ["refused", "accepted"]
    left = switch_off(rules, {"after", "accepted"})
    assert [each.name for each in left.correlations] == ["many"]
    assert [each.name for each in left.detections] == ["refused"]
    left = switch_off(rules, {"after", "many"})
    assert (alone(left), left.correlations) == ({"accepted"}, ())
    left = switch_off(rules, {"after", "many", "accepted"})
    assert (left.detections, left.correlations) == ((), ())


CHAIN = """
title: Refused
name: refused
logsource: {category: authentication}
detection: {sel: {event.outcome: failure}, condition: sel}
---
title: Accepted
name: accepted
logsource: {category: authentication}
detection: {sel: {event.outcome: success}, condition: sel}
---
title: Many
name: many
correlation: {type: event_count, rules: [refused], group-by: [source.ip], timespan: 10m, condition: {gte: 5}}
---
title: After
name: after
correlation:
  {type: temporal_ordered, rules: [many, accepted], group-by: [source.ip], timespan: 10m, generate: true}
"""


def test_alarms_for_all_log_groups_or_for_one(tmp_path):
    whole = alarms(config(tmp_path, "[http, appsec]"))
    assert {"web-http-not-found", "web-appsec-log-silence", "ssh-appsec-log-silence"} <= whole
    for called, gone in (
        ("log-silence", {"web-appsec-log-silence", "ssh-appsec-log-silence"}),
        ("appsec-log-silence", {"web-appsec-log-silence", "ssh-appsec-log-silence"}),
        ("ssh-appsec-log-silence", {"ssh-appsec-log-silence"}),
    ):
        made = config(tmp_path, f"[http, {{name: appsec, except: [{called}]}}]")
        assert alarms(made) == whole - gone
        assert alone(made.logs.rules) == alone(RULES)
    made = config(tmp_path, "[appsec, {name: http, except: [not-found]}]")
    assert alarms(made) == whole - {"web-http-not-found"}


def test_every_alarm_of_every_pack_has_a_short_name():
    assert pack_alarms("appsec") == ("log-silence",)
    assert len(pack_alarms("http")) == 5
    assert all("any" not in each for pack in PACKS for each in pack_alarms(pack))


def test_a_name_that_means_nothing_is_told_with_what_is_near(tmp_path):
    packs = "[{name: appsec, except: [brute_force_by_sorce, zzz, {a: b}]}, {name: htp}, {nam: x}, {name: http, except: [not-fund]}]"
    with pytest.raises(ConfigError) as raised:
        config(tmp_path, packs)
    told = str(raised.value)
    assert (
        "2:33: nothing in pack appsec is called 'brute_force_by_sorce', hint: did you mean 'brute_force_by_source'?"
        in told
    )
    assert "nothing in pack appsec is called 'zzz', hint: there are: " in told
    assert "did you mean 'not-found'?" in told
    assert "no pack 'htp'" in told
    assert "a pack has no name" in told
    assert "except must hold words, not a mapping" in told


def test_what_is_switched_off_is_in_force(tmp_path):
    plain, made = (
        identity_of(config(tmp_path, "[appsec]")),
        config(tmp_path, "[{name: appsec, except: [scanner, log-silence]}]"),
    )
    found = {each["path"]: each["sha256"] for each in identity_of(made)["others"]}
    assert "packs/appsec except" not in [each["path"] for each in plain["others"]]
    assert texts_of(made)[found["packs/appsec except"]] == b"log-silence\nscanner\n"


def test_names_called_are_those_of_the_folder():
    called = rules_called(RULES, "packs/appsec")
    assert called["brute_force_by_source"] == {"brute_force_by_source"}
    assert rules_called(RULES, "packs/http") == {}


TRIES = "".join(
    f"Mar  1 10:00:{second:02} srv sshd[7]: Failed password for root from 192.0.2.1 port 9 ssh2\n"
    for second in range(12)
)


def printed(command, tmp_path, *more):
    (tmp_path / "auth.log").write_text(TRIES)
    words = [command, "--pack", "appsec", "--year", "2026", "--format", "json", *more]
    done = CliRunner().invoke(cli, [*words, str(tmp_path / "auth.log")], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout)


def test_a_replay_takes_a_pack_without_what_is_excepted(tmp_path):
    whole = printed("replay", tmp_path)
    assert "brute_force_by_source" in {each["rule"] for each in whole["alerts"]}
    assert {each["alarm"] for each in whole["transitions"]} == {"web-appsec-log-silence"}
    name = "--except"
    made = printed("replay", tmp_path, name, "Brute force from one source", name, "log-silence")
    assert made["transitions"] == []
    left = [each["rule"] for each in whole["alerts"]]
    left.remove("brute_force_by_source")
    assert [each["rule"] for each in made["alerts"]] == left
    made = printed("replay", tmp_path, name, "web-appsec-log-silence")
    assert (made["transitions"], made["alerts"]) == ([], whole["alerts"])


def test_offenders_of_a_pack_without_what_is_excepted(tmp_path):
    def rules(*more):
        found = printed("offenders", tmp_path, *more)["offenders"]
        return set(found[0]["rules"]) if found else set()

    whole = rules()
    assert rules("--except", "brute-force") < whole
    files = [path.rpartition("/")[2].removesuffix(".yml") for path, _ in pack_rules("appsec")]
    assert rules(*(word for each in files for word in ("--except", each))) == set()


@pytest.mark.parametrize("command", ["replay", "offenders"])
def test_names_that_mean_nothing_are_refused_together(command, tmp_path):
    with pytest.raises(click.BadParameter) as raised:
        printed(command, tmp_path, "--except", "brute_force_by_sorce", "--except", "zzz")
    told = raised.value.format_message()
    assert "'brute_force_by_sorce', hint: did you mean 'brute_force_by_source'?" in told
    assert "'zzz', hint: there are: " in told


def test_nothing_is_excepted_without_a_pack(tmp_path):
    rules = tmp_path / "r.yml"
    rules.write_text(CHAIN)
    (tmp_path / "auth.log").write_text(TRIES)
    words = ["replay", "--rules", str(rules), "--except", "many", str(tmp_path / "auth.log")]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert isinstance(done.exception, click.UsageError)
