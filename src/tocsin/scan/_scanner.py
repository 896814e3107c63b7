"""Blocks of whole lines to tables.

`scan` is a function of its block: blocks may be scanned in any order and by any number of
workers, and their tables merge by adding.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from tocsin.pattern import DEFAULTS, event_keys
from tocsin.scan._columns import ColumnReader
from tocsin.scan._json import JsonReader
from tocsin.scan._lines import LineCutter
from tocsin.scan._matching import Matching
from tocsin.scan._names import CutClients
from tocsin.scan._plan import Plan
from tocsin.scan._search import make_search, matching_lines, usable_engine
from tocsin.scan._stamps import count_minutes
from tocsin.scan._table import Table
from tocsin.scan._terms import TermSearch, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.logformat import Format
    from tocsin.pattern import MetricFilter, Settings
    from tocsin.scan._columns import Bools, Columns, Ints
    from tocsin.scan._lines import Lines
    from tocsin.scan._names import Clients
    from tocsin.scan._search import Engine

__all__ = ["Scanner"]

_ACCESS = frozenset({"combined", "common"})
_STATUSES = 1000
_ROOM = 24 << 20
"""Bytes. What is made of a block, from one step to the next, takes less."""


class _Rest:
    """Plans whose lines the matcher decides, and the texts that lead to some of those lines."""

    def __init__(self, plans: Sequence[Plan], engine: Engine) -> None:
        self.plans = plans
        self.by_text: dict[bytes, list[Plan]] = defaultdict(list)
        for plan in plans:
            for text in (plan.texts or ()) if plan.way == "texts" else ():
                self.by_text[text].append(plan)
        self.search = make_search(list(self.by_text), engine) if self.by_text else None


class Scanner:
    """The filters of a log group, over lines of one format."""

    def __init__(
        self,
        filters: Sequence[MetricFilter],
        form: Format,
        settings: Settings = DEFAULTS,
        *,
        engine: Engine | None = None,
        columns: bool = True,
    ) -> None:
        self.engine = usable_engine(engine)
        """How texts are searched: `find` is the slower way, without the hyperscan package."""
        self.columns = columns and form.name in _ACCESS
        """Whether lines are read as columns, many at once; if not, one by one."""
        _keep_room()
        self._plans = [Plan(each, settings) for each in filters]
        self._event_keys = event_keys(filters)
        self._matching = Matching(form, settings)
        self._cut = LineCutter()
        self._read = ColumnReader(
            form,
            plain_tail=any(plan.plain_tail for plan in self._plans),
            escapes=settings.escaped_quotes == "data",
        )
        decode = columns and form.name == "json"
        self._json = (
            JsonReader(form, self._plans, self._matching, settings, self.engine) if decode else None
        )
        self._by_number: dict[int, list[int]] = {}
        """Which plans match a status that decides."""
        self._wanted: Bools = np.zeros(_STATUSES, np.bool_)
        self._terms = TermSearch()
        self._decided: list[Plan] = []
        """Plans whose terms decide in plain blocks, in the order of the search."""
        left: list[Plan] = []
        rest = [plan for plan in self._plans if self.columns and plan.way != "status"]
        for plan in rest:
            decided = plan.is_constant and self._terms.take(plan.filter, self.engine)
            (self._decided if decided else left).append(plan)
        self._rest = _Rest(rest, self.engine)
        self._plain_rest = _Rest(left, self.engine)

    @property
    def fast(self) -> bool:
        """Whether neither the format nor a missing package makes it slow."""
        return self.columns and (self._rest.search is None or self.engine == "hyperscan")

    def scan(self, block: bytes, into: Table | None = None) -> Table:
        """Count the lines of a block; its last line may lack its line end.

        The counts are added to the table given, which is faster than to merge one for each block.
        """
        table = Table() if into is None else into
        for lines in self._cut(block):
            if self.columns:
                events = self._columns(table, lines)
            elif self._json is not None:
                events = self._json.scan(table, lines)
            else:
                events = self._one_by_one(table, lines.block)
            self._see(table, events)
        return table

    def take(self, events: Iterable[tuple[int, bytes]], into: Table) -> None:
        """Count events that came with their time, microseconds; each is one, whatever it holds."""
        self._see(into, self._matching.events(into, events, self._plans))

    def _see(self, table: Table, events: Counter[int]) -> None:
        seen = sorted(each for each in events.items() if each[1])
        minutes, counts = np.array(seen, np.int64).reshape(-1, 2).T
        for key in self._event_keys:
            table.minutes.see_many(key, minutes, counts)

    def _one_by_one(self, table: Table, block: bytes) -> Counter[int]:
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        table.read += len(lines)
        table.slow += len(lines)
        return self._matching.lines(table, lines, self._plans)

    def _columns(self, table: Table, lines: Lines) -> Counter[int]:
        block, found = lines.block, self._read(lines)
        table.read += len(found.starts)
        unsure = found.unsure
        table.slow += len(unsure)
        cuts = zip(found.starts[unsure].tolist(), found.ends[unsure].tolist(), strict=True)
        events = self._matching.lines(table, (block[a:b] for a, b in cuts), self._plans)
        table.counted += len(found.sure)
        if len(found.sure):
            self._by_status(table, block, found, events)
            plain = bool(self._decided) and is_plain(block)
            if plain:
                self._by_terms(table, block, found)
            self._by_matcher(table, block, found, self._plain_rest if plain else self._rest)
        return events

    def _by_status(self, table: Table, block: bytes, found: Columns, events: Counter[int]) -> None:
        """What follows from minute and status alone."""
        events.update(count_minutes(found.minute))
        for status in np.flatnonzero(np.bincount(found.status, minlength=_STATUSES)).tolist():
            if status not in self._by_number:
                self._learn(status)
        statuses, minutes, clients = _in_order(block, found, self._wanted[found.status])
        alike: dict[int, list[int]] = defaultdict(list)
        for status in np.flatnonzero(np.bincount(statuses)).tolist():
            for at in self._by_number[status]:
                alike[at].append(status)
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for at, those in alike.items():
            groups[tuple(those)].append(at)
        for group, decided in groups.items():
            chosen = np.zeros(_STATUSES, np.bool_)
            chosen[list(group)] = True
            rows = np.flatnonzero(chosen[statuses])
            for at in decided:
                self._matching.tally_many(table, self._plans[at], minutes[rows], clients, rows)

    def _learn(self, status: int) -> None:
        """Ask once which filters that the status decides match it."""
        found = self._by_number[status] = [
            at
            for at, plan in enumerate(self._plans)
            if plan.way == "status" and plan.matches(status)
        ]
        self._wanted[status] = bool(found)

    def _by_terms(self, table: Table, block: bytes, found: Columns) -> None:
        """What follows from the terms that the lines have."""
        for plan, (matched, unsure) in zip(self._decided, self._terms(block, found), strict=True):
            _, minutes, clients = _in_order(block, found, matched[found.sure])
            if len(minutes):
                self._matching.tally_many(table, plan, minutes, clients, np.arange(len(minutes)))
            for line in found.sure[unsure[found.sure]].tolist():
                text = block[found.starts[line] : found.ends[line]]
                self._matching.candidate(table, text, [plan])

    def _by_matcher(self, table: Table, block: bytes, found: Columns, rest: _Rest) -> None:
        """Lines that may match go to the matcher, each with the filters in question."""
        lines: dict[int, list[Plan]] = defaultdict(list)
        for plan in rest.plans:
            if plan.way == "all":
                rows = found.sure
            elif plan.way == "some":
                rows = found.sure[plan.wanted(found.status)]
            else:
                continue
            for line in rows.tolist():
                lines[line].append(plan)
        if rest.search is not None:
            sure = np.zeros(len(found.starts), np.bool_)
            sure[found.sure] = True
            for text, line in matching_lines(rest.search, list(rest.by_text), block, found.starts):
                if sure[line]:
                    lines[line] += [each for each in rest.by_text[text] if each not in lines[line]]
        for line, wanted in lines.items():
            text = block[found.starts[line] : found.ends[line]]
            self._matching.candidate(table, text, wanted)


def _keep_room() -> None:
    """Have the C library keep the memory of a block for the next one, in large pages.

    What is freed goes back to the system, page by page, beyond twice the largest piece that was
    mapped and freed before (mallopt(3), M_TRIM_THRESHOLD), and to get it again costs more than to
    scan it. So a large piece is mapped and freed; the next one comes of the heap and stays there.
    Of both numpy asks for large pages (madvise(2), MADV_HUGEPAGE). Nothing is touched here: what
    no block needs takes no memory.
    """
    for size in (_ROOM, _ROOM - (1 << 16)):
        np.empty(size, np.uint8)


def _in_order(block: bytes, found: Columns, chosen: Bools) -> tuple[Ints, Ints, Clients]:
    """Status, minute and client of sure lines that are chosen, the earliest minutes first."""
    rows = np.flatnonzero(chosen)
    minutes = found.minute[rows]
    if bool((minutes[1:] < minutes[:-1]).any()):
        order = np.argsort(minutes, kind="stable")
        rows, minutes = rows[order], minutes[order]
    begins = found.starts[found.sure[rows]]
    return found.status[rows], minutes, CutClients(block, begins, found.client[rows])
