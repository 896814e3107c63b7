"""What is remembered of a followed file, and what a poll hands out.

A file is known by device and inode *and* by its content: the digest of its first bytes, and that
of the last bytes handed out (reliability notes, A2.3). Inodes are given out again, heads of
different files are alike; both together are the same file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec

from tocsin.source._journal_export import JournalEntry  # noqa: TC001

__all__ = [
    "HEAD",
    "JOURNAL",
    "TRACE",
    "FilePosition",
    "Gap",
    "TailBlock",
    "TailState",
    "Taken",
    "digest",
]

JOURNAL = "journal export"
HEAD = 4096
"""Bytes at the beginning of a file that it is known by."""
TRACE = 1024
"""Bytes before the offset that it is known by."""


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest() if data else b""


class FilePosition(msgspec.Struct, frozen=True):
    """One file: how to know it again, and how far it was handed out."""

    file: int
    """Its number in the group; a file keeps it when it is renamed, copied away or compressed."""
    path: str
    """Where it was seen last."""
    home: str
    """Where it was seen first: when it is no longer there, it was rotated away."""
    device: int
    inode: int
    archive: bool = False
    """Whether offsets are those of the inflated content."""
    encoding: str = ""
    """Empty until it is known; `JOURNAL` if it is a journal export."""
    entry: JournalEntry | None = None
    """The entry of a journal export that the offset is in."""
    offset: int = 0
    """Bytes that were handed out, or skipped and counted."""
    head: bytes = b""
    """Digest of the first `head_length` bytes."""
    head_length: int = 0
    trace: bytes = b""
    """Digest of the last bytes before the offset."""
    skipping: bool = False
    """Whether the offset is inside a line that was cut at the limit."""
    unended: bool = False
    """Whether the line before the offset was handed out without having a line end."""
    done: bool = False
    """Whether it was read to its end and no more is expected."""
    undecided: bool = False
    """Whether files that came after it may still be found in its folder."""
    size: int = 0
    """When last looked at."""
    modified: int = 0
    """When last looked at; nanoseconds, as the file system has it."""
    missing: int = 0
    """Since when its content is nowhere, microseconds; 0 if it is there."""


class TailState(msgspec.Struct, frozen=True):
    """Where a log group was read to. To be committed together with what was made of the blocks."""

    files: tuple[FilePosition, ...] = ()
    next: int = 1
    """The number of the next file."""


@dataclass(frozen=True, slots=True)
class TailBlock:
    path: str
    file: int
    """The file's number in the group; stable over renames, restarts and compression."""
    data: bytes
    """Whole lines in UTF-8, each with its line end."""
    offset: int = -1
    """Where they begin in the file, of an archive in what it inflates to; -1 if they are not the
    file's own bytes one after the other."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines that may have been written and were never seen."""

    path: str
    what: str
    bytes: int | None
    """How many bytes are known to be lost; None if that can't be known."""


@dataclass(slots=True)
class Taken:
    """What one poll found."""

    blocks: list[TailBlock] = field(default_factory=list)
    """Older files of a rotation before newer ones."""
    gaps: list[Gap] = field(default_factory=list)
    cut: int = 0
    """Lines cut at the limit."""
    nuls: int = 0
    """NUL bytes before lines, taken away."""
    malformed: int = 0
    """Entries of a journal export that were not what the format says."""
    more: bool = False
    """Whether there is a backlog: poll again at once."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """What stands in the way now, as path and message; told in every poll until it is over."""
    files: int = 0
    """How many files are followed."""
