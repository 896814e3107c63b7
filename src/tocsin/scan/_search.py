"""Where some of many texts occur in a block: with the hyperscan package, or without."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.scan._columns import Ints

__all__ = [
    "ENGINES",
    "Engine",
    "Search",
    "best_engine",
    "hyperscan",
    "make_search",
    "matching_lines",
    "usable_engine",
]

Engine = Literal["hyperscan", "find"]
ENGINES: tuple[Engine, ...] = ("hyperscan", "find")
"""The ways to search, the faster one first."""


def _load() -> Any:
    try:
        return import_module("hyperscan")
    except ImportError:
        # An accelerator, not a need.
        return None


hyperscan = _load()


class Search(Protocol):
    """Some texts, to be found in blocks."""

    def __call__(self, block: bytes) -> Sequence[list[int]]:
        """For each text, where it occurs: any byte of each place, at least one in each line."""
        ...


def best_engine() -> Engine:
    """The fastest that is installed."""
    return "find" if hyperscan is None else "hyperscan"


def usable_engine(engine: Engine | None) -> Engine:
    """The engine, or the fastest if none is named. Raises ParseError if it is not installed."""
    if engine == "hyperscan" and hyperscan is None:
        raise ParseError(
            "the package hyperscan is not installed", hint="pip install 'tocsin[scan]'"
        )
    return engine or best_engine()


def make_search(texts: Sequence[bytes], engine: Engine) -> Search:
    """A search for texts, none of which is empty or has a line end."""
    return _Hyperscan(texts) if engine == "hyperscan" else _Find(texts)


def matching_lines(
    search: Search, texts: Sequence[bytes], block: bytes, starts: Ints
) -> list[tuple[bytes, int]]:
    """Each of the texts with each line that has it; lines are told by where they start."""
    found: list[tuple[bytes, int]] = []
    for text, offsets in zip(texts, search(block), strict=True):
        if offsets:
            lines = np.unique(np.searchsorted(starts, offsets, "right") - 1)
            found += [(text, line) for line in lines.tolist()]
    return found


class _Hyperscan:
    """All texts in one pass."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._count = len(texts)
        self._database = hyperscan.Database()
        self._database.compile(
            expressions=[re.escape(each) for each in texts],
            ids=list(range(len(texts))),
            flags=[0] * len(texts),
        )
        self._scratch = hyperscan.Scratch(self._database)

    def __call__(self, block: bytes) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in range(self._count)]
        ends = [each.append for each in found]

        def note(which: int, _start: int, end: int, _flags: int, _context: object) -> None:
            ends[which](end - 1)

        self._database.scan(block, match_event_handler=note, scratch=self._scratch)
        return found


class _Find:
    """One pass for each text."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts

    def __call__(self, block: bytes) -> list[list[int]]:
        return [_places(block, each) for each in self._texts]


def _places(block: bytes, text: bytes) -> list[int]:
    found: list[int] = []
    find = block.find
    at = find(text)
    while at >= 0:
        found.append(at)
        # One occurrence in a line is enough.
        line_end = find(b"\n", at)
        if line_end < 0:
            break
        at = find(text, line_end)
    return found
