"""promtool's own unit-test files get promtool's verdicts, through the command."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tocsin.cli import cli

VERDICTS = {
    "failing.yml": ("failed", 4),
    "long-period.yml": ("passed", 0),
    "rules_run.yml": ("failed", 1),
    "rules_run_fuzzy.yml": ("failed", 2),
    "rules_run_no_fuzzy.yml": ("failed", 2),
    "unittest.yml": ("passed", 0),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict_is_promtools(data, name):
    run = CliRunner().invoke(
        cli, ["test", "--format", "json", str(data / "promtool" / name)], standalone_mode=False
    )
    (report,) = json.loads(run.stdout)
    assert (report["verdict"], len(report["failures"])) == VERDICTS[name]
    assert run.return_value == {"passed": 0, "failed": 1}[report["verdict"]]


def test_a_folder_stands_for_its_test_files(data):
    run = CliRunner().invoke(
        cli, ["test", "--format", "json", str(data / "promtool")], standalone_mode=False
    )
    reports = {each["file"].rsplit("/", 1)[1]: each for each in json.loads(run.stdout)}
    assert {name: reports[name]["verdict"] for name in reports} == {
        name: verdict for name, (verdict, _) in VERDICTS.items()
    }
    assert run.return_value == 1


def write(folder, rules, test):
    (folder / "rules.yml").write_text(rules)
    (folder / "test.yml").write_text(test)
    run = CliRunner().invoke(
        cli, ["test", "--format", "json", str(folder / "test.yml")], standalone_mode=False
    )
    (report,) = json.loads(run.stdout)
    return run.return_value, report


RULES = "groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]"


@pytest.mark.parametrize(
    ("test", "code", "error"),
    [
        ("rule_files: [none.yml]", 2, "no rule file matches 'none.yml'"),
        ("rule_files: [rules.yml]\ngroup_eval_order: [other]\ntests: [{}]", 2, "missing in group_eval"),
        ("rule_files: [rules.yml]\ntestss: []", 2, "did you mean 'tests'"),
        ("tests: [{input_series: [{series: x, values: 1 zwei}]}]", 2, "bad series value near 'zwei'"),
        ("tests: [{input_series: [{series: 'x{', values: 1}]}]", 2, "series:"),
        ("tests: [{alert_rule_test: [{eval_time: 1m}]}]", 2, "has no alertname"),
        ("tests: [{promql_expr_test: [{expr: 'rate(', eval_time: 1m}]}]", 2, "expr:"),
        ("tests: [{input_series: [{series: x, values: '{{count:1}}'}],"
         " promql_expr_test: [{expr: 'sum(x)'}]}]", 2, "native histograms"),
        ("rule_files: [rules.yml]\ntests: [{input_series: [{series: x, values: 1}],"
         " alert_rule_test: [{eval_time: 0m, alertname: A}]}]", 1, ""),
        ("rule_files: [rules.yml]\ntests: [{input_series: [{series: x, values: 1}],"
         " alert_rule_test: [{eval_time: 0m, alertname: A, exp_alerts: [{}]}]}]", 0, ""),
        ("tests: [{input_series: [{series: x, values: NaN}],"
         " promql_expr_test: [{expr: x, exp_samples: [{labels: x, value: .nan}]}]}]", 1, ""),
    ],
)  # fmt: skip
def test_exit_codes_tell_a_wrong_file_from_a_failed_test(tmp_path, test, code, error):
    got, report = write(tmp_path, RULES, test)
    assert got == code, report
    assert error in report["error"]


def test_a_rule_that_fails_is_a_failed_test(tmp_path):
    rules = "groups: [{name: g, rules: [{record: r, expr: 'x * on(a) y'}]}]"
    test = """
rule_files: [rules.yml]
tests:
  - name: two on a side
    input_series:
      - {series: 'x{b="1"}', values: 1}
      - {series: 'x{b="2"}', values: 1}
      - {series: 'y', values: 1}
    promql_expr_test: [{expr: r}]
"""
    code, report = write(tmp_path, rules, test)
    assert code == 1
    (failure,) = report["failures"]
    assert failure["what"] == "evaluation at 0s"
    assert "group 'g'" in failure["got"]


def test_a_rule_sees_no_sample_of_the_future(tmp_path):
    rules = "groups: [{name: g, rules: [{record: r, expr: 'count_over_time(x[5m] offset -5m)'}]}]"
    test = """
rule_files: [rules.yml]
tests:
  - input_series: [{series: x, values: 1x10}]
    promql_expr_test:
      - {expr: r, eval_time: 3m, exp_samples: []}
"""
    assert write(tmp_path, rules, test)[0] == 0
