"""The lines of a block that some filters may match, for a second look at few lines.

It may let through lines that match nothing, and never keeps back one that matches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tocsin.pattern import DEFAULTS
from tocsin.scan._columns import ColumnReader
from tocsin.scan._lines import LineCutter
from tocsin.scan._plan import Plan
from tocsin.scan._search import best_engine, make_search, matching_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.logformat import Format
    from tocsin.pattern import MetricFilter, Settings
    from tocsin.scan._columns import Bools, Columns
    from tocsin.scan._lines import Lines

__all__ = ["Candidates"]

_ACCESS = frozenset({"combined", "common"})


class Candidates:
    """Finds them: by status and texts in access logs, by texts in JSON lines, else all."""

    def __init__(
        self, filters: Sequence[MetricFilter], form: Format, settings: Settings = DEFAULTS
    ) -> None:
        self._plans = [Plan(each, settings) for each in filters]
        self._read = (
            ColumnReader(
                form,
                plain_tail=any(plan.plain_tail for plan in self._plans),
                escapes=settings.escaped_quotes == "data",
            )
            if form.name in _ACCESS
            else None
        )
        self._every = self._read is None
        self._cut = LineCutter()
        searched = [plan for plan in self._plans if plan.way == "texts"]
        if form.name == "json":
            # Other formats may find in a line what is written otherwise there.
            searched = self._plans
            self._every = any(plan.texts is None for plan in searched)
        found = {text for plan in searched for text in plan.texts or ()}
        self._texts = [] if self._every else sorted(found)
        self._search = make_search(self._texts, best_engine()) if self._texts else None

    def __call__(
        self, block: bytes, times: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[int, bytes]]:
        """Where each begins, and the line without its line end.

        `times` are whole minutes, each the first and the one after the last; lines of other
        minutes are left out where that is known.
        """
        begin = 0
        for lines in self._cut(block):
            for at in np.flatnonzero(self._which(lines, times)).tolist():
                start = int(lines.starts[at])
                yield begin + start, lines.block[start : lines.ends[at]].removesuffix(b"\r")
            begin += len(lines.block)

    def _which(self, lines: Lines, times: Sequence[tuple[int, int]]) -> Bools:
        found = self._read(lines) if self._read is not None else None
        chosen = np.full(len(lines.starts), self._every) if found is None else self._chosen(found)
        if self._search is not None:
            for _, line in matching_lines(self._search, self._texts, lines.block, lines.starts):
                chosen[line] = True
        if found is not None:
            # Of lines that are not sure the minute is not known.
            apart = np.ones(len(found.sure), np.bool_)
            for begin, end in times:
                apart &= (found.minute < begin) | (found.minute >= end)
            chosen[found.sure[apart]] = False
        return chosen

    def _chosen(self, found: Columns) -> Bools:
        """What status and shape do not rule out."""
        chosen = np.zeros(len(found.starts), np.bool_)
        for plan in self._plans:
            if plan.way == "all":
                chosen[found.sure] = True
            elif plan.way in ("status", "some"):
                chosen[found.sure[plan.wanted(found.status)]] = True
        chosen[found.unsure] = True
        return chosen
