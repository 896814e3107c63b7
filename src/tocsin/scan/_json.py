"""JSON lines, all of a block decoded at once: minutes and deciding properties as columns.

Of a line that is an object, all that is asked is the time and what the properties hold that
decide a pattern. What the matcher says of a value is asked once. Values whose spelling is lost
in decoding, such as 4.04e2, and all lines out of the ordinary go the exact way.
"""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tocsin.logformat import CLIENTS, TIMES, Parsed, pick_client
from tocsin.pattern import json_uses
from tocsin.scan._decide import Decider, Decisions, reference_decider
from tocsin.scan._names import LONGEST_CLIENT, Clients
from tocsin.scan._objects import ObjectReader, is_plain_name
from tocsin.scan._plan import Plan
from tocsin.scan._search import make_search, matching_lines
from tocsin.scan._stamps import Stamps, count_minutes
from tocsin.scan._terms import TermSearch, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.logformat import Format
    from tocsin.pattern import Settings
    from tocsin.scan._columns import Bools, Ints
    from tocsin.scan._lines import Lines
    from tocsin.scan._matching import Matching
    from tocsin.scan._objects import Objects, Path
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


_TEXT = frozenset({str})
_NOBODY = frozenset({dict, type(None), type(msgspec.UNSET)})
_HEADS = tuple(dict.fromkeys(each for name in CLIENTS for each in (name, name.partition(".")[0])))


class _Rest:
    """What no property of every line decides: lines that have certain texts, and all lines."""

    def __init__(self, those: Sequence[Plan | Decider], engine: Engine) -> None:
        self.every: list[Plan] = []
        self.by_text: dict[bytes, list[Plan | Decider]] = defaultdict(list)
        for each in those:
            if isinstance(each, Plan) and each.texts is None:
                self.every.append(each)
            for text in each.texts or ():
                self.by_text[text].append(each)
        self.search = make_search(list(self.by_text), engine) if self.by_text else None


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
        self._terms = TermSearch()
        self._decided: list[Plan] = []
        """Plans whose terms decide in plain blocks, in the order of the search."""
        left: list[Plan | Decider] = []
        everywhere: dict[tuple[Path, ...], list[Plan]] = defaultdict(list)
        with_texts: dict[tuple[Path, ...], list[Plan]] = defaultdict(list)
        self._references: dict[Plan, Decider] = {}
        for plan in plans:
            uses = json_uses(plan.filter.pattern)
            if uses is not None and all(is_plain_name(name) for path in uses for name in path):
                paths = tuple(sorted(uses))
                alone = len(paths) == 1 and len(paths[0]) == 1
                rare = plan.has_rare_texts and not alone
                (with_texts if rare else everywhere)[paths].append(plan)
                decider = reference_decider(paths, plan, settings)
                if decider is not None:
                    self._references[plan] = decider
            elif plan.is_constant and self._terms.take(plan.filter, engine):
                self._decided.append(plan)
            else:
                left.append(plan)
        self._deciders = [Decider(paths, those, settings) for paths, those in everywhere.items()]
        left += [Decider(paths, those, settings) for paths, those in with_texts.items()]
        self._plain_rest = _Rest(left, engine)
        self._rest = _Rest([*left, *self._decided], engine) if self._decided else self._plain_rest
        groups = (*everywhere, *with_texts, *(each.paths for each in self._references.values()))
        always = [path for paths in groups for path in paths]
        self._objects = ObjectReader(list(dict.fromkeys(always)), TIMES)
        self._clients = ObjectReader((), _HEADS)

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
        events.update(count_minutes(minutes[sure]))
        decisions = Decisions(self._objects, objects, minutes)
        for each in self._deciders:
            decisions.note(each)
        plain = bool(self._decided) and is_plain(block)
        if plain:
            self._by_terms(cut, objects.sure, sure, decisions)
        rest = self._plain_rest if plain else self._rest
        for plan in rest.every:
            for line in objects.sure[sure].tolist():
                decisions.lines[line].append(plan)
        if rest.search is not None:
            hits = matching_lines(rest.search, list(rest.by_text), block, starts)
            hits = [(text, at) for text, at in hits if not others[at]]
            self._by_texts(rest, hits, objects, decisions)
        decisions.note_references(self._references)
        self._tally(table, cut, objects.sure, minutes, decisions)
        for at, plans in decisions.lines.items():
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

    def _by_terms(self, cut: Lines, lines: Ints, sure: Bools, decisions: Decisions) -> None:
        """Decide of lines by the terms that they have."""
        for plan, (matched, unsure) in zip(self._decided, self._terms(cut.block, cut), strict=True):
            rows = np.flatnonzero(sure & matched[lines])
            if len(rows):
                decisions.tallies[plan] = rows.tolist()
            for line in lines[sure & unsure[lines]].tolist():
                decisions.lines[line].append(plan)

    def _by_texts(
        self, rest: _Rest, hits: list[tuple[bytes, int]], objects: Objects, decisions: Decisions
    ) -> None:
        """Decide of lines that have certain texts."""
        rows: dict[Decider, set[int]] = defaultdict(set)
        for text, at in hits:
            for each in rest.by_text[text]:
                if isinstance(each, Decider):
                    rows[each].add(at)
                elif each not in decisions.lines[at]:
                    decisions.lines[at].append(each)
        for decider, those in rows.items():
            decisions.note(decider, np.searchsorted(objects.sure, sorted(those)))

    def _tally(
        self, table: Table, cut: Lines, sure: Ints, minutes: Ints, decisions: Decisions
    ) -> None:
        """Count the lines that properties decide."""
        rows = sorted(set().union(*decisions.tallies.values(), *decisions.given.values()))
        if not rows:
            return
        at = sure[rows]
        cuts = zip(cut.starts[at].tolist(), cut.ends[at].tolist(), strict=True)
        lines = [cut.block[begin:end] for begin, end in cuts]
        names = self._named(lines)
        clients = Clients(names)
        for plan, those in decisions.tallies.items():
            chosen = np.array(those, np.int64)
            chosen = chosen[np.lexsort((chosen, minutes[chosen]))]
            which = np.searchsorted(rows, chosen)
            self._matching.tally_many(table, plan, minutes[chosen], clients, which)
        for (plan, given), those in decisions.given.items():
            behind: dict[int, Counter[str]] = defaultdict(Counter)
            places = np.searchsorted(rows, those).tolist()
            for minute, at in zip(minutes[those].tolist(), places, strict=True):
                behind[minute][names[at]] += 1
            for minute, who in behind.items():
                self._matching.tally(table, plan, minute, given, who, who.total())

    def _named(self, lines: list[bytes]) -> list[str]:
        """The client of each line."""
        found = self._clients.lines(lines)
        nobody = [at for at, each in enumerate(found) if each is None]
        if nobody:
            found = [each for each in found if each is not None]
        columns = {name: list(map(get, found)) for name, get in self._clients.values.items()}
        names = [each for each in CLIENTS if each in columns or each.partition(".")[0] in columns]
        clients = _all_by_one(columns, names)
        if clients is None:
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


def _all_by_one(columns: dict[str, list[Any]], names: Sequence[str]) -> list[str] | None:
    """The client of each line, where the first name that says one in any says it in all."""
    for name in names:
        values = _column(columns, name)
        if values is None:
            return None
        kinds = set(map(type, values))
        if kinds == _TEXT and (name == names[-1] or all(values)):
            return [each[:LONGEST_CLIENT] for each in values]
        if not kinds <= _NOBODY:
            return None
    return None


def _column(columns: dict[str, list[Any]], name: str) -> list[Any] | None:
    """What is under a name, which may be a path; None if that is not the same for all lines."""
    head, _, inner = name.partition(".")
    if name in columns:
        values = columns[name]
        return None if inner and any(each is msgspec.UNSET for each in values) else values
    if "." in inner:
        return None
    return [
        each.get(inner, msgspec.UNSET) if type(each) is dict else msgspec.UNSET
        for each in columns[head]
    ]
