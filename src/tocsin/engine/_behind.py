"""Who was behind an alarm of log groups: from the counts of its minutes, and from the lines.

The counts know each client and outlive a restart. The lines that were read last are kept too, as
they are, where a filter matched some of them: only when an alarm goes off are they looked at, for
who was named, when, and where that stands. What is kept and what is looked at is bounded, however
many lines come; then the counts are told all the same.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.alarms import Metric, alarm_metrics
from tocsin.correlation import FilterOffenders, Wanted
from tocsin.durations import MINUTE
from tocsin.engine._offenders import NAMED, offenders_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from tocsin.alarms import MetricAlarm
    from tocsin.engine._config_logs import LogConfig
    from tocsin.engine._origin import Origin
    from tocsin.logformat import Format
    from tocsin.scan import SourceKey, Table

    Part = tuple[MetricAlarm, int, int]
    """An alarm and the time that it looked at: the first of it, and where it ends."""

__all__ = ["Behind", "KeptLines"]

_KEPT = 16 << 20
"""Bytes of lines that are kept, of all log groups together."""
_EACH = 500
"""Bytes that whatever is kept takes besides its lines."""
_PARSED = 1500
"""Lines that are parsed for an alarm, the latest first."""
_AT_ONCE = 6000
"""Lines that are parsed for all alarms that go off between two looks at the logs."""


@dataclass(frozen=True, slots=True)
class KeptLines:
    """Some lines of a log group, or events that came with their times."""

    log_group: str
    form: Format
    first: int
    """The first minute that has an event, microseconds since 1970 UTC."""
    last: int
    data: bytes = b""
    origin: Origin | None = None
    events: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def of_lines(
        cls, log_group: str, form: Format, data: bytes, origin: Origin, counted: Table
    ) -> KeptLines:
        """Of whole lines, with what they were counted as."""
        minutes = counted.minutes.events.minutes() or (0, 0)
        return cls(log_group, form, *minutes, data, origin)

    @classmethod
    def of_events(
        cls, log_group: str, form: Format, events: Sequence[tuple[int, bytes]]
    ) -> KeptLines:
        times = [time for time, _ in events]
        return cls(log_group, form, min(times), max(times), events=tuple(events))

    @property
    def size(self) -> int:
        return _EACH + len(self.data) + sum(len(text) for _, text in self.events)


class Behind:
    """Answers who was behind an alarm."""

    def __init__(
        self,
        config: LogConfig,
        tables: Callable[[], Iterable[Mapping[int, Table]]],
        others: Callable[[int, int, Collection[str]], str],
        *,
        kept: int = _KEPT,
        parsed: int = _PARSED,
    ) -> None:
        """`tables` answers what was counted, of each log group by minute.

        `others` says who was busiest in a time by other knowledge, of these clients if any.
        `kept` bounds the bytes that are kept, `parsed` the lines that are parsed for an alarm.
        """
        self._most, self._parsed = kept, parsed
        self._filters = config.definitions.filters
        self._settings = config.settings
        self._metrics = {
            each.key: (each.transformation.namespace, each.transformation.metric)
            for each in self._filters
        }
        self._tables = tables
        self._others = others
        self._kept: deque[KeptLines] = deque()
        self._size = 0
        self._room = _AT_ONCE

    def keep(self, lines: Iterable[KeptLines]) -> None:
        """Keep what was read, and let go of the oldest where there is too much."""
        self._room = _AT_ONCE
        for each in lines:
            self._kept.append(each)
            self._size += each.size
        while self._size > self._most:
            self._size -= self._kept.popleft().size

    def __call__(self, parts: Sequence[Part]) -> tuple[list[tuple[str, int]], str]:
        """The clients with their matching events, the busiest first; and offenders as a text.

        Of several alarms an event counts once, even if all of them look at it.
        """
        cells = self._cells(parts)
        clients: Counter[str] = Counter()
        lost = 0
        for table, key in cells:
            clients.update(table.sources.get(key, {}))
            lost += table.lost[key]
        events = clients.total() + lost
        clients.pop("", None)
        sources = sorted(clients.items(), key=lambda each: (-each[1], each[0]))
        text = self._offenders(parts, clients, events) if events else ""
        if not text and parts:
            start, end = min(each[1] for each in parts), max(each[2] for each in parts)
            text = self._others(start, end, [client for client, _ in sources[: 2 * NAMED]])
        return sources, text

    def _cells(self, parts: Sequence[Part]) -> list[tuple[Table, SourceKey]]:
        """Where the events that the alarms look at are counted, each place once."""
        found: dict[tuple[int, SourceKey], tuple[Table, SourceKey]] = {}
        for alarm, start, end in parts:
            wanted = {metric for metric, _ in alarm_metrics(alarm)}
            for minutes in self._tables():
                for minute in range(start - start % MINUTE, end, MINUTE):
                    table = minutes.get(minute)
                    if table is None:
                        continue
                    for key in {*table.sources, *table.lost}:
                        if Metric.of(*self._metrics[key[0]], dict(key[2])) in wanted:
                            found[id(table), key] = table, key
        return list(found.values())

    def _offenders(self, parts: Sequence[Part], clients: Mapping[str, int], events: int) -> str:
        """From the lines that are still there, the latest first."""
        wanted = [
            Wanted(
                each, tuple((one.name, one.value) for one in metric.dimensions),
                start - start % MINUTE, end + -end % MINUTE,
            )
            for alarm, start, end in parts
            for metric, _ in alarm_metrics(alarm)
            for each in self._filters
            if self._metrics[each.key] == (metric.namespace, metric.metric_name)
        ]  # fmt: skip
        most = min(self._parsed, self._room)
        found = FilterOffenders(wanted, self._settings, most, events)
        for each in reversed(self._kept):
            if not found.asks(each.log_group, each.first, each.last):
                continue
            if each.origin is not None:
                found.take(each.log_group, each.form, each.data, each.origin.place)
            found.take_events(each.log_group, each.form, each.events, "sent")
            if not found.room:
                break
        self._room -= most - found.room
        text = offenders_text(found.top(NAMED, clients, events))
        if text and found.matched < events:
            text += f"; times, users and places are those of {found.matched} of {events} events"
        return text
