"""A block of an access log as columns: minute, status and client of each line, by arithmetic.

A line is *sure* if it has the plain shape of the combined format:

    word word word [stamp] "request" 404 123...

three words without blanks, quotes and brackets; a request; three digits; a size. Of a sure line
the columns say what the parser of the format would say. All the others are left to that parser.
The first bracket and the first quote of a line are trusted, and no others:
what stands before them, a client can't write.

Sets of bytes become bit masks, one bit a byte, so that "the next quote" is a shift and a count
of zeros, for all lines at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tocsin.durations import MINUTE
from tocsin.scan._lines import Marker
from tocsin.scan._shape import Minutely, Shape

if TYPE_CHECKING:
    from tocsin.logformat import Format
    from tocsin.scan._lines import Lines

__all__ = ["FIELDS", "LEAST_FIELDS", "STATUS", "ColumnReader", "Columns"]

STATUS = 5
"""Where the status stands among the fields of a sure line, from 0."""
LEAST_FIELDS = 7
FIELDS = 9
"""How many fields a sure line has if referrer and agent are plain, too."""

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Bools = NDArray[np.bool_]

_HEADS = (32, 64)
"""How far from the begin of a line the bracket of the stamp is looked for: names, then IPv6."""
_STEPS = 40
"""A request is looked through in steps of 64 bytes; lines with longer ones go one by one."""
_MARGIN = 128
"""Lines that begin so near to the end of a block go one by one: no load runs over it."""


_CLOCK = (16, 17, 19, 20)
"""Where in `[20/May/2025:06:59:58 +0000` and its like the digits of minute and second are."""
_HOUR = np.frombuffer(b"\0\0\xff\0\0" + b"\xff" * 9 + b"\0\0", "<u8")
"""From the 16th byte on those that are not among them, and are of the stamp."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The lines of a block."""

    starts: Ints
    ends: Ints
    """Where each line ends, its line end not counted."""
    sure: Ints
    """Which lines are sure; in no order."""
    minute: Ints
    """Of each sure line, microseconds since 1970."""
    status: Ints
    client: Ints
    """Where the first word ends."""

    @property
    def unsure(self) -> Ints:
        others = np.ones(len(self.starts), np.bool_)
        others[self.sure] = False
        return np.flatnonzero(others)


class ColumnReader:
    """Reads the lines of blocks that are sure."""

    def __init__(self, form: Format, *, plain_tail: bool, escapes: bool) -> None:
        """With `plain_tail` a sure line also ends in `"referrer" "agent"`.

        Without `escapes` no line with a backslash is sure.
        """
        self._minutely = Minutely(form)
        self._shape = Shape(self._minutely, plain_tail=plain_tail, escapes=escapes)
        self._plain_tail = plain_tail
        self._mark = Marker()

    def __call__(self, lines: Lines) -> Columns:
        block, starts, ends = lines.block, lines.starts, lines.ends
        data = np.frombuffer(block, np.uint8)
        quotes = _Bits(self._mark(data, 34))
        plain = np.ones(len(starts), np.bool_)
        if b"\\" in block:
            escapes = np.flatnonzero(self._mark(data, 92))
            plain[np.searchsorted(starts, escapes, "right") - 1] = False
        found = self._sure(block, starts, ends, np.flatnonzero(plain), quotes)
        return self._with_others(block, found)

    def _sure(self, block: bytes, starts: Ints, ends: Ints, which: Ints, quotes: _Bits) -> Columns:
        """The sure lines among those without escapes."""
        which = which[starts[which] < len(block) - _MARGIN]
        which, stamps, clients = _heads(block, starts, which)
        kept = stamps < len(block) - _MARGIN
        which, stamps, clients = which[kept], stamps[kept], clients[kept]
        minutes = _minutes(block, stamps, self._minutely)
        # The quote, the status and one letter of the size are in the line.
        closing = quotes.following(stamps + 30)
        kept = (minutes >= 0) & (closing >= 0)
        kept &= (closing + 6 < ends[which]) & (closing + 16 < len(block))
        which, clients, minutes, closing = which[kept], clients[kept], minutes[kept], closing[kept]
        status = _status(_words(block, 8)[closing])
        kept = status >= 0
        if self._plain_tail:
            kept &= _plain_tail(block, quotes, closing, ends[which])
        return Columns(starts, ends, which[kept], minutes[kept], status[kept], clients[kept])

    def _with_others(self, block: bytes, found: Columns) -> Columns:
        """The lines that were not read yet are tried one by one."""
        others = found.unsure
        edges = found.starts[others].tolist(), found.ends[others].tolist()
        cuts = zip(others.tolist(), *edges, strict=True)
        read = [
            (which, minute, status, start + length)
            for which, start, end in cuts
            if (shape := self._shape(block[start:end])) is not None
            for minute, status, length in (shape,)
        ]
        if not read:
            return found
        which, minutes, status, clients = np.array(read, np.int64).T
        return Columns(
            found.starts,
            found.ends,
            np.concatenate((found.sure, which)),
            np.concatenate((found.minute, minutes)),
            np.concatenate((found.status, status)),
            np.concatenate((found.client, clients)),
        )


def _words(block: bytes, size: int) -> Any:
    """The `size` bytes from each place of a block on."""
    kind = "<u8" if size == 8 else f"V{size}"
    count = max(0, len(block) - size + 1)
    return np.ndarray((count,), kind, buffer=block if count else bytes(size), strides=(1,))


class _Bits:
    """A set of places in a block."""

    def __init__(self, chosen: Bools) -> None:
        packed = np.packbits(chosen, bitorder="little")
        padded = np.zeros(len(packed) + 16, np.uint8)
        padded[: len(packed)] = packed
        self._words = np.ndarray((len(packed) + 9,), "<u8", buffer=padded.data, strides=(1,))
        self._last = len(packed) + 8

    def following(self, places: Ints) -> Ints:
        """The first member at or behind each place; -1 if it is far away or there is none."""
        byte = np.minimum(places >> 3, self._last)
        found = self._words[byte] >> (places & 7).astype(np.uint64)
        result: Ints = np.where(found != 0, places + _zeros(found), -1)
        missing = np.flatnonzero(found == 0)
        byte = byte[missing]
        for _ in range(_STEPS):
            if not len(missing):
                break
            byte = np.minimum(byte + 8, self._last)
            found = self._words[byte]
            here = found != 0
            result[missing[here]] = (byte[here] << 3) + _zeros(found[here])
            missing, byte = missing[~here], byte[~here]
        return result


def _zeros(words: Any) -> Ints:
    """How many of the lowest bits are 0."""
    count: Ints = np.bitwise_count((words & -words) - words.dtype.type(1)).astype(np.int64)
    return count


def _heads(block: bytes, starts: Ints, which: Ints) -> tuple[Ints, Ints, Ints]:
    """Lines that begin with three words and a bracket; where the bracket is; the first word's end.

    Not in order of lines.
    """
    found: list[tuple[Ints, Ints, Ints]] = []
    for width in _HEADS:
        heads = _words(block, width)[starts[which]].view(np.uint8)
        blanks = _row_bits(heads == 32, width)
        others = _row_bits(heads <= 34, width)  # controls, the quote, and an exclamation mark
        brackets = _row_bits(heads == 91, width)
        before = (brackets & -brackets) - brackets.dtype.type(1)
        spaces = blanks & before
        last = before ^ (before >> brackets.dtype.type(1))
        plain = (
            (brackets != 0)
            & (others & before == spaces)
            & (np.bitwise_count(spaces) == 3)
            & (spaces & last != 0)
            & (spaces & (spaces << brackets.dtype.type(1)) == 0)
            & (spaces & brackets.dtype.type(1) == 0)
        )
        rows = which[plain]
        at = starts[rows]
        found.append((rows, at + np.bitwise_count(before[plain]), at + _zeros(spaces[plain])))
        which = which[brackets == 0]
        if not len(which):
            break
    if len(found) == 1:
        return found[0]
    rows, stamps, clients = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.argsort(rows, kind="stable")
    return rows[order], stamps[order], clients[order]


def _row_bits(chosen: Bools, width: int) -> Any:
    """A number for each row, with a bit for each of its bytes."""
    return np.packbits(chosen, bitorder="little").view(f"<u{width // 8}")


def _minutes(block: bytes, stamps: Ints, minutely: Minutely) -> Ints:
    """The minute of each stamp. Neighbours mostly have one hour, so one of each run is read."""
    if not len(stamps):
        return stamps
    rows = _words(block, 32)[stamps]
    text = rows.view(np.uint8).reshape(-1, 32)
    tens, ones, sixths, last = (text[:, at] - np.uint8(48) for at in _CLOCK)
    # A 60th second is in the next minute, and left to the parser.
    good = (tens <= 5) & (ones <= 9) & (sixths <= 5) & (last <= 9)
    words = rows.view("<u8").reshape(-1, 4)
    words[:, 2] &= _HOUR[0]
    words[:, 3] &= _HOUR[1]
    change = np.ones(len(stamps), np.bool_)
    np.not_equal(words[1:, 0], words[:-1, 0], out=change[1:])
    for at in (1, 2, 3):
        change[1:] |= words[1:, at] != words[:-1, at]
    first = np.flatnonzero(change)
    hours = (minutely.hour(block[at : at + 30]) for at in stamps[first].tolist())
    read = np.fromiter(hours, np.int64, len(first))
    begins = np.repeat(read, np.diff(np.append(first, len(stamps))))
    minutes: Ints = begins + (tens * np.uint8(10) + ones) * np.int64(MINUTE)
    return np.where(good & (begins >= 0), minutes, -1)


def _status(words: Words) -> Ints:
    """The three digits in `" 404 1`; -1 if it is something else."""
    digits = ((words >> np.uint64(16)) & np.uint64(0xFFFFFF)) ^ np.uint64(0x303030)
    size = words >> np.uint64(48) & np.uint64(0xFF)
    good = (
        (words & np.uint64(0x0000FF000000FFFF) == np.uint64(0x0000200000002022))
        & (((digits + np.uint64(0x767676)) | digits) & np.uint64(0x808080) == 0)
        & ((size == 45) | (size - np.uint64(48) <= 9))
    )
    byte = np.uint64(0xFF)
    value = (
        (digits & byte) * np.uint64(100)
        + (digits >> np.uint64(8) & byte) * np.uint64(10)
        + (digits >> np.uint64(16))
    )
    return np.where(good, value.astype(np.int64), -1)


def _plain_tail(block: bytes, quotes: _Bits, closing: Ints, ends: Ints) -> Bools:
    """Whether behind the status stand a size and two texts in quotes, and nothing more."""
    data = np.frombuffer(block, np.uint8)
    size = np.minimum(closing + 6, len(block) - 32)
    blanks = _row_bits(_words(block, 16)[size].view(np.uint8) <= 32, 16)
    first = size + _zeros(blanks) + 1
    good: Bools = (
        (blanks != 0) & (size == closing + 6) & (data[first - 1] == 32) & (data[first] == 34)
    )
    second = quotes.following(np.where(good, first + 1, 0))
    good &= (second >= 0) & (second + 16 < len(block))
    second = np.where(good, second, 0)
    good &= _words(block, 8)[second] & np.uint64(0xFFFFFF) == np.uint64(0x222022)
    last = quotes.following(np.where(good, second + 3, 0))
    returned: Bools = (last == ends - 2) & (data[np.maximum(ends - 1, 0)] == 13)
    good &= (last >= 0) & ((last == ends - 1) | returned)
    return good
