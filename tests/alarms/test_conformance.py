"""The collected facts, through the runner that anyone can call."""

import json

import pytest

from tests.conformance import alarms


def test_every_documented_case(data):
    results = alarms.run_file(data / "cloudwatch" / "alarm_cases.json")
    assert [str(result) for result in results if not result.passed] == []
    assert len(results) >= 261


def test_the_last_line_counts(data, capsys):
    assert alarms.main([str(data / "cloudwatch" / "alarm_cases.json")]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(" passed, 0 failed")


@pytest.mark.parametrize(
    "content",
    [
        {"unheard_of": [1]},
        {"timelines": [{"name": "new"}]},
        {"limits": {"new": 1}},
        {"metric_math_rules": ["a rule nobody knows"]},
        {"metric_math": [{"expr": "m1 +", "in": {"m1": [1]}, "out": [1]}]},
        {"composite": {"rules": ["a rule nobody knows"], "cases": []}},
        {"notification": {"notes": ["a note nobody knows"]}},
        {"notification": {"unheard_of": 1}},
        {"metric_filter_emission": [{"rule": "a rule nobody knows"}]},
        {"notes": [{"issue": "unheard of"}]},
    ],
)
def test_what_is_not_known_fails_by_name(content, tmp_path, capsys):
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(content))
    assert alarms.main([str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"


def test_messages_of_composite_alarms_and_of_expressions_are_made_again(tmp_path, capsys):
    arn = "arn:aws:cloudwatch:eu-west-1:111111111111:alarm:"
    common = {
        "AlarmDescription": None, "AWSAccountId": "111111111111",
        "AlarmConfigurationUpdatedTimestamp": "2026-01-01T00:00:00.000+0000",
        "NewStateValue": "ALARM", "Region": "EU (Ireland)", "OldStateValue": "OK",
        "StateChangeTime": "2021-11-10T02:45:55.640+0000", "OKActions": [], "AlarmActions": ["t"],
        "InsufficientDataActions": [], "ActionExecutedAfterMuteWindow": False,
    }  # fmt: skip
    child = {"Value": "ALARM", "Timestamp": "2021-11-10T02:45:55.640+0000"}
    composite = {
        **common, "AlarmName": "all", "AlarmArn": arn + "all", "AlarmRule": "ALARM(one)",
        "TriggeringChildren": [{"Arn": arn + "one", "State": child}],
        "NewStateReason": f"{arn}one transitioned to ALARM at Wednesday 10 November, 2021 "
        "02:45:55 UTC",
    }  # fmt: skip
    metric = {"Dimensions": [{"value": "a", "name": "host"}], "MetricName": "m", "Namespace": "ns"}
    expression = {
        **common, "AlarmName": "one", "AlarmArn": arn + "one",
        "NewStateReason": "Threshold Crossed: 1 out of the last 1 datapoints [7.0 (10/11/21 "
        "02:44:00)] was greater than the threshold (5.0) (minimum 1 datapoint for OK -> ALARM "
        "transition).",
        "Trigger": {
            "Period": 60, "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "missing",
            "EvaluateLowSampleCountPercentile": "",
            "Metrics": [
                {"Expression": "m1 * 1", "Id": "e1", "Label": "same", "ReturnData": True},
                {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"},
                 "ReturnData": False},
            ],
        },
    }  # fmt: skip
    for example in (composite, expression):
        path = tmp_path / "cases.json"
        path.write_text(json.dumps({"notification": {"example": example}}))
        assert alarms.main([str(path)]) == 0, capsys.readouterr().out
