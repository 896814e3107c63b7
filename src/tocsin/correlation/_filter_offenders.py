"""Who is behind the events that metric filters count: a second look at the lines themselves.

A count of an alarm knows clients and nothing else. The lines of its time say the rest: who was
named, when it was first and last, and where that stands.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from tocsin.correlation._addresses import group_value
from tocsin.correlation._model import Detection, Event, RuleSet
from tocsin.correlation._reader import EventReader
from tocsin.correlation._recent_offenders import RecentOffenders
from tocsin.durations import MINUTE
from tocsin.errors import Span
from tocsin.pattern import Contribution, contribute
from tocsin.scan import LARGEST, Candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tocsin.correlation._top_offenders import TopOffender
    from tocsin.logformat import Format
    from tocsin.pattern import MetricFilter, Settings

__all__ = ["FilterOffenders", "Wanted"]

_ALWAYS = 1 << 62
_OUTSIDE = 1000


class Wanted(NamedTuple):
    """Events of a time that add to a metric."""

    filter: MetricFilter
    dimensions: tuple[tuple[str, str], ...]
    """Of the metric, in order of their names."""
    begin: int
    """The first minute, microseconds since 1970 UTC."""
    end: int
    """The minute after the last."""


class FilterOffenders:
    """Counts the events that are wanted by who is behind them."""

    def __init__(
        self, wanted: Iterable[Wanted], settings: Settings, most: int, events: int = 0
    ) -> None:
        """`most` bounds the lines that are parsed, and so time and memory.

        `events` is how many events there are as far as is known: of more than `most`, some are
        looked at, from the first to the last of them.
        """
        self._wanted: dict[tuple[str, str], list[Wanted]] = {}
        for each in wanted:
            self._wanted.setdefault(each.filter.key, []).append(each)
        self._filters = [each[0].filter for each in self._wanted.values()]
        self._settings = settings
        self._recent = RecentOffenders(_rules(self._filters), kept=most)
        self._ways: dict[tuple[int, str], tuple[Format, EventReader, Candidates]] = {}
        self._most = self.room = most
        """Lines that may still be looked at."""
        self._spare = _OUTSIDE + 3 * most
        """Lines of other times that may still be parsed: they are found beside those wanted."""
        self._share = most / max(1, most, events)
        # Always the same ones: a replay says the same twice.
        self._draw = Random(0).random  # noqa: S311 - nothing is kept secret by it
        self.matched = 0
        """Events that were found; one that several filters count is several, as in their counts."""

    def asks(self, log_group: str, first: int, last: int) -> bool:
        """Whether events of a log group between two minutes, the last included, may be wanted."""
        return any(
            each.filter.log_group == log_group and first < each.end and each.begin < last + MINUTE
            for wanted in self._wanted.values()
            for each in wanted
        )

    def times(self, log_group: str) -> list[tuple[int, int]]:
        """When events of a log group are wanted: each time once, in order."""
        found = sorted(
            (each.begin, each.end)
            for wanted in self._wanted.values()
            for each in wanted
            if each.filter.log_group == log_group
        )
        joined: list[tuple[int, int]] = []
        for begin, end in found:
            if joined and begin <= joined[-1][1]:
                joined[-1] = joined[-1][0], max(joined[-1][1], end)
            else:
                joined.append((begin, end))
        return joined

    def take(self, log_group: str, form: Format, block: bytes, place: Callable[[int], str]) -> None:
        """Look at whole lines; `place` says where the line is that begins at a byte of them."""
        way = self._ways.get((id(form), log_group))
        if way is None:
            filters = [each for each in self._filters if each.log_group == log_group]
            candidates = Candidates(filters, form, self._settings)
            way = self._ways[id(form), log_group] = form, EventReader(form), candidates
        _, reader, candidates = way
        for start, line in candidates(block, self.times(log_group)):
            if not self._is_drawn():
                continue
            event = reader.read(line, place(start))
            if isinstance(event, Event):
                self._take(event, log_group)

    def take_events(
        self, log_group: str, form: Format, events: Sequence[tuple[int, bytes]], place: str
    ) -> None:
        """Look at events that came with their time."""
        reader = EventReader(form)
        for time, text in events:
            if not self._is_drawn():
                continue
            event = reader.read(text, place, time)
            if isinstance(event, Event):
                self._take(event, log_group)

    def _is_drawn(self) -> bool:
        """Whether to parse the next line."""
        return self.room > 0 and (self._share >= 1 or self._draw() < self._share)

    def _take(self, event: Event, log_group: str) -> None:
        if not any(e.begin <= event.time < e.end for w in self._wanted.values() for e in w):
            self._spare -= 1
            if not self._spare:
                self.room = 0
            return
        self.room -= 1
        seen = False
        for at, (key, wanted) in enumerate(self._wanted.items()):
            asked = {each.dimensions for each in wanted if each.begin <= event.time < each.end}
            if key[0] != log_group or not asked:
                continue
            given = contribute(wanted[0].filter, event.text, self._settings)
            if not isinstance(given, Contribution) or given.dimensions not in asked:
                continue
            if not -LARGEST <= given.value <= LARGEST:
                continue
            self.matched += event.count
            if not seen:
                self._recent.take([(event, (at,))])
                seen = True

    def top(self, number: int, counted: Mapping[str, int], events: int) -> list[TopOffender]:
        """The busiest, the busiest first, with the counts that are known already.

        `counted` has clients with their events, and `events` is how many there were in all: a
        client that is not in `counted` may have more than were seen, by what was not looked at.
        """
        known: Counter[str] = Counter()
        for client, count in counted.items():
            known[group_value(client)] += count
        unseen = max(0, events - self.matched)
        found = []
        for each in self._recent.top(0, _ALWAYS, self._most):
            exact = known[each.name]
            if exact >= each.events:
                found.append(replace(each, events=exact, error=0))
            else:
                found.append(replace(each, error=unseen))
        return sorted(found, key=lambda each: (-each.events, each.name))[:number]


def _rules(filters: Sequence[MetricFilter]) -> RuleSet:
    """Filters in the place of rules: what they match is what they count."""
    return RuleSet(
        tuple(
            Detection(each.name, each.name, "", (), alone=False, atoms=(), expression=("and",),
                      span=Span())
            for each in filters
        )
    )  # fmt: skip
