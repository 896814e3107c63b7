"""Reading bundles as they lie on disk: nothing is followed, nothing can hang or fill memory."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.errors import StoreError
from tocsin.printable import printable
from tocsin.seal import (
    ATTACHED,
    CUSTODY,
    HEAD,
    HOLDS,
    MANIFEST,
    SIGNATURE,
    TOMBSTONE,
    TOMBSTONE_SIGNATURE,
    DayFiles,
    Fault,
    is_day,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "LARGEST",
    "MOST_FILES",
    "READ_WHOLE",
    "SEALING",
    "Survey",
    "open_files",
    "read_day_folder",
    "read_file",
    "survey",
]

SEALING = ".sealing"
"""Where a day is put together before it takes its place."""
_ARTEFACTS = frozenset({MANIFEST, SIGNATURE, HEAD, *ATTACHED})
READ_WHOLE = _ARTEFACTS | {
    "day.json", "ledger.jsonl", CUSTODY, HOLDS, TOMBSTONE, TOMBSTONE_SIGNATURE,
}  # fmt: skip
_DEEPEST = 4
MOST_FILES = 50_000
"""In one day."""
LARGEST = 256 << 20
"""Bytes of one file: a file of holes costs its maker nothing, and its reader hours."""
_CHUNK = 1 << 20
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in an evidence folder."""

    days: tuple[str, ...]
    """Sealed, or once sealed, in order."""
    unsealed: tuple[str, ...]
    """Days without any sign of a seal."""
    faults: tuple[Fault, ...]


def survey(root: Path) -> Survey:
    """Raises StoreError where the folder can't be read."""
    days, unsealed, faults = [], [], []
    try:
        with os.scandir(root) as entries:
            for number, entry in enumerate(entries):
                if number > MOST_FILES:
                    faults.append(Fault("", "", f"more than {MOST_FILES:,} entries"))
                    break
                if entry.name == SEALING:
                    what = "a command is at work, or was interrupted; the next one clears it up"
                    faults.append(Fault("", SEALING, what))
                elif not is_day(entry.name) or not entry.is_dir(follow_symlinks=False):
                    faults.append(Fault("", printable(entry.name), "does not belong here"))
                elif _ARTEFACTS.isdisjoint(os.listdir(entry.path)):  # noqa: PTH208 - fast
                    unsealed.append(entry.name)
                else:
                    days.append(entry.name)
    except OSError as error:
        raise StoreError(
            f"can't read {root}: {error.strerror}", hint="give the folder that holds the days"
        ) from None
    days.sort()
    last = days[-1] if days else ""
    faults += [Fault(d, "", "not sealed, but a later day is") for d in unsealed if d < last]
    faults.sort(key=lambda fault: (fault.day, fault.file))
    return Survey(tuple(days), tuple(sorted(d for d in unsealed if d > last)), tuple(faults))


def read_day_folder(root: Path, day: str, *, sealed: bool = True) -> DayFiles:
    """Hash every file of a day, and keep those that are read. Raises StoreError."""
    reading = _Reading(day, sealed=sealed)
    try:
        folder = os.open(root / day, _FLAGS | os.O_DIRECTORY)
    except OSError as error:
        raise StoreError(f"can't read {root / day}: {error.strerror}") from None
    try:
        reading.folder(folder, "", 1)
    finally:
        os.close(folder)
    return DayFiles(day, reading.digests, reading.texts, tuple(reading.strange))


class _Reading:
    def __init__(self, day: str, *, sealed: bool) -> None:
        self.day = day
        self.sealed = sealed
        self.digests: dict[str, str] = {}
        self.texts: dict[str, bytes] = {}
        self.strange: list[Fault] = []

    def _odd(self, name: str, what: str) -> None:
        if len(self.strange) < 1000:
            self.strange.append(Fault(self.day, printable(name), what))

    def folder(self, here: int, prefix: str, depth: int) -> None:
        empty = True
        with os.scandir(here) as entries:
            for entry in entries:
                empty = False
                name = prefix + entry.name
                if len(self.digests) + len(self.strange) >= MOST_FILES:
                    self._odd(name, f"more than {MOST_FILES:,} files in one day")
                    return
                if entry.is_file(follow_symlinks=False):
                    self._file(here, entry.name, name)
                elif entry.is_dir(follow_symlinks=False):
                    self._below(here, entry.name, name, depth)
                else:
                    kind = "a symbolic link" if entry.is_symlink() else "not a regular file"
                    self._odd(name, kind)
        if empty and self.sealed:
            self._odd(prefix.rstrip("/"), "an empty folder")

    def _below(self, here: int, entry: str, name: str, depth: int) -> None:
        if depth == _DEEPEST:
            self._odd(name, "a folder deeper than any of ours")
            return
        try:
            below = os.open(entry, _FLAGS | os.O_DIRECTORY, dir_fd=here)
        except OSError as error:
            self._odd(name, f"can't be read: {error.strerror}")
            return
        try:
            self.folder(below, f"{name}/", depth + 1)
        finally:
            os.close(below)

    def _file(self, here: int, entry: str, name: str) -> None:
        try:
            file = os.open(entry, _FLAGS, dir_fd=here)
        except OSError as error:
            self._odd(name, f"can't be read: {error.strerror}")
            return
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                self._odd(name, "not a regular file")
                return
            if status.st_nlink != 1:
                self._odd(name, "a hard link: it can be written under another name")
            if status.st_size > LARGEST:
                self._odd(name, f"larger than {LARGEST >> 20} MiB, as none of ours is")
                return
            self._hash(file, name, status.st_size)
        except OSError as error:
            self._odd(name, f"can't be read: {error.strerror}")
        finally:
            os.close(file)

    def _hash(self, file: int, name: str, size: int) -> None:
        data = os.read(file, min(size + 1, _CHUNK))
        if name in READ_WHOLE:
            parts = [data]
            while data := os.read(file, _CHUNK):
                parts.append(data)
            self.texts[name] = data = b"".join(parts)
            self.digests[name] = hashlib.sha256(data).hexdigest()
            return
        digest = hashlib.sha256(data)
        while data := os.read(file, _CHUNK):
            digest.update(data)
        self.digests[name] = digest.hexdigest()


def read_file(path: Path, most: int = LARGEST) -> bytes:
    """A regular file that is no link. Raises OSError."""
    file = os.open(path, _FLAGS)
    with open(file, "rb") as stream:  # noqa: PTH123 - an open file has no path
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(None, "not a regular file")
        if status.st_size > most:
            raise OSError(None, f"larger than {most >> 20} MiB")
        return stream.read(status.st_size)


def open_files(folder: Path) -> Iterator[str]:
    """Every name below an unsealed day's folder, regular or not, in order."""
    for here, folders, names in os.walk(folder):
        links = (name for name in folders if os.path.islink(os.path.join(here, name)))  # noqa: PTH114, PTH118
        for name in sorted((*names, *links)):
            yield os.path.relpath(os.path.join(here, name), folder)  # noqa: PTH118
