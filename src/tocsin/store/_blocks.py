"""The record of block decisions: JSON lines in a file, of daemon and command.

Lines are only added, until most of them are of no use any more. Then the file is written anew
without those, in one step; its first line says how many there were.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tocsin.errors import StoreError
from tocsin.respond import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["BlockRecord"]

_LARGE = 1 << 20
"""Bytes below which the file is left as it is."""


class _Head(msgspec.Struct):
    """The first line of a file that was written anew."""

    dropped: int


class Recorded(NamedTuple):
    """What is on record."""

    dropped: int
    """Events before these that are no longer there."""
    events: list[Event]
    """In the order they were written; an unfinished last line is not there."""


class BlockRecord:
    """Reads and appends; one writer at a time, each event on disk before it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def events(self) -> list[Event]:
        """In the order they were written. Raises StoreError, as `read` does."""
        return self.read().events

    def read(self) -> Recorded:
        """Raises StoreError where the file can't be read, or a line in it is damaged."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return Recorded(0, [])
        except OSError as error:
            raise StoreError(f"can't read {self.path}: {error.strerror}") from None
        found: list[Event] = []
        dropped = 0
        for number, line in enumerate(data.split(b"\n")[:-1], 1):
            try:
                if number == 1 and line.startswith(b'{"dropped":'):
                    dropped = msgspec.json.decode(line, type=_Head).dropped
                    continue
                found.append(msgspec.json.decode(line, type=Event))
            except (msgspec.MsgspecError, ValueError) as error:
                raise StoreError(
                    f"{self.path}:{number}: damaged: {error}",
                    hint="move the line elsewhere; the block it stands for will be missing",
                ) from None
        return Recorded(dropped, found)

    def compact(
        self, known: int, drop: Callable[[list[Event]], set[str]], *, large: int = _LARGE
    ) -> int:
        """Write a large file anew without the events of some networks; how many those were.

        It is left as it is unless at least half of them go. `known` is how many events, from the
        first that ever was, are told elsewhere: later ones stay. Raises StoreError.
        """
        with self._locked() as file:
            size = os.fstat(file).st_size
            if size < large:
                return 0
            recorded = self.read()
            told, gone = max(0, known - recorded.dropped), drop(recorded.events)
            kept = [
                event
                for at, event in enumerate(recorded.events)
                if at >= told or event.network not in gone
            ]
            less = len(recorded.events) - len(kept)
            if 2 * less < len(recorded.events) or not less:
                return 0
            lines = [_Head(recorded.dropped + less), *kept]
            draft = self.path.with_name(f".{self.path.name}.draft")
            try:
                with draft.open("wb") as new:
                    os.fchmod(new.fileno(), os.fstat(file).st_mode & 0o777)
                    new.write(b"".join(msgspec.json.encode(each) + b"\n" for each in lines))
                    new.flush()
                    os.fsync(new.fileno())
                draft.replace(self.path)
            except OSError as error:
                draft.unlink(missing_ok=True)
                raise StoreError(f"can't write {self.path}: {error.strerror}") from None
            return less

    def decide(self, make: Callable[[list[Event]], Event | None]) -> Event | None:
        """Append what `make` says to what is on record; nobody else writes in between.

        Raises StoreError, and whatever `make` raises; then nothing is written.
        """

        def one(events: list[Event]) -> list[Event]:
            event = make(events)
            return [] if event is None else [event]

        return next(iter(self.decide_all(one)), None)

    def decide_all(self, make: Callable[[list[Event]], list[Event]]) -> list[Event]:
        """The same for several events, written together or not at all."""
        with self._locked() as file:
            made = make(self.events())
            if not made:
                return made
            size = os.fstat(file).st_size
            # What an interrupted writer left is no event.
            whole = self.path.read_bytes().rfind(b"\n") + 1
            try:
                if whole < size:
                    os.ftruncate(file, whole)
                lines = b"".join(msgspec.json.encode(event) + b"\n" for event in made)
                if os.pwrite(file, lines, whole) < len(lines):
                    os.ftruncate(file, whole)
                    raise StoreError(f"can't write {self.path}: the disk is full")
                os.fsync(file)
            except OSError as error:
                raise StoreError(f"can't write {self.path}: {error.strerror}") from None
            return made

    @contextmanager
    def _locked(self) -> Iterator[int]:
        while True:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise StoreError(f"can't write {self.path}: {error.strerror}") from None
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Whoever had the lock may have put another file in its place.
                if not self._is_here(file):
                    continue
                yield file
                return
            finally:
                os.close(file)

    def _is_here(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self.path.stat())
        except OSError:
            return False
