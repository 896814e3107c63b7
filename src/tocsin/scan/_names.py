"""Numbers for names, many at once.

A name of up to sixteen letters of ASCII, as an address is, is two words of eight bytes. Words
are looked up in an array of places, all of a block in a few steps: no text is made of them
before somebody asks. The other names, and those whose places are full, are in dictionaries.
"""

from __future__ import annotations

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
_PROBES = 16
"""How many places a name may be in: whoever chooses names may choose them for one place."""
_SMALLEST = 8
"""Names that there is room for, at least."""
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
_HIGH = np.uint64(0x8080808080808080)
_FACTORS = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
_WORD = (1 << 64) - 1


class Names:
    """A number for each name, ascending from 0."""

    def __init__(self) -> None:
        self._count = 0
        self._words: Words = np.zeros((2, 0), np.uint64)
        """Of each number; no name that is short has a NUL byte, so 0 is none."""
        self._bits = 0
        self._places: NDArray[np.int32] = np.zeros(1, np.int32)
        """The number of the name that is there, from 1 on."""
        self._odd: dict[str, int] = {}
        self._listed: dict[int, str] = {}
        self._crowded: dict[str, int] = {}
        """Short names whose places are full."""

    def __len__(self) -> int:
        return self._count

    @property
    def odd(self) -> int:
        """How many of them are texts."""
        return len(self._odd) + len(self._crowded)

    def number(self, name: str) -> int:
        """The number of one name."""
        return self._short(name) if _is_short(name) else self._text(self._odd, name)

    def of(self, names: Sequence[str]) -> Ints:
        """The number of each name."""
        if len(names) >= _FEW:
            joined = "\n".join(names).encode("utf-8", "surrogatepass")
            ends = np.flatnonzero(np.frombuffer(joined, np.uint8) == 10)
            if len(ends) == len(names) - 1 and b"\0" not in joined:
                begins = np.concatenate(([0], ends + 1))
                return self._look(joined, begins, np.append(ends, len(joined)), names)
        return np.fromiter(map(self.number, names), np.int64, len(names))

    def cut(self, block: bytes, begins: Ints, ends: Ints) -> Ints:
        """The numbers of names in a block; they have no NUL bytes and are not empty."""
        if len(begins) < _FEW:
            return self.of(_texts(block, begins, ends))
        return self._look(block, begins, ends, None)

    def join(self, other: Names) -> Ints:
        """The number here of each name of another one."""
        first, second = other._words[:, : len(other)]
        short = np.flatnonzero(first)
        found: Ints = np.zeros(len(other), np.int64)
        found[short] = self._find(first[short], second[short])
        for name, number in other._odd.items():
            found[number] = self._text(self._odd, name)
        return found

    def chosen(self, numbers: Ints) -> Names:
        """Those names alone, in that order."""
        made = Names()
        first, second = self._words[:, numbers]
        made._reserve(2 * len(numbers))
        made._words[0, : len(numbers)], made._words[1, : len(numbers)] = first, second
        made._count = len(numbers)
        made._settle()
        if self._odd:
            new = dict(zip(numbers.tolist(), range(len(numbers)), strict=True))
            made._odd = {name: new[at] for name, at in self._odd.items() if at in new}
        return made

    def texts(self, numbers: Ints) -> list[str]:
        """The names with those numbers."""
        words = np.ascontiguousarray(self._words[:, numbers].T, "<u8")
        found = [each.decode("ascii") for each in words.view("S16")[:, 0].tolist()]
        if len(self._listed) < len(self._odd):
            self._listed = {at: name for name, at in self._odd.items()}
        for at in np.flatnonzero(words[:, 0] == 0).tolist():
            found[at] = self._listed[int(numbers[at])]
        return found

    def __getstate__(self) -> tuple[Any, ...]:
        return self._words[:, : self._count].copy(), self._odd

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._words, self._odd = state
        self._count = self._words.shape[1]
        self._bits, self._places = 0, np.zeros(1, np.int32)
        self._listed, self._crowded = {}, {}

    def _look(self, block: bytes, begins: Ints, ends: Ints, names: Sequence[str] | None) -> Ints:
        block = block.ljust(_SHORT)
        lengths = ends - begins
        short = (lengths <= _SHORT) & (begins <= len(block) - _SHORT)
        at = np.where(short, begins, 0)
        words = np.ndarray((len(block) - 7,), "<u8", buffer=block, strides=(1,))
        first = words[at] & _MASKS[np.minimum(lengths, 8)]
        second = words[at + 8] & _MASKS[np.clip(lengths - 8, 0, 8)]
        short &= ((first | second) & _HIGH == 0) & (first != 0)
        if short.all():
            return self._find(first, second)
        found: Ints = np.empty(len(begins), np.int64)
        found[short] = self._find(first[short], second[short])
        others = np.flatnonzero(~short)
        if names is None:
            texts = _texts(block, begins[others], ends[others])
        else:
            texts = [names[each] for each in others.tolist()]
        found[others] = list(map(self.number, texts))
        return found

    def _find(self, first: Words, second: Words) -> Ints:
        """The numbers of short names. What is new gets one."""
        self._reserve(len(first))
        found: Ints = np.empty(len(first), np.int64)
        left, place = np.arange(len(first)), self._place(first, second)
        for _ in range(_PROBES):
            number = self._places[place].astype(np.int64) - 1
            free = np.flatnonzero(number < 0)
            if len(free):
                self._settle_in(first[left[free]], second[left[free]], place[free])
                number[free] = self._places[place[free]] - 1
            same = self._words[0, number] == first[left]
            same &= self._words[1, number] == second[left]
            found[left[same]] = number[same]
            left, place = left[~same], (place[~same] + 1) & (len(self._places) - 1)
            if not len(left):
                return found
        words = zip(left.tolist(), first[left].tolist(), second[left].tolist(), strict=True)
        for at, one, two in words:
            found[at] = self._crowd(one, two)
        return found

    def _settle_in(self, first: Words, second: Words, place: Ints) -> None:
        """Have new names in places that are free. Of several with one place one is there."""
        mark = np.arange(1, len(place) + 1, dtype=np.int32)
        self._places[place] = mark
        won = np.flatnonzero(self._places[place] == mark)
        new = slice(self._count, self._count + len(won))
        self._words[0, new], self._words[1, new] = first[won], second[won]
        self._places[place[won]] = np.arange(new.start + 1, new.stop + 1)
        self._count = new.stop

    def _crowd(self, first: int, second: int) -> int:
        name = (first | second << 64).to_bytes(_SHORT, "little").rstrip(b"\0").decode("ascii")
        if name not in self._crowded:
            self._words[:, self._count] = first, second
        return self._text(self._crowded, name)

    def _short(self, name: str) -> int:
        """What `_find` says of one, sooner."""
        self._reserve(1)
        whole = int.from_bytes(name.encode("ascii"), "little")
        first, second = whole & _WORD, whole >> 64
        mixed = (first * _FACTORS[0] ^ second * _FACTORS[1]) & _WORD
        place, last = mixed >> 64 - self._bits, len(self._places) - 1
        for _ in range(_PROBES):
            number = int(self._places[place]) - 1
            if number < 0:
                number = self._count
                self._words[:, number] = first, second
                self._count += 1
                self._places[place] = self._count
                return number
            if self._words[0, number] == first and self._words[1, number] == second:
                return number
            place = place + 1 & last
        return self._crowd(first, second)

    def _text(self, known: dict[str, int], name: str) -> int:
        number = known.get(name)
        if number is None:
            self._reserve(1)
            number = known[name] = self._count
            self._count += 1
        return number

    def _place(self, first: Words, second: Words) -> Ints:
        mixed = first * np.uint64(_FACTORS[0]) ^ second * np.uint64(_FACTORS[1])
        return (mixed >> np.uint64(64 - self._bits)).astype(np.int64)

    def _reserve(self, more: int) -> None:
        """Room for so many more names, and four places for each."""
        wanted = self._count + more
        if wanted > self._words.shape[1]:
            grown = np.zeros((2, max(wanted, 2 * self._count, _SMALLEST)), np.uint64)
            grown[:, : self._count] = self._words[:, : self._count]
            self._words = grown
        if 4 * wanted > len(self._places):
            self._settle()

    def _settle(self) -> None:
        """Find places for all names anew."""
        self._bits = (4 * self._words.shape[1]).bit_length()
        self._places = np.zeros(1 << self._bits, np.int32)
        left = np.flatnonzero(self._words[0, : self._count])
        place = self._place(*self._words[:, left])
        for _ in range(_PROBES):
            free = self._places[place] == 0
            self._places[place[free]] = left[free] + 1
            others = self._places[place] != left + 1
            left, place = left[others], (place[others] + 1) & (len(self._places) - 1)
        self._crowded = dict(zip(self.texts(left), left.tolist(), strict=True))


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

    def texts(self, which: Ints) -> list[str]:
        """The names of some of them."""
        return [self._names[each] for each in which.tolist()]

    def _look(self, known: Names) -> Ints:
        return known.of(self._names)


class CutClients(Clients):
    """The same, where they stand in a block."""

    __slots__ = ("_block", "_edges")

    def __init__(self, block: bytes, begins: Ints, ends: Ints) -> None:
        super().__init__(())
        self._block = block
        self._edges = begins, ends

    def texts(self, which: Ints) -> list[str]:
        begins, ends = self._edges
        return _texts(self._block, begins[which], ends[which])

    def _look(self, known: Names) -> Ints:
        return known.cut(self._block, *self._edges)


def _is_short(name: str) -> bool:
    return 0 < len(name) <= _SHORT and name.isascii() and "\0" not in name


def _texts(block: bytes, begins: Ints, ends: Ints) -> list[str]:
    cuts = zip(begins.tolist(), ends.tolist(), strict=True)
    return [block[a:b].decode("utf-8", "replace")[:LONGEST_CLIENT] for a, b in cuts]
