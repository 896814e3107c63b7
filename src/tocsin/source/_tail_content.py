"""The bytes of a followed file from some offset on: of a plain file, or inflated."""

from __future__ import annotations

import os
import re
from stat import S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from tocsin.source._log_files import ReadCounts, inflate, read_head, records
from tocsin.source._tail_state import HEAD, TRACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.source._log_files import LogLimits

__all__ = ["Archive", "Look", "NotAFileError", "open_known", "packed_with", "peek"]

_PACKED = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "bzip2": re.compile(rb"BZh[1-9]1AY&SY"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
    "zip": re.compile(rb"PK\x03\x04"),
}


class NotAFileError(OSError):
    """A folder, a pipe or a device is where a log was expected, or another compression."""


class Look(NamedTuple):
    """What the beginning of a file shows."""

    head: bytes
    """At most `HEAD` bytes, inflated."""
    archive: bool
    """Whether it is to be read as a whole: inflated, or as one document."""


def open_known(path: str, identity: tuple[int, int]) -> int:
    """A descriptor of the regular file with that device and inode.

    Raises OSError; FileNotFoundError also if another file is there by now.
    """
    # A pipe would block the opening.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    about = os.fstat(fd)
    if S_ISREG(about.st_mode) and (about.st_dev, about.st_ino) == identity:
        return fd
    os.close(fd)
    if S_ISREG(about.st_mode):
        raise FileNotFoundError
    raise NotAFileError(0, "not a file")


def packed_with(head: bytes) -> str:
    """What a file that begins so is compressed with; empty for none."""
    return next((name for name, magic in _PACKED.items() if magic.match(head)), "")


def peek(path: str, identity: tuple[int, int], limits: LogLimits) -> Look:
    """Look at the beginning of a file. Raises OSError, as `open_known` does."""
    with os.fdopen(open_known(path, identity), "rb") as file:
        head = file.read(HEAD)
        packed = packed_with(head)
        if packed not in ("", "gzip"):
            raise NotAFileError(0, f"compressed with {packed}, which is not read; hint: gzip is")
        if packed:
            file.seek(0)
            head = b""
            for chunk in inflate(file, limits, ReadCounts(), lambda _: None):
                head += chunk
                if len(head) >= HEAD:
                    break
            return Look(head[:HEAD], archive=True)
    return Look(head, path.endswith(".json") and read_head(path, limits).is_delivery)


class Archive:
    """The content of an archive in a stream that is read once, from the beginning."""

    def __init__(self, path: str, identity: tuple[int, int], limits: LogLimits) -> None:
        self.counts = ReadCounts()
        self._file = os.fdopen(open_known(path, identity), "rb")
        self._chunks = self._read(path, limits)
        self._ahead = b""
        self.at = 0
        """Offset of what comes next."""
        self.trace = b""
        """The bytes before it."""

    def _read(self, path: str, limits: LogLimits) -> Iterator[bytes]:
        chunks = inflate(self._file, limits, self.counts, lambda _: None)
        if path.endswith((".json", ".json.gz")) and read_head(path, limits).is_delivery:
            return records(chunks, self.counts, limits)
        return chunks

    def look_ahead(self, size: int) -> bytes:
        """The next bytes, `size` or more unless the archive ends. Raises OSError."""
        parts = [self._ahead]
        have = len(self._ahead)
        while have < size and (chunk := next(self._chunks, None)) is not None:
            parts.append(chunk)
            have += len(chunk)
        self._ahead = b"".join(parts)
        return self._ahead

    def advance(self, size: int) -> None:
        """Go on by so many of the bytes that were looked at."""
        self.trace = (self.trace + self._ahead[:size])[-TRACE:]
        self._ahead = self._ahead[size:]
        self.at += size

    def about(self) -> os.stat_result:
        return os.fstat(self._file.fileno())

    def close(self) -> None:
        self._file.close()
