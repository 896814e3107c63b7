"""Terraform sources: what is static is read, everything else is listed."""

from __future__ import annotations

import json

import pytest
from tests.definitions.forms import ALARM, FILTER
from tests.definitions.test_plan import plan_of, resource

from tocsin.definitions import load_definitions, recognise

LAB = """\
resource "aws_cloudwatch_log_metric_filter" "critical_errors" {
  name           = "CriticalErrorFilter"
  log_group_name = "/aws/app/login"
  pattern        = "Critical Error"

  metric_transformation {
    name      = "CriticalErrorCount"
    namespace = "AppSecurity"
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "critical_errors" {
  alarm_name          = "CriticalErrorAlarm"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  metric_name         = aws_cloudwatch_log_metric_filter.critical_errors.metric_transformation[0].name
  namespace           = "AppSecurity"
  period              = 300
  statistic           = "Sum"
  threshold           = 10
  alarm_description   = "More than 10 critical errors in 5 minutes"
  alarm_actions       = [aws_sns_topic.alerts.arn]
}
"""
LAB_VALUES = [
    resource(FILTER, "critical_errors", {
        "name": "CriticalErrorFilter", "log_group_name": "/aws/app/login",
        "pattern": "Critical Error", "apply_on_transformed_logs": False,
        "metric_transformation": [{
            "name": "CriticalErrorCount", "namespace": "AppSecurity", "value": "1",
            "default_value": None, "dimensions": None, "unit": "None",
        }],
    }),
    resource(ALARM, "critical_errors", {
        "alarm_name": "CriticalErrorAlarm", "comparison_operator": "GreaterThanThreshold",
        "evaluation_periods": 1, "metric_name": "CriticalErrorCount", "namespace": "AppSecurity",
        "period": 300, "statistic": "Sum", "threshold": 10, "treat_missing_data": "missing",
        "alarm_description": "More than 10 critical errors in 5 minutes", "actions_enabled": True,
        "metric_query": [], "unit": None, "tags": None, "dimensions": None,
    }),
]  # fmt: skip


def load(text, parameters=None, path="main.tf"):
    return load_definitions([(path, text.encode())], parameters)


def alarm(**attributes):
    values = {
        "alarm_name": '"a"', "comparison_operator": '"GreaterThanThreshold"',
        "evaluation_periods": "1", "metric_name": '"m"', "namespace": '"n"', "period": "60",
        "statistic": '"Sum"', "threshold": "1",
    } | attributes  # fmt: skip
    lines = "\n".join(f"  {key} = {value}" for key, value in values.items())
    return f'resource "aws_cloudwatch_metric_alarm" "a" {{\n{lines}\n}}\n'


def test_the_two_resources_of_the_lab_as_source_and_as_plan():
    references = ["aws_sns_topic.alerts.arn", "aws_sns_topic.alerts"]
    configuration = {"resources": [{
        "type": ALARM, "name": "critical_errors",
        "expressions": {"alarm_actions": {"references": references}},
    }]}  # fmt: skip
    source = load(LAB)
    plan = load_definitions([("p.json", plan_of(LAB_VALUES, configuration=configuration))])
    for loaded in (source, plan):
        assert loaded.holds == "1 metric filter, 1 alarm, 0 unresolved"
        assert loaded.errors == ()
    assert (source.filters, source.alarms) == (plan.filters, plan.alarms)
    [made] = source.alarms
    assert (made.statistic, made.period, made.threshold) == ("Sum", 300, 10.0)
    assert made.alarm_actions == ("${aws_sns_topic.alerts.arn}",)
    assert source.filters[0].pattern.text == "Critical Error"


def test_variables_locals_heredocs_and_escapes():
    text = r"""
variable "stage" { default = "prod" }
variable "threshold" {
  type    = number
  default = 5
}
locals {
  names = { group = "/app/${var.stage}", list = ["x", local.other,] }
  other = upper("y") // a comment
}
/* another
   comment */
resource "aws_cloudwatch_log_metric_filter" "f" {
  name           = "f-${local.names["list"][1]}"   # a third
  log_group_name = local.names.group
  pattern        = trimspace(<<-EOT
      { $.a = "$${x}" && $.b = %a\d{2}% }
    EOT
  )
  metric_transformation {
    name      = "M"
    namespace = "N"
    value     = 1
    default_value = 0
  }
}
resource "aws_cloudwatch_metric_alarm" "a" {
  alarm_name          = join("-", ["a", var.stage])
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  metric_name         = aws_cloudwatch_log_metric_filter.f.metric_transformation[0].name
  namespace           = "N"
  period = 60
  statistic = "Sum"
  threshold = var.threshold
  alarm_description = "tab\t \"quoted\" \u00e9 $${literal} %%{x}"
  dimensions = { a = aws_cloudwatch_log_metric_filter.f.id }
}
resource "aws_cloudwatch_composite_alarm" "c" {
  alarm_name = "c"
  alarm_rule = "ALARM(${aws_cloudwatch_metric_alarm.a.arn}) OR ALARM(${aws_cloudwatch_metric_alarm.a.alarm_name})"
}
"""
    loaded = load(text)
    assert (loaded.errors, loaded.unresolved) == ((), ())
    [made] = loaded.filters
    assert (made.name, made.log_group) == ("f-Y", "/app/prod")
    assert made.pattern.text == r'{ $.a = "${x}" && $.b = %a\d{2}% }'
    one, both = loaded.alarms
    assert (one.alarm_name, one.threshold, one.metric_name) == ("a-prod", 5.0, "M")
    assert one.alarm_description == 'tab\t "quoted" é ${literal} %{x}'
    assert one.dimensions[0].value == "f-Y"
    assert both.alarm_rule == "ALARM(arn:aws:cloudwatch:::alarm:a-prod) OR ALARM(a-prod)"
    given = load(text, {"stage": "test"})
    assert given.filters[0].log_group == "/app/test"


def test_count_and_for_each():
    text = alarm(alarm_name='"a-${each.key}-${each.value.n}"', threshold="each.value.n",
                 for_each="{ x = { n = 1 }, y = { n = 2 } }")  # fmt: skip
    assert [each.alarm_name for each in load(text).alarms] == ["a-x-1", "a-y-2"]
    text = alarm(alarm_name='"a${count.index}"', count="3")
    assert [each.alarm_name for each in load(text).alarms] == ["a0", "a1", "a2"]
    text = alarm(alarm_name="each.key", for_each='toset(concat(["b", "a"], ["b"]))')
    assert [each.alarm_name for each in load(text).alarms] == ["a", "b"]
    assert load(alarm(count="0")).alarms == ()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("var.nobody", "no variable 'nobody' is declared here"),
        ("local.nobody", "no local value 'nobody' is here"),
        ("aws_x.y.name", "aws_x.y is not here"),
        ("module.m.out", "MetricName: module.m.out"),
        ("data.aws_region.r.name", "data.aws_region.r.name"),
        ("aws_cloudwatch_metric_alarm.a.region", "known only after apply"),
        ("each.key", "each.key"),
        ("var.nobody ? 1 : 2", "no variable 'nobody'"),
        ('format("%q", "a")', "format(...) is not evaluated"),
        ('[for x in ["a"] : x]', "[for x in"),
        ("aws_x.y[*].name", "aws_x.y[*].name is not evaluated"),
        ('"a-${var.nobody}"', "no variable 'nobody'"),
        ('"%{ if true }x%{ endif }"', "%{if true} is not evaluated"),
        ('{ a = "b" }["c"]', "is not evaluated"),
        ("name", "name is not evaluated"),
        ("local.l.x", "local.l.x has no 'x'"),
    ],
)
def test_what_is_not_static_is_listed_with_its_place(value, reason):
    loaded = load(alarm(metric_name=value) + 'locals {\n  l = { a = "b" }\n}\n')
    assert (loaded.alarms, loaded.errors) == ((), ())
    [problem] = loaded.unresolved
    assert reason in problem.what
    assert str(problem.span).startswith("main.tf:5:17")
    assert "terraform show -json" in problem.hint


@pytest.mark.parametrize(
    ("attributes", "unresolved", "reason"),
    [
        ({"count": "var.x"}, True, "count: no variable 'x'"),
        ({"count": '"x"'}, False, "count must be a whole number, not 'x'"),
        ({"for_each": "var.x"}, True, "for_each: no variable 'x'"),
        ({"for_each": "[var.x]"}, True, "for_each: no variable 'x'"),
        ({"for_each": '"x"'}, False, "for_each takes a map or a set"),
        (
            {"for_each": "merge({ a = 1 }, local.l)", "metric_name": "each.value"},
            False,
            "two different",
        ),
        ({"metric_name": '"x${local.l}"'}, False, "a template takes texts, numbers and bools"),
        ({"metric_name": "local.l"}, False, "MetricName must be text, not a mapping"),
        ({"metric_name": '"${local.l.a}"'}, False, ""),
        ({"metric_name": 'join(",", local.l)'}, False, "join(...) takes"),
        ({"metric_name": 'join(",", [var.x])'}, True, "no variable 'x'"),
        ({"metric_name": "upper(var.x)"}, True, "no variable 'x'"),
        ({"metric_name": "local.l[var.x]"}, True, "no variable 'x'"),
        ({"metric_name": "local.l[var.x].y"}, True, "no variable 'x'"),
        ({"metric_name": '{ (var.x) = "a" }'}, True, "no variable 'x'"),
        ({"metric_name": "local.u.x"}, True, "no variable 'x'"),
        ({"metric_name": "local.s.0"}, False, ""),
        ({"metric_name": "local.s[-1]"}, True, "has no"),
        ({"metric_name": "f(local.s...)"}, True, "is not evaluated"),
        ({"metric_name": "local.s.*.x"}, True, "is not evaluated"),
    ],
)
def test_what_expressions_give(attributes, unresolved, reason):
    more = 'locals {\n  l = { "a" = "b" : c = 1 }\n  u = var.x\n  s = ["t"]\n}\n'
    loaded = load(alarm(**attributes) + more.replace(" : ", ", "))
    if not reason:
        assert loaded.problems == ()
        return
    if reason == "two different":
        assert "given twice with different content" in loaded.errors[0].what
        return
    assert loaded.alarms == ()
    found = loaded.unresolved if unresolved else loaded.errors
    assert reason in found[0].what


def test_references_to_instances():
    more = alarm(alarm_name='"b"', count="1").replace('"a" {', '"b" {')
    for value, reason in [
        ("aws_cloudwatch_metric_alarm.b.alarm_name", "no such instance is known"),
        ("aws_cloudwatch_metric_alarm.b[4].alarm_name", "no such instance is known"),
        ("aws_cloudwatch_metric_alarm.b", "aws_cloudwatch_metric_alarm.b"),
        ("aws_cloudwatch_metric_alarm.b[0].alarm_name", ""),
    ]:
        loaded = load(alarm(metric_name=value) + more)
        assert len(loaded.alarms) == (1 if reason else 2)
        assert not reason or reason in loaded.unresolved[0].what


def test_comments_and_heredocs_inside_of_what_is_skipped():
    text = alarm(
        metric_name='true ? (1 /* ) */ + 2 # )\n) : "}${"a"}"', alarm_description="<<EOT\n%{x\nEOT"
    )
    assert "%{ is never closed" not in str(load(text).errors)
    text = alarm(metric_name="f({\n a = <<EOT\n}})\nEOT\n}) == 1")
    assert "is not evaluated" in load(text).unresolved[0].what
    text = alarm(metric_name="x == <<EOT\n}})\nEOT\n")
    assert "is not evaluated" in load(text).unresolved[0].what


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ('resource "a" "b" {', "1:19", "a block is never closed"),
        ("a = ", "1:5", "a value is missing"),
        ('a = "x', "1:5", "without its closing quote"),
        ("a = [1, 2", "1:10", "] is missing"),
        ("a = foo(1", "1:10", ") is missing"),
        ("a = <<EOT\nx\n", "1:5", "has no closing EOT"),
        ("= 3", "1:1", "where a name is expected"),
        ("a 3", "1:3", "where = or { is expected"),
        ('a = "\\q"', "1:5", "unknown escape"),
        ("a = 1\na = 2", "2:1", "a is given twice"),
        ("a = { b }", "1:10", "= is missing"),
        ("a = (]", "1:6", "closes nothing"),
        ("a = (", "1:5", "never closed"),
    ],
)
def test_mistakes_have_their_place(text, place, reason):
    [error] = load(text).errors
    assert reason in error.what
    assert str(error.span) == f"main.tf:{place}"


def test_sources_in_one_folder_are_one_module():
    files = [
        ("a/main.tf", alarm(metric_name="var.m").encode()),
        ("a/variables.tf", b'variable "m" { default = "metric" }'),
        ("b/main.tf", alarm(alarm_name='"b"', metric_name="var.m").encode()),
    ]
    loaded = load_definitions(files)
    assert [each.metric_name for each in loaded.alarms] == ["metric"]
    assert "no variable 'm' is declared here" in loaded.unresolved[0].what


def test_all_mistakes_of_all_files_at_once():
    loaded = load_definitions([
        ("a.tf", b"a = "),
        ("b.json", b"{"),
        ("c.yaml", b"Resources: []"),
        ("d.tf", alarm(period="7", statistic='"Often"').encode()),
        ("e.json", b'{"resource": {}}'),
        ("f.json", b'{"x": 1}'),
    ])  # fmt: skip
    assert {error.span.path.partition("#")[0] for error in loaded.errors} == {
        "a.tf", "b.json", "c.yaml", "d.tf", "e.json", "f.json",
    }  # fmt: skip
    assert sum(error.span.path == "d.tf" for error in loaded.errors) == 2


def test_blocks_that_depend_on_data_and_modules_are_told():
    text = alarm().rstrip("}\n") + '\n  dynamic "metric_query" {\n  }\n}\nmodule "m" {\n}\n'
    loaded = load(text)
    assert "Metrics: dynamic 'metric_query' is not expanded" in loaded.unresolved[0].what
    assert "module 'm' is not followed" in loaded.warnings[0].what
    twice = load(alarm() + alarm())
    assert "aws_cloudwatch_metric_alarm.a is given twice" in twice.errors[0].what


def test_the_sample_sources(data):
    folder = data / "cloudwatch" / "terraform"
    loaded = load_definitions([
        (f"{number}/{name}", (folder / name).read_bytes())
        for number, name in enumerate(["sample_main.tf", "sample_module.tf"])
    ])  # fmt: skip
    assert loaded.errors == ()
    assert [each.alarm_name for each in loaded.alarms] == ["a-regex", "a-root", "a-unauth"]
    assert [each.metric_name for each in loaded.alarms] == ["Regex", "Root", "Unauth"]
    assert [str(each.span) for each in loaded.unresolved] == [
        *["0/sample_main.tf:34:20"] * 3, "0/sample_main.tf:63:16",
        "1/sample_module.tf:4:10", "1/sample_module.tf:15:16",
    ]  # fmt: skip
    assert loaded.counts["unresolved"] == 6


def test_forms_are_recognised_by_their_content():
    assert recognise("x", LAB.encode()) == "hcl"
    assert recognise("x", b'variable "a" {\n}') == "hcl"
    assert recognise("x.tf", b"") == "hcl"
    assert recognise("x", json.dumps({"MetricAlarms": []}).encode()) == "describe"
    assert recognise("x", b'{"format_version": "1.0"}') == "terraform state"
    assert recognise("x.yml", b"groups: []") == ""
    assert recognise("tocsin.yaml", b"rules: [a.yml]") == ""
    assert recognise("x.json", b"{") == "json"


OPERATIONS = """\
variable "n" { default = 3 }
variable "s" { default = "prod" }
variable "on" { default = true }
variable "off" { default = false }
variable "l" { default = ["b", "a", "b"] }
variable "nul" { default = null }
"""


# What `terraform output` of Terraform 1.11 says of each.
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", "7"), ("(1 + 2) * 3", "9"), ("10 - 2 - 3", "5"), ("10 / 4", "2.5"),
        ("10 / 5", "2"), ("-7 % 3", "-1"), ("7 % -3", "1"), ("7.5 % 2", "1.5"), ("0.1 + 0.2", "0.3"),
        ("1 == 1.0", "true"), ('1 == "1"', "false"), ('true == "true"', "false"),
        ("null == null", "true"), ("var.nul != null", "false"), ('"3" + 4', "7"), ('"3" > 2', "true"),
        ('var.n > 2 && var.s == "prod"', "true"), ('var.n > 3 || var.s != "prod"', "false"),
        ("!var.on", "false"), ("!var.off && var.on", "true"), ('var.on ? "yes" : "no"', "yes"),
        ('var.off ? "a" : var.on ? "b" : "c"', "b"), ('"true" ? 1 : 2', "1"), ("-var.n", "-3"),
        ("var.n -1", "2"), ("1 < 2 == true", "true"), ("!true == false", "true"),
        ("!false || false && false", "true"), ("1 + 1 == 2 && 3 > 2", "true"),
        ("length(var.l)", "3"), ("length(var.s)", "4"), ('join(",", toset(var.l))', "a,b"),
        ('coalesce("", "z")', "z"), ('format("%s-%d", "a", 5)', "a-5"), ('format("%s%%", "a")', "a%"),
        ('format("ALARM(%s) OR ALARM(%s)", "a", "b")', "ALARM(a) OR ALARM(b)"),
        ("1e3 + 1", "1001"), ("5 / 3", "1.6666666666666667"), ('"x-${var.on ? "a" : "b"}-y"', "x-a-y"),
    ],
)  # fmt: skip
def test_operators_as_terraform_has_them(expression, value):
    loaded = load(OPERATIONS + alarm(metric_name=f'"${{{expression}}}"'))
    assert [each.metric_name for each in loaded.alarms] == [value]
    # Within brackets an expression may go over lines.
    lines = expression.replace(" ", "\n") if '"' not in expression else expression
    loaded = load(OPERATIONS + alarm(metric_name=f'join("", [{lines}])'))
    assert [each.metric_name for each in loaded.alarms] == [value]


def test_a_count_that_a_variable_decides():
    text = 'variable "on" { default = true }\n' + alarm(count="var.on ? 1 : 0")
    assert len(load(text).alarms) == 1
    assert len(load(text, {"on": "false"}).alarms) == 0
    open_ = text.replace("default = true", "type = bool")
    assert "variable on has no default" in load(open_).unresolved[0].what
    assert len(load(open_, {"on": "true"}).alarms) == 1


@pytest.mark.parametrize(
    ("expression", "mistake"),
    [
        ("1 / 0", True), ("1 + true", True), ('!"x"', True), ('"x" ? 1 : 2', True),
        ("var.nobody + 1", False), ("[1] == [1]", False), ("var.nobody && true", False),
        ("-" * 300 + "1", None), ("!" * 300 + "true", None), ("1" + " + 1" * 300, False),
        ("true ? 1 : " * 300 + "1", None), ("(" * 300 + "1" + ")" * 300, None),
    ],
)  # fmt: skip
def test_operations_that_cannot_be(expression, mistake):
    loaded = load(alarm(metric_name=expression))
    assert loaded.alarms == ()
    if mistake is not None:
        assert (len(loaded.errors), len(loaded.unresolved)) == (int(mistake), int(not mistake))


def test_what_is_false_whatever_the_rest_is():
    loaded = load(alarm(metric_name='"${false && var.nobody}-${true || var.nobody}"'))
    assert [each.metric_name for each in loaded.alarms] == ["false-true"]
