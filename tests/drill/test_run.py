from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.drill.lab import RULES, START, groups, guessing
from tocsin.drill import DrillRun, rehearse, weaknesses_of
from tocsin.durations import MINUTE, SECOND
from tocsin.engine import load_config


def test_the_attack_is_seen_and_fires_after_the_rules_for():
    run = rehearse(guessing(), groups(), 5 * SECOND, START)
    assert run.seen is not None
    assert run.seen - START <= 35 * SECOND
    assert run.fired - run.seen == MINUTE == run.hold


def test_the_calm_alone_fires_nothing():
    series = guessing().series[0]
    flat = type(series)(series.labels, (5.0,) * 60)
    run = rehearse(guessing(series=(flat,)), groups(), 5 * SECOND, START)
    assert (run.seen, run.fired) == (None, None)
    assert run.why_not() == "the rule did not see the attack"


def test_every_weakness_is_noticed():
    found = list(weaknesses_of(guessing(), groups(), 5 * SECOND, START))
    assert [(w.done, w.noticed) for w in found] == [
        ("the rule is removed", True),
        ("its threshold is out of reach", True),
        ("the metric stops", True),
    ]
    assert found[0].how == "the drill fails: no alerting rule ExcessiveLoginFailures is in force"


@pytest.mark.parametrize(
    ("expr", "raised"),
    [
        ('login_failures_total{path=">5"} > 5', True),
        ("login_failures_total > on () other", False),
        ("5 < login_failures_total", False),
        ("login_failures_total > bool 5 == 1", True),
    ],
)
def test_a_threshold_is_a_number_after_a_comparison(expr, raised):
    text = f"groups: [{{name: g, rules: [{{alert: ExcessiveLoginFailures, expr: '{expr}'}}]}}]"
    done = [w.done for w in weaknesses_of(guessing(), groups(text), 5 * SECOND, START)]
    assert ("its threshold is out of reach" in done) is raised


def test_a_rule_over_recorded_series_gets_what_is_recorded_for_it():
    text = """
groups:
  - name: z-alerts
    rules:
      - alert: ExcessiveLoginFailures
        expr: failures:sum > 15
  - name: records
    rules:
      - record: failures:rate
        expr: increase(login_failures_total[5m])
      - record: unrelated
        expr: vector(1)
      - record: failures:sum
        expr: sum(failures:rate)
"""
    run = rehearse(guessing(), groups(text), 5 * SECOND, START)
    assert [[rule.name for rule in group.rules] for group in run.groups] == [
        ["failures:rate", "failures:sum"],
        ["ExcessiveLoginFailures"],
    ]
    assert run.fired is not None


@given(late=st.lists(st.integers(0, 20 * MINUTE), max_size=30), offset=st.integers(0, MINUTE))
def test_however_late_the_ticks_come_it_fires_once_and_not_before_the_attack(late, offset):
    run = DrillRun(guessing(), groups(), "x", START + offset)
    alerts = [alert for t in sorted(late) if (alert := run.evaluate(START + offset + t))]
    assert len(alerts) <= 1
    if run.fired is not None:
        assert START + offset < run.seen <= run.fired - run.hold


def test_the_drill_of_the_guide_works_with_the_rules_of_the_lab(tmp_path):
    page = (ROOT / "docs/guides/drill.md").read_text()
    text = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1]
    (tmp_path / "tocsin.yaml").write_text(f"rules: ['{RULES}']\n{text}")
    config = load_config(tmp_path / "tocsin.yaml")
    (drill,) = config.drills
    found = [group for file in config.rule_files for group in file.groups]
    run = rehearse(drill, found, 15 * SECOND, START)
    assert run.fired is not None
    assert run.hold < drill.within
    assert drill.at == 4 * 60 * MINUTE + 10 * MINUTE
