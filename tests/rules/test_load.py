"""Rule files: what loads, what is refused, and how it is told."""

from __future__ import annotations

import time

import pytest

from tocsin.errors import FileErrors
from tocsin.rules import lint_metrics, load_rule_file

TEN = b"""\
groups:
  - name: one
    interval: 5 minutes
    rules:
      - alert: A
        expr: rate(x)
      - alert: B
        exp: x > 1
      - record: bad-name
        expr: sum(x)
      - alert: C
        record: c
        expr: x
      - alert: D
        expr: x > 1
        for: soon
        labels: {__name__: d}
        annotations: {text: "{{ .Labels.x }", more: "{{ nofunction 1 }}"}
      - record: r
        expr: x
        annotations: {a: b}
  - name: one
    rules: nothing
"""


def problems(text, path="rules.yml"):
    with pytest.raises(FileErrors) as caught:
        load_rule_file(text, path)
    return [str(problem) for problem in caught.value.problems]


def test_every_mistake_is_told_at_once_with_its_place():
    assert problems(TEN) == [
        "rules.yml:3:15: interval: not a duration: '5 minutes', hint: write a number and a unit "
        "(ms, s, m, h, d, w, y), for example 5m or 1h30m",
        "rules.yml:6:15: expr: expected type matrix in call to function 'rate', got vector, hint: give it "
        "a range, for example rate(x[5m])",
        "rules.yml:7:9: rule 'B' has no expr, hint: add `expr:`",
        "rules.yml:8:9: unknown key 'exp' in an alerting rule, hint: did you mean 'expr'?",
        "rules.yml:9:17: 'bad-name' is not a metric name, hint: use letters, digits, _ and :",
        "rules.yml:11:9: a rule has both `alert` and `record`, hint: give exactly one of them",
        "rules.yml:16:14: for: not a duration: 'soon', hint: write a number and a unit "
        "(ms, s, m, h, d, w, y), for example 5m or 1h30m",
        "rules.yml:17:28: label '__name__' can't be set by a rule, hint: remove it",
        "rules.yml:18:29: text: unclosed action in template, hint: close it with }}",
        "rules.yml:18:53: more: template function 'nofunction' is not supported",
        "rules.yml:21:9: a recording rule has no 'annotations', hint: remove it",
        "rules.yml:22:11: group 'one' is defined twice, first in line 2, hint: give each group of "
        "a file its own name",
        "rules.yml:23:12: rules must be a list, not 'nothing'",
    ]  # fmt: skip


def test_every_deployed_rule_file_loads(data):
    files = sorted((data / "rules").rglob("*.y*ml"))
    assert len(files) > 40
    for path in files:
        assert load_rule_file(path.read_bytes(), str(path)).groups


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"groups: [", "not YAML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a: &a [*a]", "unknown alias"),
        (b"groups: []\ngroups: []", "given twice"),
        (b"[" * 100_000, "nested deeper"),
        (b"{a: " * 5000, "nested deeper"),
        (b"a: &a [1,1,1,1,1,1,1,1,1]\n" + b"".join(
            b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(8)
        ), "more than"),
        (b"x" * (9 << 20), "larger than"),
        (b"kind: Deployment", "is not a rule file"),
        (b"groups: [{name: g, rules: [5]}]", "must be a mapping"),
        (b"groups: [{name: g, rules: [{alert: A, expr: 'x', for: -5m}]}]", "not a duration"),
        (b"? [a]\n: b", "must be a word"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_soon(text, what):
    begun = time.monotonic()
    assert any(what in each for each in problems(text))
    assert time.monotonic() - begun < 8


def test_an_empty_file_holds_nothing():
    assert load_rule_file(b"", "rules.yml").groups == ()
    assert load_rule_file(b"groups:\n", "rules.yml").groups == ()


def test_merge_keys_and_aliases_work_as_in_prometheus():
    text = b"""\
groups:
  - name: g
    rules:
      - &base {alert: A, expr: x > 1, labels: &l {severity: high}}
      - {<<: *base, alert: B}
"""
    first, second = load_rule_file(text, "r").groups[0].rules
    assert (first.alert, second.alert) == ("A", "B")
    assert second.labels["severity"].text == "high"


def test_group_labels_are_laid_under_those_of_the_rules():
    text = b"""\
groups:
  - name: g
    labels: {team: web, severity: low}
    rules: [{alert: A, expr: x, labels: {severity: high}}]
"""
    (rule,) = load_rule_file(text, "r").groups[0].rules
    assert {name: each.text for name, each in rule.labels.items()} == {
        "team": "web", "severity": "high",
    }  # fmt: skip


def warnings(expr, labels=""):
    text = f"groups: [{{name: g, rules: [{{alert: A, expr: '{expr}', labels: {{{labels}}}}}]}}]"
    return [each.what for each in load_rule_file(text.encode(), "r").warnings]


@pytest.mark.parametrize(
    ("expr", "least"),
    [
        # The counts were measured on real servers: 15 s scrapes read 15 as 15.79, 60 s 13 as 16.25.
        (
            "increase(x[5m]) > 15",
            "15 at a 5s scrape, 15 at a 15s scrape, 14 at a 30s scrape, 13 at",
        ),
        ("sum(increase(x[5m])) >= 30", "29 at a 15s scrape"),
    ],
)
def test_a_threshold_within_the_extrapolation_warns(expr, least):
    (warning,) = warnings(expr)
    assert least in warning


@pytest.mark.parametrize(
    "expr",
    [
        "increase(x[5m]) > 0",
        "increase(x[5m]) >= 16",
        "increase(x[5m]) > 15.9",
        "rate(x[5m]) > 15",
        "x > 15",
    ],
)
def test_other_thresholds_do_not(expr):
    assert warnings(expr) == []


def test_a_value_in_a_label_warns():
    (warning,) = warnings("x", 'text: "{{ $value }}"')
    assert "each new value is a new alert" in warning
    assert warnings("x", 'text: "{{ $labels.value }}"') == []


def test_a_metric_that_nobody_exposes_warns():
    text = (
        b"groups: [{name: g, rules: [{record: r, expr: a + typo}, {alert: A, expr: r + ALERTS}]}]"
    )
    file = load_rule_file(text, "r")
    (problem,) = lint_metrics([file], {"a"}, {"r"})
    assert "rule 'r' reads 'typo', which no target exposes" in problem.what
