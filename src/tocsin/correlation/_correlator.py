"""Events in, alerts out: every rule, on event time.

Rules of firing. A correlation is looked at at each event of a key, and fires at the event that
makes its condition true. It fires again only after an event left the condition untrue, or after
nothing happened for longer than the timespan: an attack that goes on is one alert. The
specification leaves that open ("Sigma correlation rules", 2.1.0). Where a correlation refers to
another, a temporal one sees it at each event at which it holds, a counting one when it fires.

Events may come out of order by up to the lateness: those that match a rule wait that long and
are taken in the order of their times, up to a number of them. What comes later still is counted
as late.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.correlation._addresses import group_value
from tocsin.correlation._keyed import Keyed
from tocsin.correlation._matcher import Matcher
from tocsin.correlation._model import Alert, Event, Key
from tocsin.correlation._summary import Pool
from tocsin.correlation._windows import Part, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tocsin.correlation._model import Correlation, Detection, RuleSet

__all__ = ["Budget", "Correlator", "Offender"]

_TEMPORAL = frozenset({"temporal", "temporal_ordered"})


@dataclass(frozen=True, slots=True)
class Budget:
    """How much memory the keys of all correlations take together."""

    windows: int = 24_576
    """Keys with a window of their own."""
    offenders: int = 12_288
    """Keys whose events are counted one by one, over everything; up to twice as many at times."""
    waiting: int = 16_384
    """Events that wait for earlier ones. Of more, the earliest are taken before their time, so
    that a flood leaves less room for what comes out of order; nothing is left out for it."""


@dataclass(frozen=True, slots=True)
class Offender:
    """A key with many events."""

    group: tuple[tuple[str, str], ...]
    events: int
    """Too low by at most `error`."""
    error: int
    first: int
    last: int


@dataclass(slots=True)
class _Route:
    """A rule's way into a correlation."""

    keyed: Keyed
    at: int
    """The place of the correlation."""
    position: int
    """The place of the rule in it."""
    key: Callable[[Event], Key | None]
    value: tuple[str, ...]
    temporal: bool


class Correlator:
    """Rules at work."""

    def __init__(
        self,
        rules: RuleSet,
        *,
        lateness: int = 0,
        budget: Budget | None = None,
        seed: bytes = b"",
    ) -> None:
        """`lateness` is in microseconds; no attacker must know `seed`, of up to 64 bytes."""
        budget = budget or Budget()
        many = max(1, len(rules.correlations))
        pool, others = Pool(many, budget.windows // 2), Pool(many, 0)
        self.rules = rules
        self.late = 0
        """Events that came too late to be taken."""
        self.events = 0
        """Events that were looked at."""
        self._lateness = lateness
        self._matcher = Matcher(rules.detections)
        self._keyed = [
            Keyed(
                # Half of the windows belong to each alike, half to whoever needs them first.
                each,
                max(64, budget.windows // 2 // many),
                max(64, budget.offenders // many),
                pool,
                others,
                seed,
            )
            for each in rules.correlations
        ]
        self._routes: list[list[_Route]] = []
        places = {each.name: at for at, each in enumerate(rules.detections)}
        before = len(places)
        places |= {each.name: before + at for at, each in enumerate(rules.correlations)}
        self._routes = [[] for _ in places]
        for at, plan in enumerate(rules.correlations):
            for position, name in enumerate(plan.rules):
                self._routes[places[name]].append(
                    _Route(
                        self._keyed[at], at, position, _key_of(plan.keys[position]),
                        plan.value, plan.kind in _TEMPORAL,
                    )
                )  # fmt: skip
        # The last rule of a chain first, so that one event is not two steps of it.
        for routes in self._routes:
            routes.sort(key=lambda each: (each.at, -each.position))
        self._before = before
        self._room = budget.waiting
        self._needed = {
            name
            for each in rules.correlations
            for names in (*(n for keys in each.keys for n in keys), each.value)
            for name in names
        }
        self._waiting: list[tuple[int, int, Event, tuple[int, ...]]] = []
        self._arrived = 0
        self._latest = 0
        self._taken = 0

    def feed(self, events: Iterable[Event]) -> list[Alert]:
        """Take events; the alerts that they gave, in the order of their times."""
        alerts: list[Alert] = []
        matcher = self._matcher
        waiting, lateness = self._waiting, self._lateness
        for event in events:
            self.events += 1
            matched = matcher(event)
            if event.time > self._latest:
                self._latest = event.time
                # An event of exactly that time can still come, and would not be late.
                while waiting and waiting[0][0] < self._latest - lateness:
                    self._next(alerts)
            if not matched:
                continue
            if event.time < self._taken or event.time < self._latest - self._lateness:
                self.late += 1
            elif self._lateness:
                self._arrived += 1
                fields = event.fields
                kept = {name: fields[name] for name in self._needed if name in fields}
                slim = Event(event.time, kept, event.count, "", event.reference)
                heappush(self._waiting, (event.time, self._arrived, slim, matched))
                if len(self._waiting) > self._room:
                    self._next(alerts)
            else:
                self._taken = event.time
                self._apply(event, matched, alerts)
        return alerts

    def finish(self) -> list[Alert]:
        """Take the events that wait: there will be no earlier ones."""
        alerts: list[Alert] = []
        while self._waiting:
            self._next(alerts)
        return alerts

    def _next(self, alerts: list[Alert]) -> None:
        time, _, event, matched = heappop(self._waiting)
        self._taken = time
        self._apply(event, matched, alerts)

    def _apply(self, event: Event, matched: Sequence[int], alerts: list[Alert]) -> None:
        for at in matched:
            rule = self.rules.detections[at]
            if rule.alone:
                alerts.append(_match_alert(rule, event))
            if self._routes[at]:
                self._take(at, event, alerts, fires=True)

    def _take(self, at: int, event: Event, alerts: list[Alert], *, fires: bool) -> None:
        """Give an event, or a correlation that held, to the correlations that ask for it."""
        for route in self._routes[at]:
            if not fires and not route.temporal:
                continue
            keyed = route.keyed
            key = route.key(event)
            if key is None:
                keyed.unkeyed += event.count
                continue
            value = None
            for name in route.value:
                value = event.fields.get(name)
                if value is not None:
                    break
            seen = keyed.add(key, event.time, Part(event.count, value, route.position))
            if not seen.holds:
                continue
            plan = keyed.plan
            if plan.alone and not seen.held:
                group = _group(plan, key)
                alerts.append(
                    Alert(
                        event.time, plan.name, plan.title, plan.level, group, seen.measure,
                        seen.error, seen.first, event.reference, plan.tags,
                    )
                )  # fmt: skip
            if self._routes[self._before + route.at]:
                held = Event(event.time, dict(_group(plan, key)), 1, event.text, event.reference)
                self._take(self._before + route.at, held, alerts, fires=not seen.held)

    def offenders(self, rule: str, number: int = 100) -> list[Offender]:
        """The keys with the most events of a correlation, in all that was taken."""
        for keyed in self._keyed:
            if keyed.plan.name == rule:
                top = keyed.offenders.top(number)
                error = keyed.offenders.error
                return [Offender(_group(keyed.plan, key), n, error, a, b) for key, n, a, b in top]
        return []

    @property
    def unkeyed(self) -> dict[str, int]:
        """Of each correlation, the events that lack a group-by field."""
        return {each.plan.name: each.unkeyed for each in self._keyed if each.unkeyed}

    def state(self) -> bytes:
        """Everything that a correlator of the same rules needs to go on."""
        waiting = [
            [time, order, [e.time, dict(e.fields), e.count, e.text, e.reference], list(matched)]
            for time, order, e, matched in self._waiting
        ]
        names = [each.plan.name for each in self._keyed]
        head = [self.late, self.events, self._arrived, self._latest, self._taken]
        return msgspec.msgpack.encode(
            [names, head, waiting, [each.state() for each in self._keyed]]
        )

    def restore(self, state: bytes) -> None:
        """Go on from there. Raises ValueError if the state is of other rules."""
        names, head, waiting, keyed = msgspec.msgpack.decode(state)
        if names != [each.plan.name for each in self._keyed]:
            raise ValueError("the state is of other rules")
        self.late, self.events, self._arrived, self._latest, self._taken = head
        self._waiting = [
            (time, order, Event(at, _values(fields), count, text, reference), tuple(matched))
            for time, order, (at, fields, count, text, reference), matched in waiting
        ]
        for each, found in zip(self._keyed, keyed, strict=True):
            windows: dict[Key, Window] = {
                tuple(key) if isinstance(key, list) else key: msgspec.convert(window, Window)
                for key, window in found[0]
            }
            each.restore(found, windows)


def _values(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}


def _match_alert(rule: Detection, event: Event) -> Alert:
    return Alert(
        event.time, rule.name, rule.title, rule.level, (), event.count, 0, event.time,
        event.reference, rule.tags,
    )  # fmt: skip


def _group(plan: Correlation, key: Key) -> tuple[tuple[str, str], ...]:
    values = (key,) if isinstance(key, str) else key
    return tuple(zip(plan.group_by, values, strict=False))


def _key_of(names: Sequence[tuple[str, ...]]) -> Callable[[Event], Key | None]:
    """What an event is counted by; None if a field is not there."""
    if not names:
        return lambda _: ""
    if len(names) == 1:
        return lambda event: _one(event, names[0])

    def several(event: Event) -> Key | None:
        found = tuple(_one(event, each) for each in names)
        return None if None in found else found  # type: ignore[return-value]

    return several


def _one(event: Event, names: tuple[str, ...]) -> str | None:
    fields = event.fields
    for name in names:
        value = fields.get(name)
        if value is not None:
            if type(value) is str and ":" not in value:
                return value
            return group_value(value)
    return None
