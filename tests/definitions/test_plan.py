"""The plan of the shared data, and what a plan leaves open."""

from __future__ import annotations

import json

import pytest

from tocsin.alarms import CompositeAlarm
from tocsin.definitions import load_definitions


def plan_of(resources, *, configuration=None, children=(), **more):
    return json.dumps({
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": resources, "child_modules": list(children)}},
        "configuration": {"root_module": configuration or {}},
        **more,
    }).encode()  # fmt: skip


def resource(type_, name, values, index=None, module=""):
    suffix = "" if index is None else f'["{index}"]' if isinstance(index, str) else f"[{index}]"
    return {
        "address": f"{module}{type_}.{name}{suffix}", "mode": "managed", "type": type_, "name": name,
        **({} if index is None else {"index": index}), "values": values,
    }  # fmt: skip


def filter_values(**more):
    return {
        "name": "critical", "pattern": '"Critical Error"', "log_group_name": "app",
        "metric_transformation": [{
            "name": "CriticalErrors", "namespace": "App", "value": "1", "default_value": None,
            "dimensions": None, "unit": "None",
        }],
    } | more  # fmt: skip


def alarm_values(**more):
    return {
        "alarm_name": "critical", "comparison_operator": "GreaterThanThreshold",
        "evaluation_periods": 1, "metric_name": "CriticalErrors", "namespace": "App",
        "period": 300, "statistic": "Sum", "threshold": 10, "metric_query": [],
    } | more  # fmt: skip


FILTER, ALARM = "aws_cloudwatch_log_metric_filter", "aws_cloudwatch_metric_alarm"


@pytest.fixture(scope="session")
def sample(data):
    path = data / "cloudwatch" / "terraform" / "sample_plan.json"
    return load_definitions([("plan.json", path.read_bytes())])


def test_all_references_of_the_sample_are_resolved(sample):
    assert sample.unresolved == ()
    assert [alarm.alarm_name for alarm in sample.alarms] == [
        "a-regex", "a-root", "a-unauth", "math0", "math1", "comp",
    ]  # fmt: skip
    assert isinstance(sample.alarms[-1], CompositeAlarm)
    assert sample.alarms[0].alarm_actions == ("${aws_sns_topic.t.arn}",)


def test_filters_of_the_sample(sample):
    names = [each.name for each in sample.filters]
    assert names == ["f-regex", "f-root", "f-unauth", "x0", "x1"]
    assert {each.log_group for each in sample.filters} == {"trail-default"}
    assert not sample.errors


def test_the_id_of_a_filter_is_its_name():
    values = alarm_values()
    del values["metric_name"]
    expressions = {"metric_name": {"references": [f"{FILTER}.f.id", f"{FILTER}.f"]}}
    configuration = {
        "resources": [{"type": ALARM, "name": "a", "expressions": expressions}],
    }
    plan = plan_of(
        [resource(FILTER, "f", filter_values()), resource(ALARM, "a", values)],
        configuration=configuration,
    )
    [alarm] = load_definitions([("p.json", plan)]).alarms
    assert alarm.metric_name == "critical"


def test_a_reference_goes_through_modules_counts_and_outputs():
    values = alarm_values()
    del values["metric_name"], values["namespace"]
    module = 'module.m["eu"].'
    child = {
        "address": 'module.m["eu"]',
        "resources": [resource(ALARM, "a", values, 1, module)],
    }
    other = {
        "address": "module.names",
        "resources": [resource(FILTER, "f", filter_values(name="counted"), "k", "module.names.")],
    }
    configuration = {
        "module_calls": {
            "m": {
                "expressions": {
                    "metric": {"references": ["module.names.metric", "module.names"]},
                    "space": {"references": ["var.space"]},
                },
                "for_each_expression": {},
                "module": {
                    "resources": [{
                        "type": ALARM, "name": "a",
                        "expressions": {
                            "metric_name": {"references": ["var.metric"]},
                            "namespace": {"references": ["var.space.name", "var.space"]},
                        },
                    }],
                    "variables": {"metric": {}, "space": {}},
                },
            },
            "names": {
                "module": {
                    "outputs": {"metric": {"expression": {
                        "references": [f'{FILTER}.f["k"].id', f'{FILTER}.f["k"]', f"{FILTER}.f"],
                    }}},
                },
            },
        },
        "variables": {"space": {"default": {"name": "App"}}},
    }  # fmt: skip
    plan = plan_of([], configuration=configuration, children=[child, other])
    loaded = load_definitions([("p.json", plan)])
    assert loaded.unresolved == ()
    [alarm] = loaded.alarms
    assert (alarm.metric_name, alarm.namespace) == ("counted", "App")


def test_what_cannot_be_followed_is_listed_once_for_a_resource():
    values = alarm_values()
    del values["metric_name"], values["namespace"]
    expressions = {
        "metric_name": {"references": ["local.metric"]},
        "namespace": {"references": ["var.a", "var.b"]},
    }
    plan = plan_of(
        [resource(ALARM, "a", values)],
        configuration={"resources": [{"type": ALARM, "name": "a", "expressions": expressions}]},
    )
    loaded = load_definitions([("p.json", plan)])
    assert (loaded.alarms, loaded.errors) == ((), ())
    [problem] = loaded.unresolved
    assert str(problem.span) == "p.json#/planned_values/root_module/resources/0/values"
    assert problem.severity == "warning"
    assert "MetricName: local.metric; Namespace: made of var.a and var.b" in problem.what


def test_actions_are_followed_one_by_one():
    references = ["aws_sns_topic.t.arn", "aws_sns_topic.t", "var.more", "each.value"]
    expressions = {"alarm_actions": {"references": references}}
    plan = plan_of(
        [resource(ALARM, "a", alarm_values())],
        configuration={"resources": [{"type": ALARM, "name": "a", "expressions": expressions}]},
        variables={"more": {"value": ["arn:aws:sns:x:1:a", "arn:aws:sns:x:1:b"]}},
    )
    [alarm] = load_definitions([("p.json", plan)]).alarms
    assert alarm.alarm_actions == (
        "${aws_sns_topic.t.arn}", "arn:aws:sns:x:1:a", "arn:aws:sns:x:1:b",
    )  # fmt: skip


def test_open_entries_of_a_list():
    expressions = {"ok_actions": {"references": ["aws_sns_topic.t.arn", "aws_sns_topic.t"]}}
    config = {"resources": [{"type": ALARM, "name": "a", "expressions": expressions}]}
    values = alarm_values(ok_actions=["arn:x", None])
    unknown = {"change": {"after_unknown": {"ok_actions": [False, True]}}}
    plan = plan_of(
        [resource(ALARM, "a", values)], configuration=config,
        resource_changes=[{"address": f"{ALARM}.a"} | unknown],
    )  # fmt: skip
    [alarm] = load_definitions([("p.json", plan)]).alarms
    assert alarm.ok_actions == ("arn:x", "${aws_sns_topic.t.arn}")
    expressions["ok_actions"]["references"].append("var.x")
    plan = plan_of(
        [resource(ALARM, "a", values)], configuration=config,
        resource_changes=[{"address": f"{ALARM}.a"} | unknown],
    )  # fmt: skip
    [alarm] = load_definitions([("p.json", plan)]).alarms
    assert alarm.ok_actions == ("arn:x", "${aws_sns_topic.t.arn}${var.x}")


def test_a_module_that_is_counted_has_its_own_outputs():
    values = alarm_values()
    del values["metric_name"]
    children = [
        {"address": f"module.n[{number}]", "resources": [
            resource(FILTER, "f", filter_values(name=f"f{number}"), module=f"module.n[{number}].")]}
        for number in range(2)
    ]  # fmt: skip
    configuration = {
        "resources": [{"type": ALARM, "name": "a", "expressions": {
            "metric_name": {"references": ["module.n", "count.index"]}}}],
        "module_calls": {"n": {"count_expression": {"constant_value": 2}, "module": {
            "outputs": {"name": {"expression": {"references": [f"{FILTER}.f.id"]}}}}}},
    }  # fmt: skip
    alarm = resource(ALARM, "a", values, 1)

    def load():
        plan = plan_of([alarm], configuration=configuration, children=children)
        return load_definitions([("p.json", plan)])

    [made] = load().alarms
    assert made.metric_name == "f1"  # the only output is meant
    expressions = configuration["resources"][0]["expressions"]
    expressions["metric_name"] = {"references": ["module.n[0].name", "module.n[0]"]}
    assert [each.metric_name for each in load().alarms] == ["f0"]
    expressions["metric_name"] = {"references": ["module.n", "count.index"]}
    outputs = configuration["module_calls"]["n"]["module"]["outputs"]
    outputs["other"] = {"expression": {"constant_value": "x"}}
    # Which output it is the plan does not say.
    assert "MetricName: made of module.n" in load().unresolved[0].what


def test_open_values_within_blocks_are_found_by_the_id_of_the_block():
    blocks = [
        {"id": "m2", "return_data": True, "metric": [
            {"namespace": "App", "period": 60, "stat": "Sum"}]},
        {"id": "m1", "return_data": False, "metric": [
            {"namespace": "App", "period": 60, "stat": "Sum"}]},
    ]  # fmt: skip
    names = {"m1": f"{FILTER}.f.id", "m2": f"{FILTER}.g.id"}
    expressions = {"metric_query": [
        {"id": {"constant_value": id_}, "metric": [{"metric_name": {"references": [name]}}]}
        for id_, name in names.items()
    ]}  # fmt: skip
    values = alarm_values(metric_name=None, namespace=None, period=None, statistic=None)
    filters = [
        resource(FILTER, "f", filter_values(name="one")),
        resource(FILTER, "g", filter_values(name="two")),
    ]
    config = {"resources": [{"type": ALARM, "name": "a", "expressions": expressions}]}
    plan = plan_of(
        [*filters, resource(ALARM, "a", values | {"metric_query": blocks})], configuration=config
    )
    [alarm] = load_definitions([("p.json", plan)]).alarms
    assert [query.metric_stat.metric.metric_name for query in alarm.metrics] == ["one", "two"]
    # Without constant ids nobody knows which block is which: a set is printed in its own order.
    for each in expressions["metric_query"]:
        each["id"] = {"references": ["var.x"]}
    changes = [{"address": f"{ALARM}.a", "change": {"after_unknown": {
        "metric_query": [{"metric": [{"metric_name": True}]}] * 2}}}]  # fmt: skip
    plan = plan_of(
        [*filters, resource(ALARM, "a", values | {"metric_query": blocks})],
        configuration=config, resource_changes=changes,
    )  # fmt: skip
    assert "known only after apply" in load_definitions([("p.json", plan)]).unresolved[0].what


@pytest.mark.parametrize(
    ("references", "name"),
    [
        (['data.aws_x.d["k"].name', 'data.aws_x.d["k"]'], "from data"),
        ([f"{FILTER}.many", "each.key"], "many-k"),
        ([f'{FILTER}.many["k"].metric_transformation[0].name'], "CriticalErrors"),
        ([f"{ALARM}.other.arn"], "arn:aws:cloudwatch:::alarm:critical"),
        (["aws_x.nobody.name"], None),
        (["path.module"], None),
        (["module.nobody.out"], None),
        (["var.nobody"], None),
    ],
)
def test_references_to_instances_and_data(references, name):
    values = alarm_values(alarm_name="own")
    del values["metric_name"]
    expressions = {"metric_name": {"references": references}}
    data = resource("aws_x", "d", {"name": "from data"}, "k") | {"mode": "data"}
    plan = plan_of(
        [
            resource(FILTER, "many", filter_values(name="many-j"), "j"),
            resource(FILTER, "many", filter_values(name="many-k"), "k"),
            resource(ALARM, "other", alarm_values()),
            resource(ALARM, "a", values, "k"),
        ],
        configuration={"resources": [{"type": ALARM, "name": "a", "expressions": expressions}]},
        prior_state={"values": {"root_module": {"resources": [data]}}},
    )
    loaded = load_definitions([("p.json", plan)])
    found = [each.metric_name for each in loaded.alarms if each.alarm_name == "own"]
    assert found == ([name] if name else [])
    assert len(loaded.unresolved) == (0 if name else 1)


def test_a_circle_of_references_ends():
    values = filter_values()
    del values["log_group_name"]
    expressions = {"log_group_name": {"references": [f"{FILTER}.f.log_group_name", f"{FILTER}.f"]}}
    plan = plan_of(
        [resource(FILTER, "f", values)],
        configuration={"resources": [{"type": FILTER, "name": "f", "expressions": expressions}]},
    )
    [problem] = load_definitions([("p.json", plan)]).unresolved
    assert "circle" in problem.what


def test_a_plan_without_configuration_leaves_open_what_it_leaves_open():
    values = alarm_values()
    del values["metric_name"]
    change = {"address": f"{ALARM}.a", "change": {"after_unknown": {"metric_name": True}}}
    plan = plan_of([resource(ALARM, "a", values)], resource_changes=[change])
    [problem] = load_definitions([("p.json", plan)]).unresolved
    assert "MetricName: known only after apply" in problem.what


def test_a_plan_that_ended_with_an_error_is_told():
    loaded = load_definitions([("p.json", plan_of([], errored=True))])
    assert "ended with an error" in loaded.warnings[0].what


def test_the_state_file_itself():
    state = {
        "version": 4, "terraform_version": "1.11.4", "resources": [
            {"mode": "managed", "type": ALARM, "name": "a", "module": "module.m",
             "instances": [{"index_key": "x", "attributes": alarm_values()}, {"index_key": 1}]},
            {"mode": "data", "type": ALARM, "name": "b", "instances": [{}]},
        ],
    }  # fmt: skip
    loaded = load_definitions([("terraform.tfstate", json.dumps(state).encode())])
    assert loaded.holds == "0 metric filters, 1 alarm, 1 unresolved"
    assert "module.m.aws_cloudwatch_metric_alarm.a[1]" in loaded.unresolved[0].what
    old = json.dumps(state | {"version": 3}).encode()
    assert "version 3" in load_definitions([("terraform.tfstate", old)]).errors[0].what


def test_anomaly_bands_are_refused_by_name():
    band = alarm_values(comparison_operator="GreaterThanUpperThreshold", threshold=None)
    band["threshold_metric_id"] = "ad1"
    loaded = load_definitions([("p.json", plan_of([resource(ALARM, "a", band)]))])
    assert "GreaterThanUpperThreshold is not supported" in loaded.errors[0].what
