"""Writing a day so that a kill at any step leaves the day as it was, or sealed."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tocsin.bundle._read import SEALING
from tocsin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["attach", "locked", "put_in_place", "replace_day", "stage"]

_PATIENCE = 5.0
_ASIDE = "unsealed"
"""The day's folder as it was, for the moment in which the new one takes its place."""


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Nobody else writes into the evidence folder meanwhile. Raises StoreError."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _failed(root, error) from None
    try:
        _lock(folder, root)
        _recover(root)
        yield
    except OSError as error:
        raise _failed(root, error) from None
    finally:
        os.close(folder)


def _failed(root: Path, error: OSError) -> StoreError:
    return StoreError(
        f"can't write evidence to {root}: {error.strerror}", hint="--folder says where"
    )


def _lock(folder: int, root: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreError(f"another command is writing to {root}") from None
            time.sleep(0.05)
        else:
            return


def _recover(root: Path) -> None:
    """Undo what an interrupted command left behind."""
    sealing = root / SEALING
    if sealing.is_symlink():
        sealing.unlink()  # None of ours, and nothing is to be followed.
    if not sealing.exists():
        return
    aside = sealing / _ASIDE
    if aside.is_dir() and not aside.is_symlink():
        for folder in aside.iterdir():
            if not (root / folder.name).exists():
                folder.rename(root / folder.name)
        _sync(root)
    shutil.rmtree(sealing)


def stage(root: Path, day: str, files: Mapping[str, bytes]) -> None:
    """Write the whole day beside its place, and wait until it is on the disk."""
    folder = root / SEALING / day
    folder.mkdir(parents=True)
    folders = {folder, folder.parent}
    for name, data in files.items():
        path = folder / name
        for parent in path.relative_to(folder).parents:
            if not (folder / parent).exists():
                (folder / parent).mkdir(parents=True)
            folders.add(folder / parent)
        _write(path, data)
    for each in folders:
        _sync(each)


def put_in_place(root: Path, day: str) -> None:
    """The staged day becomes the day; the folder that was there goes."""
    sealing = root / SEALING
    if (root / day).exists():
        (sealing / _ASIDE).mkdir()
        (root / day).rename(sealing / _ASIDE / day)
        _sync(sealing / _ASIDE)
    (sealing / day).rename(root / day)
    _sync(root)
    shutil.rmtree(sealing)


def replace_day(root: Path, day: str, files: Mapping[str, bytes]) -> None:
    """The day is `files` from now on, whole or not at all; the caller has the folder locked."""
    stage(root, day, files)
    put_in_place(root, day)


def attach(root: Path, day: str, name: str, data: bytes) -> None:
    """Put a file that comes after sealing beside the checkpoint, whole or not at all."""
    sealing = root / SEALING
    sealing.mkdir()
    _write(sealing / name, data)
    (sealing / name).rename(root / day / name)
    _sync(root / day)
    sealing.rmdir()


def _write(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o444)
    with open(file, "wb") as stream:  # noqa: PTH123 - an open file has no path
        stream.write(data)
        stream.flush()
        os.fsync(file)


def _sync(folder: Path) -> None:
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # Some file systems can't, and then need not.
            os.fsync(here)
    finally:
        os.close(here)
