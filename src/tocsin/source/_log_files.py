"""Old log files: blocks of whole lines, from plain files, gzip archives and standard input.

Whatever the block size, the lines are the same: the last line counts without its line end, a
line beyond the limit is cut at the limit and counted, and the line after it is intact
(reliability notes, F11 and F12). An archive that inflates beyond all proportion is read up to
a bound and no further, and says so.
"""

from __future__ import annotations

import itertools
import os
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from tocsin.errors import SourceError
from tocsin.source._journal_export import JournalExport, is_journal_export, journal_lines
from tocsin.source._lines import UTF_8, clean, encoding_of, shorten, to_utf8

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "LogFile",
    "LogLimits",
    "ReadCounts",
    "inflate",
    "is_plain",
    "read_head",
    "read_log",
    "records",
    "split_log",
]

_GZIP = b"\x1f\x8b"
_HEAD = 256 * 1024
_NEAR = 4096
"""Bytes before the end of a block, or from where a part could begin, in which a line end is looked
for."""


@dataclass(frozen=True, slots=True)
class LogLimits:
    """Bounds of what is read."""

    chunk: int = 2 * 1024 * 1024
    """Bytes read at once."""
    line: int = 1024 * 1024
    """Bytes of a line that are looked at."""
    inflated: int = 1024**3
    """Bytes of an archive that are read in any case."""
    ratio: int = 300
    """Beyond `inflated`, how many times its own size an archive may have."""
    delivery: int = 256 * 1024**2
    """Bytes of a CloudTrail delivery file, which is one JSON document."""


DEFAULT_LIMITS = LogLimits()


@dataclass(slots=True)
class ReadCounts:
    """What happened while reading; tables of several files add up."""

    bytes: int = 0
    """After inflating."""
    cut: int = 0
    """Lines cut at the limit."""
    damaged: int = 0
    """Archives that end early or are no gzip from some place on."""
    bombs: int = 0
    """Archives that were not read to their end because they inflate too much."""
    nuls: int = 0
    """NUL bytes before lines, taken away."""
    malformed: int = 0
    """Entries of a journal export that were not what the format says."""

    def add(self, other: ReadCounts) -> None:
        self.bytes += other.bytes
        self.cut += other.cut
        self.damaged += other.damaged
        self.bombs += other.bombs
        self.nuls += other.nuls
        self.malformed += other.malformed


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file to read; `-` is standard input."""

    path: str
    head: bytes = b""
    """Its first bytes, inflated, in UTF-8; the lines of a journal export."""
    size: int = 0
    """On disk; 0 if unknown."""
    modified: int = 0
    """Microseconds; 0 if unknown."""
    raw: bytes = b""
    """The first bytes of standard input, which can't be read twice."""
    journal: bool = False
    """Whether it is the systemd journal as `journalctl -o export` writes it."""

    @property
    def is_delivery(self) -> bool:
        """Whether it is a file as CloudTrail delivers it: one document with all the records."""
        return self.head.lstrip()[:1] == b"{" and b'"Records"' in self.head[:64]

    @property
    def name(self) -> str:
        return "standard input" if self.path == "-" else self.path


class _Delivery(msgspec.Struct):
    records: list[msgspec.Raw] = msgspec.field(name="Records")


def read_head(path: str, limits: LogLimits = DEFAULT_LIMITS) -> LogFile:
    """Open a file and look at its beginning. Raises SourceError."""
    try:
        if path == "-":
            raw = sys.stdin.buffer.read(_HEAD)
            journal = is_journal_export(raw)
            head = b"".join(_text(iter([raw]), journal, ReadCounts(), limits))
            return LogFile(path, head, raw=raw, journal=journal)
        # A pipe or a device would be read for ever, or be emptied by looking.
        where = Path(path)
        if not where.is_file():
            what = "not a file" if where.exists() else "no such file"
            raise SourceError(f"{path}: {what}")
        about = where.stat()
        with where.open("rb") as file:
            chunks = inflate(file, limits, ReadCounts(), lambda _: None)
            raw = next(chunks, b"")
            journal = is_journal_export(raw)
            text = _text(itertools.chain([raw], chunks), journal, ReadCounts(), limits)
            head = b""
            while len(head) < _HEAD and (chunk := next(text, None)) is not None:
                head += chunk
        return LogFile(path, head, about.st_size, about.st_mtime_ns // 1000, journal=journal)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None


def read_log(
    log: LogFile,
    counts: ReadCounts,
    limits: LogLimits = DEFAULT_LIMITS,
    progress: Callable[[int], None] = lambda _: None,
    part: tuple[int, int | None] = (0, None),
) -> Iterator[bytes]:
    """Blocks of whole lines, each line with its line end but perhaps the last.

    `progress` is called with the number of bytes on disk that were read; `part` is one of those
    that `split_log` made. Raises SourceError.
    """
    try:
        if log.path == "-":
            chunks = _stdin(log.raw, limits, counts, progress)
            yield from _lines(_text(chunks, log.journal, counts, limits), counts, limits)
            return
        with Path(log.path).open("rb", buffering=0) as file:
            if part != (0, None):
                chunks = _part(file, part, limits, counts, progress)
                # A byte order mark is one only where the file begins.
                yield from _lines(chunks if part[0] else to_utf8(chunks), counts, limits)
                return
            chunks = inflate(file, limits, counts, progress)
            if log.is_delivery:
                yield from records(chunks, counts, limits)
            else:
                yield from _lines(_text(chunks, log.journal, counts, limits), counts, limits)
    except OSError as error:
        raise SourceError(f"{log.name}: {error.strerror}") from None


def split_log(log: LogFile, size: int) -> list[tuple[int, int | None]]:
    """Parts of about a size that are read one by one with the same result as the whole.

    A part is where it begins and ends; the last one ends with the file. What is not `is_plain`
    is one part. Raises SourceError.
    """
    begins = [0]
    try:
        if log.size > size and is_plain(log):
            with Path(log.path).open("rb", buffering=0) as file:
                begins += _line_starts(file, log.size, size)
    except OSError as error:
        raise SourceError(f"{log.name}: {error.strerror}") from None
    return list(zip(begins, [*begins[1:], None], strict=True))


def is_plain(log: LogFile) -> bool:
    """Whether its lines are the bytes of a file, so that one can begin anywhere in it.

    Archives, documents, journal exports, UTF-16 and standard input are not. Raises SourceError.
    """
    if log.path == "-" or log.is_delivery or log.journal:
        return False
    try:
        with Path(log.path).open("rb") as file:
            raw = file.read(3)
    except OSError as error:
        raise SourceError(f"{log.name}: {error.strerror}") from None
    return not raw.startswith(_GZIP) and (encoding_of(raw) or ("", 0))[0] == UTF_8


def _line_starts(file: BinaryIO, whole: int, size: int) -> Iterator[int]:
    at = size
    while at < whole:
        width = _NEAR
        while chunk := os.pread(file.fileno(), width, at):
            end = chunk.find(b"\n") + 1
            at += end or len(chunk)
            if end:
                break
            width = min(2 * width, _HEAD)
        if at < whole:
            yield at
        at += size


def _part(
    file: BinaryIO,
    part: tuple[int, int | None],
    limits: LogLimits,
    counts: ReadCounts,
    progress: Callable[[int], None],
) -> Iterator[bytes]:
    at, end = part
    file.seek(at)
    while True:
        left = limits.chunk if end is None else min(limits.chunk, end - at)
        chunk = _read(file, at, left) if left else b""
        if not chunk:
            return
        at += len(chunk)
        counts.bytes += len(chunk)
        progress(len(chunk))
        yield chunk


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    """So many bytes from where the file is, or fewer that end with a line.

    A block that ends with a line need not be put together from two; that copy would take as
    long as all the reading does.
    """
    width = min(_NEAR, size // 2)
    try:
        near = os.pread(file.fileno(), width, at + size - width)
    except OSError:
        # A pipe: there is no looking ahead.
        near = b""
    end = near.rfind(b"\n") + 1
    # What is nearer to the end of the file than that is read as it is.
    return file.read(size - width + end if end and len(near) == width else size)


def _text(
    chunks: Iterator[bytes], journal: bool, counts: ReadCounts, limits: LogLimits
) -> Iterator[bytes]:
    """The lines of a journal export, anything else in UTF-8."""
    if not journal:
        yield from to_utf8(chunks)
        return
    # Room for the stamp and the names, so that the line is not cut where the message isn't.
    export = JournalExport(limits.line // 2)
    yield from journal_lines(chunks, export)
    counts.malformed += export.malformed
    counts.cut += export.cut


def _stdin(
    head: bytes, limits: LogLimits, counts: ReadCounts, progress: Callable[[int], None]
) -> Iterator[bytes]:
    chunk = head
    while chunk:
        counts.bytes += len(chunk)
        progress(len(chunk))
        yield chunk
        chunk = sys.stdin.buffer.read(limits.chunk)


def inflate(
    file: BinaryIO, limits: LogLimits, counts: ReadCounts, progress: Callable[[int], None]
) -> Iterator[bytes]:
    """The content of a file in chunks, of all members if it is a gzip archive."""
    chunk = file.read(limits.chunk)
    while len(chunk) < len(_GZIP) and (more := file.read(limits.chunk)):
        # A pipe gives what it has.
        chunk += more
    if not chunk.startswith(_GZIP):
        at = 0
        while chunk:
            at += len(chunk)
            counts.bytes += len(chunk)
            progress(len(chunk))
            yield chunk
            chunk = _read(file, at, limits.chunk)
        return
    unzip, begun, taken, given = zlib.decompressobj(31), False, 0, 0
    while chunk:
        taken += len(chunk)
        progress(len(chunk))
        while chunk:
            if not begun:
                # Between members an archive may be padded with zeros.
                chunk = chunk.lstrip(b"\0")
                begun = bool(chunk)
            try:
                data = unzip.decompress(chunk, limits.chunk)
            except zlib.error:
                counts.damaged += 1
                return
            given += len(data)
            if given > max(limits.inflated, taken * limits.ratio):
                counts.bombs += 1
                return
            counts.bytes += len(data)
            if data:
                yield data
            chunk = unzip.unconsumed_tail
            if unzip.eof:
                chunk, begun, unzip = unzip.unused_data, False, zlib.decompressobj(31)
        chunk = file.read(limits.chunk)
    if begun:
        counts.damaged += 1


def _lines(chunks: Iterator[bytes], counts: ReadCounts, limits: LogLimits) -> Iterator[bytes]:
    rest, skipping = b"", False
    for each in chunks:
        chunk = each
        if skipping:
            end = chunk.find(b"\n")
            if end < 0:
                continue
            chunk, skipping = chunk[end + 1 :], False
        end = chunk.rfind(b"\n") + 1
        if end:
            whole = not rest and end == len(chunk)
            block = chunk if whole else b"".join((rest, memoryview(chunk)[:end]))
            yield _clean(block, counts, limits)
            rest = chunk[end:]
        else:
            rest += chunk
        if rest[:1] == b"\0":
            counts.nuls += len(rest)
            rest = rest.lstrip(b"\0")
            counts.nuls -= len(rest)
        if len(rest) > limits.line:
            counts.cut += 1
            yield shorten(rest, limits.line) + b"\n"
            rest, skipping = b"", True
    if rest:
        yield rest


def _clean(block: bytes, counts: ReadCounts, limits: LogLimits) -> bytes:
    block, cut, nuls = clean(block, limits.line)
    counts.cut += cut
    counts.nuls += nuls
    return block


def records(chunks: Iterator[bytes], counts: ReadCounts, limits: LogLimits) -> Iterator[bytes]:
    """One record a line."""
    kept: list[bytes] = []
    size = 0
    for chunk in chunks:
        kept.append(chunk)
        size += len(chunk)
        if size > limits.delivery:
            every = (each for part in (kept, chunks) for each in part)
            yield from _lines(to_utf8(every), counts, limits)
            return
    try:
        found = msgspec.json.decode(b"".join(kept), type=_Delivery)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        yield from _lines(to_utf8(iter(kept)), counts, limits)
        return
    for record in found.records:
        # Outside of strings a line break means nothing, inside it can't be.
        yield bytes(record).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
