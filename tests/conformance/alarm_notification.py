"""The notification section of the alarm cases: message shape, reasons, reason data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.conformance.alarm_setup import METRIC, alarm_of, table_of
from tocsin.alarms import (
    AlarmState,
    ChildState,
    CompositeAlarm,
    CompositeState,
    DatapointTable,
    Dimension,
    Metric,
    MetricAlarm,
    MetricQuery,
    MetricStat,
    Place,
    Transition,
    alarm_name,
    evaluate,
    evaluate_composite,
    of_values,
    sns_message,
    sns_subject,
)
from tocsin.durations import MINUTE, SECOND

Cases = Iterator[tuple[str, object, Callable[[], object]]]

WORDINGS = {
    "greater than or equal to": "GreaterThanOrEqualToThreshold",
    "greater than": "GreaterThanThreshold",
    "less than or equal to": "LessThanOrEqualToThreshold",
    "less than": "LessThanThreshold",
}
SILENT = {"source", "truth", "example", "notes", "state_reasons", "state_reason_data_fields",
          "transport", "eventbridge"}  # fmt: skip


def notification(section: dict[str, Any]) -> Cases:
    for key in section:
        if key not in SILENT:
            yield key, "a part that is known", lambda: "an unknown part"
    if "example" in section:
        example = section["example"]
        yield "message", _ordered(example), lambda: _ordered(render(example))
    for reason in section.get("state_reasons", ()):
        text = reason["text"]
        yield text, text, lambda text=text: reproduce(text)
    if "state_reason_data_fields" in section:
        fields = section["state_reason_data_fields"]
        yield "state reason data", sorted(fields), _data_fields
    if "transport" in section:
        yield section["transport"][:60], True, _subject
    for note in section.get("notes", ()):
        attempt = next((check for words, check in NOTES.items() if words in note), None)
        yield note, True, attempt if attempt is not None else lambda: "an unknown note"


def _ordered(message: dict[str, Any]) -> str:
    return json.dumps(message, sort_keys=True)


def _time(text: str) -> int:
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    return int(moment.timestamp()) * SECOND + moment.microsecond


def render(example: dict[str, Any]) -> dict[str, Any]:
    """The example again, out of an evaluation of the alarm it tells of."""
    if "AlarmRule" in example:
        return _render_composite(example)
    told = {"Dimensions": (), "MetricName": None, "Namespace": None, "Unit": None}
    told |= example["Trigger"]
    statistic = {"AVERAGE": "Average", "SUM": "Sum", "MINIMUM": "Minimum", "MAXIMUM": "Maximum",
                 "SAMPLE_COUNT": "SampleCount"}.get(told.get("Statistic", ""))  # fmt: skip
    dimensions = tuple(Dimension(each["name"], each["value"]) for each in told["Dimensions"])
    alarm = MetricAlarm(
        example["AlarmName"], told["EvaluationPeriods"], told["ComparisonOperator"],
        told["Threshold"], told.get("DatapointsToAlarm"), told["MetricName"], told["Namespace"],
        dimensions, statistic, told.get("ExtendedStatistic"), told["Period"], told["Unit"],
        tuple(_query(each) for each in told.get("Metrics", ())),
        treat_missing_data=told["TreatMissingData"],
        evaluate_low_sample_count_percentile=told["EvaluateLowSampleCountPercentile"] or None,
        alarm_description=example["AlarmDescription"],
        ok_actions=tuple(example["OKActions"]), alarm_actions=tuple(example["AlarmActions"]),
        insufficient_data_actions=tuple(example["InsufficientDataActions"]),
        alarm_configuration_updated_timestamp=example["AlarmConfigurationUpdatedTimestamp"],
    )  # fmt: skip
    table, end = _data(alarm, example["NewStateReason"])
    state = AlarmState(example["OldStateValue"])
    _, transition = evaluate(alarm, state, table, end)
    assert transition is not None
    transition = msgspec.structs.replace(transition, time=_time(example["StateChangeTime"]))
    region, account = example["AlarmArn"].split(":")[3:5]
    return sns_message(alarm, transition, Place(account, region))


def _query(told: dict[str, Any]) -> MetricQuery:
    stat = told.get("MetricStat")
    if stat:
        names = ("Dimensions", "MetricName", "Namespace")
        dimensions, name, space = (stat["Metric"][key] for key in names)
        pairs = tuple(Dimension(each["name"], each["value"]) for each in dimensions)
        stat = MetricStat(
            Metric(space, name, pairs), stat["Period"], stat["Stat"], stat.get("Unit")
        )
    return MetricQuery(
        told["Id"], stat, told.get("Expression"), told.get("Label"), told.get("ReturnData", True)
    )


def _render_composite(example: dict[str, Any]) -> dict[str, Any]:
    alarm = CompositeAlarm(
        example["AlarmName"], example["AlarmRule"], example["AlarmDescription"], True,
        tuple(example["OKActions"]), tuple(example["AlarmActions"]),
        tuple(example["InsufficientDataActions"]), alarm_arn=example["AlarmArn"],
        alarm_configuration_updated_timestamp=example["AlarmConfigurationUpdatedTimestamp"],
    )  # fmt: skip
    children = {
        alarm_name(each["Arn"]): ChildState(
            each["State"]["Value"], _time(each["State"]["Timestamp"]), each["Arn"]
        )
        for each in example["TriggeringChildren"]
    }
    state = CompositeState(example["OldStateValue"])
    _, told = evaluate_composite(alarm, state, children, _time(example["StateChangeTime"]))
    region, account = example["AlarmArn"].split(":")[3:5]
    return sns_message(alarm, told[0], Place(account, region))


def _data(alarm: MetricAlarm, reason: str) -> tuple[DatapointTable, int]:
    """The datapoints a reason lists, and when the newest period ends."""
    table, end = DatapointTable(), 0
    metric = Metric(alarm.namespace or "", alarm.metric_name or "", alarm.dimensions)
    unit = alarm.unit
    for query in alarm.metrics:
        # What an expression was computed from is not told; one metric alone is its own value.
        if query.metric_stat is not None:
            metric, unit = query.metric_stat.metric, query.metric_stat.unit
    for value, date in re.findall(r"(-?[\d.E]+) \(([^)]+)\)", reason):
        moment = datetime.strptime(date, "%d/%m/%y %H:%M:%S").replace(tzinfo=UTC)
        start = int(moment.timestamp()) * SECOND
        table.add(metric, start, of_values([float(value)]), unit or "None")
        end = max(end, start + alarm.seconds * SECOND)
    return table, end


def reproduce(text: str) -> str:
    """The same reason, from an alarm and datapoints read out of the text."""
    if text.startswith("Unchecked"):
        return AlarmState().reason
    dated = text.replace("DD/MM/YY HH:MM:SS", "26/02/26 10:13:00")
    found = _no_data(dated) if "(" not in dated else _crossed(dated)
    return found.replace("26/02/26 10:13:00", "DD/MM/YY HH:MM:SS") if dated != text else found


def _no_data(text: str) -> str:
    n = int(re.findall(r"\d+", text)[0])
    treatment = "missing"
    if "treated as" in text:
        treatment = "breaching" if "[Breaching]" in text else "notBreaching"
    alarm = alarm_of({"evaluation_periods": n, "treat_missing_data": treatment})
    table = table_of([], 60)
    received = re.search(r"(\d+) datapoints? w\w+ received for (\d+)", text)
    if received:
        table = table_of(
            [0.0] * int(received[1]) + [None] * (int(received[2]) - int(received[1])), 60
        )
        alarm = msgspec.structs.replace(
            alarm, evaluation_periods=int(received[2]), datapoints_to_alarm=1
        )
    before = "OK" if treatment != "notBreaching" else "ALARM"
    _, transition = evaluate(alarm, AlarmState(before), table, alarm.evaluation_periods * MINUTE)
    return transition.reason if transition else "no transition"


def _crossed(text: str) -> str:
    wording = next(word for word in WORDINGS if f"{word} the threshold" in text)
    alarmed = f"not {wording}" not in text
    threshold = re.search(r"the threshold \(([^)]+)\)", text)
    minimum = re.search(r"minimum (\d+)", text)
    out_of = re.search(r"out of the last (\d+)", text)
    values = re.findall(r"(-?[\d.E]+) \(\d\d/", text)
    n = int(out_of[1]) if out_of else len(values)
    m = (int(minimum[1]) if alarmed else n - int(minimum[1]) + 1) if minimum else None
    alarm = alarm_of(
        {
            "evaluation_periods": n, "datapoints_to_alarm": m, "period": 300 if out_of else 60,
            "comparison_operator": WORDINGS[wording], "threshold": threshold[1] if threshold else 0,
        }
    )  # fmt: skip
    table, end = _data(alarm, text)
    _, transition = evaluate(alarm, AlarmState("OK" if alarmed else "ALARM"), table, end)
    return transition.reason if transition else "no transition"


def _data_fields() -> list[str]:
    """The members an evaluation writes, in the notation of the file."""
    alarm = alarm_of({}, unit="Count")
    table = DatapointTable()
    table.add(METRIC, 0, of_values([10.0]), "Count")
    _, transition = evaluate(alarm, AlarmState("OK"), table, MINUTE)
    data = json.loads(transition.reason_data if transition else "{}")
    inner = ",".join(data["evaluatedDatapoints"][0])
    return sorted(f"{key}[{{{inner}}}]" if key == "evaluatedDatapoints" else key for key in data)


def _told(**fields: Any) -> dict[str, Any]:
    alarm = alarm_of({}, **fields)
    _, transition = evaluate(alarm, AlarmState("OK"), table_of(["X"], 60), MINUTE)
    return sns_message(alarm, transition, Place()) if transition else {}


def _subject() -> bool:
    return all(
        sns_subject(_change(value), Place("1", "us-east-1"))
        == f'{value}: "a" in US East (N. Virginia)'
        for value in ("OK", "ALARM", "INSUFFICIENT_DATA")
    )


def _change(value: str) -> Transition:
    return Transition("a", 0, "OK", value, "", "", ())


def _statistics() -> bool:
    simple, extended = (
        _told()["Trigger"],
        _told(statistic=None, extended_statistic="p90")["Trigger"],
    )
    return (
        (simple["StatisticType"], simple["Statistic"]) == ("Statistic", "SUM")
        and (extended["StatisticType"], extended["ExtendedStatistic"])
        == ("ExtendedStatistic", "p90")
        and "Statistic" not in extended
    )


def _dimension_case() -> bool:
    alarm = alarm_of({}, dimensions=(Dimension("A", "b"),))
    return sns_message(alarm, _change("ALARM"), Place())["Trigger"]["Dimensions"] == [
        {"value": "b", "name": "A"}
    ]


def _math_trigger() -> bool:
    stat = MetricStat(METRIC, 60, "Sum")
    alarm = MetricAlarm(
        "a", 1, "GreaterThanThreshold", 5.0,
        metrics=(MetricQuery("m1", stat, return_data=False), MetricQuery("e1", None, "m1 * 2")),
    )  # fmt: skip
    _, transition = evaluate(alarm, AlarmState("OK"), table_of(["X"], 60), MINUTE)
    assert transition is not None
    trigger = sns_message(alarm, transition, Place())["Trigger"]
    return "Metrics" in trigger and not {"MetricName", "Namespace", "Statistic"} & set(trigger)


def _composite_message() -> bool:
    alarm = CompositeAlarm("c", "ALARM(a)")
    child = ChildState("ALARM", MINUTE, "arn:a")
    _, told = evaluate_composite(alarm, CompositeState(), {"a": child}, MINUTE)
    message = sns_message(alarm, told[0], Place())
    return (
        message["AlarmRule"] == "ALARM(a)"
        and message["TriggeringChildren"][0]["Arn"] == "arn:a"
        and "Trigger" not in message
    )


NOTES: dict[str, Callable[[], object]] = {
    "values in the example are illustrative": lambda: True,
    "Trigger.DatapointsToAlarm": lambda: (
        "DatapointsToAlarm" not in _told()["Trigger"]
        and _told(datapoints_to_alarm=1)["Trigger"]["DatapointsToAlarm"] == 1
    ),
    "Statistic is upper case": _statistics,
    "lower-case name/value": _dimension_case,
    "Region is the long name": lambda: Place("1", "eu-west-1").region_name == "EU (Ireland)",
    "Unit null": lambda: _told()["Trigger"]["Unit"] is None,
    "ActionExecutedAfterMuteWindow": lambda: _told()["ActionExecutedAfterMuteWindow"] is False,
    "metric-math alarms carry Trigger.Metrics": _math_trigger,
    "composite alarms: AlarmRule": _composite_message,
}
