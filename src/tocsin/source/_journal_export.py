"""The systemd journal as `journalctl -o export` writes it, to lines as `-o short-iso-precise` has.

Sources: systemd.io, "Journal Export Formats", section "Journal Export Format";
systemd.journal-fields(7).
A field is `NAME=value` and a line feed; or, if its value is not plain text, `NAME` and a line
feed, its length as 64-bit little-endian number, the value and a line feed. An empty line ends an
entry. What strangers write can be in the values only, so a value is never searched for the
beginning of another entry: its length is counted off, however long it is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from tocsin.source._lines import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "JournalEntry",
    "JournalExport",
    "is_journal_export",
    "journal_lines",
    "may_be_journal_export",
    "take_entries",
]

_BEGIN = b"__CURSOR="
_NAME = re.compile(rb"[A-Z0-9_]{1,64}\Z")
_LONGEST_NAME = 64
_MOST = 1 << 40
"""Bytes of a value; more is no length but a place where the format was lost."""
_PLAIN = re.compile(rb"[^!-9;-Z\\^-~]")
_KEPT = frozenset(
    (
        b"__REALTIME_TIMESTAMP",
        b"_SOURCE_REALTIME_TIMESTAMP",
        b"_HOSTNAME",
        b"SYSLOG_IDENTIFIER",
        b"_COMM",
        b"_PID",
        b"SYSLOG_PID",
        b"MESSAGE",
    )
)


def is_journal_export(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head.startswith(_BEGIN)


def may_be_journal_export(head: bytes) -> bool:
    """Whether a file that begins so is one or may become one."""
    return head.startswith(_BEGIN[: len(head)])


class JournalEntry(msgspec.Struct, frozen=True):
    """An entry of which only the beginning was read."""

    fields: dict[bytes, bytes] = {}
    lost: bool = False
    """Whether it is not what the format says."""
    passing: bool = False
    """Whether the rest of a line that is longer than the limit is to come."""
    name: bytes = b""
    left: int = 0
    """Bytes to come of the value with this name, and of its line feed."""
    kept: bytes = b""
    """What is kept of it."""


class JournalExport:
    """Takes the format in chunks of any size and gives a line for each entry."""

    def __init__(self, limit: int, entry: JournalEntry | None = None) -> None:
        """`limit`: bytes of a value that are kept. `entry`: where another one left off."""
        self.malformed = 0
        """Entries that were not what the format says; the next one is read again."""
        self.cut = 0
        """Values cut at the limit, of those that make up a line."""
        self._limit = limit
        self._buffer = b""
        self._any = entry is not None
        entry = entry or JournalEntry()
        self._fields = dict(entry.fields)
        self._lost, self._passing = entry.lost, entry.passing
        self._name, self._left, self._kept = entry.name, entry.left, [entry.kept]

    @property
    def entry(self) -> JournalEntry | None:
        """What is known of the entry that has begun, without what is waiting."""
        if not self._any:
            return None
        kept = b"".join(self._kept)
        return JournalEntry(
            dict(self._fields), self._lost, self._passing, self._name, self._left, kept
        )

    @property
    def waiting(self) -> int:
        """The last so many bytes say nothing before more of them is there."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines, each with its line end, of the entries that end in this chunk."""
        lines: list[bytes] = []
        data, at = self._buffer + chunk, 0
        while True:
            if self._left:
                at = self._count_off(data, at)
                if self._left:
                    break
            end = data.find(b"\n", at)
            if end < 0 and len(data) - at <= self._limit + _LONGEST_NAME + 1:
                break
            if self._passing:
                # In the rest of a line that is longer than the limit.
                self._passing = end < 0
            elif end == at:
                self._end(lines)
            elif end < 0:
                self._passing = True
                self._text(data[at:])
            elif b"=" in data[at:end]:
                self._text(data[at:end])
            elif self._lost:
                pass
            elif _NAME.match(data, at, end):
                if len(data) < end + 9:
                    break
                at = self._binary(data, at, end)
                continue
            else:
                self._lost = self._any = True
            at = end + 1 if end >= 0 else len(data)
        self._buffer = data[at:]
        return lines

    def close(self) -> list[bytes]:
        """The line of an entry that has all its fields and no empty line after it."""
        lines: list[bytes] = []
        if self._buffer or self._left:
            self._lost = self._any = True
        self._end(lines)
        return lines

    def _end(self, lines: list[bytes]) -> None:
        if self._lost:
            self.malformed += 1
        elif self._any:
            lines.append(_line(self._fields))
        self._fields, self._any, self._lost = {}, False, False

    def _text(self, field: bytes) -> None:
        name, _, value = field.partition(b"=")
        self._any = True
        if _NAME.match(name) is None:
            self._lost = True
        elif not self._lost:
            self._keep(name, value)

    def _keep(self, name: bytes, value: bytes) -> None:
        # A field may come several times; the first is what journalctl shows.
        if name in _KEPT and name not in self._fields:
            self.cut += len(value) > self._limit
            self._fields[name] = value[: self._limit]

    def _binary(self, data: bytes, at: int, end: int) -> int:
        """Where the value begins whose name is there."""
        self._any = True
        size = int.from_bytes(data[end + 1 : end + 9], "little")
        if size > _MOST:
            self._lost = True
            return end + 1
        self._name, self._left, self._kept = data[at:end], size + 1, []
        return end + 9

    def _count_off(self, data: bytes, at: int) -> int:
        """Where the value ends, or the data."""
        part = data[at : at + self._left]
        have = sum(map(len, self._kept))
        if have <= self._limit + 1:
            self._kept.append(part[: self._limit + 2 - have])
        self._left -= len(part)
        if not self._left:
            if part[-1:] != b"\n":
                self._lost = True
            else:
                value = b"".join(self._kept)
                self._keep(self._name, value[:-1] if len(value) <= self._limit + 1 else value)
            self._kept = []
        return at + len(part)


def _line(fields: dict[bytes, bytes]) -> bytes:
    def first(*names: bytes) -> bytes:
        return next((fields[name] for name in names if fields.get(name)), b"")

    # The journal's own time first: the other one is what the sender says.
    stamp = first(b"__REALTIME_TIMESTAMP", b"_SOURCE_REALTIME_TIMESTAMP")
    ident = _word(first(b"SYSLOG_IDENTIFIER", b"_COMM"), 64) or b"unknown"
    pid = first(b"_PID", b"SYSLOG_PID")
    number = b"[%s]" % pid if pid.isdigit() and len(pid) < 20 else b""
    host = _word(first(b"_HOSTNAME"), 255) or b"localhost"
    message = first(b"MESSAGE").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"%s %s %s%s: %s\n" % (_time(stamp), host, ident, number, message)


def _word(value: bytes, limit: int) -> bytes:
    """Anybody can choose an identifier: one that looks like more of the line must not."""
    return _PLAIN.sub(b"_", value[:limit])


def _time(stamp: bytes) -> bytes:
    if stamp.isdigit() and len(stamp) <= 16:
        seconds, rest = divmod(int(stamp), 1_000_000)
        moment = datetime.fromtimestamp(seconds, UTC)
        return b"%s.%06d+00:00" % (moment.strftime("%Y-%m-%dT%H:%M:%S").encode(), rest)
    return b"-"


def take_entries(
    raw: bytes, limit: int, entry: JournalEntry | None, *, final: bool
) -> tuple[Piece, JournalEntry | None]:
    """Take what is whole at the front of `raw`, and what is known then of an entry that is not.

    It goes on where `entry` left off. With `final` nothing more is to come.
    """
    export = JournalExport(limit, entry)
    lines = export.feed(raw)
    used = len(raw) - export.waiting
    if final:
        lines, used = lines + export.close(), len(raw)
    piece = Piece(b"".join(lines), used, skipping=False, cut=export.cut, nuls=0,
                  malformed=export.malformed)  # fmt: skip
    return piece, export.entry


def journal_lines(chunks: Iterator[bytes], export: JournalExport) -> Iterator[bytes]:
    """The lines of all entries."""
    for chunk in chunks:
        yield b"".join(export.feed(chunk))
    yield b"".join(export.close())
