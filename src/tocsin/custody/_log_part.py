"""What the custody log holds that no sealed day does.

It goes into the next sealed day, which also holds the SHA-256 of the log so far: a log that was
cut or written anew begins again from its start, and says so. Whoever may append to the log must
not stop the sealing, so that what is sealed of it is bounded, and what is left out is told.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from tocsin.custody._log import log_path
from tocsin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["LogPart", "LogTooLargeError", "open_log", "unread_facts"]

MOST_READ = 1 << 30
"""Bytes; a log of a hundred hand-outs a day has as much after a hundred years."""
_MOST_SEALED = 4 << 20
_LONGEST_ORDER = 1 << 20
_CHUNK = 1 << 20
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LogTooLargeError(StoreError):
    """Nobody reads so much; the way out is in the hint."""


class _Custody(msgspec.Struct):
    bytes: int = 0
    sha256: str = ""


class _Day(msgspec.Struct):
    custody: _Custody = msgspec.field(default_factory=_Custody)


@dataclass(frozen=True, slots=True)
class LogPart:
    """Whole lines of the log, from `begin` to `end` in bytes."""

    stream: BinaryIO
    begin: int
    end: int
    facts: Mapping[str, Any]
    """For day.json: where the log ends with this day."""

    def orders(self) -> Iterator[dict[str, Any]]:
        """Lines that speak of holds or removals and can be read, as often as one asks."""
        for block in self._blocks():
            if not _speaks(block):
                continue
            for line in block.split(b"\n"):
                if len(line) > _LONGEST_ORDER or not _speaks(line):
                    continue
                try:
                    found = msgspec.json.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    continue
                if isinstance(found, dict):
                    yield found

    def _blocks(self) -> Iterator[bytes]:
        """Many lines at once; pieces of a line that is too long for any order are left out."""
        self.stream.seek(self.begin)
        left = self.end - self.begin
        within = False
        while left and (data := self.stream.read(min(left, _CHUNK))):
            if not data.endswith(b"\n"):
                data += self.stream.readline(min(left - len(data), _LONGEST_ORDER + 1))
            left -= len(data)
            begin = data.find(b"\n") + 1 if within else 0
            within = not data.endswith(b"\n")
            yield data[begin : data.rfind(b"\n") + 1]

    def recorded(self) -> frozenset[object]:
        """What each line names as its tombstone: a SHA-256 in hex, if it is one of ours."""
        told = (line.get("tombstone") for line in self.orders())
        return frozenset(each for each in told if isinstance(each, str))

    def sealed(self) -> tuple[bytes, str]:
        """Whole lines for the next sealed day, and in words what is left out of it."""
        self.stream.seek(self.begin)
        data = self.stream.read(min(self.end - self.begin, _MOST_SEALED))
        data = data[: data.rfind(b"\n") + 1]
        rest = self.end - self.begin - len(data)
        if rest == 0:
            return data, ""
        self.stream.seek(self.begin + len(data))
        lines = sum(each.count(b"\n") for each in _chunks(self.stream, rest))
        return data, f"{lines:,} lines, {rest:,} bytes"


def _speaks(text: bytes) -> bool:
    return b'"hold"' in text or b'"tombstone"' in text


@contextmanager
def open_log(root: Path, day_before: bytes) -> Iterator[LogPart]:
    """The part that `day_before`, the last sealed day's day.json, does not know of.

    Raises StoreError, LogTooLargeError.
    """
    known = _known(day_before)
    path = log_path(root)
    try:
        with _opened(path) as stream:
            size = stream.seek(0, io.SEEK_END)
            if size > MOST_READ:
                raise LogTooLargeError(
                    f"the custody log {path} is larger than {MOST_READ >> 30} GiB: it is not read",
                    hint="who wrote so much? Move it aside, and begin a new one with the lines"
                    " that are yours",
                )
            # A line that is being written waits until it is whole, or ended.
            end = _end_of_lines(stream, size)
            so_far, whole = _hashes(stream, min(known.bytes, end), end)
            begin, facts = known.bytes, {"bytes": end, "sha256": whole}
            if known.bytes and (known.bytes > end or so_far != known.sha256):
                facts["restarted"] = "the log is not the one of the days before"
                begin = 0
            yield LogPart(stream, begin, end, facts)
    except OSError as error:
        raise StoreError(
            f"can't read the custody log {path}: {error.strerror}",
            hint="whoever seals must be able to read it",
        ) from None


def unread_facts(day_before: bytes) -> dict[str, Any]:
    """For day.json where the log is too large: the next day goes on where `day_before` was."""
    known = _known(day_before)
    told = f"all of it: it is larger than {MOST_READ >> 30} GiB"
    return {"bytes": known.bytes, "sha256": known.sha256, "left_out": told}


def _known(day_before: bytes) -> _Custody:
    try:
        return msgspec.json.decode(day_before, type=_Day).custody if day_before else _Custody()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Custody()


def _opened(path: Path) -> BinaryIO:
    try:
        file = os.open(path, _FLAGS)
    except FileNotFoundError:
        return io.BytesIO()
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(None, "not a regular file")
    return os.fdopen(file, "rb", _CHUNK)


def _end_of_lines(stream: BinaryIO, size: int) -> int:
    """Where the last whole line ends."""
    while size:
        begin = max(0, size - _CHUNK)
        stream.seek(begin)
        found = stream.read(size - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        size = begin
    return 0


def _hashes(stream: BinaryIO, part: int, whole: int) -> tuple[str, str]:
    """SHA-256 in hex of the first bytes of `stream`, `part` and `whole` of them."""
    stream.seek(0)
    digest = hashlib.sha256()
    for data in _chunks(stream, part):
        digest.update(data)
    so_far = digest.hexdigest()
    for data in _chunks(stream, whole - part):
        digest.update(data)
    return so_far, digest.hexdigest()


def _chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (data := stream.read(min(size, _CHUNK))):
        size -= len(data)
        yield data
