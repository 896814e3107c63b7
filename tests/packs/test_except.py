"""What a pack is taken without: it makes no alert, and whatever builds on it stays."""

from __future__ import annotations

import pytest

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
