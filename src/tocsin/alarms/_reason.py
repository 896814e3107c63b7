"""State reasons and their data, worded as CloudWatch words them.

Sources: user guide, "Alarm events and EventBridge" (samples); reasons recorded from AWS by
its users. Numbers are written as Java writes a double, because CloudWatch does.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from tocsin.alarms._vocabulary import COMPARISONS
from tocsin.durations import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.alarms._definition import MetricAlarm
    from tocsin.alarms._missing import Decision

__all__ = [
    "INITIAL_REASON",
    "Evaluated",
    "calendar",
    "java_double",
    "moment",
    "reason_data",
    "state_reason",
    "timestamp",
]

INITIAL_REASON = "Unchecked: Initial alarm creation"
_LISTED = 5
"""From so many datapoints on, the most recent of them stand in a sentence of their own."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = -62_135_596_800 * SECOND
_LAST = 253_402_300_799 * SECOND
# NOTE: strftime would use the words of whatever language the process was set to.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


class Evaluated(msgspec.Struct, frozen=True):
    """One period as an evaluation saw it."""

    time: int
    """The period's start, microseconds since 1970 UTC."""
    value: float | None
    """None if it is missing."""
    sample_count: int | None = None
    """None for the value of an expression."""
    breaching: bool | None = None


def moment(time: int) -> datetime:
    """A time in UTC; those no calendar reaches are told as the nearest it does."""
    return _EPOCH + timedelta(microseconds=min(max(time, _FIRST), _LAST))


def timestamp(time: int) -> str:
    """As in a notification: `2026-02-26T10:14:20.000+0000`."""
    at = moment(time)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


def calendar(time: int) -> str:
    """As in the reason of a composite alarm: `Friday 22 July, 2022 15:57:45 UTC`."""
    at = moment(time)
    date = f"{_DAYS[at.weekday()]} {at.day:02d} {_MONTHS[at.month - 1]}, {at.year}"
    return f"{date} {at:%H:%M:%S} UTC"


def java_double(value: float) -> str:
    """`21.0`, `0.0010`, `1.2E7`: scientific below a thousandth and from ten million."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(float(value))
    digits, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        shifted = f"{value:.17e}"
        exponent = shifted.partition("e")[2]
        digits = repr(float(f"{value!r}e{-int(exponent)}"))
    return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"


def state_reason(
    alarm: MetricAlarm, value: str, decision: Decision, periods: Sequence[Evaluated]
) -> str:
    """Why the alarm is in this state; `periods` are newest first."""
    if value == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_many(alarm.evaluation_periods)} unknown."
    used = [periods[position] for position in decision.used]
    alarmed = value == "ALARM"
    telling = [each for each in used if each.breaching is alarmed]
    filled = ""
    if decision.filled:
        word = "Breaching" if alarm.treatment == "breaching" else "NonBreaching"
        filled = f" and {_many(decision.filled, 'missing ')} treated as [{word}]"
    if not telling:
        received = _many(len(used)) if used else "no datapoints were"
        spell = _plural(alarm.evaluation_periods, "period")
        return f"Threshold Crossed: {received} received for {spell}{filled}."
    return _crossed(alarm, telling, filled, alarmed=alarmed)


def _crossed(
    alarm: MetricAlarm, telling: Sequence[Evaluated], filled: str, *, alarmed: bool
) -> str:
    count, n = len(telling), alarm.evaluation_periods
    # NOTE: alarms that do not state M have the shorter wording of before 2018.
    stated = alarm.datapoints_to_alarm is not None
    subject = f"{count} out of the last {n} datapoints" if stated else _plural(count, "datapoint")
    listed = ", ".join(f"{_number(each)} ({_date(each.time)})" for each in telling[:_LISTED])
    verb = "was" if count == 1 else "were"
    comparison = COMPARISONS[alarm.comparison_operator].wording
    crossing = f"{verb}{'' if alarmed else ' not'} {comparison} the threshold"
    crossing += f" ({java_double(alarm.threshold or 0.0)}){filled}"
    tail = ""
    if stated:
        minimum = alarm.needed if alarmed else n - alarm.needed + 1
        change = "OK -> ALARM" if alarmed else "ALARM -> OK"
        tail = f" (minimum {_plural(minimum, 'datapoint')} for {change} transition)"
    if count < _LISTED:
        return f"Threshold Crossed: {subject} [{listed}] {crossing}{tail}."
    which = "The most recent datapoints" + (" which crossed the threshold" if alarmed else "")
    return f"Threshold Crossed: {subject} {crossing}. {which}: [{listed}]{tail}."


def _number(each: Evaluated) -> str:
    return java_double(each.value or 0.0)


def _date(time: int) -> str:
    return f"{moment(time):%d/%m/%y %H:%M:%S}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _many(count: int, kind: str = "") -> str:
    return f"{_plural(count, kind + 'datapoint')} {'was' if count == 1 else 'were'}"


def reason_data(
    alarm: MetricAlarm, time: int, decision: Decision, periods: Sequence[Evaluated]
) -> str:
    """The reason for programs, as JSON text; datapoints are newest first, recent ones last."""
    used = [periods[position] for position in decision.used]
    missing = [position for position, each in enumerate(periods) if each.value is None]
    shown = sorted((*decision.used, *missing[: alarm.evaluation_periods - len(used)]))
    data: dict[str, object] = {"version": "1.0", "queryDate": timestamp(time)}
    if used:
        data["startDate"] = timestamp(used[-1].time)
    if alarm.unit:
        data["unit"] = alarm.unit
    if not alarm.metrics:
        data["statistic"] = alarm.statistic or alarm.extended_statistic
    data["period"] = alarm.seconds
    data["recentDatapoints"] = [each.value for each in reversed(used)]
    data["threshold"] = alarm.threshold
    data["evaluatedDatapoints"] = [_told(periods[position]) for position in shown]
    return msgspec.json.encode(data).decode()


def _told(each: Evaluated) -> dict[str, object]:
    told: dict[str, object] = {"timestamp": timestamp(each.time)}
    if each.value is not None:
        if each.sample_count is not None:
            told["sampleCount"] = float(each.sample_count)
        told["value"] = each.value
    return told
