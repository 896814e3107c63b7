"""Scan blocks of a log: lines to counts, in tables that add up.

`Scanner.scan` is a function of a block, so a faster scanner can take its place, in any number
of workers: the tables of blocks merge by adding, in any order.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.durations import MINUTE
from tocsin.logformat import Parsed, Reason
from tocsin.pattern import DEFAULTS, Event, Minutes, Skip, contribute, literals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.logformat import Format
    from tocsin.pattern import MetricFilter, Settings

__all__ = ["MAX_SOURCES", "Scanner", "SourceKey", "Tally"]

MAX_SOURCES = 200_000
"""Addresses by filter, dimensions and minute that are kept; beyond, it is told how many are not."""
LARGEST = 2.0**360
_LONGEST_CLIENT = 100

SourceKey = tuple[tuple[str, str], tuple[tuple[str, str], ...], int]
"""Filter, dimensions, minute."""


@dataclass(slots=True)
class Tally:
    """What lines came to."""

    read: int = 0
    """Lines, counted by their line ends."""
    counted: int = 0
    """Lines that are events."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Lines that are none, by reason."""
    repeats: int = 0
    """Events beyond the first in lines that stand for several."""
    unusable: int = 0
    """Events whose metric value CloudWatch would refuse."""
    minutes: Minutes = field(default_factory=Minutes)
    sources: dict[SourceKey, Counter[str]] = field(default_factory=dict)
    """Matching events by client."""
    kept: int = 0
    """How many entries `sources` has."""
    overflowed: Counter[SourceKey] = field(default_factory=Counter)
    """Matching events whose client was not kept, because there were too many."""

    def merge(self, other: Tally) -> None:
        self.read += other.read
        self.counted += other.counted
        self.dropped.update(other.dropped)
        self.repeats += other.repeats
        self.unusable += other.unusable
        self.minutes.merge(other.minutes)
        self.overflowed.update(other.overflowed)
        for key, found in other.sources.items():
            for client, count in found.items():
                self.blame(key, client, count)

    def blame(self, key: SourceKey, client: str, count: int) -> None:
        """Count matching events of a client."""
        held = self.sources.get(key)
        if held is not None and client in held:
            held[client] += count
        elif self.kept < MAX_SOURCES:
            self.kept += 1
            self.sources.setdefault(key, Counter())[client] = count
        else:
            self.overflowed[key] += count

    @property
    def balanced(self) -> bool:
        """Whether `read = counted + dropped{reason}` holds."""
        return self.read == self.counted + self.dropped.total()


class Scanner:
    """The filters of a log group, over lines of one format."""

    def __init__(
        self, form: Format, filters: Sequence[MetricFilter], settings: Settings = DEFAULTS
    ) -> None:
        self._parse = form.parse
        self._settings = settings
        self._filters = [(each, _needed(each, settings)) for each in filters]
        needed = [literals for _, literals in self._filters]
        self._needed = (
            None if None in needed else tuple({one for some in needed for one in some or ()})
        )

    def scan(self, block: bytes) -> Tally:
        """Count the lines of a block of whole lines."""
        tally = Tally(read=block.count(b"\n") + (not block.endswith(b"\n") and bool(block)))
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        events: Counter[int] = Counter()
        for each in lines:
            line = each[:-1] if each.endswith(b"\r") else each
            if not line:
                tally.dropped[Reason.EMPTY] += 1
                continue
            found = self._parse(line)
            if not isinstance(found, Parsed):
                tally.dropped[found.reason] += 1
                continue
            tally.counted += 1
            tally.repeats += found.repeat - 1
            minute = found.time - found.time % MINUTE
            events[minute] += found.repeat
            text = line if found.event is None else found.event
            if self._needed is None or _any_in(self._needed, text):
                self._match(tally, minute, found, text)
        for metric_filter, _ in self._filters:
            for minute, count in events.items():
                tally.minutes.events[metric_filter.key, minute] += count
        return tally

    def _match(self, tally: Tally, minute: int, found: Parsed, text: bytes) -> None:
        event: Event | None = None
        for each, needed in self._filters:
            if needed is not None and not _any_in(needed, text):
                continue
            event = event or Event(text)
            given = contribute(each, event, self._settings)
            if given is None:
                continue
            tally.minutes.matches[each.key, minute] += found.repeat
            if isinstance(given, Skip):
                tally.minutes.skipped[each.key, given] += found.repeat
                continue
            if not -LARGEST <= given.value <= LARGEST:
                tally.unusable += found.repeat
                continue
            # 0.0 is one value, not two.
            sample = (each.key, minute, given.dimensions, given.value + 0.0)
            tally.minutes.samples[sample] += found.repeat
            client = found.fields.get("client", "")[:_LONGEST_CLIENT]
            tally.blame((each.key, given.dimensions, minute), client, found.repeat)


def _any_in(literals: tuple[bytes, ...], text: bytes) -> bool:
    # NOTE: a generator expression in any() takes three times as long.
    for each in literals:  # noqa: SIM110
        if each in text:
            return True
    return False


def _needed(metric_filter: MetricFilter, settings: Settings) -> tuple[bytes, ...] | None:
    """Bytes of which every matching line has some; None if nothing is known."""
    found = literals(metric_filter.pattern, settings)
    # A replacement character stands for bytes that are no UTF-8: it is not itself in the line.
    if found is None or any("\ufffd" in each or not each.isprintable() for each in found):
        return None
    return tuple(sorted(each.encode() for each in found))
