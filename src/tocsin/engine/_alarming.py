"""The alarms of a running daemon: evaluated once a minute is complete, told once it is certain.

An evaluation looks only at minutes that are closed, so it says what a replay of the same log
says. But where what was counted so far decides it, whatever may follow, the receivers are told
at once; the evaluation then finds what was told.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from tocsin.alarms import (
    AlarmRun,
    AlarmState,
    CompositeState,
    MetricAlarm,
    Transition,
    alarms_behind,
    certain_alarm,
    due_actions,
    evaluation_interval,
    evaluation_range,
    only_grows,
    sns_message,
)
from tocsin.alerting import Announcement, notified_alert
from tocsin.durations import HOUR, MINUTE, SECOND
from tocsin.engine._datapoints import Datapoints
from tocsin.engine._offenders import OFFENDERS
from tocsin.rules import ActiveAlert
from tocsin.store import LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from tocsin.alarms import CompositeAlarm
    from tocsin.engine._behind import Part
    from tocsin.engine._config_logs import LogConfig
    from tocsin.engine._notifying import Notifying
    from tocsin.pattern import Datapoint

__all__ = ["Alarming", "AlarmsState", "Offender", "Told", "alarm_alert", "names_offenders"]

_log = logging.getLogger(__name__)
_NAMED = 10
"""Sources that an alert names."""


class AlarmsState(msgspec.Struct):
    """What the alarms remember; survives a restart through the store."""

    begin: int
    """When the daemon first had log groups: what is older was never watched."""
    closed: int
    """Everything up to here was read and evaluated."""
    floor: int
    """Events of minutes before it come too late."""
    alarms: dict[str, AlarmState] = {}
    composites: dict[str, CompositeState] = {}
    firing: dict[str, ActiveAlert] = {}
    """What receivers were told, and not told to be over."""
    early: dict[str, int] = {}
    """Alarms told before their evaluation, with the time of that evaluation."""
    windows: dict[str, tuple[int, int]] = {}
    """Alarms in ALARM, with the time that they looked at when they came to be so."""


class Offender(msgspec.Struct, frozen=True):
    """A client that alone made an alert, or would have made an alarm go off."""

    client: str
    by: str
    """What it set off."""
    reason: str
    start: int
    end: int
    """Its events were between these."""
    evaluated_at: int
    """Of the transition, as the ledger has it."""


class Told(msgspec.Struct):
    """What came of an evaluation."""

    ledger: list[LedgerEntry] = []
    announcements: list[Announcement] = []
    offenders: list[Offender] = []

    def add(self, other: Told) -> None:
        """Take what came of another."""
        self.ledger += other.ledger
        self.announcements += other.announcements
        self.offenders += other.offenders


@dataclass(slots=True)
class _Found:
    """Who was behind an alarm that went off."""

    annotations: dict[str, str] = field(default_factory=dict)
    offenders: list[Offender] = field(default_factory=list)


class Alarming:
    """Works on datapoints that it is given; commits and sends nothing itself."""

    def __init__(
        self,
        config: LogConfig,
        state: AlarmsState | None,
        now: int,
        notifying: Callable[[], Notifying],
        behind: Callable[[Sequence[Part]], tuple[list[tuple[str, int]], str]],
    ) -> None:
        """`behind` answers who was behind alarms, each in its time, and offenders as a text."""
        minute = now - now % MINUTE
        self.config = config
        alarms = config.definitions.alarms
        spans = [
            evaluation_range(each.evaluation_periods) * each.seconds * SECOND
            + evaluation_interval(each)
            for each in alarms
            if isinstance(each, MetricAlarm)
        ]
        self.horizon = max([HOUR, *spans])
        """Microseconds that alarms look back, at most."""
        known = state or AlarmsState(minute, minute, minute - self.horizon)
        self.begin, self.closed, self.floor = known.begin, known.closed, known.floor
        self.run = AlarmRun(alarms, minute, known.alarms, known.composites, config.unfed)
        self.firing, self.early = dict(known.firing), dict(known.early)
        names = self.run.alarms
        self._windows = {name: each for name, each in known.windows.items() if name in names}
        self.datapoints = Datapoints()
        self._notifying = notifying
        self._behind = behind
        self._growing = [
            each
            for each in alarms
            if isinstance(each, MetricAlarm)
            and each.alarm_name not in config.unfed
            and only_grows(each, config.feeding(each))
        ]

    @property
    def state(self) -> AlarmsState:
        return AlarmsState(
            self.begin, self.closed, self.floor, dict(self.run.states),
            dict(self.run.composite_states), dict(self.firing), dict(self.early),
            dict(self._windows),
        )  # fmt: skip

    def recount(self, minute: int, measured: Iterable[Datapoint]) -> None:
        """A minute has new counts."""
        self.datapoints.put(minute, measured)

    def look_ahead(self, minutes: Collection[int], now: int) -> Told:
        """Tell what is certain of minutes that still count."""
        told = Told()
        for alarm in self._growing:
            name = alarm.alarm_name
            state, interval = self.run.states[name], evaluation_interval(alarm)
            if name in self.firing or name in self.early or state.value == "ALARM":
                continue
            for minute in sorted(minutes):
                time = (minute // interval + 1) * interval
                if time <= (state.since if state.evaluated is None else state.evaluated):
                    continue
                sure = certain_alarm(alarm, self.datapoints, time)
                if sure is None:
                    continue
                change = Transition(
                    name, time, state.value, "ALARM", sure.reason, sure.reason_data,
                    due_actions(alarm, "ALARM"), sure.periods[: alarm.evaluation_periods],
                )  # fmt: skip
                self._foretell(change, now, told)
                break
        if self.early and self.run.composite_states:
            for change in self.run.foresee(self._certain()):
                if change.alarm not in self.firing:
                    self._foretell(change, now, told)
        return told

    def _certain(self) -> dict[str, int]:
        """Alarms that evaluations to come will find in ALARM; some have been for a while."""
        certain = dict(self.early)
        for alarm in self._growing:
            if self.run.states[alarm.alarm_name].value == "ALARM":
                for time in sorted(set(self.early.values())):
                    if certain_alarm(alarm, self.datapoints, time) is not None:
                        certain[alarm.alarm_name] = time
                        break
        return certain

    def _foretell(self, change: Transition, now: int, told: Told) -> None:
        """Tell a change to ALARM before its evaluation, which is certain to find it."""
        alarm = self.run.alarms[change.alarm]
        self._windows[change.alarm] = _window(alarm, change)
        found = self._found(alarm, change)
        told.ledger.append(_entry(change, now, found, early=True))
        self.early[change.alarm] = change.time
        self._fire(change, found, now, told)

    def advance(self, end: int, now: int) -> Told:
        """Everything up to `end` was read: evaluate, and tell what changed."""
        told = Told()
        for each in self.run.advance(self.datapoints, end):
            self._settle(each, now, told)
        self.closed = self.floor = end
        for name, time in list(self.early.items()):
            if time > end:
                continue
            del self.early[name]
            alarm = self.run.states.get(name) or self.run.composite_states.get(name)
            if name in self.firing and (alarm is None or alarm.value != "ALARM"):
                _log.error("alarm %s was told early and is not in ALARM", name)
                self._windows.pop(name, None)
                self._resolve(_end(name, now, "it was told too early"), now, told)
        self.datapoints.drop_before(end - self.horizon)
        return told

    def retire(self, now: int) -> Told:
        """End the alarms that are told as firing and are no longer defined or fed."""
        told = Told()
        for name in list(self.firing):
            if name not in self.run.alarms or name in self.config.unfed:
                self._resolve(_end(name, now, "the alarm is no longer evaluated"), now, told)
        return told

    def _settle(self, change: Transition, now: int, told: Told) -> None:
        """An evaluation found a change of state."""
        alarm, found = self.run.alarms[change.alarm], _Found()
        # One before the evaluation that will find what was told does not end it.
        foretold = change.time < self.early.get(change.alarm, 0)
        if change.after == "ALARM":
            self._windows[change.alarm] = _window(alarm, change)
        elif not foretold:
            self._windows.pop(change.alarm, None)
        known = change.alarm in self.firing
        if change.after == "ALARM" and not known:
            found = self._found(alarm, change)
        told.ledger.append(_entry(change, now, found))
        if change.after != "ALARM" and known:
            if not foretold:
                self._resolve(change, now, told)
        elif change.after == "ALARM" and not known and not change.suppressed_by:
            self._fire(change, found, now, told)

    def _fire(self, change: Transition, found: _Found, now: int, told: Told) -> None:
        alarm = self.run.alarms[change.alarm]
        if not alarm.actions_enabled:
            return
        alert = alarm_alert(alarm, change.reason, now)
        if found.annotations:
            every = alert.annotations | found.annotations
            alert = msgspec.structs.replace(alert, annotations=every)
        told.offenders += found.offenders
        self.firing[change.alarm] = alert
        self._tell(change, alert, 0, told)

    def _found(self, alarm: MetricAlarm | CompositeAlarm, change: Transition) -> _Found:
        """Who was behind a change to ALARM."""
        found = _Found()
        parts = self._parts(alarm, change)
        if not parts:
            return found
        sources, who = self._behind(parts)
        if who:
            found.annotations[OFFENDERS] = who
        if sources:
            named = ", ".join(f"{client} ({count})" for client, count in sources[:_NAMED])
            found.annotations |= {"sources": named, "distinct_sources": str(len(sources))}
        if isinstance(alarm, MetricAlarm):
            # Who made a composite alarm go off is proposed by the alarms behind it.
            found.offenders = _offenders(alarm, sources, *parts[0][1:], change.time)
        return found

    def _parts(self, alarm: MetricAlarm | CompositeAlarm, change: Transition) -> list[Part]:
        """The alarms that looked at events, each with the time it looked at."""
        if isinstance(alarm, MetricAlarm):
            return [(alarm, *_window(alarm, change))] if change.datapoints else []
        behind = alarms_behind(alarm, self.run.alarms, self._windows)
        found = [(each, *self._windows[each.alarm_name]) for each in behind]
        return [each for each in found if each[1] < each[2]]

    def _resolve(self, change: Transition, now: int, told: Told) -> None:
        alert = self.firing.pop(change.alarm)
        self.early.pop(change.alarm, None)
        annotations = alert.annotations | {"reason": change.reason}
        self._tell(change, msgspec.structs.replace(alert, annotations=annotations), now, told)

    def _tell(self, change: Transition, alert: ActiveAlert, ended: int, told: Told) -> None:
        notifying, alarm = self._notifying(), self.run.alarms.get(change.alarm)
        url = f"{notifying.external_url.rstrip('/')}/api/v1/alarms?name={quote(change.alarm)}"
        told_of = notified_alert(alert, notifying.external_labels, url, ended)
        message = sns_message(alarm, change, self.config.place) if alarm else {}
        told_of = msgspec.structs.replace(told_of, message=message)
        # The time of the evaluation: the same change is the same message, whenever it is found.
        told.announcements.append(Announcement(change.alarm, change.time, (told_of,)))


def alarm_alert(alarm: MetricAlarm | CompositeAlarm, reason: str, now: int) -> ActiveAlert:
    """An alarm that went off, as receivers are told of it; it has no value but its reason."""
    annotations = {"summary": alarm.alarm_description or alarm.alarm_name, "reason": reason}
    return ActiveAlert(_labels(alarm), annotations, "firing", None, "NaN", now, now)


def _offenders(
    alarm: MetricAlarm, sources: list[tuple[str, int]], start: int, end: int, time: int
) -> list[Offender]:
    """Those whose own events are over the threshold, in as many periods as the alarm needs.

    Who is merely among the clients of a window is no offender.
    """
    if not names_offenders(alarm):
        return []
    least = (alarm.threshold or 0.0) * alarm.needed
    return [
        Offender(client, f"alarm {alarm.alarm_name}", f"{count} events", start, end, time)
        for client, count in sources[:_NAMED]
        if count > least
    ]


def names_offenders(alarm: MetricAlarm) -> bool:
    """Whether more events make it go off, so that a client alone can."""
    counts = alarm.statistic in {"Sum", "SampleCount"} and not alarm.metrics
    return counts and alarm.comparison_operator.startswith("Greater")


def _window(alarm: MetricAlarm | CompositeAlarm, change: Transition) -> tuple[int, int]:
    """The time of the datapoints that a change rests on; of none, its own and no time after it."""
    times = [each.time for each in change.datapoints]
    if not times or not isinstance(alarm, MetricAlarm):
        return change.time, change.time
    return min(times), max(times) + alarm.seconds * SECOND


def _entry(change: Transition, now: int, found: _Found, *, early: bool = False) -> LedgerEntry:
    told = {"annotations": found.annotations} if found.annotations else {}
    return LedgerEntry(now, "transition", {
        "alarm": change.alarm, "before": change.before, "after": change.after,
        "evaluated_at": change.time, "early": early, "reason": change.reason,
        "reason_data": change.reason_data, "suppressed_by": change.suppressed_by,
        "delayed": change.delayed, **told,
    })  # fmt: skip


def _end(name: str, now: int, reason: str) -> Transition:
    return Transition(name, now, "ALARM", "INSUFFICIENT_DATA", reason, "", ())


def _labels(alarm: MetricAlarm | CompositeAlarm) -> dict[str, str]:
    labels = {"alertname": alarm.alarm_name}
    if isinstance(alarm, MetricAlarm) and not alarm.metrics:
        labels |= {"namespace": alarm.namespace or "", "metric_name": alarm.metric_name or ""}
        for each in alarm.dimensions:
            labels.setdefault(each.name, each.value)
    return labels
