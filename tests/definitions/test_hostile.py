"""Hostile files: problems, never exceptions, in bounded time."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.definitions.test_hcl import LAB, alarm
from tests.definitions.test_plan import plan_of
from tests.definitions.test_template import TEMPLATE

from tocsin.definitions import load_definitions, recognise

DEEP = 10_000


def chain(count, join):
    """Resources of which each refers twice to the next."""
    entries = {
        f"A{number}": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
            "AlarmName": {"Fn::Join": [join, [{"Ref": f"A{number + 1}"}] * 2]}}}
        for number in range(count)
    }  # fmt: skip
    entries[f"A{count}"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "x" * 99}}
    return json.dumps({"Resources": entries}).encode()


def doubling(count):
    lines = [f'l{n} = "${{local.l{n + 1}}}${{local.l{n + 1}}}"' for n in range(count)]
    return (alarm(metric_name="local.l0") + "locals {\n" + "\n".join(lines)
            + f'\nl{count} = "x"\n}}').encode()  # fmt: skip


BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n".encode()
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
) + b"Resources: *i\n"  # fmt: skip

FILES = {
    "brackets": ("x.json", b"[" * DEEP),
    "closed brackets": ("x.json", b"[" * DEEP + b"]" * DEEP),
    "braces": ("x.json", b'{"Resources":' * DEEP + b"1" + b"}" * DEEP),
    "yaml brackets": ("x.yaml", b"Resources: " + b"[" * DEEP),
    "yaml tags": ("x.yaml", b"Resources: {A: {Type: AWS::CloudWatch::Alarm, Properties: {X: "
                  + b"!Sub [" * DEEP),
    "hcl brackets": ("x.tf", b"a = " + b"[" * DEEP + b"]" * DEEP),
    "hcl braces": ("x.tf", b"a {" * DEEP),
    "hcl calls": ("x.tf", b"a = " + b"f(" * DEEP + b")" * DEEP),
    "hcl templates": ("x.tf", b"a = " + b'"${' * DEEP + b'}"' * DEEP),
    "hcl parentheses": ("x.tf", b"a = " + b"(" * DEEP + b")" * DEEP),
    "hcl indexes": ("x.tf", b"a = a" + b"[a" * DEEP + b"]" * DEEP),
    "huge count": ("x.tf", alarm(count="999999999").encode()),
    "huger count": ("x.tf", alarm(count="9" * 300).encode()),
    "many counts": ("x.tf", b"".join(
        alarm(count="9999").replace('"a" {', f'"a{n}" {{').encode() for n in range(5))),
    "circle of locals": ("x.tf", (alarm(metric_name="local.a") + "locals {\na = local.b\n"
                         "b = local.a\n}").encode()),
    "circle of resources": ("x.tf", alarm(
        alarm_name="aws_cloudwatch_metric_alarm.a.alarm_name").encode()),
    "doubling locals": ("x.tf", doubling(60)),
    "long chain of locals": ("x.tf", doubling(2000)),
    "long chain of resources": ("x.tf", b"".join(alarm(
        alarm_name=f"aws_cloudwatch_metric_alarm.a{n + 1}[0].alarm_name", count="1").replace(
            '"a" {', f'"a{n}" {{').encode() for n in range(2000))),
    "doubling references": ("x.json", chain(60, "")),
    "long chain of references": ("x.json", chain(3000, "")),
    "alias bomb": ("x.yaml", BOMB),
    "not UTF-8 yaml": ("x.yaml", b"Resources: \xff\xfe"),
    "not UTF-8 json": ("x.json", b'{"Resources": "\xff"}'),
    "not UTF-8 hcl": ("x.tf", b'a = "\xff"'),
    "UTF-16": ("x.json", '{"Resources": {}}'.encode("utf-16")),
    "NUL": ("x.tf", b"\0" * 1000),
    "huge number": ("x.json", b'{"MetricAlarms": [{"AlarmName": "a", "Threshold": 1e999, '
                    b'"EvaluationPeriods": ' + b"9" * 5000 + b"}]}"),
    "lone surrogate": ("x.json", b'{"MetricAlarms": [{"AlarmName": "\\ud800"}]}'),
    "huge integer in hcl": ("x.tf", alarm(threshold="9" * 5000, period="1e400").encode()),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_hostile_files_are_problems(name):
    path, data = FILES[name]
    start = time.monotonic()
    recognise(path, data)
    loaded = load_definitions([(path, data)])
    assert time.monotonic() - start < 10
    assert loaded.problems or name in {"huge integer in hcl", "hcl parentheses"}
    assert all(str(problem).encode() for problem in loaded.problems)


@pytest.mark.parametrize(
    "top",
    [
        {"planned_values": {"root_module": 3}},
        {"planned_values": {"root_module": {"resources": [3, {"type": 1}], "child_modules": [4]}}},
        {"planned_values": {}, "configuration": [], "resource_changes": {"a": 1}},
        {"values": {"root_module": []}, "format_version": "1"},
        {"resources": [1, {"type": "aws_cloudwatch_metric_alarm", "mode": "managed"}],
         "terraform_version": "1", "version": 4},
        {"metricFilters": [None, 1, []]},
        {"planned_values": {"root_module": {"child_modules": [{"address": "odd", "resources": [
            {"type": "aws_cloudwatch_metric_alarm", "name": "a", "values": {}}]}]}},
         "configuration": {"root_module": {"resources": [
            {"type": "aws_cloudwatch_metric_alarm", "name": "a",
             "expressions": {"alarm_name": {"references": ["var.x"]}}}]}}},
        {"Resources": {"a": 1, "b": {"Type": ["x"]}, "c": {"Type": "AWS::CloudWatch::Alarm",
         "Properties": 4}}},
    ],
)  # fmt: skip
def test_wrong_shapes_are_no_exceptions(top):
    load_definitions([("x.json", json.dumps(top).encode())])


SEEDS = [LAB.encode(), TEMPLATE.encode(), plan_of([])]


@given(seed=st.sampled_from(SEEDS), cut=st.integers(0, 3000), more=st.binary(max_size=20))
@example(seed=SEEDS[0], cut=0, more=b"${")
@settings(max_examples=300)
def test_damaged_files_are_no_exceptions(seed, cut, more):
    damaged = seed[:cut] + more + seed[cut + len(more) :]
    for path in ("x.tf", "x.yaml", "x.json", "x"):
        recognise(path, damaged)
        first = load_definitions([(path, damaged)])
        assert first == load_definitions([(path, damaged)])
