"""A folder that another party keeps, a mount of theirs: each day appears at once, read-only."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.bundle import attach, locked, read_day_folder, replace_day, survey
from tocsin.errors import EvidenceError, ParseError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tocsin.seal import DayFiles

__all__ = ["FolderDestination"]


class FolderDestination:
    """Days in a folder."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._path = path

    @classmethod
    @contextmanager
    def opened(cls, path: Path, root: Path) -> Iterator[FolderDestination]:
        """Nobody else writes there meanwhile. Raises ParseError, StoreError."""
        here, there = Path(os.path.realpath(root)), Path(os.path.realpath(path))
        if here == there or here in there.parents or there in here.parents:
            raise ParseError(f"{path} is not another folder than {root}")
        if not there.parent.is_dir():
            raise ParseError(f"there is no {there.parent}", hint="is it mounted?")
        with locked(path):
            yield cls(path)

    def whole(self) -> tuple[str, ...]:
        found = survey(self._path)
        odd = [*map(str, found.faults), *(f"{day}: not a sealed day" for day in found.unsealed)]
        if odd:
            raise EvidenceError(f"{self.place} holds other things than sealed days: {odd[0]}",
                                hint="a copy has a folder of its own")  # fmt: skip
        for day in found.days:
            self._close(day)  # A kill may have come before.
        return found.days

    def read(self, day: str) -> DayFiles:
        return read_day_folder(self._path, day)

    def put(self, day: str, files: Mapping[str, bytes]) -> None:
        replace_day(self._path, day, files)
        self._close(day)

    def add(self, day: str, name: str, data: bytes) -> None:
        (self._path / day).chmod(0o755)
        attach(self._path, day, name, data)
        self._close(day)

    def _close(self, day: str) -> None:
        """Files are written read-only; a folder can be only when everything is in it."""
        try:
            for folder, _, _ in os.walk(self._path / day):
                path = Path(folder)
                if path.lstat().st_mode & 0o222:
                    path.chmod(0o555)
        except OSError as error:
            raise StoreError(f"can't make {self._path / day} read-only: {error.strerror}") from None
