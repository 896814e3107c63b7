"""The record of block decisions: JSON lines in a file that only grows, of daemon and command."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from tocsin.errors import StoreError
from tocsin.respond import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["BlockRecord"]


class BlockRecord:
    """Reads and appends; one writer at a time, each event on disk before it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def events(self) -> list[Event]:
        """In the order they were written; an unfinished last line is not there.

        Raises StoreError where the file can't be read, or a line in it is damaged.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"can't read {self.path}: {error.strerror}") from None
        found = []
        for number, line in enumerate(data.split(b"\n")[:-1], 1):
            try:
                found.append(msgspec.json.decode(line, type=Event))
            except (msgspec.MsgspecError, ValueError) as error:
                raise StoreError(
                    f"{self.path}:{number}: damaged: {error}",
                    hint="move the line elsewhere; the block it stands for will be missing",
                ) from None
        return found

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
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"can't write {self.path}: {error.strerror}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)
