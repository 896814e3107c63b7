"""The same definitions written in every form."""

from __future__ import annotations

import json
import re

import yaml

FILTER, ALARM = "aws_cloudwatch_log_metric_filter", "aws_cloudwatch_metric_alarm"
COMPOSITE = "aws_cloudwatch_composite_alarm"
TYPES = {
    FILTER: "AWS::Logs::MetricFilter",
    ALARM: "AWS::CloudWatch::Alarm",
    COMPOSITE: "AWS::CloudWatch::CompositeAlarm",
}

FILTERS = [
    {
        "filterName": "critical", "filterPattern": '"Critical Error"', "logGroupName": "app",
        "metricTransformations": [{
            "metricName": "CriticalErrors", "metricNamespace": "App", "metricValue": "1",
            "defaultValue": 0.0, "unit": "Count",
        }],
    },
    {
        "filterName": "bytes", "filterPattern": "[ip, user, ..., status=4*, bytes>1000]",
        "logGroupName": "/web/access",
        "metricTransformations": [{
            "metricName": "Bytes", "metricNamespace": "App", "metricValue": "$bytes",
            "dimensions": {"User": "$user", "Address": "$ip"},
        }],
    },
]  # fmt: skip
ALARMS = [
    {
        "AlarmName": "critical", "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1, "MetricName": "CriticalErrors", "Namespace": "App", "Period": 300,
        "Statistic": "Sum", "Threshold": 10.0, "ActionsEnabled": True,
        "AlarmActions": ["arn:aws:sns:eu-central-1:123456789012:team"],
        "AlarmDescription": 'Too many ${errors} in "app"\nsecond line',
        "TreatMissingData": "notBreaching",
    },
    {
        "AlarmName": "ratio", "ComparisonOperator": "LessThanOrEqualToThreshold",
        "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 0.5, "ActionsEnabled": False,
        "Metrics": [
            {"Id": "e1", "Expression": "m1/m2*100", "Label": "ratio", "ReturnData": True},
            {"Id": "m1", "ReturnData": False, "MetricStat": {
                "Metric": {"Namespace": "App", "MetricName": "Bytes", "Dimensions": [
                    {"Name": "Address", "Value": "192.0.2.1"}, {"Name": "User", "Value": "kim"}]},
                "Period": 60, "Stat": "p99", "Unit": "None"}},
            {"Id": "m2", "ReturnData": False, "MetricStat": {
                "Metric": {"Namespace": "App", "MetricName": "CriticalErrors"},
                "Period": 60, "Stat": "Sum"}},
        ],
    },
]  # fmt: skip
COMPOSITES = [
    {
        "AlarmName": "both", "AlarmRule": 'ALARM("critical") AND NOT OK(ratio)',
        "ActionsEnabled": True, "ActionsSuppressor": "ratio", "ActionsSuppressorWaitPeriod": 60,
        "ActionsSuppressorExtensionPeriod": 120,
    },
]  # fmt: skip


def as_describe(filters, alarms, composites):
    logs = json.dumps({"metricFilters": filters}).encode()
    cloudwatch = json.dumps({"MetricAlarms": alarms, "CompositeAlarms": composites}).encode()
    return [("filters.json", logs), ("alarms.json", cloudwatch)]


def as_template(filters, alarms, composites):
    resources = {}
    for each in filters:
        named = {key[0].upper() + key[1:]: value for key, value in each.items()}
        [old] = each["metricTransformations"]
        new = {key[0].upper() + key[1:]: value for key, value in old.items()}
        if "dimensions" in old:
            pairs = [{"Key": key, "Value": value} for key, value in old["dimensions"].items()]
            new["Dimensions"] = pairs
        named["MetricTransformations"] = [new]
        resources[f"Filter{len(resources)}"] = {"Type": TYPES[FILTER], "Properties": named}
    for type_, entries in ((ALARM, alarms), (COMPOSITE, composites)):
        for each in entries:
            resources[f"Alarm{len(resources)}"] = {"Type": TYPES[type_], "Properties": each}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def as_json(*them):
    return [("template.json", json.dumps(as_template(*them)).encode())]


def as_yaml(*them):
    return [("template.yaml", yaml.safe_dump(as_template(*them)).encode())]


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().replace("o_k_", "ok_")


def dimensions(pairs):
    return {pair["Name"]: pair["Value"] for pair in pairs}


def as_resources(filters, alarms, composites):
    """(type, values) as the provider has them."""
    for each in filters:
        values = {snake(key.removeprefix("filter")): value for key, value in each.items()}
        [old] = each["metricTransformations"]
        new = {snake(key.removeprefix("metric")): value for key, value in old.items()}
        if "default_value" in new:
            new["default_value"] = str(new["default_value"])
        del values["metric_transformations"]
        values["metric_transformation"] = [new]
        yield FILTER, values
    for each in alarms:
        values = {snake(key): value for key, value in each.items() if key != "Metrics"}
        if "Dimensions" in each:
            values["dimensions"] = dimensions(each["Dimensions"])
        if "Metrics" in each:
            values["metric_query"] = [query(one) for one in each["Metrics"]]
        yield ALARM, values
    for each in composites:
        values = {snake(key): each[key] for key in each if "Suppressor" not in key}
        if "ActionsSuppressor" in each:
            values["actions_suppressor"] = [{
                "alarm": each["ActionsSuppressor"],
                "wait_period": each["ActionsSuppressorWaitPeriod"],
                "extension_period": each["ActionsSuppressorExtensionPeriod"],
            }]  # fmt: skip
        yield COMPOSITE, values


def query(one):
    values = {snake(key): value for key, value in one.items() if key != "MetricStat"}
    if "MetricStat" in one:
        stat = {snake(key): one["MetricStat"][key] for key in one["MetricStat"] if key != "Metric"}
        metric = one["MetricStat"]["Metric"]
        stat |= {snake(key): metric[key] for key in metric if key != "Dimensions"}
        if "Dimensions" in metric:
            stat["dimensions"] = dimensions(metric["Dimensions"])
        values["metric"] = [stat]
    return values


def as_plan(*them):
    resources = [
        {"address": f"{type_}.r{number}", "mode": "managed", "type": type_, "name": f"r{number}",
         "values": values}
        for number, (type_, values) in enumerate(as_resources(*them))
    ]  # fmt: skip
    top = {"format_version": "1.2", "planned_values": {"root_module": {"resources": resources}}}
    return [("plan.json", json.dumps(top).encode())]


def as_state(*them):
    [(_, plan)] = as_plan(*them)
    top = json.loads(plan)
    state = {"format_version": "1.0", "values": top["planned_values"]}
    return [("state.json", json.dumps(state).encode())]


def literal(value):
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return text.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{literal(k)} = {literal(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value)


def body(values, indent="  "):
    for key, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for each in value:
                yield f"{indent}{key} {{"
                yield from body(each, indent + "  ")
                yield f"{indent}}}"
        else:
            yield f"{indent}{key} = {literal(value)}"


def as_hcl(*them):
    lines = []
    for number, (type_, values) in enumerate(as_resources(*them)):
        lines += [f'resource "{type_}" "r{number}" {{', *body(values), "}", ""]
    return [("main.tf", "\n".join(lines).encode())]


FORMS = {
    "describe": as_describe, "plan": as_plan, "state": as_state, "json": as_json, "yaml": as_yaml, "hcl": as_hcl,
}  # fmt: skip
