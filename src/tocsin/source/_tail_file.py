"""One followed file: read on from its offset, and notice when it is another file by now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tocsin.source._journal_export import is_journal_export, may_be_journal_export, take_entries
from tocsin.source._lines import UTF_8, encoding_of, take_lines
from tocsin.source._tail_content import Archive, open_known, packed_with
from tocsin.source._tail_state import HEAD, JOURNAL, TRACE, FilePosition, digest

if TYPE_CHECKING:
    from tocsin.source._lines import Piece
    from tocsin.source._log_files import LogLimits

__all__ = ["Followed", "PackedError", "ReplacedError"]


_LONGEST = 3
"""Times the limit of a line: as much is read for a line end; UTF-16 takes twice the bytes."""


class ReplacedError(Exception):
    """The content before the offset is no longer what it was."""


class PackedError(ReplacedError):
    """A file of which nothing was read turns out to be compressed."""


class _Seen(NamedTuple):
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, about: os.stat_result) -> _Seen:
        return cls(about.st_size, about.st_mtime_ns, about.st_ctime_ns)


class Followed:
    """A file with its place; what of it is open and what of it is known only while running."""

    def __init__(self, position: FilePosition) -> None:
        self.position = position
        self.fd = -1
        self.problem = ""
        """Why it can't be read now."""
        self.left = 0
        """When it was seen to leave its home, microseconds; 0 if it did not while we looked."""
        self.idle_since = 0
        """Since when it gave nothing; 0 if it gave something in the last poll."""
        self.backlog = True
        """Whether there may be something to read."""
        self.gone = False
        """Whether no path leads to it any more, while it is still open."""
        self._archive: Archive | None = None
        self._trace: bytes | None = None
        self._seen: _Seen | None = None
        self._settled = False

    @property
    def identity(self) -> tuple[int, int]:
        return self.position.device, self.position.inode

    @property
    def is_rotated(self) -> bool:
        return self.gone or self.position.path != self.position.home

    @property
    def is_verbatim(self) -> bool:
        """Whether lines are handed out as the bytes that they are in the file, or inflate to."""
        # Of a document with all its records, lines are made.
        document = self.position.archive and self.position.path.endswith((".json", ".json.gz"))
        return self.position.encoding == UTF_8 and not document

    def update(self, **changes: object) -> None:
        self.position = msgspec.structs.replace(self.position, **changes)

    def note(self, about: os.stat_result) -> None:
        """Remember what it looked like; what came after it is told by its time."""
        if self.position.undecided:
            self.update(size=about.st_size)
        else:
            self.update(size=about.st_size, modified=about.st_mtime_ns)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def forget(self) -> None:
        """Forget what is known of the open file, which is to be another one from now on."""
        self.close()
        self.gone, self.idle_since, self.backlog, self.problem = False, 0, True, ""
        self._trace = self._seen = None

    def retry_later(self) -> None:
        """Read it again when it is looked at the next time."""
        self.backlog, self._seen = False, None

    def learn_head(self) -> None:
        """Know the file by more of its first bytes, if it has grown."""
        if self.fd >= 0 and self.position.head_length < HEAD:
            head = os.pread(self.fd, HEAD, 0)
            if len(head) > self.position.head_length and self.is_intact():
                self.update(head=digest(head), head_length=len(head))

    def is_intact(self) -> bool:
        """Whether the open file holds what was read from it."""
        try:
            self.verify(os.fstat(self.fd))
        except (ReplacedError, OSError):
            return False
        return True

    def was_refilled(self, about: os.stat_result) -> bool:
        """Whether an empty file was written and truncated without our seeing what."""
        position = self.position
        return not (position.size or about.st_size) and about.st_mtime_ns != position.modified

    def begins_like(self, path: str, identity: tuple[int, int]) -> bool:
        """Whether the file at the path has nothing but what this one begins with.

        Also if this one was truncated just now, so that it can't be told. Raises OSError for
        the path; FileNotFoundError also if another file is there by now.
        """
        position = self.position
        if position.archive:
            return False
        try:
            mine = self.fd if self.fd >= 0 else open_known(position.path, self.identity)
        except OSError:
            return False
        try:
            other = open_known(path, identity)
            try:
                size = os.fstat(other).st_size
                last = max(size - TRACE, 0)
                about = os.fstat(mine)
                if about.st_size < position.offset:
                    return True
                return size <= about.st_size and all(
                    os.pread(mine, length, start) == os.pread(other, length, start)
                    for length, start in ((min(size, HEAD), 0), (size - last, last))
                )
            finally:
                os.close(other)
        finally:
            if mine != self.fd:
                os.close(mine)

    def open(self) -> None:
        """Raises OSError; FileNotFoundError if another file is at the path by now.

        ReplacedError if it is one that was given the inode.
        """
        if self.fd >= 0:
            return
        position = self.position
        self.fd = open_known(position.path, self.identity)
        if digest(os.pread(self.fd, position.head_length, 0)) != position.head:
            self.close()
            raise ReplacedError

    def look(self, about: os.stat_result) -> None:
        """Note whether the file changed since it was last read.

        What happens in the same tick of the file system's clock as a reading has the same
        time stamp; so a file counts as unchanged when it was found so once more, later.
        """
        seen = _Seen.of(about)
        if seen != self._seen:
            self._seen, self._settled, self.backlog = seen, False, True
        elif not self._settled and not self.backlog:
            self._settled = self.backlog = True

    def verify(self, about: os.stat_result) -> None:
        """Raises OSError; ReplacedError if the open file doesn't hold what was read from it."""
        position = self.position
        if position.archive:
            return
        if about.st_size < position.offset or (
            digest(os.pread(self.fd, position.head_length, 0)) != position.head
        ):
            raise ReplacedError
        self._trace = self._check_trace()
        if not position.offset and packed_with(os.pread(self.fd, TRACE, 0)):
            raise PackedError

    def _read_trace(self) -> bytes:
        if self._trace is None:
            self._trace = self._check_trace()
        return self._trace

    def _check_trace(self) -> bytes:
        position = self.position
        length = min(TRACE, position.offset)
        trace = os.pread(self.fd, length, position.offset - length)
        if digest(trace) != position.trace:
            raise ReplacedError
        return trace

    def read(self, want: int, limits: LogLimits, *, final: bool) -> Piece:
        """The next whole lines, of about `want` bytes. `final`: the last line is whole.

        Raises OSError, ReplacedError.
        """
        if self.position.archive:
            return self._read_archive(want, limits)
        about = os.fstat(self.fd)
        if about.st_size < self.position.offset:
            raise ReplacedError
        self.look(about)
        while True:
            raw, at_end = self._raw(want)
            piece = self._piece(raw, limits.line, final=final and at_end)
            if piece.used or at_end or want >= _LONGEST * limits.line:
                break
            want *= 2
        trace = (self._read_trace() + raw[: piece.used])[-TRACE:]
        self._advance(piece, trace, about)
        self._trace = trace
        self.backlog = not at_end
        return piece

    def _raw(self, want: int) -> tuple[bytes, bool]:
        trace = self._read_trace()
        # In one call with what is new, so that both are of the same moment.
        raw = os.pread(self.fd, len(trace) + want, self.position.offset - len(trace))
        if not raw.startswith(trace):
            raise ReplacedError
        if not self.position.offset and packed_with(raw):
            raise PackedError
        return raw[len(trace) :], len(raw) < len(trace) + want

    def _read_archive(self, want: int, limits: LogLimits) -> Piece:
        position = self.position
        if self._archive is None:
            self._archive = Archive(position.path, self.identity, limits)
        stream = self._archive
        if stream.at < position.offset:
            step = min(len(stream.look_ahead(want)), position.offset - stream.at)
            stream.advance(step)
            if not step:
                raise ReplacedError
            if stream.at == position.offset and digest(stream.trace) != position.trace:
                raise ReplacedError
            return take_lines(b"", limits.line)
        while True:
            raw = stream.look_ahead(want + 1)
            at_end = len(raw) <= want
            piece = self._piece(raw[:want], limits.line, final=at_end)
            if piece.used or at_end or want >= _LONGEST * limits.line:
                break
            want *= 2
        stream.advance(piece.used)
        about = stream.about()
        self._seen, self._settled = _Seen.of(about), True
        self._advance(piece, stream.trace, about)
        if at_end:
            self.backlog = False
            self.update(done=True)
            counts = stream.counts
            if counts.damaged:
                self.problem = "the archive is damaged; what could be read was"
            elif counts.bombs:
                self.problem = "inflates beyond all proportion; it was not read to its end"
            self.close()
        return piece

    def _piece(self, raw: bytes, limit: int, *, final: bool) -> Piece:
        position = self.position
        mark = 0
        if not position.encoding:
            known = encoding_of(raw)
            if may_be_journal_export(raw):
                known = (JOURNAL, 0) if is_journal_export(raw) else None
            if final and known is None:
                known = UTF_8, 0
            if known is None or not raw:
                return take_lines(b"", limit)
            encoding, mark = known
            self.update(encoding=encoding)
        elif position.unended and raw:
            # The line end of a line that was handed out already.
            mark = len("\n".encode(position.encoding))
            if raw[:mark] != "\n".encode(position.encoding):
                mark = 0
        if self.position.encoding == JOURNAL:
            piece, entry = take_entries(raw, limit // 2, position.entry, final=final)
            self.update(entry=entry)
            return piece
        piece = take_lines(
            raw[mark:],
            limit,
            self.position.encoding,
            skipping=position.skipping,
            final=final,
        )
        return piece._replace(used=piece.used + mark)

    def _advance(self, piece: Piece, trace: bytes, about: os.stat_result) -> None:
        position = self.position
        if position.head_length < min(HEAD, about.st_size):
            self.learn_head()
        if piece.used:
            self.update(
                offset=position.offset + piece.used,
                trace=digest(trace),
                skipping=piece.skipping,
                unended=piece.unended,
            )
        if piece.used or about.st_size != position.size:
            self.note(about)
