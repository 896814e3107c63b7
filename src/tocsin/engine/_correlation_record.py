"""What correlations remember, as it is kept: a snapshot now and then, and each step since.

To write all windows in each step would cost more than to find what is in them. So a step writes
only what it took in, and a correlator that takes it in again comes to the same. When the steps
come to as much as a snapshot, it is time for a snapshot in their place. That takes a while of a
large one, so whoever has the time makes it, beside everything else.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.correlation import Remembered  # noqa: TC001 - msgspec reads it
from tocsin.rules import ActiveAlert  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tocsin.store import Step

__all__ = ["CORRELATIONS_KEY", "CorrelationRecord", "Firing", "Piece", "Snapshot"]

CORRELATIONS_KEY = "correlations"
_LEAST = 1 << 20
"""Bytes of steps before which no snapshot is written."""
_MOST = 1000
"""Steps after which one is."""
_PREFIX = f"{CORRELATIONS_KEY}/"

Group = tuple[tuple[str, str], ...]


class Firing(msgspec.Struct, array_like=True):
    """An alert that receivers were told of, and not told to be over."""

    rule: str
    group: Group
    alert: ActiveAlert
    until: int
    """When it is over if nothing more happens, microseconds since 1970 UTC."""
    early: bool
    """Whether it was told because it is certain, and the events behind it still wait."""
    fired: int = 0
    """How often its condition became true, of what is settled."""


class Snapshot(msgspec.Struct, array_like=True):
    """Everything."""

    generation: int
    seed: bytes
    correlator: bytes
    sessions: dict[str, list[Remembered]]
    """By log group."""
    firing: list[Firing]


class Piece(msgspec.Struct, array_like=True):
    """What one step took in."""

    generation: int = 0
    """Of the snapshot that it follows."""
    events: list[list[Any]] = []
    settled: int = 0
    """Everything before it was there; 0 if the step says nothing of that."""
    sessions: dict[str, list[Remembered]] = {}
    changes: list[tuple[str, Group, Firing | None]] = []
    """Of alerts that began or went on, or ended: how they stand."""


class CorrelationRecord:
    """Reads and writes it in the store's states."""

    def __init__(self, states: Mapping[str, bytes]) -> None:
        raw = states.get(CORRELATIONS_KEY)
        self.snapshot = msgspec.msgpack.decode(raw, type=Snapshot) if raw else None
        self._generation = self.snapshot.generation if self.snapshot else 0
        self._pieces = 0
        self._bytes = 0
        self._size = len(raw or b"")
        self._states = states
        self._stored = [key for key in states if key.startswith(_PREFIX)]

    @property
    def known(self) -> bool:
        """Whether the store has anything."""
        return bool(self._size or self._stored)

    def pieces(self) -> Iterator[Piece]:
        """The steps since the snapshot, in their order."""
        for number in count():
            raw = self._states.get(_key(number))
            piece = msgspec.msgpack.decode(raw, type=Piece) if raw else None
            if piece is None or piece.generation != self._generation:
                break
            yield piece

    def forget(self) -> None:
        """Let go of what was read."""
        self._states, self.snapshot = {}, None

    def begin(self, step: Step, snapshot: Callable[[int], Snapshot]) -> None:
        """Have a step keep a snapshot in place of everything that was read.

        `snapshot` makes one of a generation.
        """
        self._write_all(step, self.made(snapshot), self._stored)

    def made(self, snapshot: Callable[[int], Snapshot]) -> bytes:
        """The next snapshot, for `shorten`; nothing may be written meanwhile."""
        return msgspec.msgpack.encode(snapshot(self._generation + 1))

    def shorten(self, step: Step, made: bytes) -> None:
        """Have a step keep a snapshot in place of all that was written."""
        self._write_all(step, made, [_key(number) for number in range(self._pieces)])

    def clear(self, step: Step) -> None:
        """Have a step keep nothing."""
        step.states.update(dict.fromkeys(self._stored))
        step.states[CORRELATIONS_KEY] = None

    @property
    def is_long(self) -> bool:
        """Whether it is time for a snapshot."""
        return self._pieces >= _MOST or self._bytes > max(_LEAST, self._size)

    def write(self, step: Step, piece: Piece) -> None:
        """Have a step keep a piece."""
        piece.generation = self._generation
        raw = msgspec.msgpack.encode(piece)
        step.states[_key(self._pieces)] = raw
        self._pieces += 1
        self._bytes += len(raw)

    def _write_all(self, step: Step, raw: bytes, written: Iterable[str]) -> None:
        self._generation += 1
        step.states[CORRELATIONS_KEY] = raw
        step.states.update(dict.fromkeys(written))
        self._pieces, self._bytes, self._size = 0, 0, len(raw)


def _key(number: int) -> str:
    return f"{_PREFIX}{number}"
