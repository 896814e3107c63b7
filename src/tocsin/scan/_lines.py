"""Where the lines of a block are.

What is kept of each line in a scan takes some hundred bytes, however short it is. So a block of
very many lines is looked at in pieces: memory does not depend on what is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tocsin.scan._columns import Bools, Ints

__all__ = ["LineCutter", "Lines", "Marker"]

_MOST = 32_768
"""Lines of a piece; a block of ordinary lines has fewer."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A block of whole lines; the last one may lack its line end."""

    block: bytes
    starts: Ints
    ends: Ints
    """Where each ends, its line end not counted."""


class Marker:
    """Marks a byte wherever it is in a block, in memory that is used again."""

    def __init__(self) -> None:
        self._room: Bools = np.empty(0, np.bool_)

    def __call__(self, data: NDArray[np.uint8], byte: int) -> Bools:
        """Holds until the next call."""
        if len(self._room) < len(data):
            self._room = np.empty(len(data) + len(data) // 8, np.bool_)
        return np.equal(data, byte, out=self._room[: len(data)])

    def places(self, data: NDArray[np.uint8], byte: int) -> Ints:
        """Where the byte is; fast if eight bytes seldom have one of it."""
        marked = self(data, byte)
        whole = len(data) // 8 * 8
        words = marked[:whole].view("<u8")
        at = np.flatnonzero(words != 0)
        found = words[at]
        if bool((found & (found - np.uint64(1))).any()):
            # Some eight bytes have two.
            return np.flatnonzero(marked)
        # The one at place k of a word is 256 ** k.
        _, width = np.frexp(found)
        at *= 8
        at += width >> 3
        return np.append(at, np.flatnonzero(marked[whole:]) + whole)


class LineCutter:
    """Cuts blocks into lines."""

    def __init__(self) -> None:
        self._mark = Marker()

    def __call__(self, block: bytes) -> Iterator[Lines]:
        """The block, or in order the pieces of one with very many lines; none of an empty one."""
        if not block:
            return
        ends = self._mark.places(np.frombuffer(block, np.uint8), 10)
        if not block.endswith(b"\n"):
            ends = np.append(ends, len(block))
        starts = np.empty_like(ends)
        starts[0] = 0
        np.add(ends[:-1], 1, out=starts[1:])
        if len(ends) <= _MOST:
            yield Lines(block, starts, ends)
            return
        for at in range(0, len(ends), _MOST):
            begins, stops = starts[at : at + _MOST], ends[at : at + _MOST]
            begin = int(begins[0])
            yield Lines(block[begin : int(stops[-1]) + 1], begins - begin, stops - begin)
