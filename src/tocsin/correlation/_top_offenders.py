"""Who is behind the events that rules ask for: the busiest addresses or users, with samples.

An event counts once, however many rules it matches, and not if they are all `informational`:
such a rule says what happened, not that it was an offence. The counts are those of
`Offenders`: exact as long as there is room, else too low by at most `error`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tocsin.correlation._addresses import group_value, shortened
from tocsin.correlation._matcher import Matcher
from tocsin.correlation._offenders import Offenders
from tocsin.correlation._summary import Pool
from tocsin.correlation._taxonomy import field_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.correlation._model import Event, Key, RuleSet

__all__ = ["By", "TopOffender", "TopOffenders", "event_value", "is_field_of", "offender_name"]

By = Literal["address", "user"]
_FIELDS: dict[By, str] = {"address": "source.ip", "user": "user.name"}
_KEPT = 12_288
"""Addresses or users that are counted one by one; up to twice as many at times."""
_SAMPLES = 3
_OTHERS = 5
_LONGEST = 200


def is_field_of(name: str, by: By) -> bool:
    """Whether a field that a rule names is an address, or a user."""
    return ("client" if by == "address" else "user") in field_names(name)


@dataclass(frozen=True, slots=True)
class TopOffender:
    """An address or a user with the events that rules ask for."""

    name: str
    events: int
    """Too low by at most `error`."""
    error: int
    first: int
    """Microseconds since 1970 UTC, of the events since it was last among the busier ones."""
    last: int
    others: tuple[str, ...]
    """The users that an address tried, or the addresses of a user: the first few."""
    more: bool
    """Whether there were others still."""
    rules: tuple[str, ...]
    """The names of the rules that the events matched."""
    titles: tuple[str, ...]
    """What these rules say, each once."""
    samples: tuple[str, ...]
    """Where some of the events stand, `path:line`: the first ones and the last."""


@dataclass(slots=True)
class _Details:
    first: int
    last: int
    others: dict[str, None] = field(default_factory=dict)
    more: bool = False
    rules: set[int] = field(default_factory=set)
    samples: list[str] = field(default_factory=list)


class TopOffenders:
    """Counts events by who is behind them."""

    def __init__(self, rules: RuleSet, by: By, *, kept: int = _KEPT, seed: bytes = b"") -> None:
        """`kept` bounds the memory; who writes lines must not know `seed`, as in `Correlator`."""
        self._rules = [each for each in rules.detections if each.level != "informational"]
        self._matcher = Matcher(self._rules)
        self._names = field_names(_FIELDS[by])
        self._other_names = field_names(_FIELDS["user" if by == "address" else "address"])
        self._counts = Offenders(kept, Pool(1, 0), seed)
        self._room = 4 * kept
        self._details: dict[Key, _Details] = {}
        self.matched = 0
        """Events that a rule asks for."""
        self.unknown = 0
        """Those of them that do not say who it was."""

    def feed(self, events: Iterable[Event]) -> None:
        """Count events, in any order."""
        for event in events:
            matched = self._matcher.satisfied(event)
            if not matched:
                continue
            self.matched += event.count
            name = event_value(event, self._names)
            if name is None:
                self.unknown += event.count
                continue
            self._counts.add(name, event.time, event.count)
            if name in self._counts.seen:
                self._note(name, event, matched)

    def _note(self, name: str, event: Event, matched: tuple[int, ...]) -> None:
        details = self._details.get(name)
        if details is None:
            if len(self._details) >= self._room:
                seen = self._counts.seen
                self._details = {key: each for key, each in self._details.items() if key in seen}
            details = self._details[name] = _Details(event.time, event.time)
        details.first = min(details.first, event.time)
        details.last = max(details.last, event.time)
        details.rules.update(matched)
        other = event_value(event, self._other_names)
        if other is not None and other not in details.others:
            if len(details.others) < _OTHERS:
                details.others[other] = None
            else:
                details.more = True
        if event.reference:
            del details.samples[_SAMPLES - 1 :]
            details.samples.append(event.reference)

    def top(self, number: int) -> list[TopOffender]:
        """The busiest, the busiest first."""
        found = []
        for key, events, _, _ in self._counts.top(number):
            details = self._details[key]
            rules = [self._rules[at] for at in sorted(details.rules)]
            names = tuple(each.name for each in rules)
            titles = tuple(dict.fromkeys(each.title for each in rules))
            found.append(
                TopOffender(
                    str(key), events, self._counts.error, details.first, details.last,
                    tuple(details.others), details.more, names, titles,
                    tuple(details.samples),
                )
            )  # fmt: skip
        return found


def event_value(event: Event, names: tuple[str, ...]) -> str | None:
    """The first of these fields that the event has, as text of bounded length."""
    for name in names:
        value = event.fields.get(name)
        if value not in (None, "", ()):
            return offender_name(value)
    return None


def offender_name(value: object) -> str:
    """An address or a user as it is counted and named, of bounded length."""
    return shortened(group_value(value), _LONGEST)
