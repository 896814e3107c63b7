"""Who was behind the alarms of a replay: counted in the one reading, and looked up in a second.

The first reading counts clients by minute and keeps no line. Of the few times in which an alarm
went off, the lines are read once more: who was named, first and last time, and where that stands.
What that takes is bounded, however large the logs and however many the alarms; of what was not
looked at, the counts are told all the same.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from tocsin.alarms import CompositeAlarm, MetricAlarm, alarm_metrics, alarms_behind
from tocsin.correlation import FilterOffenders, Wanted
from tocsin.durations import MINUTE, SECOND
from tocsin.errors import SourceError
from tocsin.logformat import Parsed
from tocsin.source import ReadCounts, first_time, is_plain, last_time, read_log, read_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tocsin.alarms import Transition
    from tocsin.correlation import TopOffender
    from tocsin.pattern import MetricFilter, Settings
    from tocsin.replay._files import Opened
    from tocsin.scan import SourceKey, Table
    from tocsin.source import LogLimits

    Part = tuple[MetricAlarm, int, int]
    """An alarm and the time that it looked at: the first of it, and where it ends."""

__all__ = ["Behind", "behind", "look_back"]

_BUSIEST = 10
_MOST = 50
"""Alarms that are looked into, the first ones."""
_PARSED = 20_000
"""Lines that are parsed for all of them."""
_LEAST, _EACH = 300, 2000
"""Lines that are parsed for one, by how many there are."""
_PLAIN = 256 << 20
"""Bytes that are read of plain files, where a time is found without reading all before it."""
_WHOLE = 256 << 20
"""Bytes that are read of archives and other logs that can only be read from their beginning."""
_LATENESS = MINUTE
"""How far lines may stand behind later ones; web servers write a request when it ends."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A transition with who was behind it."""

    transition: Transition
    start: int
    """Where the datapoints that decided begin."""
    end: int
    events: int
    """Matching events in that time."""
    sources: tuple[tuple[str, int], ...] = ()
    """The busiest, each with its matching events."""
    distinct: int = 0
    unknown: int = 0
    """Matching events that name no client."""
    overflowed: int = 0
    """Matching events whose client was not kept."""
    offenders: tuple[TopOffender, ...] = ()
    """The busiest as the lines say it, once the lines were looked at."""
    looked_at: int = 0
    """Of the matching events, those whose lines were looked at."""


def behind(
    changes: Iterable[Transition],
    alarms: Mapping[str, MetricAlarm | CompositeAlarm],
    tally: Table,
    filters: Sequence[MetricFilter],
) -> list[tuple[Behind, list[Part]]]:
    """Each change with who was behind it, and with the alarms that looked at events.

    Of a composite alarm these are the ones that speak for it, each at the time at which it went
    off; an event that several of them count is one event.
    """
    in_alarm: dict[str, tuple[int, int]] = {}
    found = []
    for change in changes:
        alarm, times = alarms[change.alarm], [each.time for each in change.datapoints]
        window = change.time, change.time
        parts: list[Part] = []
        if isinstance(alarm, MetricAlarm) and times:
            window = min(times), max(times) + alarm.seconds * SECOND
            parts = [(alarm, *window)]
        elif isinstance(alarm, CompositeAlarm) and change.after == "ALARM":
            speaking = alarms_behind(alarm, alarms, in_alarm)
            every = [(each, *in_alarm[each.alarm_name]) for each in speaking]
            parts = [each for each in every if each[1] < each[2]]
            if parts:
                window = min(each[1] for each in parts), max(each[2] for each in parts)
        if change.after == "ALARM":
            in_alarm.setdefault(change.alarm, window)
        else:
            in_alarm.pop(change.alarm, None)
        found.append((_counted(change, window, parts, tally, filters), parts))
    return found


def _counted(
    change: Transition,
    window: tuple[int, int],
    parts: Sequence[Part],
    tally: Table,
    filters: Sequence[MetricFilter],
) -> Behind:
    cells: set[SourceKey] = {
        (each.filter.key, minute, each.dimensions)
        for each in _wanted(parts, filters)
        for minute in range(each.begin, each.end, MINUTE)
    }
    clients: Counter[str] = Counter()
    for cell in cells:
        clients.update(tally.sources.get(cell, {}))
    overflowed = sum(tally.lost[cell] for cell in cells)
    events, unknown = clients.total() + overflowed, clients.pop("", 0)
    ranked = sorted(clients.items(), key=lambda each: (-each[1], each[0]))
    return Behind(
        change, *window, events, tuple(ranked[:_BUSIEST]), len(clients), unknown, overflowed
    )


def _wanted(parts: Sequence[Part], filters: Sequence[MetricFilter]) -> list[Wanted]:
    return [
        Wanted(
            one, tuple((each.name, each.value) for each in metric.dimensions),
            start - start % MINUTE, end + -end % MINUTE,
        )
        for alarm, start, end in parts
        for metric in dict.fromkeys(metric for metric, _ in alarm_metrics(alarm))
        for one in filters
        if (one.transformation.namespace, one.transformation.metric)
        == (metric.namespace, metric.metric_name)
    ]  # fmt: skip


def look_back(
    found: Sequence[tuple[Behind, list[Part]]],
    opened: Sequence[Opened],
    filters: Sequence[MetricFilter],
    settings: Settings,
    limits: LogLimits,
) -> list[Behind]:
    """The same, those that went off with what their lines say.

    Of standard input nothing is known: it can't be read twice. A log that is gone by now, or
    whose lines are not in order, has lines that are not found; `looked_at` tells.
    """
    fired = [at for at, (each, _) in enumerate(found) if _is_asked(each)][:_MOST]
    most = max(_LEAST, min(_EACH, _PARSED // max(1, len(fired))))
    looks: dict[int, FilterOffenders] = {}
    same: dict[object, FilterOffenders] = {}
    for at in fired:
        wanted = _wanted(found[at][1], filters)
        # Alarms with other thresholds on the same metric often go off together.
        key = tuple((each.filter.key, *each[1:]) for each in wanted)
        if key not in same:
            same[key] = FilterOffenders(wanted, settings, most, found[at][0].events)
        looks[at] = same[key]
    _read(list(same.values()), opened, limits)
    return [
        replace(
            each,
            offenders=tuple(looks[at].top(_BUSIEST, dict(each.sources), each.events)),
            looked_at=min(looks[at].matched, each.events),
        )
        if at in looks
        else each
        for at, (each, _) in enumerate(found)
    ]


def _is_asked(each: Behind) -> bool:
    return each.transition.after == "ALARM" and bool(each.events)


def _read(looks: Sequence[FilterOffenders], opened: Sequence[Opened], limits: LogLimits) -> None:
    """Have each look at the lines of its time."""
    plain, whole = _PLAIN, _WHOLE
    for each in opened if looks else ():
        if each.log.path == "-":
            continue
        # What can no longer be read is not looked at.
        with suppress(SourceError):
            if is_plain(each.log):
                for look in looks:
                    plain -= _read_times(look, each, plain)
            else:
                whole -= _read_whole(looks, each, limits, whole)


class _Place(NamedTuple):
    """Where lines of a block are, by the byte or by the number of the line."""

    name: str
    offset: int
    """Where the block begins."""
    block: bytes

    def byte(self, at: int) -> str:
        return f"{self.name}@{self.offset + at}"

    def number(self, at: int) -> str:
        before = self.block.count(b"\n", 0, at)
        return f"{self.name}:{self.offset + before}"


def _read_times(look: FilterOffenders, opened: Opened, room: int) -> int:
    """Look at the times that are asked for; how many bytes were read."""
    used = 0
    for begin, end in look.times(opened.log_group):
        times = begin - _LATENESS, end + _LATENESS
        for at, block in read_window(opened.log, _time_of(opened), *times):
            used += len(block)
            if used > room or not look.room:
                return used
            place = _Place(opened.log.name, at, block)
            look.take(opened.log_group, opened.format, block, place.byte)
    return used


def _read_whole(
    looks: Sequence[FilterOffenders], opened: Opened, limits: LogLimits, room: int
) -> int:
    """Look at every block that may have a line that is asked for; how many bytes were read."""
    used, number, time_of = 0, 1, _time_of(opened)
    for block in read_log(opened.log, ReadCounts(), limits):
        used += len(block)
        if used > room or not any(look.room for look in looks):
            break
        first, last = first_time(block, time_of), last_time(block, time_of)
        if first is not None and last is not None:
            first, last = min(first, last) - _LATENESS, max(first, last) + _LATENESS
            place = _Place(opened.log.name, number, block)
            for look in looks:
                if look.room and look.asks(opened.log_group, first, last):
                    look.take(opened.log_group, opened.format, block, place.number)
        number += block.count(b"\n")
    return used


def _time_of(opened: Opened) -> Callable[[bytes], int | None]:
    def time_of(line: bytes) -> int | None:
        found = opened.format.parse(line)
        return found.time if isinstance(found, Parsed) else None

    return time_of
