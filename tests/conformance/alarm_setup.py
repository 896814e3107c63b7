"""What the alarm cases are built from: an alarm of a case's fields, a table of its values."""

from __future__ import annotations

from typing import Any

from tocsin.alarms import (
    DatapointTable,
    Grid,
    Metric,
    MetricAlarm,
    compile_math,
    infer,
    of_values,
    run,
)
from tocsin.durations import HOUR, MINUTE, SECOND

PREVIOUS = ("OK", "ALARM", "INSUFFICIENT_DATA")
METRIC = Metric.of("namespace", "metric")
MARKS: dict[str | bool, float] = {"X": 10.0, "0": 0.0, True: 10.0, False: 0.0}


def alarm_of(case: dict[str, Any], **more: Any) -> MetricAlarm:
    """A definition with what the case says; X is 10, 0 is 0, the threshold is 5."""
    n = case.get("evaluation_periods", 1)
    extended = case.get("extended_statistic")
    fields = {
        "alarm_name": "alarm",
        "evaluation_periods": n,
        "datapoints_to_alarm": case.get("datapoints_to_alarm"),
        "comparison_operator": case.get("comparison_operator", "GreaterThanThreshold"),
        "threshold": float(case.get("threshold", 5.0)),
        "treat_missing_data": case.get("treat_missing_data", "missing"),
        "period": case.get("period", 60),
        "metric_name": METRIC.metric_name,
        "namespace": METRIC.namespace,
        "statistic": None if extended else case.get("statistic", "Sum"),
        "extended_statistic": extended,
    }
    return MetricAlarm(**{**fields, **more})


def table_of(
    values: list[Any], seconds: int, start: int = 0, into: DatapointTable | None = None
) -> DatapointTable:
    """A datapoint every so many seconds; `-` and null are missing."""
    table = DatapointTable() if into is None else into
    for position, value in enumerate(values):
        if value is not None and value != "-":
            number = MARKS[value] if isinstance(value, (str, bool)) else float(value)
            table.add(METRIC, start + position * seconds * SECOND, of_values([number]))
    return table


def run_expression(
    text: str, metrics: dict[str, list[float | None]], period: int = 60, start: int = 0
) -> Any:
    """The value of an expression over series that begin at `start`, microseconds."""
    series = {
        name: [None if value is None else float(value) for value in values]
        for name, values in metrics.items()
    }
    length = max((len(values) for values in series.values()), default=5)
    starts = tuple(start + place * period * SECOND for place in range(length))
    grid = Grid(starts, period, tuple(series.items()))
    program = compile_math(text)
    infer(program, dict.fromkeys(series, "T"), tuple(series))
    return run(program, grid, series)


def as_series(value: Any) -> Any:
    """Comparable: rounded, whole numbers as they are read, names of series left out."""
    if isinstance(value, tuple):
        return as_series(value[1])
    if isinstance(value, list):
        return [as_series(each) for each in value]
    return None if value is None else round(float(value), 9) + 0.0


def clock(text: str) -> int:
    """`10:03`, as microseconds after midnight."""
    hours, minutes = text.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE
