"""Logs in parts: what several processes count together.

Where a line is counted does not matter, so files are split at line ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.source import split_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.logformat import Clues
    from tocsin.replay._files import Opened
    from tocsin.source import LogFile

__all__ = ["ROWS", "Part", "Work", "make_work"]

_PARTS = 128
"""Parts for each process, if all files can be split: enough of them that all end together.

None is smaller than a block.
"""
_SPARE = 1 << 16
"""Bytes that a part lacks of whole blocks: it ends with a line, and short blocks cost most."""
ROWS = 2048
"""At most."""

Part = tuple[int, int, int | None]
"""Which log of those that are opened, and where in it a part begins and ends."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be counted, as all processes know it."""

    logs: list[tuple[LogFile, tuple[str, Clues], str]]
    """Each with what its format is made of, and its log group."""
    rows: list[list[Part]]
    """The parts, those of a row for one process."""
    own: list[Part]
    """Standard input, which only the first process has."""


def make_work(opened: Sequence[Opened], count: int, chunk: int) -> Work:
    """The parts of all logs, the largest first."""
    size = sum(each.log.size for each in opened) // (count * _PARTS) + 1
    if size > 2 * _SPARE:
        size = -(-size // chunk) * chunk - min(_SPARE, chunk // 2)
    sized: list[tuple[int, Part]] = []
    own: list[Part] = []
    logs = []
    for at, each in enumerate(opened):
        logs.append((each.log, each.spec, each.log_group))
        if each.log.path == "-":
            own.append((at, 0, None))
            continue
        sized += [
            ((each.log.size if end is None else end) - begin, (at, begin, end))
            for begin, end in split_log(each.log, size)
        ]
    sized.sort(key=lambda each: -each[0])
    parts = [part for _, part in sized]
    rows = min(len(parts), ROWS)
    return Work(logs, [parts[at::rows] for at in range(rows)], own)
