"""Worker processes for replay: parts of files to tables that add up.

Where a line is counted does not matter, so files are split at line ends. Each process, the first
one among them, takes the next part when it is through with one, and keeps one table over all of
them: what travels is a table for each worker. So a replay by many workers prints what a replay
by one does, as long as no table has to let go of sources.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import connection, get_context, parent_process
from typing import TYPE_CHECKING, Any

from tocsin.errors import TocsinError
from tocsin.logformat import make_format
from tocsin.scan import Scanner, Table
from tocsin.source import ReadCounts, read_log, split_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from tocsin.logformat import Clues
    from tocsin.pattern import MetricFilter, Settings
    from tocsin.replay._files import Opened
    from tocsin.source import LogFile, LogLimits

__all__ = ["LARGE", "Workers", "count_log", "worker_processes", "workers_for"]

LARGE = 64_000_000
"""Bytes on disk from which on workers are worth their start."""
_PARTS = 32
"""Parts for each process, if all files can be split: enough of them that all end together."""
_SPARE = 1 << 16
"""Bytes that a part lacks of whole blocks: it ends with a line, and short blocks cost most."""
_WAIT = 0.2
"""Seconds between two looks at the progress, when there is nothing else to do."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a log."""

    at: int
    """Which log of those that are opened."""
    log: LogFile
    spec: tuple[str, Clues]
    log_group: str
    place: tuple[int, int | None]

    @property
    def size(self) -> int:
        begin, end = self.place
        return (self.log.size if end is None else end) - begin


class _StoppedError(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all processes have."""

    filters: Sequence[MetricFilter]
    settings: Settings
    limits: LogLimits
    read: Any
    """Bytes that all of them have read; shared, as what follows."""
    taken: Any
    """Parts that somebody has taken."""
    stopped: Any

    def advance(self, size: int) -> None:
        with self.read.get_lock():
            self.read.value += size
        if self.stopped.value:
            raise _StoppedError

    def count(
        self,
        parts: Sequence[_Part],
        table: Table,
        advance: Callable[[int], None],
    ) -> dict[int, ReadCounts]:
        """Count what nobody else does."""
        reading = dict[int, ReadCounts]()
        scanners = dict[Any, Scanner]()
        while (part := self._next(parts)) is not None:
            key = part.spec, part.log_group
            if key not in scanners:
                chosen = [each for each in self.filters if each.log_group == part.log_group]
                scanners[key] = Scanner(chosen, make_format(*part.spec), self.settings)
            counts = count_log(part.log, scanners[key], table, self.limits, advance, part.place)
            reading.setdefault(part.at, ReadCounts()).add(counts)
        return reading

    def _next(self, parts: Sequence[_Part]) -> _Part | None:
        with self.taken.get_lock():
            at = self.taken.value
            self.taken.value += 1
        return parts[at] if at < len(parts) else None


_worker: list[_Setting] = []
"""The setting of this process, if it is a worker."""


def workers_for(opened: Sequence[Opened]) -> int:
    """How many workers are of use: as many as there are processors, for large input."""
    if sum(each.log.size for each in opened) < LARGE:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count_log(
    log: LogFile,
    scanner: Scanner,
    table: Table,
    limits: LogLimits,
    progress: Callable[[int], None],
    part: tuple[int, int | None] = (0, None),
) -> ReadCounts:
    """Count a log or a part of it into a table. Raises SourceError."""
    counts = ReadCounts()
    for block in read_log(log, counts, limits, progress, part):
        scanner.scan(block, table)
    return counts


class Workers:
    """Processes that count, with this one among them."""

    def __init__(self, pool: ProcessPoolExecutor, count: int, setting: _Setting) -> None:
        self._pool = pool
        self._count = count
        self._setting = setting

    def count(
        self, opened: Sequence[Opened], table: Table, progress: Callable[[int], None]
    ) -> list[ReadCounts]:
        """Count logs into a table; returns what happened while reading each of them.

        Raises SourceError; TocsinError if a worker ends, so that nothing is left out in silence.
        """
        parts = _parts(opened, self._count, self._setting.limits.chunk)
        self._setting.taken.value = told = self._setting.read.value = 0
        futures: list[Future[tuple[Table, dict[int, ReadCounts]]]] = []

        def tell() -> None:
            nonlocal told
            for each in futures:
                if each.done():
                    each.result()
            told, before = self._setting.read.value, told
            progress(told - before)

        def advance(size: int) -> None:
            self._setting.advance(size)
            tell()

        try:
            futures += [self._pool.submit(_count, parts) for _ in range(self._count - 1)]
            found = [self._setting.count(parts, table, advance)]
            while wait(futures, timeout=_WAIT).not_done:
                tell()
            tell()
            for each in futures:
                counted, counts = each.result()
                table.merge(counted)
                found.append(counts)
        except BrokenProcessPool:
            raise TocsinError(
                "a worker process ended while it counted; nothing is reported",
                hint="the machine may be out of memory; --workers 1 needs the least",
            ) from None
        reading = [ReadCounts() for _ in opened]
        for counts in found:
            for at, one in counts.items():
                reading[at].add(one)
        return reading


@contextmanager
def worker_processes(
    count: int, filters: Sequence[MetricFilter], settings: Settings, limits: LogLimits
) -> Iterator[Workers]:
    """Start workers, one fewer than are to count, at once: a fork would cut off threads.

    They end with the block, whatever they are at.
    """
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    shared = (context.Value("Q", 0) for _ in range(3))
    setting = _Setting(filters, settings, limits, *shared)
    pool = ProcessPoolExecutor(count - 1, context, _begin, (setting,))
    try:
        pool.submit(os.getpid)
        yield Workers(pool, count, setting)
    finally:
        setting.stopped.value = 1
        pool.shutdown(cancel_futures=True)


def _parts(opened: Sequence[Opened], count: int, chunk: int) -> list[_Part]:
    """The parts of all logs, the largest first."""
    size = sum(each.log.size for each in opened) // (count * _PARTS) + 1
    if size > 2 * _SPARE:
        size = -(-size // chunk) * chunk - min(_SPARE, chunk // 2)
    parts = [
        _Part(at, each.log if place == (0, None) else replace(each.log, head=b""),
              each.spec, each.log_group, place)
        for at, each in enumerate(opened)
        for place in split_log(each.log, size)
    ]  # fmt: skip
    return sorted(parts, key=lambda each: -each.size)


def _begin(setting: _Setting) -> None:
    """Runs in a worker, once."""
    # The terminal sends it to all; who started the workers ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker[:] = [setting]
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _count(parts: Sequence[_Part]) -> tuple[Table, dict[int, ReadCounts]]:
    """Runs in a worker."""
    (setting,) = _worker
    table = Table()
    return table, setting.count(parts, table, setting.advance)
