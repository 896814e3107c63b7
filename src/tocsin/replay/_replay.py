"""Replay: the filters and alarms of a live daemon over old logs, with event time as the clock."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.alarms import MetricAlarm, alarm_metrics
from tocsin.durations import MINUTE
from tocsin.errors import ParseError, Problem, Span, TocsinError
from tocsin.pattern import DEFAULTS
from tocsin.replay._alarms import run_alarms, thresholds
from tocsin.replay._behind import Behind, behind, look_back
from tocsin.replay._chart import Curve, curve
from tocsin.replay._files import log_group_of, open_log
from tocsin.replay._history import history
from tocsin.replay._rules import correlate, count_offenders
from tocsin.replay._workers import count_log, worker_processes, workers_for
from tocsin.scan import Scanner, Table
from tocsin.source import ReadCounts, read_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.alarms import CompositeAlarm
    from tocsin.correlation import By, RuleSet, TopOffenders
    from tocsin.pattern import MetricFilter, Settings
    from tocsin.replay._alarms import Threshold
    from tocsin.replay._behind import Part
    from tocsin.replay._files import Opened
    from tocsin.replay._rules import Correlated
    from tocsin.replay._workers import Workers
    from tocsin.source import LogLimits

__all__ = ["ReplayOptions", "Replayed", "Replayer"]


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What files and definitions do not say."""

    log_group: str = ""
    """The log group of all files."""
    log_format: str = ""
    """The format of all files, or an expression; empty to find it."""
    year: int | None = None
    """Of the first line of each file, where stamps have none."""
    offset: int = 0
    """Seconds east of UTC, of stamps without a zone."""
    settings: Settings = DEFAULTS


@dataclass(slots=True)
class Replayed:
    """What a replay found."""

    tally: Table = field(default_factory=Table)
    reading: ReadCounts = field(default_factory=ReadCounts)
    begin: int | None = None
    """The first minute with an event."""
    end: int | None = None
    """Where the last minute with an event ends."""
    transitions: list[Behind] = field(default_factory=list)
    thresholds: dict[str, list[Threshold]] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    """Of each metric alarm, if charts were asked for."""
    warnings: list[Problem] = field(default_factory=list)
    correlated: Correlated | None = None
    """What Sigma rules found, if there were any."""


class Replayer:
    """Filters and alarms, ready to be run over files."""

    def __init__(
        self,
        filters: Sequence[MetricFilter],
        alarms: Sequence[MetricAlarm | CompositeAlarm],
        options: ReplayOptions,
        limits: LogLimits,
    ) -> None:
        self._filters = filters
        self._alarms = alarms
        self._options = options
        self._limits = limits

    def open(self, paths: Sequence[str], now: int) -> list[Opened]:
        """Look at the files; those with the earliest events come first.

        Raises ParseError for one that can't be placed, SourceError for one that can't be read.
        """
        options = self._options
        groups = sorted({each.log_group for each in self._filters})
        if options.log_group and options.log_group not in groups:
            listed = ", ".join(groups[:10]) or "none"
            raise ParseError(
                f"no filter is of log group {options.log_group!r}", hint=f"there are: {listed}"
            )
        found = []
        for path in paths:
            group = options.log_group or (log_group_of(path, groups) if groups else "")
            head = read_head(path, self._limits)
            found.append(
                open_log(
                    head,
                    name=options.log_format,
                    year=options.year,
                    offset=options.offset,
                    now=now,
                    log_group=group,
                )
            )
        return sorted(found, key=lambda each: (each.first is None, each.first or 0, each.log.path))

    @contextmanager
    def workers(
        self, opened: Sequence[Opened], count: int | None = None
    ) -> Iterator[Workers | None]:
        """Processes to count these logs with, None if this one does it alone.

        Without a count, as many as there are processors where the files are large. They begin at
        once. Raises SourceError.
        """
        count = workers_for(opened) if count is None else count
        if count == 1:
            yield None
            return
        settings = self._options.settings
        with worker_processes(count, opened, self._filters, settings, self._limits) as made:
            yield made

    def run(
        self,
        opened: Sequence[Opened],
        progress: Callable[[int], None],
        *,
        report: bool = False,
        charts: bool = False,
        workers: Workers | None = None,
    ) -> Replayed:
        """Read the files and evaluate the alarms. Raises SourceError, TocsinError.

        Workers are those that were made for the same files.
        """
        done = Replayed()
        if workers is None:
            reading = [self._count(each, done.tally, progress) for each in opened]
        else:
            reading = workers.count(done.tally, progress)
        for each, counts in zip(opened, reading, strict=True):
            done.warnings += each.warnings
            self._tell(each, counts, done)
        if not done.tally.balanced:
            raise TocsinError(
                "lines were lost while counting", hint="this is a mistake of Tocsin's"
            )
        done.warnings += self._unfed()
        minutes = done.tally.minutes.events.minutes()
        if minutes is not None:
            done.begin, done.end = minutes[0], minutes[1] + MINUTE
            found = self._judge(done, done.begin, done.end, report=report, charts=charts)
            done.transitions = look_back(
                found, opened, self._filters, self._options.settings, self._limits
            )
        return done

    def correlate(
        self, opened: Sequence[Opened], rules: RuleSet, progress: Callable[[int], None]
    ) -> Replayed:
        """Read the files and run Sigma rules over them. Raises SourceError."""
        found = correlate(opened, rules, self._limits, progress)
        return self._accounted(found, opened, Replayed(correlated=found))

    def top_offenders(
        self,
        opened: Sequence[Opened],
        rules: RuleSet,
        progress: Callable[[int], None],
        *,
        by: By,
        window: tuple[int, int],
    ) -> tuple[TopOffenders, Replayed]:
        """Who is behind the events of a window that Sigma rules ask for. Raises SourceError."""
        found, read = count_offenders(opened, rules, self._limits, progress, by=by, window=window)
        return found, self._accounted(read, opened, Replayed())

    def _accounted(self, found: Correlated, opened: Sequence[Opened], done: Replayed) -> Replayed:
        done.tally.read, done.tally.counted = found.read, found.counted
        done.tally.dropped.update(found.dropped)
        for each, counts in zip(opened, found.reading, strict=True):
            done.warnings += each.warnings
            self._tell(each, counts, done)
        return done

    def _count(self, each: Opened, table: Table, progress: Callable[[int], None]) -> ReadCounts:
        filters = [one for one in self._filters if one.log_group == each.log_group]
        scanner = Scanner(filters, each.format, self._options.settings)
        return count_log(each.log, scanner, table, self._limits, progress)

    def _tell(self, each: Opened, counts: ReadCounts, done: Replayed) -> None:
        done.reading.add(counts)
        for count, what in (
            (
                counts.cut,
                f"lines longer than {self._limits.line} bytes, cut at that length: {counts.cut}",
            ),
            (counts.damaged, "the archive is damaged; what could be read was"),
            (
                counts.bombs,
                "the archive inflates beyond all proportion; it was not read to its end",
            ),
            (counts.nuls, f"NUL bytes before lines, taken away: {counts.nuls}"),
            (
                counts.malformed,
                f"entries that are not as the journal's format says, left out: {counts.malformed}",
            ),
        ):
            if count:
                done.warnings.append(Problem(Span(each.log.name), what, severity="warning"))

    def _judge(
        self, done: Replayed, begin: int, end: int, *, report: bool, charts: bool
    ) -> list[tuple[Behind, list[Part]]]:
        metrics = {
            metric
            for alarm in self._alarms
            if isinstance(alarm, MetricAlarm)
            for metric, _ in alarm_metrics(alarm)
        }
        table = history(done.tally.minutes, self._filters, self._options.settings, metrics)
        by_name = {each.alarm_name: each for each in self._alarms}
        changes = run_alarms(self._alarms, table, begin, end)
        until = max([end, *(each.time for each in changes)])
        for alarm in self._alarms:
            if isinstance(alarm, MetricAlarm) and report:
                done.thresholds[alarm.alarm_name] = thresholds(alarm, table, begin, end)
            if isinstance(alarm, MetricAlarm) and charts:
                done.curves[alarm.alarm_name] = curve(alarm, table, (begin, end), until)
        return behind(changes, by_name, done.tally, self._filters)

    def _unfed(self) -> list[Problem]:
        """Alarms that can't see anything here: their silence is no success."""
        made = {
            (each.transformation.namespace, each.transformation.metric) for each in self._filters
        }
        return [
            Problem(
                Span(),
                f"alarm {alarm.alarm_name!r} looks at a metric that no filter here makes",
                "name the file with its metric filter too",
                "warning",
            )
            for alarm in self._alarms
            if isinstance(alarm, MetricAlarm)
            and not any(
                (metric.namespace, metric.metric_name) in made for metric, _ in alarm_metrics(alarm)
            )
        ]
