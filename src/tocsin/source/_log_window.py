"""The part of an old log that is of some time, without reading the rest.

Lines of a log are in the order of their times but for a little, so where a time begins is found
by halving. Only plain files can be read so: in an archive nothing is found without inflating what
stands before it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from tocsin.source._log_files import LogFile

__all__ = ["first_time", "last_time", "read_window"]

_LEAST, _MOST = 32 * 1024, 1024 * 1024
"""Bytes of a block: few at first, for a time may be short."""
_NEAR = 4 * 1024
"""Bytes in which a line with a time is looked for, and within which it is not halved further."""
_MARK = b"\xef\xbb\xbf"


def read_window(
    log: LogFile, time_of: Callable[[bytes], int | None], begin: int, end: int
) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole lines, each with the byte where it begins, from about `begin` to `end`.

    There are lines before and after that too. `time_of` says when the event of a line was, None
    if it is none. Only for a log that `is_plain`. Raises SourceError.
    """
    try:
        with Path(log.path).open("rb") as file:
            at, size = _seek(file, log.size, time_of, begin), _LEAST
            while True:
                file.seek(at)
                block = file.read(size)
                if len(block) == size:
                    cut = block.rfind(b"\n") + 1
                    if not cut and size == _MOST:
                        # A line longer than any that is looked at.
                        at = _next_line(file, at)
                        continue
                    block, more = block[:cut], not cut
                    size = min(2 * size, _MOST)
                    if more:
                        continue
                if not block:
                    return
                first = first_time(block, time_of)
                if first is not None and first >= end:
                    return
                mark = len(_MARK) if at == 0 and block.startswith(_MARK) else 0
                yield at + mark, block[mark:]
                at += len(block)
    except OSError as error:
        raise SourceError(f"{log.name}: {error.strerror}") from None


def _seek(file: BinaryIO, size: int, time_of: Callable[[bytes], int | None], begin: int) -> int:
    """Where a line begins, not far before the first one of a time."""
    low, high = 0, size
    while high - low > _NEAR:
        middle = (low + high) // 2
        file.seek(middle)
        near = file.read(_NEAR)
        line = near.find(b"\n") + 1
        found = first_time(near[line:], time_of) if line else None
        if found is not None and found < begin:
            low = middle
        else:
            high = middle
    if not low:
        return 0
    return _next_line(file, low)


def _next_line(file: BinaryIO, at: int) -> int:
    """Where the line after the one at a byte begins, however long that is."""
    file.seek(at)
    while chunk := file.readline(_MOST):
        at += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return at


def first_time(block: bytes, time_of: Callable[[bytes], int | None]) -> int | None:
    """The time of the first line that is an event."""
    at = 0
    while at < len(block):
        end = block.find(b"\n", at)
        end = len(block) if end < 0 else end
        found = _time(block[at:end], time_of)
        if found is not None:
            return found
        at = end + 1
    return None


def last_time(block: bytes, time_of: Callable[[bytes], int | None]) -> int | None:
    """The time of the last line that is an event."""
    end = len(block)
    while end > 0:
        at = block.rfind(b"\n", 0, end) + 1
        found = _time(block[at:end], time_of)
        if found is not None:
            return found
        end = at - 1
    return None


def _time(line: bytes, time_of: Callable[[bytes], int | None]) -> int | None:
    line = line.removesuffix(b"\r")
    return time_of(line) if line else None
