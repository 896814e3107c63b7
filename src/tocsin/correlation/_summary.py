"""Counts of very many keys in little memory: fingerprints in buckets, and Misra-Gries.

Source: Misra and Gries, "Finding repeated elements" (1982): where there is no room, one is
taken off every count and what comes to nothing makes room, so that a count is too low by at
most the number of times that was done. Here that is done to one bucket at a time.

A key is a hash of 64 bits under a seed that an attacker does not know. Counts are kept for the
present and the former timespan, so that what leaves the window is forgotten in two steps.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.correlation._model import Key

__all__ = ["LARGEST", "Pane", "Pool", "Summary", "fingerprint"]

LARGEST = 255
"""Of a count."""

_SLOTS = 1 << 18
"""Of a segment: 1.3 MB."""
_SEGMENTS = 8
"""Of all summaries together."""
_BUCKET = 16
"""Slots that a key may be in, of each segment."""
_PRINT = 4
"""Bytes of a fingerprint."""


class Pool:
    """What correlations share: who needs it first gets it."""

    def __init__(self, summaries: int, windows: int, slots: int = _SLOTS) -> None:
        self.windows = windows
        """Windows that any correlation may have beyond its own share; below zero as `left` is."""
        segments = _SEGMENTS
        while segments < 2 * summaries:
            slots, segments = slots // 2, segments * 2
        # Each has one for both of its timespans, however many there are; the rest is shared.
        # Below zero if what one had to itself was restored among more.
        self.left = segments - 2 * summaries
        self.slots = max(slots, _BUCKET)


class _Segment:
    """Fingerprints and their counts, up to LARGEST; a slot without a count is free."""

    def __init__(self, slots: int) -> None:
        self.prints = bytearray(_PRINT * slots)
        self.counts = bytearray(slots)


class Pane:
    """Counts by fingerprint; those of one timespan, for a window."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._buckets = pool.slots // _BUCKET
        self.segments: list[_Segment] = []
        self.taken_off = 0
        """From no count more than this was taken."""
        self.off: dict[int, int] = {}
        """What was taken off the counts of a bucket."""

    def _place(self, number: int) -> tuple[int, bytes]:
        """The first slot of a key's bucket, and what is kept of its fingerprint there."""
        return number % self._buckets * _BUCKET, (number >> 32).to_bytes(_PRINT, sys.byteorder)

    def _find(self, base: int, wanted: bytes) -> tuple[bytearray, int] | None:
        begin, end = base * _PRINT, (base + _BUCKET) * _PRINT
        for segment in self.segments:
            prints = segment.prints
            at = prints.find(wanted, begin, end)
            while at >= 0:
                # The end of one and the beginning of the next may look like it.
                if at % _PRINT == 0 and segment.counts[at // _PRINT]:
                    return segment.counts, at // _PRINT
                at = prints.find(wanted, at + 1, end)
        return None

    def count(self, number: int) -> int:
        found = self._find(*self._place(number))
        return found[0][found[1]] if found else 0

    def take(self, number: int) -> int:
        found = self._find(*self._place(number))
        if found is None:
            return 0
        counts, place = found
        counted, counts[place] = counts[place], 0
        return counted

    def add(self, number: int, count: int) -> int:
        """How many there are then, at most LARGEST."""
        base, wanted = self._place(number)
        counts, place = self._find(base, wanted) or self._free(base, wanted)
        total = counts[place] + count
        try:
            counts[place] = total
        except ValueError:
            # More than a byte holds.
            counts[place] = total = LARGEST
        return total

    def _free(self, base: int, wanted: bytes) -> tuple[bytearray, int]:
        """A free slot, with the key's fingerprint in it."""
        end = base + _BUCKET
        while True:
            for segment in self.segments:
                place = segment.counts.find(0, base, end)
                if place >= 0:
                    # A freed slot may have the same fingerprint still.
                    segment.prints[place * _PRINT : (place + 1) * _PRINT] = wanted
                    return segment.counts, place
            if not self.segments:
                self.segments.append(_Segment(self._pool.slots))
            elif self._pool.left > 0:
                self._pool.left -= 1
                self.segments.append(_Segment(self._pool.slots))
            else:
                self._take_off(base // _BUCKET)

    def _take_off(self, bucket: int) -> None:
        self.off[bucket] = self.off.get(bucket, 0) + 1
        self.taken_off = max(self.taken_off, self.off[bucket])
        base = bucket * _BUCKET
        for segment in self.segments:
            row = segment.counts[base : base + _BUCKET]
            segment.counts[base : base + _BUCKET] = bytes(max(0, each - 1) for each in row)

    def state(self) -> list[Any]:
        return [
            list(self.off.items()),
            [[bytes(each.prints), bytes(each.counts)] for each in self.segments],
        ]

    def restore(self, state: list[Any]) -> None:
        self.off = dict(state[0])
        self.taken_off = max(self.off.values(), default=0)
        for prints, counts in state[1]:
            if len(counts) != self._pool.slots:
                # Of another number of correlations: where a key was counted is not known.
                continue
            segment = _Segment(0)
            segment.prints, segment.counts = bytearray(prints), bytearray(counts)
            self.segments.append(segment)
        self._pool.left -= max(0, len(self.segments) - 1)

    def release(self) -> None:
        self._pool.left += max(0, len(self.segments) - 1)
        self.segments = []


# A key is looked for in several places, one after another.
@lru_cache(maxsize=1024)
def fingerprint(key: Key, seed: bytes) -> int:
    """64 bits of a key."""
    text = key if isinstance(key, str) else "\x1f".join(f"{len(each)}:{each}" for each in key)
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8, key=seed).digest())


class Summary:
    """The keys of a correlation that are not kept exactly."""

    def __init__(self, pool: Pool, seed: bytes, span: int) -> None:
        self._pool = pool
        self._seed = seed
        self._span = max(1, span)
        self._number = -1
        self._now = Pane(pool)
        self._before = Pane(pool)

    @property
    def error(self) -> int:
        """Every count may be too low by this."""
        return self._now.taken_off + self._before.taken_off

    def add(self, key: Key, time: int, count: int) -> int:
        """Count events of a key; how many there were in this and the former timespan."""
        self._turn(time // self._span)
        number = fingerprint(key, self._seed)
        before = self._before.count(number) if self._before.segments else 0
        return self._now.add(number, count) + before

    @property
    def used(self) -> bool:
        """Whether it may have counted anything."""
        return bool(self._now.segments or self._before.segments)

    def take(self, key: Key, time: int) -> int:
        """What was counted of a key; it is forgotten here."""
        self._turn(time // self._span)
        number = fingerprint(key, self._seed)
        return self._now.take(number) + self._before.take(number)

    def _turn(self, number: int) -> None:
        if number == self._number:
            return
        self._before.release()
        if number == self._number + 1:
            self._before = self._now
        else:
            self._now.release()
            self._before = Pane(self._pool)
        self._now = Pane(self._pool)
        self._number = number

    def state(self) -> list[Any]:
        return [self._number, self._now.state(), self._before.state()]

    def restore(self, state: list[Any]) -> None:
        self._number = state[0]
        self._now.restore(state[1])
        self._before.restore(state[2])
