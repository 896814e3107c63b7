"""Records on disk: whole or not at all, and never one over another."""

from __future__ import annotations

import contextlib
import os
import secrets
from types import MappingProxyType
from typing import TYPE_CHECKING

from tocsin.bundle import locked, survey
from tocsin.errors import StoreError
from tocsin.evidence import LATE, day_folder, next_run, record_name
from tocsin.seal import day_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from tocsin.evidence import Record

__all__ = ["attempt_of", "write_records"]

_NOTHING: Mapping[str, bytes] = MappingProxyType({})


def attempt_of(folder: Path, day: date) -> int:
    """Which run of the day the next one is, by the records that are there. Raises StoreError."""
    if not folder.exists():
        return 1
    target = _target(folder, day_folder(day))
    return next_run(path.name for path in target.iterdir()) if target.is_dir() else 1


def write_records(
    folder: Path, day: date, records: Sequence[Record], beside: Mapping[str, bytes] = _NOTHING
) -> list[Path]:
    """Write the records of one run into the day's folder. Raises StoreError.

    `beside` are files named by their content, `folder/name`. A sealed
    day takes nothing more: what comes late goes into the next day to be sealed.
    """
    with locked(folder):
        target = _target(folder, day_folder(day))
        for name, data in beside.items():
            below, _, file = name.rpartition("/")
            _write_beside(target / below, file, data)
        return _write_all(target, records)


def _write_beside(target: Path, name: str, data: bytes) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        here = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise _failed(target, error) from None
    try:
        draft = f".{name[:40]}.{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(draft, flags, 0o640, dir_fd=here), "wb") as file:  # noqa: PTH123
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, name, src_dir_fd=here, dst_dir_fd=here)
        os.fsync(here)
    except OSError as error:
        raise _failed(target, error) from None
    finally:
        os.close(here)


def _target(folder: Path, day: str) -> Path:
    days = survey(folder).days
    if not days or day > days[-1]:
        return folder / day
    return folder / day_after(days[-1]) / LATE / day


def _write_all(target: Path, records: Sequence[Record]) -> list[Path]:
    try:
        with contextlib.suppress(FileExistsError):
            target.mkdir(parents=True)
        # A day's folder that points elsewhere is not the day's folder.
        here = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise _failed(target, error) from None
    try:
        run = next_run(entry.name for entry in os.scandir(here))
        paths = [target / _write(here, record, run) for record in records]
        os.fsync(here)
    except OSError as error:
        raise _failed(target, error) from None
    else:
        return paths
    finally:
        os.close(here)


def _write(here: int, record: Record, run: int) -> str:
    """Write beside, then link: linking fails where the name is taken, renaming would replace."""
    draft = f".{record.control.id}.{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with open(os.open(draft, flags, 0o640, dir_fd=here), "wb") as file:  # noqa: PTH123
            file.write(record.data)
            file.flush()
            os.fsync(file.fileno())
        while True:
            name = record_name(record.control.id, run)
            try:
                os.link(draft, name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
            except FileExistsError:
                run += 1
            else:
                return name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=here)


def _failed(target: Path, error: OSError) -> StoreError:
    return StoreError(
        f"can't write evidence to {target}: {error.strerror}",
        hint="--folder says where; it must be a folder of a file system with hard links",
    )
