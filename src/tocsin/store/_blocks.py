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
        with self._locked() as file:
            event = make(self.events())
            if event is None:
                return None
            size = os.fstat(file).st_size
            # What an interrupted writer left is no event.
            whole = self.path.read_bytes().rfind(b"\n") + 1
            try:
                if whole < size:
                    os.ftruncate(file, whole)
                line = msgspec.json.encode(event) + b"\n"
                if os.pwrite(file, line, whole) < len(line):
                    os.ftruncate(file, whole)
                    raise StoreError(f"can't write {self.path}: the disk is full")
                os.fsync(file)
            except OSError as error:
                raise StoreError(f"can't write {self.path}: {error.strerror}") from None
            return event

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
