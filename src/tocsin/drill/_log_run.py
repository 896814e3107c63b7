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
from tocsin.drill._sieve import Sieve
from tocsin.drill._stamp import stamp
from tocsin.drill._weaken import BEYOND, Weakness
from tocsin.durations import DAY, MINUTE
from tocsin.logformat import FORMATS, Clues, Parsed, make_format
from tocsin.scan import Scanner, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.alarms import MetricAlarm
    from tocsin.drill._model import Drill
    from tocsin.pattern import MetricFilter, Settings

__all__ = ["LogDrillRun", "LogSetup", "form_of", "log_weaknesses_of", "rehearse_lines"]


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


class LogDrillRun:
    """Counts the drill's lines alone, and evaluates the alarm on them.

    No real line comes in and none of the drill's gets out, so nothing real is told or blocked.
    """

    def __init__(self, drill: Drill, setup: LogSetup, sieve: Sieve, id_: str, started: int) -> None:
        assert drill.lines is not None  # noqa: S101 - for the type checker
        self.drill = drill
        self.id = id_
        self.started = started
        self.seen: int | None = None
        """When a filter first matched; microseconds since 1970 UTC."""
        self.fired: int | None = None
        self._lines = drill.lines
        self._setup = setup
        self._sieve = sieve
        self._sent = 0
        self._due = started
        self._known: set[bytes] = set()
        self._scanners: dict[str, Scanner] = {}
        self._table = Table()
        self._points = DatapointTable()
        self._run = AlarmRun([setup.alarm] if setup.alarm else [], _minute(started))

    def due(self, form: str, now: int) -> list[bytes]:
        """The lines to send by `now`, in the log group's format, without their ends."""
        if now < self._due:
            return []
        self._due = now + self.drill.interval
        text = self._lines.line.replace("$time", stamp(form, now, self._setup.offset))
        numbers = range(self._sent + 1, self._sent + 1 + self._lines.count)
        self._sent += self._lines.count
        return [self._sieve.mark(text.replace("$number", str(n)), self.id) for n in numbers]

    def take(self, form: str, lines: Iterable[bytes], now: int) -> None:
        """Lines came back out of the log group; one that comes twice counts once."""
        new = [line for line in lines if line not in self._known]
        self._known.update(new)
        if not new or not form:
            return
        if form not in self._scanners:
            reader = make_format(form, _clues(self._setup.offset, now))
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
        if not self._known:
            return f"the log group {self._lines.log_group} did not read the lines"
        if not self._table.counted:
            return "the lines are not of the log group's format"
        if self.seen is None:
            return "no metric filter of the alarm matched the lines"
        return "the alarm's filters matched, but it did not go off in time"


def form_of(line: str, offset: int, now: int) -> str:
    """The first format that a drill's line is of once its time is filled in; empty for none."""
    for form in FORMATS:
        text = line.replace("$time", stamp(form, now, offset)).replace("$id", "0" * 62)
        if isinstance(make_format(form, _clues(offset, now)).parse(text.encode()), Parsed):
            return form
    return ""


def rehearse_lines(drill: Drill, setup: LogSetup, started: int) -> LogDrillRun:
    """The whole drill by a clock of its own, without a log and without telling anybody."""
    run = LogDrillRun(drill, setup, Sieve(b"rehearsal"), "0" * 16, started)
    time = started
    while run.fired is None and time <= started + drill.within:
        run.take(setup.form, run.due(setup.form, time), time)
        run.evaluate(time)
        time += drill.interval
    return run


def log_weaknesses_of(drill: Drill, setup: LogSetup, started: int) -> Iterator[Weakness]:
    """Remove the filter, put the threshold out of reach, stop the lines; each in a copy."""
    assert drill.lines is not None  # noqa: S101 - for the type checker
    silent = replace(drill, lines=replace(drill.lines, count=0))
    for done, changed, sent in (
        ("the metric filter is removed", replace(setup, filters=()), drill),
        ("its threshold is out of reach", _raised(setup), drill),
        ("the lines stop", setup, silent),
    ):
        if changed is None:
            continue
        run = rehearse_lines(sent, changed, started)
        if run.fired is None:
            yield Weakness(done, True, f"the drill fails: {run.why_not()}")
        elif sent is silent or not changed.filters:
            yield Weakness(done, True, "the alarm itself goes off without the lines")
        else:
            yield Weakness(done, False, "the drill still passes")


def _raised(setup: LogSetup) -> LogSetup | None:
    """None where the alarm has no threshold of its own, or goes off below it."""
    alarm = setup.alarm
    if alarm is None or alarm.threshold is None:
        return None
    if not alarm.comparison_operator.startswith("Greater"):
        return None
    return replace(setup, alarm=msgspec.structs.replace(alarm, threshold=BEYOND))


def _clues(offset: int, now: int) -> Clues:
    """Stamps without a year are of the twelve months up to tomorrow."""
    return Clues(offset, now + 2 * DAY - 365 * DAY)


def _minute(time: int) -> int:
    return time - time % MINUTE
