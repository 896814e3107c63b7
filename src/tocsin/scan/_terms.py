"""Unstructured patterns, decided for all lines of a block at once.

Where a block is plain ASCII without carriage returns, hyperscan says of each term in which lines
it is, and the signs of the terms do the rest. Only regular expressions that mean the same there
as for the exact matcher are taken; a match that is not certain to lie within one line is left
to that matcher.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.pattern import Regex, Sign, Terms
from tocsin.scan._search import hyperscan

if TYPE_CHECKING:
    from tocsin.pattern import MetricFilter, Term
    from tocsin.scan._columns import Bools, Columns
    from tocsin.scan._lines import Lines
    from tocsin.scan._search import Engine

__all__ = ["TermSearch", "is_plain"]

_LETTER = r"\\x[0-9A-Fa-f]{2}|\\[dDwW]|\\[^A-Za-z0-9]"
_CLASS = rf"\[\^?(?:{_LETTER}|[A-Za-z0-9 :_#=@/;,.*+?$|{{}}-])+\]"
_TIMES = r"[*+?]|\{[0-9]{1,2}(?:,[0-9]{0,2})?\}"
_SAME = re.compile(rf"(?:(?:{_LETTER}|{_CLASS}|[A-Za-z0-9 :_#=@/;,.-])(?:{_TIMES})?|\|)+").fullmatch
r"""Expressions that mean the same: no anchors, no `\s`, each repetition once and not large."""


def is_plain(block: bytes) -> bool:
    """Whether a block is one whose bytes are its characters, and whose lines end in one way."""
    return block.isascii() and b"\r" not in block


class TermSearch:
    """The terms of some patterns."""

    def __init__(self) -> None:
        self._patterns: list[Terms] = []
        self._terms: dict[str | Regex, int] = {}
        self._expressions: list[bytes] = []
        self._flags: list[int] = []
        self._compiled: tuple[Any, Any] | None = None

    def take(self, metric_filter: MetricFilter, engine: Engine) -> bool:
        """Add the pattern of a filter; returns whether it can be decided here."""
        body = metric_filter.pattern.body
        if engine != "hyperscan" or not isinstance(body, Terms):
            return False
        made = {each.what: _expression(each) for each in body.items}
        if any(each is None for each in made.values()):
            return False
        for what, found in made.items():
            if found is not None and what not in self._terms:
                self._terms[what] = len(self._terms)
                self._expressions.append(found[0])
                self._flags.append(found[1])
        self._patterns.append(body)
        return True

    def __call__(self, block: bytes, lines: Columns | Lines) -> list[tuple[Bools, Bools]]:
        """For each pattern, which lines match, and for which the matcher must say it."""
        if self._compiled is None:
            database = hyperscan.Database()
            ids = list(range(len(self._expressions)))
            database.compile(expressions=self._expressions, ids=ids, flags=self._flags)
            self._compiled = database, hyperscan.Scratch(database)
        database, scratch = self._compiled
        begins: list[list[int]] = [[] for _ in self._expressions]
        ends: list[list[int]] = [[] for _ in self._expressions]

        def note(which: int, begin: int, end: int, _flags: int, _context: object) -> None:
            begins[which].append(begin)
            ends[which].append(end)

        database.scan(block, match_event_handler=note, scratch=scratch)
        found = [_within(*each, lines) for each in zip(begins, ends, strict=True)]
        return [_decide(body, self._terms, found) for body in self._patterns]


def _within(begins: list[int], ends: list[int], lines: Columns | Lines) -> tuple[Bools, Bools]:
    """Lines that have a match, and those that may have one."""
    sure, unsure = np.zeros((2, len(lines.starts)), np.bool_)
    if begins:
        begin, end = np.array(begins, np.int64), np.array(ends, np.int64)
        line = np.searchsorted(lines.starts, end - 1, "right") - 1
        inside = (begin >= lines.starts[line]) & (end <= lines.ends[line])
        sure[line[inside]] = True
        unsure[line[~inside]] = True
    return sure, unsure & ~sure


def _decide(
    body: Terms, terms: dict[str | Regex, int], found: list[tuple[Bools, Bools]]
) -> tuple[Bools, Bools]:
    unsure = np.logical_or.reduce([found[terms[each.what]][1] for each in body.items])
    if not body.ignored:
        matched = np.logical_or.reduce([found[terms[each.what]][0] for each in body.items])
    else:
        matched = np.logical_and.reduce([
            found[terms[each.what]][0] == (each.sign is Sign.REQUIRED)
            for each in body.items
            if each.sign is not Sign.OPTIONAL
        ])  # fmt: skip
    return matched & ~unsure, unsure


def _expression(term: Term) -> tuple[bytes, int] | None:
    """An expression of hyperscan's and its flags; None if there is none that means the same."""
    if isinstance(term.what, str):
        if term.matches_all or not term.what.isprintable() or "\ufffd" in term.what:
            return None
        return re.escape(term.what.encode()), hyperscan.HS_FLAG_SOM_LEFTMOST
    if not _SAME(term.what.source):
        return None
    found = term.what.source.encode(), hyperscan.HS_FLAG_SOM_LEFTMOST
    try:
        hyperscan.Database().compile(expressions=[found[0]], ids=[0], flags=[found[1]])
    except hyperscan.error:
        return None
    return found
