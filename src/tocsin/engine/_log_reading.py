"""One log group's lines: read, placed in time, counted. Runs on a worker thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.durations import DAY, HOUR, MINUTE
from tocsin.engine._behind import KeptLines
from tocsin.engine._origin import SENT, Origin
from tocsin.engine._sifting import Sifted
from tocsin.logformat import Clues, Parsed, detect, make_format
from tocsin.scan import Scanner, Table
from tocsin.source import Tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.drill import Sieve
    from tocsin.engine._log_group import LogGroup
    from tocsin.engine._sifting import Sifter
    from tocsin.logformat import Format
    from tocsin.pattern import MetricFilter, Settings
    from tocsin.source import TailState, Taken

__all__ = ["AHEAD", "BUDGET", "LATE", "Drilled", "GroupReader", "Reading", "Window"]

BUDGET = 4 << 20
"""Bytes that one round takes of a log group, so that a busy one keeps none waiting."""
AHEAD = 2 * HOUR
"""How far ahead of the clock an event may be; CloudWatch Logs refuses what is further."""

LATE = "later than the allowed lateness"
BEFORE = "from before the first start"
FUTURE = "more than two hours ahead of the clock"
UNKNOWN = "of no log format that is known"
DRILL = "of a drill"
MALFORMED = "an entry that is not as the journal's format says"

_SURE = 0.5
_FEW = 8
"""Scanners kept: formats that the files of one group have at a time."""


@dataclass(frozen=True, slots=True)
class Window:
    """The times that still count."""

    floor: int
    """Events of minutes before it are late."""
    begin: int
    """Those before it are from before the first start."""
    now: int

    def reason(self, minute: int) -> str:
        """Why an event of a minute does not count; empty if it does."""
        if minute > self.now + AHEAD:
            return FUTURE
        if minute >= self.floor:
            return ""
        return BEFORE if minute < self.begin else LATE

    def unfit(self, time: int) -> str:
        """Why rules do not look at an event of a time; empty if they do."""
        if time > self.now + AHEAD:
            return FUTURE
        return BEFORE if time < self.begin else ""


@dataclass(frozen=True, slots=True)
class Drilled:
    """A line of a drill, which counts for nothing else."""

    drill: str
    """Its id."""
    form: str
    line: bytes


@dataclass(slots=True)
class Reading:
    """What one round brought."""

    table: Table = field(default_factory=Table)
    taken: Taken | None = None
    drilled: list[Drilled] = field(default_factory=list)
    sifted: Sifted = field(default_factory=Sifted)
    kept: list[KeptLines] = field(default_factory=list)
    """Lines of which some matched a filter."""

    @property
    def size(self) -> int:
        """Bytes of lines."""
        return sum(len(block.data) for block in self.taken.blocks) if self.taken else 0


_NOTHING = Table()
"""Of a look that brought nothing: most do, and to make a table costs more than to look."""


class GroupReader:
    """Reads a log group's files from where the last reader left off."""

    def __init__(
        self,
        group: LogGroup,
        filters: Sequence[MetricFilter],
        settings: Settings,
        state: TailState | None,
        form: str,
        sieve: Sieve,
    ) -> None:
        """`form` is the format that was found when it was last looked for."""
        self.group = group
        self.filters = [each for each in filters if each.log_group == group.name]
        self.tail = Tail(group.paths, state)
        self.form = group.format or form
        self._settings = settings
        self._sieve = sieve
        self.sifter: Sifter | None = None
        """Holds the events against rules, if there are any."""
        self._by_file: dict[object, str] = {}
        self._scanners: dict[tuple[str, int], tuple[Format, Scanner]] = {}

    def read(self, window: Window) -> Reading:
        """Take what is there, in bounds."""
        taken = self.tail.poll(window.now, BUDGET)
        if not (taken.blocks or taken.malformed):
            return Reading(_NOTHING, taken)
        found = Reading(taken=taken)
        if taken.malformed:
            found.table.read += taken.malformed
            found.table.dropped[MALFORMED] += taken.malformed
        for block in taken.blocks:
            form = self._format(block.file, block.data)
            self._pieces(form, block.data, window, found, Origin(block.path, block.offset))
        return found

    def take(self, data: bytes, window: Window) -> Reading:
        """Count lines that were sent."""
        found = Reading()
        form = self._format("sent", data)
        self._pieces(form, data, window, found, SENT)
        return found

    def take_events(self, events: Sequence[tuple[int, bytes]], window: Window) -> Reading:
        """Count events that came with their time."""
        found = Reading()
        kept = []
        for time, text in events:
            why = window.reason(time - time % MINUTE)
            if drill := self._sieve.id_of(text):
                found.table.read += 1
                found.table.dropped[DRILL] += 1
                found.drilled.append(Drilled(drill, self.form, text))
            elif why:
                found.table.read += 1
                found.table.dropped[why] += 1
            else:
                kept.append((time, text))
        # Any format will do: the time is known, and only a client is looked for.
        sample = b"\n".join(text for _, text in kept[:100])
        form = self._format("sent", sample) or "json"
        reader, scanner = self._scanner(form, window.now)
        counted = Table()
        scanner.take(kept, counted)
        if counted.minutes.matches:
            found.kept.append(KeptLines.of_events(self.group.name, reader, kept))
        found.table.merge(counted)
        if self.sifter:
            self.sifter.events(reader, kept, window.unfit, found.sifted)
        return found

    def _pieces(
        self, form: str, data: bytes, window: Window, found: Reading, origin: Origin
    ) -> None:
        """Count what is left without the lines of drills."""
        kept, drilled = self._sieve.sift(data)
        if drilled:
            found.table.read += len(drilled)
            found.table.dropped[DRILL] += len(drilled)
            found.drilled += [Drilled(id_, form, line) for id_, line in drilled]
        for at, piece in kept:
            self._count(form, piece, window, found, origin.later(at))

    def _format(self, file: object, data: bytes) -> str:
        """The format of a file, once it is known; else of what the group was before."""
        if self.group.format:
            return self.group.format
        if file not in self._by_file:
            seen = detect(data[: 1 << 18].split(b"\n"))
            if not seen.lines or seen.confidence < _SURE:
                return self.form
            if len(self._by_file) >= 1000:
                self._by_file.clear()
            self._by_file[file] = self.form = seen.format
        return self._by_file[file]

    def _count(
        self, form: str, data: bytes, window: Window, found: Reading, origin: Origin
    ) -> None:
        table = found.table
        if not data:
            return
        if not form:
            lines = data.count(b"\n") + (not data.endswith(b"\n"))
            table.read += lines
            table.dropped[UNKNOWN] += lines
            return
        reader, scanner = self._scanner(form, window.now)
        if self.sifter:
            self.sifter.lines(reader, data, origin, window.unfit, found.sifted)
        counted = scanner.scan(data)
        if counted.minutes.matches:
            found.kept.append(KeptLines.of_lines(self.group.name, reader, data, origin, counted))
        reasons = {window.reason(minute) for _, minute in counted.minutes.events}
        if reasons <= {""}:
            table.merge(counted)
        elif len(reasons) == 1:
            # An old log that is met for the first time: all of a block goes at once.
            table.read += counted.read
            table.dropped.update(counted.dropped)
            table.dropped[reasons.pop()] += counted.counted
        else:
            self._sift(reader, scanner, data, window, table)

    def _sift(
        self, reader: Format, scanner: Scanner, data: bytes, window: Window, table: Table
    ) -> None:
        """Some events count and some do not: decide line by line."""
        kept = []
        for line in _lines(data):
            parsed = reader.parse(line.rstrip(b"\n"))
            why = ""
            if isinstance(parsed, Parsed):
                why = window.reason(parsed.time - parsed.time % MINUTE)
            if why:
                table.read += 1
                table.dropped[why] += 1
            else:
                kept.append(line)
        scanner.scan(b"".join(kept), table)

    def _scanner(self, form: str, now: int) -> tuple[Format, Scanner]:
        # Stamps without a year are of the twelve months up to tomorrow.
        key = (form, now // DAY)
        if key not in self._scanners:
            if len(self._scanners) >= _FEW:
                self._scanners.clear()
            clues = Clues(self.group.offset, (key[1] + 1) * DAY - 365 * DAY + DAY)
            reader = make_format(form, clues)
            self._scanners[key] = reader, Scanner(self.filters, reader, self._settings)
        return self._scanners[key]


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])
