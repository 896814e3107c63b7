"""Reading what an Alertmanager and CloudWatch answered.

Sources: Alertmanager's OpenAPI description of `/api/v2`; Amazon CloudWatch API reference,
DescribeAlarms, DescribeAlarmHistory, GetMetricData.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.control import (
    STEP,
    AlarmSeen,
    AlarmsSeen,
    AlertmanagerAlerts,
    AlertSeen,
    AlertsSeen,
    CloudWatchAlarms,
    CloudWatchHistory,
    Entry,
    LedgerSeen,
    Row,
    SeriesSeen,
    SilenceSeen,
    SilencesSeen,
)
from tocsin.durations import DAY

if TYPE_CHECKING:
    from tocsin.control import CloudWatchMetric, Observation, Silences
    from tocsin.evidence._record import Answer

__all__ = ["read_alertmanager", "read_cloudwatch"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT = 30 * DAY
"""How long CloudWatch keeps the history of an alarm."""


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    startsAt: str  # noqa: N815 - the API's name, as the others below


class _Matcher(msgspec.Struct):
    name: str
    value: str
    isRegex: bool = False  # noqa: N815
    isEqual: bool = True  # noqa: N815

    def __str__(self) -> str:
        sign = ("=~" if self.isRegex else "=") if self.isEqual else "!~" if self.isRegex else "!="
        return f'{self.name}{sign}"{self.value}"'


class _Silence(msgspec.Struct):
    startsAt: str  # noqa: N815
    endsAt: str  # noqa: N815
    createdBy: str = ""  # noqa: N815
    comment: str = ""
    matchers: list[_Matcher] = []


class _Alarm(msgspec.Struct):
    AlarmName: str
    StateValue: str
    ActionsEnabled: bool = True


class _Alarms(msgspec.Struct):
    MetricAlarms: list[_Alarm] = []
    CompositeAlarms: list[_Alarm] = []


class _Item(msgspec.Struct):
    AlarmName: str
    Timestamp: str
    HistoryItemType: str
    HistorySummary: str = ""
    HistoryData: str = ""


class _State(msgspec.Struct):
    stateValue: str  # noqa: N815


class _Update(msgspec.Struct):
    oldState: _State  # noqa: N815
    newState: _State  # noqa: N815


class _History(msgspec.Struct):
    AlarmHistoryItems: list[_Item]


class _Result(msgspec.Struct):
    Timestamps: list[str]
    Values: list[float]
    StatusCode: str
    Label: str = ""


class _Metric(msgspec.Struct):
    MetricDataResults: list[_Result]
    Messages: list[dict[str, Any]] = []


def read_alertmanager(need: AlertmanagerAlerts | Silences, answer: Answer) -> Observation:
    """Raises msgspec's errors and ValueError."""
    if isinstance(need, AlertmanagerAlerts):
        alerts = msgspec.json.decode(answer.body, type=list[_Alert])
        # One that is silenced or inhibited fires all the same.
        seen = tuple(
            AlertSeen(tuple(sorted(a.labels.items())), "firing", _time(a.startsAt)) for a in alerts
        )
        return AlertsSeen(answer.started, seen)
    found = msgspec.json.decode(answer.body, type=list[_Silence])
    silences = tuple(
        SilenceSeen(
            each.createdBy, each.comment, "{" + ", ".join(map(str, each.matchers)) + "}",
            _time(each.startsAt), _time(each.endsAt),
        )
        for each in found
    )  # fmt: skip
    return SilencesSeen(answer.started, silences)


def read_cloudwatch(
    need: CloudWatchAlarms | CloudWatchHistory | CloudWatchMetric,
    data: msgspec.Raw,
    answer: Answer,
) -> Observation:
    """`data` is a list of the pages of an answer. Raises msgspec's errors and ValueError."""
    asked = answer.started
    if isinstance(need, CloudWatchAlarms):
        pages = msgspec.json.decode(data, type=list[_Alarms])
        alarms = [a for page in pages for a in (*page.MetricAlarms, *page.CompositeAlarms)]
        return AlarmsSeen(
            asked,
            tuple(AlarmSeen(a.AlarmName, a.StateValue, a.ActionsEnabled, asked) for a in alarms),
        )
    if isinstance(need, CloudWatchHistory):
        history = msgspec.json.decode(data, type=_Asked)
        return _history(history, asked)
    points: dict[int, float] = {}
    warnings: list[str] = []
    for page in msgspec.json.decode(data, type=list[_Metric]):
        warnings += [str(each.get("Value", each)) for each in page.Messages]
        for result in page.MetricDataResults:
            if result.StatusCode not in {"Complete", "PartialData"}:
                warnings.append(f"status {result.StatusCode}")
            for at, value in zip(result.Timestamps, result.Values, strict=True):
                # CloudWatch names a minute by its begin, a step here by its end.
                points[_time(at) + STEP] = value
    rows = (Row((), tuple(sorted(points.items()))),) if points else ()
    return SeriesSeen(rows, tuple(warnings))


class _Asked(msgspec.Struct):
    start: int
    """Of the period, seconds."""
    end: int
    pages: list[_History]


def _history(history: _Asked, asked: int) -> LedgerSeen:
    end = history.end * 1_000_000
    warnings: tuple[str, ...] = ()
    if asked - history.start * 1_000_000 > _KEPT:
        warnings = ("CloudWatch keeps the history of 30 days only",)
    items = [item for page in history.pages for item in page.AlarmHistoryItems]
    items.sort(key=lambda item: _time(item.Timestamp))
    entries = []
    for number, item in enumerate(items, 1):
        time = _time(item.Timestamp)
        if item.HistoryItemType == "StateUpdate":
            update = msgspec.json.decode(item.HistoryData, type=_Update)
            body: dict[str, Any] = {
                "alarm": item.AlarmName, "before": update.oldState.stateValue,
                "after": update.newState.stateValue,
            }  # fmt: skip
            entries.append(Entry(number, time, "transition", body))
        elif item.HistoryItemType == "ConfigurationUpdate":
            body = {"alarm": item.AlarmName, "what": item.HistorySummary}
            entries.append(Entry(number, time, "configuration", body))
    within = tuple(entry for entry in entries if entry.time < end)
    after = tuple(entry for entry in entries if entry.time >= end)
    return LedgerSeen(asked, (), within, after, warnings)


def _time(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text[:40]!r}")
    return (moment - _EPOCH) // timedelta(microseconds=1)
