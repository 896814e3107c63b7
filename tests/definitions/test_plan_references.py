"""References of a plan, in the shapes that Terraform 1.11 prints them.

A plan keeps of an expression the things it refers to and nothing else, so what is followed
must be the thing itself, and what may be something made of it must be listed.
"""

from __future__ import annotations

import json

import pytest
from tests.definitions.forms import ALARM, FILTER
from tests.definitions.test_plan import alarm_values, filter_values, plan_of, resource

from tocsin.definitions import load_definitions

COMPOSITE = "aws_cloudwatch_composite_alarm"


def refers(*references):
    """An expression; all beginnings of a path are listed after it."""
    return {"references": [*references]}


def loaded_with(expressions, resources=(), *, names=("a",), loop=None, calls=None, **more):
    """Alarms `a`, one for each of `names`, whose metric names the plan leaves open."""
    values = [alarm_values(alarm_name=f"alarm-{each}") for each in names]
    for each in values:
        for key in expressions:
            each.pop(key, None)
    own = {"type": ALARM, "name": "a", "expressions": expressions}
    if loop is not None:
        own["for_each_expression"] = loop
    keys = [None] if loop is None and names == ("a",) else names
    alarms = [resource(ALARM, "a", each, key) for each, key in zip(values, keys, strict=True)]
    configuration = {"resources": [own], "module_calls": calls or {}, "variables": {"k": {}}}
    plan = plan_of(
        [*resources, *alarms], configuration=configuration, variables={"k": {"value": "y"}}, **more
    )
    return load_definitions([("p.json", plan)])


def filters(*keys, module=""):
    return [resource(FILTER, "f", filter_values(name=f"metric-{key}"), key, module) for key in keys]


def metrics(loaded):
    return {each.alarm_name: each.metric_name for each in loaded.alarms}


@pytest.mark.parametrize(
    ("loop", "reference"),
    [
        (refers(f"{FILTER}.f"), refers("each.value.id", "each.value")),
        (refers(f"{FILTER}.f"), refers(f"{FILTER}.f", "each.key")),
        (refers("module.m"), refers("each.value.id", "each.value")),
        (refers("module.m"), refers("module.m", "each.key")),
        (refers("module.all.filters", "module.all"), refers("each.value.id", "each.value")),
        (refers("module.all.ids", "module.all"), refers("each.value")),
    ],
)  # fmt: skip
def test_each_value_is_the_instance_with_the_same_key(loop, reference):
    calls = {
        "m": {
            "expressions": {"filter": refers("each.value")},
            "for_each_expression": refers(f"{FILTER}.f"),
            "module": {
                "outputs": {"id": {"expression": refers("var.filter.id", "var.filter")}},
                "variables": {"filter": {}},
            },
        },
        "all": {
            "expressions": {"filters": refers(f"{FILTER}.f")},
            "module": {
                "outputs": {
                    "filters": {"expression": refers("var.filters")},
                    "ids": {"expression": refers("var.filters")},
                },
                "variables": {"filters": {}},
            },
        },
    }
    loaded = loaded_with(
        {"metric_name": reference}, filters("x", "y"), names=("x", "y"), loop=loop, calls=calls
    )
    assert loaded.unresolved == ()
    assert metrics(loaded) == {"alarm-x": "metric-x", "alarm-y": "metric-y"}


@pytest.mark.parametrize(
    "reference",
    [
        [f'{FILTER}.f["y"].id', f'{FILTER}.f["y"]', f"{FILTER}.f"],
        [f"{FILTER}.f", "var.k"],
        ['module.all.filters["y"].id', 'module.all.filters["y"]', "module.all.filters"],
        ['module.all.ids["y"]', "module.all.ids", "module.all"],
        ["module.all.second[0]", "module.all.second", "module.all"],
    ],
)
def test_one_instance_of_several(reference):
    calls = {
        "all": {
            "expressions": {"filters": refers(f"{FILTER}.f")},
            "module": {
                "outputs": {
                    "filters": {"expression": refers("var.filters")},
                    "ids": {"expression": refers("var.filters")},
                    "second": {"expression": refers('var.filters["y"].id', 'var.filters["y"]')},
                },
            },
        },
    }
    loaded = loaded_with({"metric_name": refers(*reference)}, filters("x", "y"), calls=calls)
    assert loaded.unresolved == ()
    assert metrics(loaded) == {"alarm-a": "metric-y"}


@pytest.mark.parametrize(
    "reference",
    [
        [f'{FILTER}.f["x"].id', f'{FILTER}.f["x"]', "each.key"],  # "${each.key}-${...id}"
        [f"{FILTER}.f", "each.value"],  # f[each.value].id where the key is not the value
        [f"{FILTER}.f"],  # values(f)[0].id
        [f"{FILTER}.f", "local.k"],
        ["each.value.id", "each.value"],
    ],
)
def test_what_may_be_another_one_or_more_than_a_reference_is_listed(reference):
    loaded = loaded_with(
        {"metric_name": refers(*reference)},
        filters("x", "y"),
        names=("x", "y"),
        loop=refers("local.alias"),
    )
    assert (loaded.alarms, loaded.errors) == ((), ())
    assert len(loaded.unresolved) == 2


def test_dimensions_with_a_reference_inside_are_not_the_reference():
    dimensions = refers(f'{FILTER}.f["x"].id', f'{FILTER}.f["x"]', f"{FILTER}.f")
    loaded = loaded_with({"dimensions": dimensions}, filters("x"))
    assert (loaded.alarms, loaded.errors) == ((), ())
    assert "Dimensions: made of" in loaded.unresolved[0].what


def test_a_dimension_whose_value_is_open_is_not_left_out():
    values = alarm_values(dimensions={"Fixed": "a"})
    change = {"address": f"{ALARM}.a", "change": {"after_unknown": {"dimensions": {"Id": True}}}}
    configuration = {"resources": [{"type": ALARM, "name": "a", "expressions": {}}]}
    plan = plan_of(
        [resource(ALARM, "a", values)], configuration=configuration, resource_changes=[change]
    )
    loaded = load_definitions([("p.json", plan)])
    assert (loaded.alarms, loaded.errors, len(loaded.unresolved)) == ((), (), 1)


def test_a_rule_that_only_names_an_alarm_by_its_arn_is_listed_and_no_mistake():
    rule = refers(f"{ALARM}.a.arn", f"{ALARM}.a")
    configuration = {
        "resources": [{"type": COMPOSITE, "name": "c", "expressions": {"alarm_rule": rule}}]
    }
    resources = [
        resource(ALARM, "a", alarm_values()),
        resource(COMPOSITE, "c", {"alarm_name": "c", "actions_suppressor": []}),
    ]
    loaded = load_definitions([("p.json", plan_of(resources, configuration=configuration))])
    assert (len(loaded.alarms), loaded.errors) == (1, ())
    [problem] = loaded.unresolved
    assert f"AlarmRule: made of {ALARM}.a.arn" in problem.what
    assert "alarm_name" in problem.hint


def test_blocks_made_by_dynamic_do_not_borrow_from_the_written_one():
    def query(name):
        return {
            "id": name, "expression": "", "return_data": name == "z",
            "metric": [{"namespace": "App", "period": 60, "stat": "Sum", "dimensions": None}],
        }  # fmt: skip

    values = alarm_values(metric_query=[query("m_x"), query("z")])
    for key in ("metric_name", "namespace", "period", "statistic"):
        values[key] = None
    written = {
        "id": {"constant_value": "z"},
        "metric": [{"metric_name": refers(f'{FILTER}.f["y"].id', f'{FILTER}.f["y"]')}],
    }
    open_ = {"metric": [{"metric_name": True}]}
    configuration = {
        "resources": [{"type": ALARM, "name": "a", "expressions": {"metric_query": [written]}}]
    }
    change = {
        "address": f"{ALARM}.a",
        "change": {"after_unknown": {"metric_query": [open_, open_]}},
    }
    plan = plan_of(
        [*filters("x", "y"), resource(ALARM, "a", values)],
        configuration=configuration,
        resource_changes=[change],
    )
    loaded = load_definitions([("p.json", plan)])
    assert loaded.alarms == ()
    [problem] = loaded.unresolved
    assert "/metric_query/0/" in str(problem.span)


def test_a_name_by_reference_is_told_as_taken():
    loaded = loaded_with({"alarm_name": refers(f'{FILTER}.f["x"].id')}, filters("x"))
    assert [each.alarm_name for each in loaded.alarms] == ["metric-x"]
    assert any("is taken to be 'metric-x'" in each.what for each in loaded.warnings)


def test_what_was_replaced_and_not_deleted_yet_does_not_count():
    old = {**resource(ALARM, "a", alarm_values(threshold=1)), "deposed_key": "00000001"}
    shown = {
        "format_version": "1.0",
        "values": {"root_module": {"resources": [old, resource(ALARM, "a", alarm_values())]}},
    }
    attributes = alarm_values()
    file = {
        "version": 4, "terraform_version": "1.11.4",
        "resources": [{
            "mode": "managed", "type": ALARM, "name": "a",
            "instances": [
                {"attributes": attributes},
                {"deposed": "00000001", "attributes": attributes | {"threshold": 1}},
            ],
        }],
    }  # fmt: skip
    for form in (shown, file):
        loaded = load_definitions([("s.json", json.dumps(form).encode())])
        assert loaded.errors == ()
        [alarm] = loaded.alarms
        assert alarm.threshold == 10
