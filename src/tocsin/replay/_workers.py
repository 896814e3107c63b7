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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from multiprocessing import connection, get_context
from typing import TYPE_CHECKING, Any

from tocsin.errors import TocsinError
from tocsin.logformat import make_format
from tocsin.replay._parts import make_work
from tocsin.scan import Scanner, Table
from tocsin.source import ReadCounts, read_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from tocsin.pattern import MetricFilter, Settings
    from tocsin.replay._files import Opened
    from tocsin.replay._parts import Part, Work
    from tocsin.source import LogFile, LogLimits

__all__ = ["LARGE", "Workers", "count_log", "worker_processes", "workers_for"]

LARGE = 64_000_000
"""Bytes on disk from which on workers are worth their start."""
_NUMBER = 2
"""Bytes of the number of a row: `ROWS` of them fit into a page, and so into any pipe."""
_WAIT = 0.2
"""Seconds between two looks at the progress, when there is nothing else to do."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all processes have. None of them ever waits for another one, which may be dead."""

    filters: Sequence[MetricFilter]
    settings: Settings
    limits: LogLimits
    work: Work
    read: Any
    """Bytes that each of them has read; shared."""
    free: Connection
    """The numbers of the rows that nobody has taken; a pipe gives each of them to one."""

    def count(
        self, table: Table, advance: Callable[[int], None], own: Sequence[Part] = ()
    ) -> dict[int, ReadCounts]:
        """Count parts of one's own, and then what nobody else does."""
        reading = dict[int, ReadCounts]()
        scanners = dict[Any, Scanner]()
        for at, begin, end in chain(own, self._taken()):
            log, spec, log_group = self.work.logs[at]
            key = spec, log_group
            if key not in scanners:
                chosen = [each for each in self.filters if each.log_group == log_group]
                scanners[key] = Scanner(chosen, make_format(*spec), self.settings)
            counts = count_log(log, scanners[key], table, self.limits, advance, (begin, end))
            reading.setdefault(at, ReadCounts()).add(counts)
        return reading

    def _taken(self) -> Iterator[Part]:
        """Parts of rows that nobody had taken, until there are no more."""
        with suppress(BlockingIOError):
            while number := os.read(self.free.fileno(), _NUMBER):
                yield from self.work.rows[int.from_bytes(number)]


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


_Answer = tuple[Table, dict[int, ReadCounts]]


class Workers:
    """Processes that count once, with this one among them."""

    def __init__(self, setting: _Setting, others: Sequence[Connection]) -> None:
        self._setting = setting
        self._others = others

    def count(self, table: Table, progress: Callable[[int], None]) -> list[ReadCounts]:
        """Count the logs into a table; returns what happened while reading each of them.

        Raises SourceError; TocsinError if a worker ends, so that nothing is left out in silence.
        """
        at_work = list(self._others)
        done: list[_Answer] = []
        told = 0

        def tell(seconds: float = 0) -> None:
            nonlocal told
            ready = connection.wait(at_work, seconds)
            for each in [one for one in at_work if one in ready]:
                at_work.remove(each)
                answer = _answer_of(each)
                if isinstance(answer, TocsinError):
                    raise answer
                done.append(answer)
            told, before = sum(self._setting.read), told
            progress(told - before)

        def advance(size: int) -> None:
            self._setting.read[0] += size
            tell()

        found = [self._setting.count(table, advance, self._setting.work.own)]
        while at_work:
            tell(_WAIT)
        for counted, counts in done:
            table.merge(counted)
            found.append(counts)
        reading = [ReadCounts() for _ in self._setting.work.logs]
        for counts in found:
            for at, one in counts.items():
                reading[at].add(one)
        return reading


def _answer_of(worker: Connection) -> _Answer | TocsinError:
    try:
        answer: _Answer | TocsinError = worker.recv()
    except (EOFError, ConnectionError):
        raise TocsinError(
            "a worker process ended while it counted; nothing is reported",
            hint="the machine may be out of memory; --workers 1 needs the least",
        ) from None
    return answer


@contextmanager
def worker_processes(
    count: int,
    opened: Sequence[Opened],
    filters: Sequence[MetricFilter],
    settings: Settings,
    limits: LogLimits,
) -> Iterator[Workers]:
    """Start workers, one fewer than are to count, at once: a fork would cut off threads.

    They begin with the logs, and end with the block, whatever they are at. Raises SourceError.
    """
    context = get_context("fork") if sys.platform == "linux" else get_context("spawn")
    work = make_work(opened, count, limits.chunk)
    with ExitStack() as ends:
        free, rows = (ends.enter_context(each) for each in context.Pipe(duplex=False))
        os.set_blocking(free.fileno(), False)
        numbers = b"".join(at.to_bytes(_NUMBER) for at in range(len(work.rows)))
        os.write(rows.fileno(), numbers)
        read = context.RawArray("Q", count)
        setting = _Setting(filters, settings, limits, work, read, free)
        others: list[Connection] = []
        for number in range(1, count):
            ours, theirs = context.Pipe(duplex=False)
            others.append(ends.enter_context(ours))
            process = context.Process(
                target=_begin, args=(setting, number, theirs, others, os.getpid()), daemon=True
            )
            with theirs:
                process.start()
            ends.callback(_end, process)
        yield Workers(setting, others)


def _end(process: BaseProcess) -> None:
    process.kill()
    process.join()
    process.close()


def _begin(
    setting: _Setting, number: int, end: Connection, other_ends: list[Connection], parent: int
) -> None:
    """Runs in a worker."""
    # The terminal sends it to all; who started the workers ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for each in other_ends:
        # A fork has them too, and nobody would notice that the parent is gone.
        each.close()

    def advance(size: int) -> None:
        if os.getppid() != parent:
            sys.exit(1)
        setting.read[number] += size

    table = Table()
    try:
        answer: _Answer | TocsinError = table, setting.count(table, advance)
    except TocsinError as error:
        # Anything else ends the worker, which tells where it was.
        answer = error
    with end, suppress(ConnectionError):
        end.send(answer)
