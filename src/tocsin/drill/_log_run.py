"""A drill of lines under way: its own counts and alarm state, the filters and alarm in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from tocsin.alarms import (
    AlarmRun,
    DatapointTable,
    Metric,
    certain_alarm,
    evaluation_interval,
    of_values,
    only_grows,
)
from tocsin.drill._line_run import LineRun, clues_of
from tocsin.drill._weaken import BEYOND
from tocsin.durations import MINUTE
from tocsin.logformat import make_format
from tocsin.scan import Scanner, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.alarms import MetricAlarm
    from tocsin.drill._model import Drill
    from tocsin.drill._sieve import Sieve
    from tocsin.pattern import MetricFilter, Settings

__all__ = ["LogDrillRun", "LogSetup"]


@dataclass(frozen=True, slots=True)
class LogSetup:
    """What is in force where the lines go."""

    alarm: MetricAlarm | None
    """None where no metric alarm has the name."""
    filters: tuple[MetricFilter, ...]
    """Those of the log group that feed the alarm."""
    settings: Settings
    form: str
    """The log group's format."""
    offset: int
    """Seconds east of UTC, of stamps without a zone."""
    lateness: int
    """Microseconds after which a minute is closed."""

    @property
    def ready(self) -> bool:
        """Whether what must go off is in force."""
        return self.alarm is not None

    def weakened(self) -> Iterator[tuple[str, LogSetup, bool]]:
        """What is made worse, the copy in which it is, and whether it sees no line at all."""
        yield "the metric filter is removed", replace(self, filters=()), True
        raised = _raised(self)
        if raised is not None:
            yield "its threshold is out of reach", raised, False

    def begin(self, drill: Drill, sieve: Sieve, id_: str, started: int) -> LogDrillRun:
        """A drill of it."""
        return LogDrillRun(drill, self, sieve, id_, started)


class LogDrillRun(LineRun):
    """Counts the drill's lines alone, and evaluates the alarm on them."""

    def __init__(self, drill: Drill, setup: LogSetup, sieve: Sieve, id_: str, started: int) -> None:
        super().__init__(drill, setup.offset, sieve, id_, started)
        self._setup = setup
        self._scanners: dict[str, Scanner] = {}
        self._table = Table()
        self._points = DatapointTable()
        self._run = AlarmRun([setup.alarm] if setup.alarm else [], _minute(started))

    def take(self, form: str, lines: Iterable[bytes], now: int) -> None:
        """Lines came back out of the log group; one that comes twice counts once."""
        new = self.new(lines)
        if not new or not form:
            return
        if form not in self._scanners:
            reader = make_format(form, clues_of(self._setup.offset, now))
            self._scanners[form] = Scanner(self._setup.filters, reader, self._setup.settings)
        self._scanners[form].scan(b"\n".join(new) + b"\n", self._table)
        if self.seen is None and self._table.minutes.matches:
            self.seen = now
        self._points = DatapointTable()
        for each in self._table.minutes.datapoints(self._setup.filters, self._setup.settings):
            metric = Metric.of(each.namespace, each.metric, dict(each.dimensions))
            self._points.add(metric, each.time, of_values(dict(each.samples)), each.unit)

    def evaluate(self, now: int) -> str | None:
        """The alarm's reason once, when it goes off."""
        if self._setup.alarm is None or self.fired is not None:
            return None
        changes = self._run.advance(self._points, _minute(now - self._setup.lateness))
        reason = next((each.reason for each in changes if each.after == "ALARM"), None)
        if reason is None:
            reason = self._look_ahead(self._setup.alarm)
        if reason is not None:
            self.fired = now
        return reason

    def _look_ahead(self, alarm: MetricAlarm) -> str | None:
        """What is certain of minutes that are not closed, as with real lines."""
        if not only_grows(alarm, self._setup.filters):
            return None
        interval, state = evaluation_interval(alarm), self._run.states[alarm.alarm_name]
        done = state.since if state.evaluated is None else state.evaluated
        times = {(t // interval + 1) * interval for _, _, t, _ in self._points.items()}
        for time in sorted(each for each in times if each > done):
            found = certain_alarm(alarm, self._points, time)
            if found is not None:
                return found.reason
        return None

    def why_not(self) -> str:
        """Why it did not come to an alarm, as far as can be told."""
        if self._setup.alarm is None:
            return f"no metric alarm {self.drill.alert} is in force"
        if not self.known:
            return f"the log group {self.lines.log_group} did not read the lines"
        if not self._table.counted:
            return "the lines are not of the log group's format"
        if self.seen is None:
            return "no metric filter of the alarm matched the lines"
        return "the alarm's filters matched, but it did not go off in time"


def _raised(setup: LogSetup) -> LogSetup | None:
    """None where the alarm has no threshold of its own, or goes off below it."""
    alarm = setup.alarm
    if alarm is None or alarm.threshold is None:
        return None
    if not alarm.comparison_operator.startswith("Greater"):
        return None
    return replace(setup, alarm=msgspec.structs.replace(alarm, threshold=BEYOND))


def _minute(time: int) -> int:
    return time - time % MINUTE
