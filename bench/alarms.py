"""Alarms over a year of a busy log, beside one evaluation after the other."""

from __future__ import annotations

import random
import sys
import time

from tocsin.alarms import AlarmState, DatapointTable, Metric, MetricAlarm, evaluate, of_values
from tocsin.durations import MINUTE
from tocsin.replay._alarms import run_alarms

YEAR = 525_600
SAMPLE = 3000
_METRIC = Metric("Web", "Errors", ())
_KINDS = (
    ("Sum", 300, 1, 1, 18.0),
    ("Average", 60, 5, 3, 0.9),
    ("SampleCount", 60, 3, 3, 3.0),
    ("Maximum", 900, 2, 2, 0.5),
    ("Sum", 3600, 1, 1, 170.0),
)


def main(minutes: int = YEAR) -> None:
    rng, table = random.Random(1), DatapointTable()
    for minute in range(minutes):
        count = rng.randrange(6)
        table.add(_METRIC, minute * MINUTE, of_values({1.0: count} if count else {0.0: 1}))
    for statistic, period, periods, needed, threshold in _KINDS:
        alarm = MetricAlarm(
            alarm_name="busy", namespace="Web", metric_name="Errors", statistic=statistic,
            period=period, evaluation_periods=periods, datapoints_to_alarm=needed,
            threshold=threshold, comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
        )  # fmt: skip
        begin = time.perf_counter()
        changes = run_alarms([alarm], table, 0, minutes * MINUTE)
        taken = time.perf_counter() - begin
        state, begin = AlarmState(), time.perf_counter()
        for minute in range(1, SAMPLE + 1):
            state, _ = evaluate(alarm, state, table, minute * MINUTE)
        each = (time.perf_counter() - begin) / SAMPLE
        name = f"{statistic} over {period} s, {needed} of {periods}"
        print(
            f"  {name:32} {taken:6.2f} s for {minutes:,} evaluations, {len(changes):,} changes;"
            f"  one by one {each * 1e6:.0f} µs, {each * minutes / taken:.0f} x"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
