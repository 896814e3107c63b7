"""What an evaluation to come will say whatever is still to come.

A count only grows. Once so many of an alarm's last periods breach as it takes, no event that
follows can change what the evaluation at the end of the newest of them will find, so it need
not be waited for. That holds where more events can only move the statistic further beyond the
threshold; for all else the answer is no.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alarms._evaluate import assess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.alarms._definition import MetricAlarm
    from tocsin.alarms._evaluate import Assessment
    from tocsin.alarms._table import Lookup
    from tocsin.pattern import MetricFilter

__all__ = ["certain_alarm", "only_grows"]

_UP = frozenset({"GreaterThanThreshold", "GreaterThanOrEqualToThreshold"})
_DOWN = frozenset({"LessThanThreshold", "LessThanOrEqualToThreshold"})


def only_grows(alarm: MetricAlarm, filters: Sequence[MetricFilter]) -> bool:
    """Whether a period that breaches goes on breaching; `filters` are all that feed the metric.

    A default value stands only until a match comes, so it may fall again.
    """
    if alarm.metrics or alarm.threshold is None:
        return False
    defaults = {each.transformation.default for each in filters} - {None}
    if alarm.statistic == "Minimum":
        return alarm.comparison_operator in _DOWN and not defaults
    if alarm.comparison_operator not in _UP or defaults - {0.0}:
        return False
    negative = any(not isinstance(each.value, float) or each.value < 0 for each in filters)
    return alarm.statistic in {"SampleCount", "Maximum"} or (
        alarm.statistic == "Sum" and not negative
    )


def certain_alarm(alarm: MetricAlarm, lookup: Lookup, time: int) -> Assessment | None:
    """What the evaluation at `time` will find, if that is ALARM already; else None.

    Only for alarms of which `only_grows` holds. Periods without data count as not breaching:
    what comes may yet fill them.
    """
    found = assess(alarm, lookup, time)
    if found.value != "ALARM":
        return None
    newest = found.periods[: alarm.evaluation_periods]
    breaching = sum(1 for each in newest if each.value is not None and each.breaching)
    return found if breaching >= alarm.needed else None
