"""The custody log: who took what out of the evidence, and what was removed.

It lies beside the evidence folder, one JSON object a line, and is only ever appended to.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.errors import StoreError
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["end_line", "log_path", "principal", "run_by", "write_line"]

_PATIENCE = 5.0
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def log_path(root: Path) -> Path:
    """Beside the evidence folder, whatever link leads to it."""
    real = Path(os.path.realpath(root))
    return real.with_name(f"{real.name}.custody.jsonl")


def run_by() -> str:
    """The user for the operating system, whatever the environment says."""
    try:
        return printable(pwd.getpwuid(os.getuid()).pw_name, 100)
    except KeyError:
        return f"uid-{os.getuid()}"


def principal() -> str:
    """Who runs this, and on which machine: `alice@host`."""
    return f"{run_by()}@{printable(socket.gethostname(), 100)}"


def write_line(root: Path, line: Mapping[str, Any]) -> None:
    """Append and wait until it is on the disk. Raises StoreError."""
    text = json.dumps(line, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    path = log_path(root)
    try:
        with _opened(path, root) as file:
            # A line that was cut stays, and is told; the next one begins after it.
            begin = b"" if _ends_whole(file) else b"\n"
            data = begin + text.encode("utf-8", "backslashreplace") + b"\n"
            written = os.write(file, data)
            os.fsync(file)
    except OSError as error:
        raise StoreError(f"can't write the custody log {path}: {error.strerror}") from None
    if written != len(data):
        raise StoreError(f"can't write the custody log {path}: the disk is full")


def end_line(root: Path) -> None:
    """End a line that a kill cut, so that it is sealed as it is. Raises StoreError."""
    path = log_path(root)
    if not path.exists():
        return
    try:
        with _opened(path, root) as file:
            if not _ends_whole(file):
                os.write(file, b"\n")
                os.fsync(file)
    except OSError as error:
        raise StoreError(f"can't write the custody log {path}: {error.strerror}") from None


@contextmanager
def _opened(path: Path, root: Path) -> Iterator[int]:
    new = not path.exists()
    file = os.open(path, _FLAGS, 0o660)
    try:
        if new and os.geteuid() == 0 and root.exists():
            # Whoever seals must be able to read it, and is seldom root.
            owner = root.stat()
            os.fchown(file, owner.st_uid, owner.st_gid)
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise OSError(None, "another command is writing to it") from None
                time.sleep(0.02)
        yield file
        if new:
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        os.close(file)


def _ends_whole(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"
