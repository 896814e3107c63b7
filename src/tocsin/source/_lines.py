"""Bytes of a log to whole lines, the same for a file that grows and for one read at once.

A line beyond the limit is cut at the limit, but not inside a UTF-8 character; the line after it
is intact (reliability notes, F12). NUL bytes before a line are taken away: a log that was
truncated under a writer that does not append has a hole there. UTF-16 is known by its byte order
mark and becomes UTF-8.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["UTF_8", "Piece", "clean", "encoding_of", "shorten", "take_lines", "to_utf8"]

UTF_8 = "utf-8"
_MARKS = {
    b"\xef\xbb\xbf": UTF_8,
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_NULS = re.compile(rb"(?m)^\0+")


class Piece(NamedTuple):
    """What was taken from the front of some bytes."""

    data: bytes
    """Whole lines, each with its line end, in UTF-8."""
    used: int
    """Bytes they and what was skipped took."""
    skipping: bool
    """Whether the bytes end inside a line that was cut at the limit."""
    cut: int
    """Lines cut at the limit."""
    nuls: int
    """NUL bytes taken away."""
    unended: bool = False
    """Whether the last line had no line end."""
    malformed: int = 0
    """Entries of a journal export that were not what the format says."""


def encoding_of(raw: bytes) -> tuple[str, int] | None:
    """The encoding of a file that begins so, and the length of its byte order mark.

    None if that can't be told yet.
    """
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            return encoding, len(mark)
    if len(raw) < 3 and any(mark.startswith(raw) for mark in _MARKS):
        return None
    return UTF_8, 0


def take_lines(
    raw: bytes, limit: int, encoding: str = UTF_8, *, skipping: bool = False, final: bool = False
) -> Piece:
    """Take the whole lines at the front of `raw`.

    It begins where a line does or, `skipping`, in the rest of one that was cut. With `final`
    the last line is whole without its line end.
    """
    newline = "\n".encode(encoding)
    width = len(newline)
    if len(raw) % width and not final:
        raw = raw[: -(len(raw) % width)]
    start = 0
    if skipping:
        start = _first(raw, newline) + width
        if start < width:
            return Piece(b"", len(raw), skipping=True, cut=0, nuls=0)
    end = max(_last(raw, newline) + width, start)
    rest = raw[end:]
    if width == 1 and rest[:1] == b"\0":
        rest = rest.lstrip(b"\0")
    used = len(raw) - len(rest)
    nuls = used - end
    data = raw[start:end] if width == 1 else _decoded(raw[start:end], encoding)
    cut, skipping, unended = 0, False, False
    if len(rest) > limit * width:
        # Two units more, lest a character of two units is split where the limit is.
        rest = rest if width == 1 else _decoded(rest[: width * (limit + 2)], encoding)
        data += shorten(rest, limit) + b"\n"
        used, cut, skipping = len(raw), 1, True
    elif final and rest:
        data += (rest if width == 1 else _decoded(rest, encoding)) + b"\n"
        used, unended = len(raw), True
    data, more, holes = clean(data, limit)
    return Piece(data, used, skipping, cut + more, nuls + holes, unended)


def clean(block: bytes, limit: int) -> tuple[bytes, int, int]:
    """Whole lines without NUL bytes before them and without what they have beyond the limit.

    Also how many lines were cut, and how many NUL bytes taken away.
    """
    nuls = 0
    if b"\0" in block:
        before, block = len(block), _NULS.sub(b"", block)
        nuls = before - len(block)
    if not _has_longer(block, limit):
        return block, 0, nuls
    lines = block.split(b"\n")
    cut = sum(len(line) > limit for line in lines)
    lines = [line if len(line) <= limit else shorten(line, limit) for line in lines]
    return b"\n".join(lines), cut, nuls


def _has_longer(block: bytes, limit: int) -> bool:
    """Whether a line is beyond the limit; only one line end in so many bytes is looked for."""
    at = 0
    while len(block) - at > limit:
        end = block.rfind(b"\n", at, at + limit + 1)
        if end < 0:
            return True
        at = end + 1
    return False


def shorten(line: bytes, limit: int) -> bytes:
    """Cut at the limit, but not inside a UTF-8 character."""
    for back in range(min(4, limit)):
        if line[limit - back] & 0xC0 != 0x80:
            return line[: limit - back]
    return line[:limit]


def to_utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same text in UTF-8 and without byte order mark."""
    begin, known = b"", None
    for chunk in chunks:
        begin += chunk
        known = encoding_of(begin)
        if known is not None:
            break
    encoding, mark = known or (UTF_8, 0)
    if encoding == UTF_8:
        yield begin[mark:]
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(begin[mark:]).encode()
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


def _decoded(raw: bytes, encoding: str) -> bytes:
    return raw.decode(encoding, "replace").encode()


def _first(raw: bytes, newline: bytes) -> int:
    """Where the first line end is; minus its length if there is none."""
    at = raw.find(newline)
    while at >= 0 and at % len(newline):
        at = raw.find(newline, at + 1)
    return at if at >= 0 else -len(newline)


def _last(raw: bytes, newline: bytes) -> int:
    at = raw.rfind(newline)
    while at >= 0 and at % len(newline):
        at = raw.rfind(newline, 0, at + len(newline) - 1)
    return at if at >= 0 else -len(newline)
