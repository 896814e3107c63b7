"""Who was behind the latest events that rules ask for, for alerts that do not say it themselves.

A metric says how many, never who. The events of the time that an alert is about are still known:
the latest ones are kept, each with who it was, and counted when an alert asks. The counts are
exact as long as the events of its window are among those kept, else too low by at most `error`.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from heapq import nsmallest
from itertools import takewhile
from typing import TYPE_CHECKING

from tocsin.correlation._addresses import group_value
from tocsin.correlation._taxonomy import field_names
from tocsin.correlation._top_offenders import TopOffender, event_value
from tocsin.durations import MINUTE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tocsin.correlation._model import RuleSet
    from tocsin.correlation._packed import Matched
    from tocsin.correlation._top_offenders import By

__all__ = ["RecentOffenders"]

_KEPT = 20_000
_MINUTES = 1440
_AT_ONCE = 200_000
"""Events that are looked at for all alerts of rules between two looks at the logs."""
_FEW = 50
"""Events of a name that are in a list."""
_OTHERS = 5
_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class _Seen:
    time: int
    count: int
    address: str | None
    user: str | None
    rules: tuple[int, ...]
    """The places of those that it matches and that are not `informational`."""
    reference: str


_Events = list[_Seen] | deque[_Seen]
"""Of a name: an empty deque takes more than a few events, a long list is slow to begin later."""


class RecentOffenders:
    """Keeps the latest events, and counts those of a window by address, or else by user."""

    def __init__(self, rules: RuleSet, *, kept: int = _KEPT, ordered: bool = False) -> None:
        """`kept` bounds the memory: events, of some hundred bytes each.

        `ordered` says that they come in the order of their times: then fewer are looked at.
        """
        self._rules = rules.detections
        self._ordered = ordered
        self._address, self._user = field_names("source.ip"), field_names("user.name")
        self._seen: deque[_Seen] = deque()
        self._by_address: dict[str, _Events] = {}
        self._by_user: dict[str, _Events] = {}
        self._room = _AT_ONCE
        self._kept = kept
        self._forgotten: Counter[int] = Counter()
        """Events that are no longer kept, by minute."""

    def take(self, matched: Iterable[Matched]) -> None:
        """Keep events, in any order; then so many may be looked at for alerts."""
        self._room = _AT_ONCE
        self.add(matched)

    def add(self, matched: Iterable[Matched]) -> None:
        """Keep more of them; `informational` rules say nothing of an offence."""
        for event, places in matched:
            rules = tuple(at for at in places if self._rules[at].level != "informational")
            if not rules:
                continue
            address, user = event_value(event, self._address), event_value(event, self._user)
            if address is None and user is None:
                continue
            seen = _Seen(event.time, event.count, address, user, rules, event.reference)
            self._seen.append(seen)
            _remember(self._by_address, address, seen)
            _remember(self._by_user, user, seen)
            if len(self._seen) > self._kept:
                old = self._seen.popleft()
                _forget(self._by_address, old.address)
                _forget(self._by_user, old.user)
                self._forgotten[old.time // MINUTE] += old.count
                if len(self._forgotten) > _MINUTES:
                    del self._forgotten[min(self._forgotten)]

    @property
    def exhausted(self) -> bool:
        """Whether too many events were looked at for alerts since `take`."""
        return self._room < 0

    def top(
        self,
        start: int,
        end: int,
        number: int,
        only: Collection[str] = (),
        by: By | None = None,
    ) -> list[TopOffender]:
        """The busiest from `start` to `end`, the busiest first; `only` these if there are any.

        `by` says whom to count; without it an event is its address's, or else its user's.
        """
        # Addresses of version 6 are known by their networks.
        wanted = {group_value(each) for each in only}
        found: dict[tuple[str, bool], list[_Seen]] = {}
        for each in self._seen:
            named = {"address": each.address, "user": each.user}
            name = named[by] if by else each.address or each.user
            if name and start <= each.time <= end and (not wanted or name in wanted):
                is_address = by != "user" and each.address is not None
                found.setdefault((name, is_address), []).append(each)
        return self._busiest(found, start, number)

    def behind(
        self,
        rules: Collection[int],
        start: int,
        end: int,
        number: int,
        *,
        address: str | None = None,
        user: str | None = None,
    ) -> list[TopOffender]:
        """The busiest of the events of some rules; of an address or a user alone if one is given.

        Nobody once too many events were looked at since the last ones came.
        """
        pools = [self._by_address.get(address, ())] if address is not None else []
        pools += [self._by_user.get(user, ())] if user is not None else []
        pool = min(pools, key=len, default=self._seen)
        if self.exhausted:
            return []
        if self._ordered:
            late = takewhile(lambda each: each.time >= start, reversed(pool))
            pool = deque(reversed([*late]))
        self._room -= len(pool)
        found: dict[tuple[str, bool], list[_Seen]] = {}
        for each in pool:
            if start <= each.time <= end and not set(each.rules).isdisjoint(rules):
                if address not in (None, each.address) or user not in (None, each.user):
                    continue
                name = each.address or each.user or ""
                found.setdefault((name, each.address is not None), []).append(each)
        return self._busiest(found, start, number)

    def _busiest(
        self, found: dict[tuple[str, bool], list[_Seen]], start: int, number: int
    ) -> list[TopOffender]:
        error = sum(n for minute, n in self._forgotten.items() if minute >= start // MINUTE)
        counted = [(-sum(e.count for e in seen), name) for (name, _), seen in found.items()]
        pairs = zip(counted, found.items(), strict=True)
        ranked = nsmallest(number, pairs, key=lambda each: each[0])
        return [self._offender(*key, seen, error) for _, (key, seen) in ranked]

    def _offender(self, name: str, is_address: bool, seen: list[_Seen], error: int) -> TopOffender:
        seen.sort(key=lambda each: each.time)
        others = (each.user if is_address else each.address for each in seen)
        users = list(dict.fromkeys(each for each in others if each))
        rules = [self._rules[at] for at in dict.fromkeys(each.rules[0] for each in seen)]
        places = list(dict.fromkeys(each.reference for each in seen if each.reference))
        if len(places) > _SAMPLES:
            places[_SAMPLES - 1 :] = places[-1:]
        return TopOffender(
            name, sum(each.count for each in seen), error, seen[0].time, seen[-1].time,
            tuple(users[:_OTHERS]), len(users) > _OTHERS, tuple(each.name for each in rules),
            tuple(dict.fromkeys(each.title for each in rules)), tuple(places),
        )  # fmt: skip


def _remember(kept: dict[str, _Events], name: str | None, seen: _Seen) -> None:
    if name is None:
        return
    known = kept.get(name)
    if known is None:
        kept[name] = [seen]
    else:
        known.append(seen)
        if len(known) == _FEW:
            kept[name] = deque(known)


def _forget(kept: dict[str, _Events], name: str | None) -> None:
    """Let go of the oldest event of a name."""
    if name is not None:
        del kept[name][0]
        if not kept[name]:
            del kept[name]
