"""What the values of some properties of JSON lines decide: the matcher is asked once for each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import compress, product
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tocsin.pattern import Event, contribute, json_references, json_tests, json_uses
from tocsin.scan._alike import LONGEST, Alike
from tocsin.scan._matching import any_in
from tocsin.scan._objects import CODES, is_plain_name
from tocsin.scan._ranges import Range, Ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from tocsin.pattern import Contribution, Settings, Skip
    from tocsin.scan._columns import Ints
    from tocsin.scan._objects import ObjectReader, Objects, Path
    from tocsin.scan._plan import Plan

    Given = Contribution | Skip
    _Columns = dict[tuple[Path, Ranges | None], list[Any]]
    _Hot = tuple[dict[Any, "_Verdict"], list[int], list[Any]]
    """What keys decide, which objects have such keys, and what each of those has."""

__all__ = ["Decider", "Decisions", "reference_decider"]

_KEPT = 8192
_LARGEST = 1 << 53
_MOST_ZEROS = 3
_ODD, _TRUE, _FALSE = object(), object(), object()
"""`_ODD` stands for values that can't be told apart here, such as 404.0 and 4.04e2. True and
False are equal to 1 and 0."""
_PLAIN = frozenset({int, str, Range, type(None), type(msgspec.UNSET)})
_MINUS_ZERO = msgspec.Raw(b"-0")
_encode = msgspec.json.Encoder().encode


def _plain(values: list[Any]) -> list[Any]:
    """Values that can be looked up, in place of those that can't be."""
    if _PLAIN.issuperset(map(type, values)):
        return values
    return [each if type(each) in _PLAIN else _stand_in(each) for each in values]


def _stand_in(value: Any) -> Any:
    return _TRUE if value is True else _FALSE if value is False else _ODD


def _spellings(value: Any) -> tuple[Any, ...]:
    """What may stand in the line; -0 is 0 here, and perhaps not for a pattern."""
    if value is _TRUE or value is _FALSE:
        return (value is _TRUE,)
    if type(value) is Range:
        return (value.example,)
    return (0, _MINUS_ZERO) if value == 0 else (value,)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What some values decide."""

    sure: tuple[Plan, ...] = ()
    """Constant filters that match all such lines."""
    others: tuple[tuple[Plan, Given | None], ...] = ()
    """Other filters that match them, and what each line adds, if that is decided as well."""
    unsure: tuple[Plan, ...] = ()
    """Filters that may match."""

    @property
    def nothing(self) -> bool:
        return not self.sure and not self.others and not self.unsure


class Decider:
    """The filters that the same properties decide."""

    def __init__(
        self,
        paths: Sequence[Path],
        plans: Sequence[Plan],
        settings: Settings,
        *,
        references: bool = False,
    ) -> None:
        """If `references`, the properties that say what a match adds are among them."""
        self.paths = tuple(paths)
        self._plans = tuple(plans)
        self._settings = settings
        self._references = references
        self._odd = _Verdict(unsure=self._plans)
        self._occurring: tuple[Path, ...] = ()
        self._known: dict[Any, _Verdict] = {}
        found = {} if references else {path: _ranges(path, plans) for path in paths}
        self.ranges = {path: ranges for path, ranges in found.items() if ranges is not None}
        """Of properties that are only compared by order."""
        tests = [] if references else [json_tests(one.filter.pattern, settings) for one in plans]
        self.alike = {
            path: Alike([test for each in tests for test in each.get(path, ())])
            for path in (() if references else paths)
        }

    @property
    def texts(self) -> frozenset[bytes]:
        """Every line that matches has one of them, where all of the filters have texts."""
        return frozenset(text for plan in self._plans for text in plan.texts or ())

    def decide(self, occurring: tuple[Path, ...], keys: Iterable[Any]) -> dict[Any, _Verdict]:
        """The verdicts of those distinct keys that decide anything.

        A key is what the properties that occur hold: a tuple, or a value if only one occurs.
        """
        if occurring != self._occurring:
            self._occurring, self._known = occurring, {}
        verdicts = {key: self._verdict(key) for key in keys}
        return {key: found for key, found in verdicts.items() if not found.nothing}

    def _verdict(self, key: Any) -> _Verdict:
        known = self._known.get(key)
        if known is not None:
            return known
        values = (key,) if len(self._occurring) == 1 else key
        verdict = self._ask(values)
        if sum(len(each) for each in values if type(each) is str) <= LONGEST:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[key] = verdict
        return verdict

    def _ask(self, values: tuple[Any, ...]) -> _Verdict:
        if any(each is _ODD or (type(each) is int and abs(each) >= _LARGEST) for each in values):
            return self._odd
        zeros = sum(type(each) is int and each == 0 for each in values)
        if zeros > _MOST_ZEROS:
            return self._odd
        found = {self._matching(one) for one in product(*map(_spellings, values))}
        if len(found) > 1:
            return self._odd
        matching = found.pop()
        return _Verdict(
            tuple(plan for plan, _ in matching if plan.is_constant),
            tuple(each for each in matching if not each[0].is_constant),
        )

    def _matching(self, values: tuple[Any, ...]) -> tuple[tuple[Plan, Given | None], ...]:
        """The filters that match an event with certain values and nothing else."""
        root: dict[str, Any] = {}
        for path, value in zip(self._occurring, values, strict=True):
            if value is msgspec.UNSET:
                continue
            at = root
            for name in path[:-1]:
                at = at.setdefault(name, {})
            at[path[-1]] = value
        text = _encode(root)
        event = Event(text)
        found = (
            (plan, contribute(plan.filter, event, self._settings))
            for plan in self._plans
            if plan.texts is None or any_in(plan.texts, text)
        )
        return tuple(
            (plan, given if self._references else None)
            for plan, given in found
            if given is not None
        )


def reference_decider(paths: Iterable[Path], plan: Plan, settings: Settings) -> Decider | None:
    """What decides what a match of a filter adds; None if its line has to be looked at."""
    references = json_references(plan.filter)
    if plan.is_constant or references is None:
        return None
    if not all(is_plain_name(name) for path in references for name in path):
        return None
    return Decider(sorted({*paths, *references}), [plan], settings, references=True)


def _ranges(path: Path, plans: Sequence[Plan]) -> Ranges | None:
    bounds: set[Decimal] = set()
    for plan in plans:
        found = (json_uses(plan.filter.pattern) or {}).get(path)
        if found is None:
            return None
        bounds |= found
    return Ranges(bounds) if all(map(Ranges.can_order, bounds)) else None


class Decisions:
    """What is decided of the objects of one block."""

    def __init__(self, reader: ObjectReader, objects: Objects, minutes: Ints) -> None:
        self._reader = reader
        self._objects = objects
        self._minutes = minutes
        self._columns: _Columns = {}
        self.lines: dict[int, list[Plan]] = defaultdict(list)
        """Lines for the matcher, each with the filters in question."""
        self.tallies: dict[Plan, list[int]] = {}
        """Which objects match a filter, where that is all there is to know."""
        self.given: dict[tuple[Plan, Given], list[int]] = {}
        """Which objects match a filter and add the same."""
        self._open: dict[Plan, list[int]] = defaultdict(list)

    def note(self, decider: Decider, rows: Ints | None = None) -> None:
        """Ask of all objects with a minute, or of some."""
        if rows is None:
            hot, alike, keys = self._all(decider)
        else:
            found = [self._objects.found[row] for row in rows.tolist()]
            hot, alike, keys = self._some(decider, found, {})
            alike = rows[alike].tolist()
        groups: dict[Any, list[int]] = defaultdict(list)
        for row, minute, key in zip(alike, self._minutes[alike].tolist(), keys, strict=True):
            if minute >= 0:
                groups[key].append(row)
        for key, those in groups.items():
            verdict = hot[key]
            for plan in verdict.sure:
                self.tallies.setdefault(plan, []).extend(those)
            for plan, given in verdict.others:
                if given is None:
                    self._open[plan] += those
                else:
                    self.given.setdefault((plan, given), []).extend(those)
            self._leave(verdict.unsure, those)

    def note_references(self, deciders: Mapping[Plan, Decider]) -> None:
        """Ask what the objects add that are known to match."""
        for plan, rows in self._open.items():
            if plan in deciders:
                self.note(deciders[plan], np.array(sorted(rows), np.int64))
            else:
                self._leave((plan,), rows)

    def _leave(self, plans: tuple[Plan, ...], rows: list[int]) -> None:
        for at in self._objects.sure[rows].tolist() if plans else ():
            self.lines[at] += plans

    def _all(self, decider: Decider) -> _Hot:
        found = self._objects.found
        occurring = self._occurring(decider)
        codes = self._reader.codes(occurring[0], found) if len(occurring) == 1 else None
        if codes is None:
            return self._some(decider, found, self._columns)
        hot = decider.decide(occurring, np.flatnonzero(np.bincount(codes)).tolist())
        wanted = np.zeros(CODES, np.bool_)
        wanted[list(hot)] = True
        at = np.flatnonzero(wanted[codes])
        return hot, at.tolist(), codes[at].tolist()

    def _some(self, decider: Decider, found: list[Any], columns: _Columns) -> _Hot:
        occurring = self._occurring(decider)
        held = []
        for path in occurring:
            ranges = decider.ranges.get(path)
            if (path, ranges) not in columns:
                values = self._reader.column(path, found)
                columns[path, ranges] = _plain(values if ranges is None else ranges(values))
            alike = decider.alike.get(path)
            values = columns[path, ranges]
            held.append(values if alike is None else alike(values))
        keys: list[Any]
        if len(held) == 1:
            keys = held[0]
        else:
            keys = list(zip(*held, strict=True)) if held else [()] * len(found)
        hot = decider.decide(occurring, set(keys))
        at = list(compress(range(len(keys)), map(hot.__contains__, keys))) if hot else []
        return hot, at, [keys[row] for row in at]

    def _occurring(self, decider: Decider) -> tuple[Path, ...]:
        return tuple(path for path in decider.paths if self._reader.occurs(path))
