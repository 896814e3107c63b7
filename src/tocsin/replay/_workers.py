"""Worker processes for replay: parts of files to tables that add up.

Where a line is counted does not matter, so files are split at line ends and the parts counted
by whoever is free. Tables are added in the order of the parts, so that a replay by many workers
prints what a replay by one does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import connection, get_context, parent_process
from typing import TYPE_CHECKING, Any

from tocsin.errors import TocsinError
from tocsin.logformat import make_format
from tocsin.scan import Scanner
from tocsin.source import ReadCounts, read_log, split_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from tocsin.logformat import Clues
    from tocsin.pattern import MetricFilter, Settings
    from tocsin.replay._files import Opened
    from tocsin.scan import Table
    from tocsin.source import LogFile, LogLimits

__all__ = ["LARGE", "Workers", "count_log", "worker_processes", "workers_for"]

LARGE = 64_000_000
"""Bytes on disk from which on workers are worth their start."""
PART = 16_000_000
"""Bytes of a file that a worker gets at a time: enough of them that all end together."""
_WAIT = 0.2
"""Seconds between two looks at the progress."""


@dataclass(frozen=True, slots=True)
class _Job:
    log: LogFile
    spec: tuple[str, Clues]
    log_group: str
    part: tuple[int, int | None]


@dataclass(slots=True)
class _Setting:
    """What a worker has for all of its jobs."""

    filters: Sequence[MetricFilter]
    settings: Settings
    limits: LogLimits
    progress: Any
    last: tuple[object, Scanner] | None = None

    def scanner(self, job: _Job) -> Scanner:
        key = job.spec, job.log_group
        if self.last is None or self.last[0] != key:
            chosen = [each for each in self.filters if each.log_group == job.log_group]
            self.last = key, Scanner(chosen, make_format(*job.spec), self.settings)
        return self.last[1]

    def advance(self, size: int) -> None:
        with self.progress.get_lock():
            self.progress.value += size


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
    """Processes that count."""

    def __init__(self, pool: ProcessPoolExecutor, count: int, progress: Any, part: int) -> None:
        self._pool = pool
        self._count = count
        self._progress = progress
        self._part = part
        self._told = 0

    def count(
        self, opened: Sequence[Opened], table: Table, progress: Callable[[int], None]
    ) -> list[ReadCounts]:
        """Count logs into a table; returns what happened while reading each of them.

        Raises SourceError; TocsinError if a worker ends, so that nothing is left out in silence.
        """
        jobs = (
            (at, _Job(each.log if part == (0, None) else replace(each.log, head=b""),
                      each.spec, each.log_group, part))
            for at, each in enumerate(opened)
            for part in split_log(each.log, self._part)
        )  # fmt: skip
        reading = [ReadCounts() for _ in opened]
        waiting: deque[tuple[int, Future[tuple[Table, ReadCounts]]]] = deque()
        try:
            for at, job in jobs:
                waiting.append((at, self._pool.submit(_count, job)))
                # Some more than there are workers, so that none has to wait for this process.
                if len(waiting) >= 2 * self._count:
                    self._take(waiting, table, reading, progress)
            while waiting:
                self._take(waiting, table, reading, progress)
        except BrokenProcessPool:
            raise TocsinError(
                "a worker process ended while it counted; nothing is reported",
                hint="the machine may be out of memory; --workers 1 needs the least",
            ) from None
        return reading

    def _take(
        self,
        waiting: deque[tuple[int, Future[tuple[Table, ReadCounts]]]],
        table: Table,
        reading: list[ReadCounts],
        progress: Callable[[int], None],
    ) -> None:
        at, future = waiting.popleft()
        while True:
            done = wait([future], timeout=_WAIT).done
            size = self._progress.value
            progress(size - self._told)
            self._told = size
            if done:
                break
        found, counts = future.result()
        table.merge(found)
        reading[at].add(counts)


@contextmanager
def worker_processes(
    count: int,
    filters: Sequence[MetricFilter],
    settings: Settings,
    limits: LogLimits,
    part: int = PART,
) -> Iterator[Workers]:
    """Start so many workers, at once: before there are threads that a fork would cut off."""
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    progress = context.Value("Q", 0)
    pool = ProcessPoolExecutor(
        count, context, _begin, (_Setting(filters, settings, limits, progress),)
    )
    try:
        pool.submit(os.getpid).result()
        yield Workers(pool, count, progress, part)
    finally:
        pool.shutdown(cancel_futures=True)


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


def _count(job: _Job) -> tuple[Table, ReadCounts]:
    """Runs in a worker, for each part."""
    (setting,) = _worker
    scanner = setting.scanner(job)
    table = scanner.scan(b"")
    counts = count_log(job.log, scanner, table, setting.limits, setting.advance, job.part)
    return table, counts
