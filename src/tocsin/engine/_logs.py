"""The log groups of a running daemon: read in turn, counted, kept; alarms and rules on them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tocsin.alarms import Metric, MetricAlarm, alarm_metrics
from tocsin.correlation import RecentOffenders
from tocsin.durations import MILLISECOND, MINUTE, SECOND
from tocsin.engine._alarming import Alarming, AlarmsState, Told
from tocsin.engine._behind import Behind
from tocsin.engine._correlating import Correlating
from tocsin.engine._log_reading import LATE, GroupReader, Window
from tocsin.engine._offenders import NAMED, offenders_text
from tocsin.engine._sifting import Sifter
from tocsin.engine._tally import condense, decode_tally, encode_tally, keep_busiest, split
from tocsin.errors import StoreError
from tocsin.scan import Table
from tocsin.source import TailState  # noqa: TC001 - msgspec reads it
from tocsin.store import LedgerEntry, Step, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from tocsin.correlation import By, TopOffender
    from tocsin.engine._alarming import Offender
    from tocsin.engine._config_logs import LogConfig
    from tocsin.engine._core import Core
    from tocsin.engine._line_drill import LineDrills
    from tocsin.engine._log_reading import Reading
    from tocsin.engine._notifying import Notifying
    from tocsin.engine._sifting import Sifted
    from tocsin.rules import ActiveAlert

__all__ = ["GroupState", "Logs", "state_key"]

_log = logging.getLogger(__name__)
_POLL = 250 * MILLISECOND
_ROUND = 16 << 20
"""Bytes after which a round looks at no other log group."""
_SIFTED = 4 << 20
"""The same where lines are held against rules: what matches is in memory until it is committed."""
_BUSIEST = 100
"""Sources of a cell that are kept once its minute is closed."""
_SLOW = 30 * SECOND
ALARMS_KEY = "alarms"


def state_key(log_group: str) -> str:
    return f"logs/{log_group}"


class GroupState(msgspec.Struct):
    """What is remembered of a log group; survives a restart through the store."""

    tail: TailState | None = None
    form: str = ""
    read: int = 0
    """Lines; at all times `read = counted + dropped`."""
    counted: int = 0
    dropped: dict[str, int] = {}
    repeats: int = 0
    cut: int = 0


@dataclass(slots=True)
class _Group:
    """A log group at work."""

    reader: GroupReader
    state: GroupState
    through: int = 0
    """Everything up to here was read."""
    minutes: dict[int, Table] = field(default_factory=dict)
    files: int = 0
    folded: int = 0
    """Minutes before it are in one piece, with little of each."""
    troubled: frozenset[str] = frozenset()


class Logs:
    """Reads every log group a few times a second and evaluates alarms as minutes close."""

    def __init__(
        self,
        core: Core,
        config: LogConfig,
        notifying: Callable[[], Notifying],
        states: Mapping[str, bytes],
        tallies: Callable[[str], list[Tally]],
        drills: LineDrills,
        propose: Callable[[Sequence[Offender]], None] = lambda _: None,
        seed: bytes = b"",
    ) -> None:
        """`states` and `tallies` are what the store has; `propose` hears of offenders.

        `drills` gets the lines of drills, which count nowhere else. `seed`, of up to 64 bytes, is
        for what must not be guessed.
        """
        self._drills = drills
        self._propose = propose
        self.core = core
        self.config = config
        now = core.clock.now()
        stored = states.get(ALARMS_KEY)
        known = msgspec.json.decode(stored, type=AlarmsState) if stored else None
        self._recent = RecentOffenders(config.rules)
        self.groups: dict[str, _Group] = {}
        self._behind = Behind(config, lambda: [g.minutes for g in self.groups.values()], self.who)
        self.alarming = Alarming(config, known, now, notifying, self._behind)
        self._notifying = notifying
        self._stopping = asyncio.Event()
        self._turn = asyncio.Lock()
        self._first = 0
        self._filters = config.definitions.filters
        self._metrics = {
            each.key: (each.transformation.namespace, each.transformation.metric)
            for each in self._filters
        }
        self._watched = {
            metric
            for alarm in config.definitions.alarms
            if isinstance(alarm, MetricAlarm)
            for metric, _ in alarm_metrics(alarm)
        }
        begin = self.alarming.begin
        self.correlating = Correlating(config.rules, states, begin, seed, notifying, self._recent)
        held = bool(config.rules.detections)
        self._round = _SIFTED if held else _ROUND
        for group in config.groups:
            raw = states.get(state_key(group.name))
            state = msgspec.json.decode(raw, type=GroupState) if raw else GroupState()
            reader = GroupReader(
                group, self._filters, config.settings, state.tail, state.form, drills.sieve
            )
            if held:
                sessions = self.correlating.sessions(group.name)
                sift = self.correlating.correlator.sift
                reader.sifter = Sifter(sift, config.rules, sessions)
            made = _Group(reader, state, self.alarming.closed)
            bodies: dict[int, list[bytes]] = {}
            for tally in tallies(group.name):
                bodies.setdefault(tally.minute, []).append(tally.body)
            made.minutes = {
                minute: decode_tally(group.name, minute, each) for minute, each in bodies.items()
            }
            self.groups[group.name] = made
        for minute in sorted({m for group in self.groups.values() for m in group.minutes}):
            self._recount(minute)
        step, told = Step(now), self.alarming.retire(now)
        told.add(self.correlating.begin(now, step))
        self._commit(step, told, alarms=True)

    async def run(self) -> None:
        """Read round after round, until told to stop."""
        while not self._stopping.is_set():
            if not await self.round():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _POLL / SECOND)

    def stop(self) -> None:
        """Let the round under way be the last."""
        self._stopping.set()

    async def round(self) -> bool:
        """Take of each log group what is there, and evaluate; whether there is more."""
        async with self._turn:
            window = self._window()
            # One thread for all of them: to change threads costs more than to look at a file.
            readings = await asyncio.to_thread(self._read, window)
            more = len(readings) < len(self.groups)
            for name, reading in readings.items():
                more |= self._took(name, reading, window)
        self._settle()
        self._advance()
        if self.correlating.is_long:
            await self._condense()
        return more

    async def _condense(self) -> None:
        """Keep what correlations remember in one piece; under a flood that takes a while."""
        async with self._turn:
            condensed = await asyncio.to_thread(self.correlating.condensed)
            step = Step(self.core.clock.now())
            self.correlating.keep(condensed, step)
            self._commit(step, Told(), alarms=False)

    def _read(self, window: Window) -> dict[str, Reading]:
        """Look at one log group after the other until a round is full; the next begins behind."""
        found: dict[str, Reading] = {}
        names, size = list(self.groups), 0
        for name in [*names[self._first :], *names[: self._first]]:
            found[name] = self.groups[name].reader.read(window)
            size += found[name].size
            if size >= self._round:
                break
        self._first = (self._first + len(found)) % max(1, len(names))
        return found

    def _took(self, name: str, reading: Reading, window: Window) -> bool:
        """Count and commit what a look brought; whether there is more."""
        group = self.groups[name]
        self._take(name, group, reading, window)
        more = reading.taken is not None and reading.taken.more
        if not more:
            group.through = max(group.through, window.now - group.reader.group.lateness)
        problems = reading.taken.problems if reading.taken else []
        group.files = reading.taken.files if reading.taken else 0
        self._watch(name, group, window.now, problems, more=more)
        return more

    async def push(self, name: str, data: bytes | Sequence[tuple[int, bytes]]) -> Table | None:
        """Count lines that were sent, or events with their times; answer once they are on disk.

        None if no log group of that name takes any. Raises StoreError, before anything is
        counted, while the disk takes nothing: the sender still has the lines.
        """
        group = self.groups.get(name)
        if group is None or not group.reader.group.push:
            return None
        async with self._turn:
            if "storage" in self.core.degraded:
                raise StoreError("the disk takes nothing now", hint="send it again later")
            window = self._window()
            if isinstance(data, bytes):
                reading = await asyncio.to_thread(group.reader.take, data, window)
            else:
                reading = await asyncio.to_thread(group.reader.take_events, data, window)
            self._take(name, group, reading, window)
            return reading.table

    async def drill(self, name: str, data: bytes) -> None:
        """Take a drill's lines as if they were sent; nothing where the log group is gone."""
        group = self.groups.get(name)
        if group is None:
            return
        async with self._turn:
            window = self._window()
            reading = await asyncio.to_thread(group.reader.take, data, window)
            self._take(name, group, reading, window)

    def form(self, name: str) -> str:
        """The format of a log group; empty while it is not known."""
        group = self.groups.get(name)
        return group.reader.form if group else ""

    def _window(self) -> Window:
        return Window(self.alarming.floor, self.alarming.begin, self.core.clock.now())

    def _take(self, name: str, group: _Group, reading: Reading, window: Window) -> None:
        """Everything that a round brought, committed together."""
        now, table, state = window.now, reading.table, group.state
        self._drills.take(reading.drilled, now)
        taken = reading.taken
        if taken is not None and not (taken.blocks or taken.gaps or taken.malformed):
            return
        state.read += table.read
        state.counted += table.counted
        for why, count in table.dropped.items():
            state.dropped[str(why)] = state.dropped.get(str(why), 0) + count
        state.repeats += table.repeats
        step = Step(now)
        if taken is not None:
            state.cut += taken.cut
            state.tail = group.reader.tail.state
            for gap in taken.gaps:
                body = {"what": "log", "log_group": name, "path": gap.path, "state": "closed",
                        "start": group.through, "end": now, "detail": gap.what}  # fmt: skip
                step.ledger.append(LedgerEntry(now, "gap", body))
                _log.warning("log group %s: %s: %s", name, gap.path, gap.what)
        state.form = group.reader.form
        self._recent.take(reading.sifted.matched)
        self._behind.keep(reading.kept)
        changed = split(table, self._is_watched)
        for minute, part in changed.items():
            group.minutes.setdefault(minute, Table()).merge(part)
            step.tallies.append(Tally(name, minute, encode_tally(part)))
            self._recount(minute)
        step.states[state_key(name)] = msgspec.json.encode(state)
        told = self.alarming.look_ahead(changed, now)
        alarms = bool(told.ledger)
        if group.reader.sifter:
            told.add(self._correlate(name, reading.sifted, now, step))
        self._count(name, table)
        self._commit(step, told, alarms=alarms)

    def _correlate(self, name: str, sifted: Sifted, now: int, step: Step) -> Told:
        """Have rules take what they found in a look, and count it."""
        told, late = self.correlating.take(sifted, name, now, step)
        metrics = self.core.metrics
        metrics.correlation_read.labels(name).inc(sifted.read)
        metrics.correlation_matched.labels(name).inc(len(sifted.matched) - late)
        metrics.correlation_dropped.labels(name, LATE).inc(late)
        for why, count in sifted.dropped.items():
            metrics.correlation_dropped.labels(name, why).inc(count)
        self._tell_of_correlations()
        return told

    def _settle(self) -> None:
        """Correlate up to where every log group was read."""
        if not self.groups or not self.config.rules.detections:
            return
        now = self.core.clock.now()
        step = Step(now)
        told = self.correlating.advance(min(g.through for g in self.groups.values()), now, step)
        self._tell_of_correlations()
        if step:
            self._commit(step, told, alarms=False)

    def _tell_of_correlations(self) -> None:
        correlating, metrics = self.correlating, self.core.metrics
        metrics.correlation_waiting.set(correlating.correlator.waiting)
        untold = correlating.untold
        metrics.correlation_untold.inc(untold)
        correlating.untold = 0
        if untold:
            what = "more alerts of correlations fire than are told; the ledger has all"
            self.core.degrade("correlations", what)
        elif correlating.room:
            self.core.recover("correlations")

    def _is_watched(self, key: tuple[str, str], dimensions: tuple[tuple[str, str], ...]) -> bool:
        """Whether an alarm looks at what a filter makes with these dimensions."""
        return Metric.of(*self._metrics[key], dict(dimensions)) in self._watched

    def _recount(self, minute: int) -> None:
        measured = []
        for group in self.groups.values():
            if minute in group.minutes:
                table = group.minutes[minute]
                measured += table.minutes.datapoints(group.reader.filters, self.config.settings)
        self.alarming.recount(minute, measured)

    def _commit(self, step: Step, told: Told, *, alarms: bool) -> None:
        if told.offenders:
            self._propose(told.offenders)
        step.ledger += told.ledger
        if alarms:
            step.states[ALARMS_KEY] = msgspec.json.encode(self.alarming.state)
        self._notifying().commit(step, told.announcements)
        for entry in told.ledger:
            self.core.metrics.transitions.labels(entry.body["after"]).inc()

    def _advance(self) -> None:
        """Evaluate up to where every log group was read."""
        if not self.groups:
            return
        alarming = self.alarming
        end = min(group.through for group in self.groups.values())
        end -= end % MINUTE
        if end <= alarming.closed:
            return
        now = self.core.clock.now()
        told = alarming.advance(end, now)
        step = Step(now)
        for name, group in self.groups.items():
            self._fold(name, group, step)
            group.state.tail = group.reader.tail.state
            step.states[state_key(name)] = msgspec.json.encode(group.state)
        self._commit(step, told, alarms=True)

    def _fold(self, name: str, group: _Group, step: Step) -> None:
        """Keep of closed minutes what alarms may still look at, in one piece each."""
        oldest = self.alarming.closed - self.alarming.horizon
        for minute in list(group.minutes):
            if minute < oldest:
                del group.minutes[minute]
                step.folded.append(Tally(name, minute, b""))
            elif group.folded <= minute < self.alarming.closed:
                group.minutes[minute] = condense(group.minutes[minute])
                keep_busiest(group.minutes[minute], _BUSIEST)
                step.folded.append(Tally(name, minute, encode_tally(group.minutes[minute])))
        group.folded = self.alarming.closed

    def _count(self, name: str, table: Table) -> None:
        metrics = self.core.metrics
        metrics.log_read.labels(name).inc(table.read)
        metrics.log_counted.labels(name).inc(table.counted)
        for why, count in table.dropped.items():
            metrics.log_dropped.labels(name, str(why)).inc(count)
        for (key, _), count in table.minutes.matches.items():
            metrics.matches.labels(*key).inc(count)

    def _watch(
        self, name: str, group: _Group, now: int, problems: list[tuple[str, str]], *, more: bool
    ) -> None:
        """What keeps a log group from being read is told, once."""
        found = frozenset(f"{path}: {what}" for path, what in problems)
        if more and now - group.through > _SLOW + group.reader.group.lateness:
            found |= {"there is more to read than was read so far"}
        for each in sorted(found - group.troubled):
            _log.warning("log group %s: %s", name, each)
        if bool(found) is not bool(group.troubled):
            body = {"what": "log", "log_group": name, "state": "open" if found else "closed",
                    "detail": "; ".join(sorted(found)[:5])}  # fmt: skip
            self.core.commit(Step(now, ledger=[LedgerEntry(now, "gap", body)]))
        group.troubled = found
        if found:
            self.core.degrade(f"log group {name}", "; ".join(sorted(found)[:5]))
        else:
            self.core.recover(f"log group {name}")

    def who(self, start: int, end: int, only: Collection[str] = ()) -> str:
        """The busiest of a window by what Sigma rules ask for, as an annotation."""
        return offenders_text(self._recent.top(start, end, NAMED, only))

    def offenders(self, start: int, end: int, number: int, by: By) -> list[TopOffender]:
        """The busiest of a window by what Sigma rules ask for, of the latest events."""
        return self._recent.top(start, end, number, (), by)

    def firing(self) -> Iterator[ActiveAlert]:
        """Each alert of an alarm or a Sigma rule that receivers hold to be firing."""
        yield from self.alarming.firing.values()
        for each in self.correlating.firing.values():
            yield each.alert

    def states(self) -> dict[str, bytes]:
        """What the store would have if it took everything."""
        found = {state_key(n): msgspec.json.encode(g.state) for n, g in self.groups.items()}
        found[ALARMS_KEY] = msgspec.json.encode(self.alarming.state)
        return found | self.correlating.snapshot()

    def tallies(self, log_group: str) -> list[Tally]:
        """Likewise."""
        group = self.groups.get(log_group)
        minutes = group.minutes if group else {}
        return [Tally(log_group, m, encode_tally(table)) for m, table in minutes.items()]

    def close(self) -> None:
        for group in self.groups.values():
            group.reader.tail.close()
