"""Numbers for names, many at once.

Names that are short are looked up as two words of eight bytes each, in a table with one place
for each of them; the others, and those whose place another one has, in a dictionary.
"""

from __future__ import annotations

from itertools import filterfalse
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tocsin.scan._columns import Ints

    Words = NDArray[np.uint64]

__all__ = ["LONGEST_CLIENT", "Clients", "CutClients", "Names"]

LONGEST_CLIENT = 100
"""Letters of a client's name that are kept; whoever sends requests may choose it."""
_SHORT = 16
_FEW = 32
"""So few are looked up one by one."""
_SPARSE = 1000
"""Bytes for each name that is wanted, from which on the others are not decoded."""
_SMALLEST, _LARGEST = 10, 18
"""Bits of a place."""
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
_HIGH = np.uint64(0x8080808080808080)
_FACTORS = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


class Names(dict[str, int]):
    """A number for each name, ascending from 0."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        super().__init__(zip(names, range(len(names)), strict=True))
        self._bits = 0
        self._first: Words = np.empty(0, np.uint64)
        """No name has a NUL byte, so nothing is where 0 stands."""
        self._second = self._first
        self._number: NDArray[np.int32] = np.empty(0, np.int32)

    def __missing__(self, name: str) -> int:
        number = self[name] = len(self)
        return number

    def of(self, names: Sequence[str]) -> Ints:
        """The number of each name."""
        if len(names) >= _FEW:
            joined = "\n".join(names).encode("utf-8", "surrogatepass")
            ends = np.flatnonzero(np.frombuffer(joined, np.uint8) == 10)
            if len(ends) == len(names) - 1 and b"\0" not in joined:
                begins = np.concatenate(([0], ends + 1))
                return self._look(joined, begins, np.append(ends, len(joined)), names)
        return self._one_by_one(names)

    def cut(self, block: bytes, begins: Ints, ends: Ints) -> Ints:
        """The numbers of names in a block; they have no NUL bytes."""
        if len(begins) < _FEW:
            return self._one_by_one(_texts(block, begins, ends))
        return self._look(block, begins, ends, None)

    def _one_by_one(self, names: Sequence[str]) -> Ints:
        fresh = dict.fromkeys(filterfalse(self.__contains__, names))
        self.update(zip(fresh, range(len(self), len(self) + len(fresh)), strict=True))
        return np.fromiter(map(self.__getitem__, names), np.int64, len(names))

    def _look(self, block: bytes, begins: Ints, ends: Ints, names: Sequence[str] | None) -> Ints:
        self._fit()
        block = block.ljust(_SHORT)
        lengths = ends - begins
        short = (lengths <= _SHORT) & (begins <= len(block) - _SHORT)
        at = np.where(short, begins, 0)
        words = _words(block)
        first = words[at] & _MASKS[np.minimum(lengths, 8)]
        second = words[at + 8] & _MASKS[np.clip(lengths - 8, 0, 8)]
        short &= ((first | second) & _HIGH == 0) & (first != 0)
        place = self._places(first, second)
        known = short & (self._first[place] == first) & (self._second[place] == second)
        found: Ints = self._number[place].astype(np.int64)
        missing = np.flatnonzero(~known)
        if len(missing):
            if names is None:
                texts = _texts(block, begins[missing], ends[missing])
            else:
                texts = [names[each] for each in missing.tolist()]
            found[missing] = self._one_by_one(texts)
            fresh = missing[short[missing]]
            self._put(place[fresh], first[fresh], second[fresh], found[fresh])
        return found

    def _fit(self) -> None:
        """Four places for each name."""
        bits = min(_LARGEST, max(_SMALLEST, (4 * len(self)).bit_length()))
        if bits > self._bits:
            there = np.flatnonzero(self._first)
            kept = self._first[there], self._second[there], self._number[there]
            self._bits = bits
            self._first, self._second = np.zeros((2, 1 << bits), np.uint64)
            self._number = np.zeros(1 << bits, np.int32)
            self._put(self._places(kept[0], kept[1]), *kept)

    def _places(self, first: Words, second: Words) -> Words:
        mixed = first * _FACTORS[0] ^ second * _FACTORS[1]
        return mixed >> np.uint64(64 - self._bits)

    def _put(self, places: Words, first: Words, second: Words, numbers: Any) -> None:
        # Of several with one place the last one has it, in all three.
        self._first[places], self._second[places], self._number[places] = first, second, numbers


class Clients:
    """The clients of some lines, each looked up once for all filters."""

    __slots__ = ("_known", "_names", "_numbers")

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._known: Names | None = None
        self._numbers: Any = None

    def numbers(self, known: Names) -> Ints:
        """Which name each of them is."""
        if self._known is not known:
            self._numbers, self._known = self._look(known), known
        found: Ints = self._numbers
        return found

    def _look(self, known: Names) -> Ints:
        return known.of(self._names)


class CutClients(Clients):
    """The same, where they stand in a block."""

    __slots__ = ("_block", "_edges")

    def __init__(self, block: bytes, begins: Ints, ends: Ints) -> None:
        super().__init__(())
        self._block = block
        self._edges = begins, ends

    def _look(self, known: Names) -> Ints:
        return known.cut(self._block, *self._edges)


def _words(block: bytes) -> Any:
    """The eight bytes from each place of a block on."""
    return np.ndarray((len(block) - 7,), "<u8", buffer=block, strides=(1,))


def _texts(block: bytes, begins: Ints, ends: Ints) -> list[str]:
    if len(begins) < len(block) // _SPARSE or not block.isascii():
        cuts = zip(begins.tolist(), ends.tolist(), strict=True)
        return [block[a:b].decode("utf-8", "replace")[:LONGEST_CLIENT] for a, b in cuts]
    cuts = zip(begins.tolist(), np.minimum(ends, begins + LONGEST_CLIENT).tolist(), strict=True)
    # To decode once and cut is faster than to decode each piece.
    text = block.decode("ascii")
    return [text[a:b] for a, b in cuts]
