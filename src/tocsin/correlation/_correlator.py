"""Events in, alerts out: every rule, on event time.

Rules of firing. A correlation is looked at at each event of a key, and fires at the event that
makes its condition true. It fires again only after an event left the condition untrue, or after
nothing happened for longer than the timespan: an attack that goes on is one alert. The
specification leaves that open ("Sigma correlation rules", 2.1.0). Where a correlation refers to
another, a temporal one sees it at each event at which it holds, a counting one when it fires.

Events may come out of order by up to the lateness: those that match a rule wait that long and
are taken in the order of their times, up to a number of them. What comes later still is counted
as late.

There are two ways to use it. With `feed`, the latest event says how late others may come: so
old logs are read. With `put` and `advance`, the caller says up to when everything is there: so a
daemon reads, and `put` tells what is certain before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tocsin.correlation._addresses import LONGEST, group_value
from tocsin.correlation._ahead import Ahead
from tocsin.correlation._identity import identities
from tocsin.correlation._keyed import Keyed
from tocsin.correlation._matcher import Matcher
from tocsin.correlation._model import Alert, Event, Key
from tocsin.correlation._packed import pack_event, unpack_event
from tocsin.correlation._slim import Slimming
from tocsin.correlation._summary import Pool
from tocsin.correlation._waiting import Waiting
from tocsin.correlation._windows import Part, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tocsin.correlation._keyed import Seen
    from tocsin.correlation._model import Correlation, Detection, RuleSet
    from tocsin.correlation._packed import Matched

    _Adds = Callable[[int, Keyed, Key, int, Part], Seen | None]

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


class Put(NamedTuple):
    """What became of events."""

    taken: list[Matched]
    """Those that wait now."""
    alerts: list[Alert]
    """Where there are too many: of those that were taken before their time."""
    certain: list[Alert]
    """Which the waiting events will give, or an earlier one of the same attack."""
    settled: list[Matched]
    """Those that were taken before their time."""


@dataclass(slots=True)
class _Route:
    """A rule's way into a correlation."""

    keyed: Keyed
    at: int
    """The place of the correlation."""
    position: int
    """The place of the rule in it."""
    key: Callable[[Event], Key | None]
    value: tuple[tuple[str, ...], ...]
    temporal: bool
    once: Part
    """Of an event that happened once, where no value is asked for."""


def _settle(_: int, keyed: Keyed, key: Key, time: int, event: Part) -> Seen | None:
    return keyed.add(key, time, event)


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
        """`lateness` is in microseconds.

        `seed`, of up to 64 bytes, says where keys are counted that have no window: who writes
        lines and knows it can make others' counts too low. The same seed gives the same answer.
        """
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
                        plan.value, plan.kind in _TEMPORAL, Part(1, None, position),
                    )
                )  # fmt: skip
        # The last rule of a chain first, so that one event is not two steps of it.
        for routes in self._routes:
            routes.sort(key=lambda each: (each.at, -each.position))
        self._before = before
        self._room = budget.waiting
        self._slim = Slimming(rules).slim
        self._waiting = Waiting()
        self._ahead = Ahead(rules)
        self._latest = 0
        self._taken = 0
        self._identities = identities(rules)
        self.anew: list[str] = []
        """Rules that were not in the state that was restored, where others that were are gone: the
        same ones perhaps, that ask something else now."""

    def feed(self, events: Iterable[Event], settled: list[Matched] | None = None) -> list[Alert]:
        """Take events; the alerts that they gave, in the order of their times.

        `settled` gets those that were held against the correlations, in the same order.
        """
        alerts: list[Alert] = []
        satisfied, slim, waiting = self._matcher.satisfied, self._slim, self._waiting
        lateness, latest = self._lateness, self._latest
        for event in events:
            self.events += 1
            matched = satisfied(event)
            time = event.time
            if time > latest:
                self._latest = latest = time
                # An event of exactly that time can still come, and would not be late.
                while waiting.due < latest - lateness:
                    self._next(alerts, settled)
            if not matched:
                continue
            if time < self._taken or time < latest - lateness:
                self.late += 1
            elif lateness:
                waiting.put(slim(event), matched)
                if len(waiting) > self._room:
                    self._next(alerts, settled)
            else:
                self._taken = time
                if settled is not None:
                    settled.append((slim(event), matched))
                self._apply(event, matched, alerts)
        return alerts

    def sift(self, events: Iterable[Event]) -> list[Matched]:
        """Those that match a rule. May run beside everything else, but only once at a time."""
        satisfied, slim = self._matcher.satisfied, self._slim
        return [(slim(event), matched) for event in events if (matched := satisfied(event))]

    def put(self, found: Iterable[Matched], present: int) -> Put:
        """Let events wait that were sifted.

        What is earlier than what `advance` was told comes too late. Where there is no room, what
        is after `present` is not taken in: else whoever writes times to come would make all
        others late.
        """
        done = Put([], [], [], [])
        for event, matched in found:
            full = len(self._waiting) >= self._room
            if event.time < self._taken or (full and event.time > present):
                continue
            self._apply(event, matched, done.certain, self._ahead.add)
            self._waiting.put(event, matched)
            done.taken.append((event, matched))
            if full:
                self._next(done.alerts, done.settled)
        # The rest of that time comes next in any case; who asks about it finds all of it.
        while done.settled and self._waiting.due == self._taken:
            self._next(done.alerts, done.settled)
        return done

    def advance(self, time: int, settled: list[Matched] | None = None) -> list[Alert]:
        """Everything before `time` is there: take what waited for it. `settled` as in `feed`."""
        alerts: list[Alert] = []
        while self._waiting.due < time:
            self._next(alerts, settled)
        self._taken = max(self._taken, time)
        if not self._waiting:
            self._ahead.clear()
        return alerts

    @property
    def next_time(self) -> int | None:
        """Of the earliest event that waits."""
        return self._waiting.due if self._waiting else None

    @property
    def waiting(self) -> int:
        """The number of events that wait."""
        return len(self._waiting)

    def held(self, rule: str, group: tuple[tuple[str, str], ...]) -> int:
        """When a correlation held last for a group, of what is settled; 0 if not known."""
        values = tuple(value for _, value in group)
        key: Key = values if len(values) > 1 else "".join(values)
        for keyed in self._keyed:
            if keyed.plan.name == rule and key in keyed.windows:
                return keyed.windows[key].held
        return 0

    def finish(self, settled: list[Matched] | None = None) -> list[Alert]:
        """Take the events that wait: there will be no earlier ones. `settled` as in `feed`."""
        alerts: list[Alert] = []
        while self._waiting:
            self._next(alerts, settled)
        return alerts

    def _next(self, alerts: list[Alert], settled: list[Matched] | None = None) -> None:
        event, matched = self._waiting.take()
        self._taken = event.time
        if settled is not None:
            settled.append((event, matched))
        self._apply(event, matched, alerts)

    def _apply(
        self, event: Event, matched: Sequence[int], alerts: list[Alert], add: _Adds = _settle
    ) -> None:
        for at in matched:
            rule = self.rules.detections[at]
            if rule.alone:
                alerts.append(_match_alert(rule, event))
            if self._routes[at]:
                self._take(at, event, alerts, add, fires=True)

    def _take(self, at: int, event: Event, alerts: list[Alert], add: _Adds, *, fires: bool) -> None:
        """Give an event, or a correlation that held, to the correlations that ask for it."""
        for route in self._routes[at]:
            if not fires and not route.temporal:
                continue
            keyed = route.keyed
            key = route.key(event)
            if key is None:
                if add is _settle:
                    keyed.unkeyed += event.count
                continue
            part = route.once
            if event.count != 1 or route.value:
                value = _counted(event, route.value) if route.value else None
                part = Part(event.count, value, route.position)
            seen = add(route.at, keyed, key, event.time, part)
            if seen is None:
                continue
            plan = keyed.plan
            if plan.alone and not seen.held:
                group = _group(plan, key)
                alerts.append(
                    Alert(
                        seen.time, plan.name, plan.title, plan.level, group, seen.measure,
                        seen.error, seen.first, event.reference, plan.tags, seen.previous,
                    )
                )  # fmt: skip
            if self._routes[self._before + route.at]:
                # Who else it was is what the latest event says.
                fields = {**event.fields, **dict(_group(plan, key))}
                held = Event(seen.time, fields, 1, event.text, event.reference)
                self._take(self._before + route.at, held, alerts, add, fires=not seen.held)

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
        # Bit by bit, so that others have their turn where this runs on a thread of its own.
        waiting = [_packed([order, pack_event(*each)]) for order, each in self._waiting]
        head = [self.late, self.events, self._waiting.arrived, self._latest, self._taken]
        return msgspec.msgpack.encode(
            [self._identities, head, waiting, [_packed(each.state()) for each in self._keyed]]
        )

    def restore(self, state: bytes) -> list[int | None]:
        """Go on from there; what belongs to rules that are no longer the same is left out.

        Answers where each detection of the state is now.
        """
        (detections, plans), head, waiting, keyed = msgspec.msgpack.decode(state)
        now = {identity: at for at, identity in enumerate(self._identities[0])}
        places = [now.get(each) for each in detections]
        self.anew = _anew(self.rules.detections, self._identities[0], detections)
        self.anew += _anew(self.rules.correlations, self._identities[1], plans)
        self._waiting = Waiting()
        self.late, self.events, self._waiting.arrived, self._latest, self._taken = head
        for order, packed in waiting:
            if (event := unpack_event(packed, places)) is not None:
                self._waiting.put_back(order, *event)
        known = dict(zip(plans, keyed, strict=True))
        for each, identity in zip(self._keyed, self._identities[1], strict=True):
            found = known.get(identity)
            if found is None:
                continue
            windows: dict[Key, Window] = {
                tuple(key) if isinstance(key, list) else key: msgspec.convert(window, Window)
                for key, window in found[0]
            }
            each.restore(found, windows)
        certain: list[Alert] = []
        for _, (waits, matched) in self._waiting:
            self._apply(waits, matched, certain, self._ahead.add)
        return places


def _anew(
    rules: Sequence[Detection | Correlation], now: Sequence[str], before: Sequence[str]
) -> list[str]:
    gone = set(before) - set(now)
    return [
        rule.name
        for rule, identity in zip(rules, now, strict=True)
        if gone and rule.alone and identity not in before
    ]


def _packed(state: list[Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(state))


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
        return partial(_one, names[0])

    def several(event: Event) -> Key | None:
        found = tuple(_one(each, event) for each in names)
        return None if None in found else found  # type: ignore[return-value]

    return several


def _counted(event: Event, fields: Sequence[tuple[str, ...]]) -> str | int | float | None:
    """The value of the field that is counted; of several fields all their values, as one text."""
    if len(fields) == 1:
        return _value(event, fields[0])
    found = [_value(event, names) for names in fields]
    return None if None in found else repr([group_value(each) for each in found])


def _value(event: Event, names: Sequence[str]) -> str | int | float | None:
    for name in names:
        value = event.fields.get(name)
        if isinstance(value, tuple):
            value = value[0] if len(value) == 1 else ", ".join(map(str, value)) or None
        if value is not None:
            return value
    return None


def _one(names: tuple[str, ...], event: Event) -> str | None:
    fields = event.fields
    for name in names:
        value = fields.get(name)
        if type(value) is str and ":" not in value and len(value) <= LONGEST:
            return value
        if value not in (None, ()):
            return group_value(value)
    return None
