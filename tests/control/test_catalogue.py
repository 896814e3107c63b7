"""Catalogues: those shipped hold, and every mistake of one is told at once with its place."""

from __future__ import annotations

from contextlib import suppress

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.control.days import LAB_CONTROLS, STARTER_CONTROLS

from tests.conftest import ROOT
from tocsin.cli import cli
from tocsin.control import (
    FRAMEWORKS,
    INPUT_KINDS,
    SHIPPED,
    QueryNeed,
    RulesHeld,
    load_catalogue,
    shipped_text,
)
from tocsin.errors import ConfigError
from tocsin.promql import parse
from tocsin.rules import load_rule_file


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_catalogue_holds_and_maps_to_every_framework(name):
    catalogue = load_catalogue(shipped_text(name), name)
    for control in catalogue.controls:
        assert control.owner
        assert {framework for framework, _ in control.frameworks} == set(FRAMEWORKS)
        assert all(ids for _, ids in control.frameworks)
        for need in control.needs:
            if isinstance(need, QueryNeed):
                assert not parse(need.expr.replace("$period", "1d")).bare_selectors


def test_every_row_of_the_starter_mapping_is_there():
    ids = {control.id for control in (*LAB_CONTROLS, *STARTER_CONTROLS)}
    assert ids == {
        "logical-access", "privileged-actions", "log-pipeline", "daily-review", "alerts-told",
        "evidence-protected", "control-slo", "rule-changes", "clock-in-step",
        "logging-and-monitoring", "security-monitoring", "alerts-answered",
    }  # fmt: skip


WRONG = """\
version:
controls:
  - id: Bad Id
    title: t
    objective: o
    owner: me
    frequency: weekly
    frameworks: {nist-800-53-r5: [AC-7, AC7], hipaa: [x], soc-2: CC7.2}
    inputs:
      - {kind: samples, expr: "up"}
      - {kind: samples, expr: "sum(up[1m"}
      - {kind: total, name: t, expr: "increase(x[5m])", what: w}
      - {kind: ceiling, expr: "max(rate(x[5m]))", limit: many}
      - {kind: sampels}
      - {kind: rules-held, rules: [{alert: A, for: 1m}, {expr: "x >"}]}
      - {kind: awake, expr: x}
      - plain
  - id: twice
    title: t
    objective: o
    owner: me
    inputs: [{kind: alerts-fired}, {kind: source}]
  - id: twice
    title: t
    objective: o
    inputs: []
    colour: red
"""


def test_every_mistake_is_told_at_once_with_its_place(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_catalogue(WRONG.encode(), "controls.yaml")
    told = [str(problem) for problem in caught.value.problems]
    for line, what in [
        (1, "the catalogue has no version"), (3, "id 'Bad Id'"), (7, "frequency must be daily"),
        (8, "'AC7' is no identifier of nist-800-53-r5"), (8, "unknown key 'hipaa'"),
        (8, "soc-2 must be a list"), (10, "without a range"), (11, "input 'samples' is given twice"),
        (11, "expr: "), (12, "no $period"), (13, "limit must be a number"), (13, "has no what"),
        (14, "unknown kind of input 'sampels'"), (15, "has no expr"), (15, "a rule has no alert"),
        (15, "rule: "), (16, "unknown key 'expr'"), (17, "an input has no kind"),
        (18, "is satisfied by silence"), (23, "control 'twice' is given twice"),
        (23, "a control has no owner"), (27, "unknown key 'colour'"),
    ]:  # fmt: skip
        assert any(
            text.startswith(f"controls.yaml:{line}:") and what in text for text in told
        ), (line, what, "\n".join(told))  # fmt: skip
    path = tmp_path / "controls.yaml"
    path.write_text(WRONG)
    done = CliRunner().invoke(cli, ["check", str(path)], standalone_mode=False)
    assert done.return_value == 2
    assert done.stdout.count("controls.yaml:") == len(told)


def of_input(line):
    body = f"version: 1\ncontrols: [{{id: a, title: t, objective: o, owner: w, inputs: [{{{line}}}, {{kind: awake}}]}}]"
    return load_catalogue(body.encode(), "c")


@pytest.mark.parametrize("expr", [
    "max(increase(x[5m])) or vector(0)", "absent_over_time(x[5m])", "vector(1)", "count_over_time(x[1m]) or on() vector(time())",
    "sum(increase(x[5m])) or absent_over_time(y[5m])", "month()",
])  # fmt: skip
def test_a_query_that_answers_where_nothing_is_would_be_satisfied_by_silence(expr):
    for kind in ("samples", "targets-up", "ceiling, limit: 5, what: w", "total, what: w"):
        with pytest.raises(ConfigError) as caught:
            of_input(f"kind: {kind}, expr: '{expr}'")
        assert "silence would satisfy it" in str(caught.value)


@pytest.mark.parametrize("expr", [
    "max(increase(x[5m]))", "max_over_time(x[5m]) unless absent_over_time(y[5m])",
    "increase(x[5m]) / increase(y[5m]) or increase(x[5m]) * 0", "present_over_time(x[5m]) or present_over_time(y[5m])",
])  # fmt: skip
def test_a_query_that_is_silent_where_nothing_is_may_stand(expr):
    of_input(f"kind: ceiling, limit: 5, what: w, expr: '{expr}'")


@pytest.mark.parametrize(("limit", "good"), [("5", True), (".inf", False), ("inf", True), ("nan", False),
                                             (".nan", False), ("-NaN", False)])  # fmt: skip
def test_a_limit_above_which_nothing_can_be_is_none(limit, good):
    line = f"kind: ceiling, expr: 'max(increase(x[5m]))', what: w, limit: {limit}"
    if good:
        of_input(line)
    else:
        with pytest.raises(ConfigError, match="limit must be a number"):
            of_input(line)


def test_check_counts_the_controls_of_a_good_one(tmp_path):
    path = tmp_path / "controls.yaml"
    path.write_bytes(shipped_text("starter"))
    done = CliRunner().invoke(cli, ["check", str(path)], standalone_mode=False)
    assert (done.return_value, "8 controls; 0 errors" in done.stdout) == (0, True), done.stdout


def test_a_pinned_rule_is_the_one_of_the_rule_file():
    text = b"""
groups:
  - name: g
    rules:
      - {alert: A, expr: "increase(x[5m])   > 15", for: 1m, labels: {severity: high}}
"""
    catalogue = b"""
version: 1
controls:
  - id: c
    title: t
    objective: o
    owner: me
    inputs:
      - kind: rules-held
        rules: [{alert: A, expr: "increase(x[5m])\\n > 15", for: 60s}, {alert: B}]
"""
    ((need,),) = [control.needs for control in load_catalogue(catalogue, "c").controls]
    assert isinstance(need, RulesHeld)
    assert load_rule_file(text, "r").alerts["A"] == [need.required[0].digest]
    for change in (b"> 16", b"> 15 "):
        changed = load_rule_file(text.replace(b"> 15", change), "r").alerts["A"]
        assert (changed == [need.required[0].digest]) is (change == b"> 15 ")


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text):
    with suppress(ConfigError):
        load_catalogue(text.encode(), "c")


@given(st.sampled_from(sorted(INPUT_KINDS)), st.text(max_size=30))
def test_no_input_breaks_the_reader(kind, text):
    body = f"version: 1\ncontrols: [{{id: a, title: t, objective: o, owner: w, inputs: [{{kind: {kind}, expr: {text!r}}}]}}]"
    with suppress(ConfigError):
        load_catalogue(body.encode(), "c")


def test_the_catalogue_of_the_guide_holds():
    page = (ROOT / "docs/guides/controls.md").read_text()
    text = page.split("```yaml\n")[1].split("```")[0]
    (control,) = load_catalogue(text.encode(), "controls.yaml").controls
    assert len(control.needs) == 6
