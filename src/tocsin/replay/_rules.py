"""Sigma rules over old logs: the events of all files in the order of their times."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import merge
from itertools import count, islice
from typing import TYPE_CHECKING

from tocsin.correlation import Correlator, Event, EventReader, TopOffenders
from tocsin.durations import MINUTE
from tocsin.logformat import make_format
from tocsin.replay._behind_alerts import BehindAlerts
from tocsin.source import ReadCounts, read_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.correlation import Alert, By, Matched, Offender, RuleSet, TopOffender
    from tocsin.replay._files import Opened
    from tocsin.source import LogLimits

__all__ = ["Correlated", "correlate", "count_offenders", "seed_of"]

_LATENESS = MINUTE
"""How far lines may stand behind later ones; web servers write a request when it ends."""
_MOST = 100_000
"""Alerts that are kept."""
_CHUNK = 1000
_NAMED = 10
"""Offenders that are named for each correlation."""
_HEAD = 1 << 16
"""Bytes of each log that a seed is made of."""


@dataclass(slots=True)
class Correlated:
    """What rules found in logs."""

    alerts: list[Alert] = field(default_factory=list)
    behind: list[tuple[TopOffender, ...]] = field(default_factory=list)
    """Of each of them the busiest of the events that it is about."""
    more: int = 0
    """Alerts beyond those that are kept."""
    unnamed: int = 0
    """Alerts that are kept without who was behind them: there were too many."""
    by_rule: Counter[str] = field(default_factory=Counter)
    """All alerts."""
    offenders: dict[str, list[Offender]] = field(default_factory=dict)
    """The busiest of each correlation."""
    unkeyed: dict[str, int] = field(default_factory=dict)
    """Of each correlation, events that lack a field that it groups by."""
    late: int = 0
    """Events more than a minute behind later ones; they were not looked at."""
    read: int = 0
    counted: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    reading: list[ReadCounts] = field(default_factory=list)


def correlate(
    opened: Sequence[Opened],
    rules: RuleSet,
    limits: LogLimits,
    progress: Callable[[int], None] = lambda _: None,
) -> Correlated:
    """Run rules over logs. Raises SourceError."""
    done = Correlated(reading=[ReadCounts() for _ in opened])
    correlator = Correlator(rules, lateness=_LATENESS, seed=seed_of(opened))
    named = BehindAlerts(rules)
    streams: list[Iterator[Event]] = [
        _events(each, reading, limits, progress, done)
        for each, reading in zip(opened, done.reading, strict=True)
    ]
    # Each stream is in order but for the lateness, so what comes of merging them is too.
    events = iter(streams[0] if len(streams) == 1 else merge(*streams, key=lambda each: each.time))
    while some := list(islice(events, _CHUNK)):
        settled: list[Matched] = []
        _keep(correlator.feed(some, settled), settled, named, done)
    settled = []
    _keep(correlator.finish(settled), settled, named, done)
    done.behind += named.finish()
    done.unnamed = named.unnamed
    for each in rules.correlations:
        done.offenders[each.name] = correlator.offenders(each.name, _NAMED)
    done.unkeyed, done.late = correlator.unkeyed, correlator.late
    return done


def count_offenders(
    opened: Sequence[Opened],
    rules: RuleSet,
    limits: LogLimits,
    progress: Callable[[int], None],
    *,
    by: By,
    window: tuple[int, int],
) -> tuple[TopOffenders, Correlated]:
    """Who is behind the events of a window that rules ask for; what was read, too.

    `window` is the first time and the one after the last. Raises SourceError.
    """
    done = Correlated(reading=[ReadCounts() for _ in opened])
    found, (begin, end) = TopOffenders(rules, by, seed=seed_of(opened)), window
    for each, reading in zip(opened, done.reading, strict=True):
        events = _events(each, reading, limits, progress, done)
        found.feed(event for event in events if begin <= event.time < end)
    return found, done


def seed_of(opened: Sequence[Opened]) -> bytes:
    """Of what counts names beyond those that there is room for: the same for the same files.

    Whoever writes lines into a log does not know it while he does: it hangs on the first ones,
    which are those of all visitors, and on how much came after his own.
    """
    digest = blake2b(digest_size=16)
    for each in opened:
        head = each.log.head[:_HEAD]
        digest.update(b"%d %d " % (each.log.size, len(head)) + head)
    return digest.digest()


def _keep(
    alerts: list[Alert], settled: list[Matched], named: BehindAlerts, done: Correlated
) -> None:
    room = _MOST - len(done.alerts)
    done.alerts += alerts[:room]
    done.behind += named.take(settled, alerts[:room])
    done.more += max(0, len(alerts) - room)
    done.by_rule.update(each.rule for each in alerts)


def _events(
    each: Opened,
    reading: ReadCounts,
    limits: LogLimits,
    progress: Callable[[int], None],
    done: Correlated,
) -> Iterator[Event]:
    reader = EventReader(make_format(*each.spec))
    numbers = count(1)
    for block in read_log(each.log, reading, limits, progress):
        for line in block.removesuffix(b"\n").split(b"\n"):
            done.read += 1
            found = reader.read(line.removesuffix(b"\r"), f"{each.log.name}:{next(numbers)}")
            if isinstance(found, Event):
                done.counted += 1
                yield found
            else:
                done.dropped[str(found.reason)] += 1
