"""JSON lines, all of a block decoded at once: minutes and deciding properties as columns.

Of a line that is an object, all that is asked is the time and what the properties hold that
decide a pattern. What the matcher says of a value is asked once. Values whose spelling is lost
in decoding, such as 4.04e2, and all lines out of the ordinary go the exact way.
"""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tocsin.logformat import CLIENTS, TIMES, Parsed, pick_client
from tocsin.pattern import Event, contribute, json_property
from tocsin.scan._matching import any_in
from tocsin.scan._names import LONGEST_CLIENT, Clients
from tocsin.scan._objects import CODES, ObjectReader, is_plain_name
from tocsin.scan._search import make_search, matching_lines
from tocsin.scan._stamps import Stamps, distinct_minutes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tocsin.logformat import Format
    from tocsin.pattern import Settings
    from tocsin.scan._columns import Ints
    from tocsin.scan._lines import Lines
    from tocsin.scan._matching import Matching
    from tocsin.scan._objects import Objects
    from tocsin.scan._plan import Plan
    from tocsin.scan._search import Engine
    from tocsin.scan._table import Table

__all__ = ["JsonReader"]


@contextmanager
def _no_cycles() -> Iterator[None]:
    """Look for no reference cycles meanwhile.

    A block makes as many objects as it has lines, and at its end they are gone by themselves; to
    look for cycles among them takes a tenth of the time.
    """
    looking = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looking:
            gc.enable()


_KEPT = 8192
_LONGEST = 100
"""Letters of a value that is remembered."""
_LARGEST = 1 << 53
_ODD = object()
"""Stands for values that can't be told apart here: True and 1 are the same key of a dict."""
_TEXT = frozenset({str})
_PLAIN = frozenset({int, str, type(None), type(msgspec.UNSET)})
_HEADS = tuple(dict.fromkeys(each for name in CLIENTS for each in (name, name.partition(".")[0])))
_encode = msgspec.json.Encoder().encode


class JsonReader:
    """Some filters over JSON lines."""

    def __init__(
        self,
        form: Format,
        plans: Sequence[Plan],
        matching: Matching,
        settings: Settings,
        engine: Engine,
    ) -> None:
        self._plans = plans
        self._matching = matching
        self._parse = form.parse
        self._stamps = Stamps(form)
        self._every: list[Plan] = []
        self._by_text: dict[bytes, list[Plan]] = defaultdict(list)
        by_name: dict[str, list[Plan]] = defaultdict(list)
        for plan in plans:
            name = json_property(plan.filter.pattern)
            if name is not None and is_plain_name(name):
                by_name[name].append(plan)
            elif plan.texts is None:
                self._every.append(plan)
            else:
                for text in plan.texts:
                    self._by_text[text].append(plan)
        self._search = make_search(list(self._by_text), engine) if self._by_text else None
        self._objects = ObjectReader(tuple(by_name), TIMES)
        self._clients = ObjectReader((), _HEADS)
        self._properties = [_Property(name, plans, settings) for name, plans in by_name.items()]

    def scan(self, table: Table, lines: Lines) -> Counter[int]:
        """Count the lines of a block and match them; returns how many events each minute has."""
        with _no_cycles():
            return self._scan(table, lines)

    def _scan(self, table: Table, cut: Lines) -> Counter[int]:
        block, starts, ends = cut.block, cut.starts, cut.ends
        objects = self._objects(cut)
        minutes = self._minutes(objects.found)
        sure = minutes >= 0
        if len(sure):
            self._objects.settle(enough=bool(sure.all()))
        table.read += len(starts)
        others = np.ones(len(starts), np.bool_)
        others[objects.sure[sure]] = False
        slow = np.flatnonzero(others)
        table.slow += len(slow)
        table.counted += len(others) - len(slow)
        cuts = zip(starts[slow].tolist(), ends[slow].tolist(), strict=True)
        events = self._matching.lines(table, (block[a:b] for a, b in cuts), self._plans)
        if len(slow) == len(others):
            return events
        known, place = distinct_minutes(minutes[sure])
        for minute, count in zip(known, np.bincount(place).tolist(), strict=True):
            events[minute] += count
        lines: dict[int, list[Plan]] = defaultdict(list)
        tallies: dict[Plan, list[int]] = {}
        """The objects that a property decides."""
        for each in self._properties:
            self._note(each, objects, minutes, lines, tallies)
        for plan in self._every:
            for line in objects.sure[sure].tolist():
                lines[line].append(plan)
        if self._search is not None:
            hits = matching_lines(self._search, list(self._by_text), block, starts)
            for text, at in hits:
                if not others[at]:
                    lines[at] += [each for each in self._by_text[text] if each not in lines[at]]
        self._tally(table, cut, objects.sure, minutes, tallies)
        for at, plans in lines.items():
            line = block[starts[at] : ends[at]]
            self._matching.candidate(table, line, plans)
        return events

    def _minutes(self, found: list[Any]) -> Ints:
        """The minute of each object, -1 if the time is not plain to see."""
        minutes: Ints = np.full(len(found), -1, np.int64)
        left: Ints = np.arange(len(found))
        values = self._objects.values
        for value in (values[name] for name in TIMES if name in values):
            if not len(left):
                break
            stamps = list(map(value, found))
            if len(left) < len(found):
                stamps = [stamps[at] for at in left.tolist()]
            minutes[left] = self._stamps(stamps)
            if not (minutes[left] < 0).any():
                break
            missing = [each is msgspec.UNSET or each is None for each in stamps]
            left = left[np.array(missing, np.bool_)]
        return minutes

    def _note(
        self,
        of: _Property,
        objects: Objects,
        minutes: Ints,
        lines: dict[int, list[Plan]],
        tallies: dict[Plan, list[int]],
    ) -> None:
        """Note lines for the matcher, and lines whose value decides."""
        hot, rows, values = self._hot(of, objects.found)
        groups: dict[Any, list[int]] = defaultdict(list)
        for row, minute, value in zip(rows, minutes[rows].tolist(), values, strict=True):
            if minute >= 0:
                groups[value].append(row)
        for value, alike in groups.items():
            verdict = hot[value]
            for plan in verdict.sure:
                tallies.setdefault(plan, []).extend(alike)
            for at in objects.sure[alike].tolist() if verdict.plans else ():
                lines[at] += verdict.plans

    def _hot(
        self, of: _Property, found: list[Any]
    ) -> tuple[dict[Any, _Verdict], list[int], list[Any]]:
        """What values decide, which objects have them, and what each of those has."""
        codes = self._objects.codes(of.name, found)
        if codes is not None:
            hot = of.decide(np.flatnonzero(np.bincount(codes)).tolist())
            wanted = np.zeros(CODES, np.bool_)
            wanted[list(hot)] = True
            at = np.flatnonzero(wanted[codes])
            return hot, at.tolist(), codes[at].tolist()
        value = self._objects.values.get(of.name)
        values = [msgspec.UNSET] * len(found) if value is None else list(map(value, found))
        if not _PLAIN.issuperset(map(type, values)):
            values = [each if type(each) in _PLAIN else _ODD for each in values]
        hot = of.decide(set(values))
        rows = list(compress(range(len(values)), map(hot.__contains__, values))) if hot else []
        return hot, rows, [values[row] for row in rows]

    def _tally(
        self, table: Table, cut: Lines, sure: Ints, minutes: Ints, tallies: dict[Plan, list[int]]
    ) -> None:
        """Count the lines that a property decides."""
        rows = sorted(set().union(*tallies.values()))
        if not rows:
            return
        at = sure[rows]
        cuts = zip(cut.starts[at].tolist(), cut.ends[at].tolist(), strict=True)
        lines = [cut.block[begin:end] for begin, end in cuts]
        clients = Clients(self._named(lines))
        for plan, those in tallies.items():
            chosen = np.array(those, np.int64)
            chosen = chosen[np.lexsort((chosen, minutes[chosen]))]
            which = np.searchsorted(rows, chosen)
            self._matching.tally_many(table, plan, minutes[chosen], clients, which)

    def _named(self, lines: list[bytes]) -> list[str]:
        """The client of each line."""
        found = self._clients.lines(lines)
        nobody = [at for at, each in enumerate(found) if each is None]
        if nobody:
            found = [each for each in found if each is not None]
        columns = {name: list(map(get, found)) for name, get in self._clients.values.items()}
        names = [each for each in CLIENTS if each in columns or each.partition(".")[0] in columns]
        if (
            len(columns) == 1
            and names == list(columns)
            and _TEXT.issuperset(map(type, columns[names[0]]))
        ):
            clients = [each[:LONGEST_CLIENT] for each in columns[names[0]]]
        else:
            clients = [
                pick_client(
                    {
                        name: value
                        for name, value in zip(columns, row, strict=True)
                        if value is not msgspec.UNSET
                    },
                    names,
                )[:LONGEST_CLIENT]
                for row in zip(*columns.values(), strict=True)
            ] or [""] * len(found)
        for at in nobody:
            # In order, so that each comes to its place.
            clients.insert(at, "")
        if self._clients.is_narrow:
            nobody = [at for at, each in enumerate(clients) if not each]
        for at in nobody:
            parsed = self._parse(lines[at])
            if isinstance(parsed, Parsed):
                clients[at] = parsed.fields.get("client", "")[:LONGEST_CLIENT]
        self._clients.settle(enough=all(clients) and not nobody)
        return clients


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the value of a property decides."""

    sure: tuple[Plan, ...] = ()
    """Constant filters that match all such lines."""
    plans: tuple[Plan, ...] = ()
    """Filters that may match; what they add depends on the rest of the line."""


class _Property:
    """The filters that one property decides."""

    def __init__(
        self,
        name: str,
        plans: Sequence[Plan],
        settings: Settings,
    ) -> None:
        self.name = name
        self._plans = plans
        self._settings = settings
        self._odd = _Verdict(plans=tuple(plans))
        self._known: dict[Any, _Verdict] = {_ODD: self._odd}

    def decide(self, values: Iterable[Any]) -> dict[Any, _Verdict]:
        """The verdicts of those distinct values that decide anything."""
        verdicts = {each: self._verdict(each) for each in values}
        return {each: found for each, found in verdicts.items() if found.sure or found.plans}

    def _verdict(self, value: Any) -> _Verdict:
        known = self._known.get(value)
        if known is not None:
            return known
        if type(value) is int and not 0 < value < _LARGEST:
            # -0 is 0 here, and not for a pattern.
            return self._odd
        text = _encode({} if value is msgspec.UNSET else {self.name: value})
        event = Event(text)
        decided, plans = [], []
        for plan in self._plans:
            if plan.texts is not None and not any_in(plan.texts, text):
                continue
            if contribute(plan.filter, event, self._settings) is None:
                continue
            if plan.is_constant:
                decided.append(plan)
            else:
                plans.append(plan)
        verdict = _Verdict(tuple(decided), tuple(plans))
        if type(value) is not str or len(value) <= _LONGEST:
            if len(self._known) >= _KEPT:
                self._known = {_ODD: self._odd}
            self._known[value] = verdict
        return verdict
