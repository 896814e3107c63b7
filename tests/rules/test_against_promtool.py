"""Alert transitions equal promtool's, on rules and series that hypothesis makes up."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.durations import SECOND, format_duration
from tocsin.labels import Matcher, MatchOp
from tocsin.promql import Options
from tocsin.rules import load_rule_file, load_test_file
from tocsin.rules._unittest import _Bench
from tocsin.series import is_stale

# Debian's promtool is of Prometheus 2: closed ranges.
TWO = Options(version=2)

metrics = st.sampled_from(["a", "b", "c_total"])
limits = st.sampled_from(["0", "1", "2.5", "10", "-1"])
comparisons = st.sampled_from([">", ">=", "<", "==", "!="])
ranges = st.sampled_from(["1m", "90s", "2m", "5m", "10m"])
durations = st.sampled_from(["0s", "30s", "1m", "90s", "2m", "5m"])
functions = st.sampled_from(
    ["rate", "increase", "delta", "sum_over_time", "count_over_time", "max_over_time",
     "avg_over_time", "changes", "resets", "last_over_time", "deriv", "stddev_over_time"]
)  # fmt: skip


@st.composite
def expressions(draw):
    metric, limit, compare = draw(metrics), draw(limits), draw(comparisons)
    window, function, other = draw(ranges), draw(functions), draw(metrics)
    return draw(
        st.sampled_from([
            f"{metric} {compare} {limit}",
            f"{function}({metric}[{window}]) {compare} {limit}",
            f"sum by (i) ({metric}) {compare} {limit}",
            f"avg without (i) ({function}({metric}[{window}])) {compare} {limit}",
            f'absent({metric}{{i="x"}})',
            f"absent_over_time({metric}[{window}])",
            f"{metric} unless on (i) {other} {compare} {limit}",
            f"{metric} {compare} {limit} or {other} {compare} bool {limit} == 1",
            f"{metric} / on (i, j) {other} {compare} {limit}",
            f"max_over_time(sum({metric})[{window}:30s]) {compare} {limit}",
            f"{metric} offset 1m {compare} {limit}",
            f"r:sum {compare} {limit}",
            f'count(ALERTS{{alertname="First"}}) {compare} {limit}',
        ])
    )  # fmt: skip


values = st.lists(
    st.one_of(
        st.integers(-3, 12).map(str),
        st.sampled_from(["_", "_x3", "stale", "0x4", "5x2", "1+2x5", "10-3x4", "0.5+0.25x3"]),
    ),
    min_size=1,
    max_size=14,
).map(" ".join)


@st.composite
def cases(draw):
    rules = [{"record": "r:sum", "expr": f"sum({draw(metrics)})"}]
    for name in ("First", "Second", "Third"):
        rule = {
            "alert": name,
            "expr": draw(expressions()),
            "for": draw(durations),
            "labels": {"severity": "high", "who": "{{ $labels.i }}"},
            "annotations": {
                "text": '{{ $labels.j }} is {{ $value | humanize }} or {{ $value | printf "%.9g" }}'
            },
        }
        keep = draw(durations)
        if keep != "0s":
            rule["keep_firing_for"] = keep
        rules.append(rule)
    series = {
        f'{metric}{{i="{i}", j="{j}"}}': draw(values)
        for metric in ("a", "b", "c_total")
        for i, j in draw(st.sets(st.sampled_from([(1, 1), (2, 1), (2, 2)]), max_size=3))
    }
    interval = draw(st.sampled_from(["15s", "30s", "1m"]))
    return rules, series, interval, draw(st.sampled_from(["15s", "30s", "1m"]))


def predict(folder: Path, test: dict) -> dict:
    """Add to a test file what our evaluation says will happen, at every evaluation."""
    path = folder / "test.yml"
    text = yaml.safe_dump(test)
    file = load_test_file(text.encode(), str(path))
    rules = load_rule_file((folder / "rules.yml").read_bytes(), "rules.yml")
    bench = _Bench(file.tests[0], rules.groups, TWO)
    alerts, expressions_ = [], []
    step, time = file.evaluation_interval, 0
    while time <= 8 * 60 * SECOND:
        bench.load_until(time)
        bench.evaluate(time)
        shown = format_duration(time)
        for name in ("First", "Second", "Third"):
            firing = [
                alert
                for state in bench.states[rules.groups[0].key].rules.values()
                for alert in state.alerts
                if alert.labels["alertname"] == name and alert.state == "firing"
            ]
            alerts.append({
                "eval_time": shown, "alertname": name,
                "exp_alerts": [
                    {
                        "exp_labels": {k: v for k, v in a.labels.items() if k != "alertname"},
                        "exp_annotations": a.annotations,
                    }
                    for a in firing
                ],
            })  # fmt: skip
        for metric in ("ALERTS", "ALERTS_FOR_STATE"):
            matchers = [Matcher(MatchOp.EQUAL, "__name__", metric)]
            found = bench.head.select(matchers, time, time)
            expressions_.append({
                "expr": metric, "eval_time": shown,
                "exp_samples": [
                    {"labels": str(labels), "value": float(value)}
                    for labels, value, low, high in zip(
                        found.labels, _values(found), found.offsets, found.offsets[1:], strict=False
                    )
                    if high > low and not is_stale(value)
                ],
            })  # fmt: skip
        time += step
    test["tests"][0]["alert_rule_test"] = alerts
    test["tests"][0]["promql_expr_test"] = expressions_
    return test


def _values(selection):
    return [
        float(selection.values[high - 1]) if high > low else 0.0
        for low, high in zip(selection.offsets, selection.offsets[1:], strict=False)
    ]


@settings(
    max_examples=400 if os.environ.get("TOCSIN_SOAK") else 50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(cases())
def test_transitions_are_promtools(tmp_path, promtool, case):
    rules, series, interval, evaluation = case
    groups = {"groups": [{"name": "g", "rules": rules}]}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(groups, sort_keys=False))
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": evaluation,
        "tests": [{
            "interval": interval,
            "input_series": [{"series": name, "values": text} for name, text in series.items()],
        }],
    }  # fmt: skip
    predicted = predict(tmp_path, test)
    (tmp_path / "test.yml").write_text(json.dumps(predicted, indent=1))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:] + json.dumps(rules)
