"""A period of days put together: one state for every control and day, and what stands behind it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tocsin.control import RulesUnchanged, State, utc
from tocsin.evidence import decide
from tocsin.report._events import (
    Approval,
    alerts_of,
    blocks_of,
    drills_of,
    gaps_of,
    notifications_of,
    rule_changes,
    silences_of,
)
from tocsin.seal import day_after, spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.report._day import DayRead, PlanKnown, Run
    from tocsin.report._disposition import Disposition
    from tocsin.report._events import Answered, Decided, DrillRun, Gap, RuleChange, Silenced
    from tocsin.seal import Checkpoint

__all__ = ["STATES", "Cell", "ControlSeen", "Head", "Period", "calendar", "put_together"]

STATES = ("operated", "exception", "no-data", "not-run", "late")
"""The five, in the order in which they are told."""
_MOST_DAYS = 3700


@dataclass(frozen=True, slots=True)
class Cell:
    """A control and a day."""

    control: str
    day: str
    state: str
    reasons: tuple[str, ...]
    runs: tuple[Run, ...] = ()
    """Every record of it, late ones too."""
    dispositions: tuple[Disposition, ...] = ()


@dataclass(frozen=True, slots=True)
class ControlSeen:
    """A control as its latest record describes it."""

    id: str
    title: str
    objective: str
    owner: str
    frequency: str
    versions: tuple[int, ...]
    frameworks: tuple[tuple[str, tuple[str, ...]], ...]
    queries: tuple[tuple[str, str, str], ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain stood after a day."""

    day: str
    checkpoint: Checkpoint | None
    attached: tuple[str, ...]
    sealed: str
    key: str
    """Fingerprint of the key that sealed the day; empty where it is not told."""
    removed: str = ""
    """What became of the day's files, if they were removed under the retention policy."""


@dataclass(slots=True)
class Period:
    """Everything a report says, before it is written in any form."""

    first: str
    last: str
    days: tuple[str, ...]
    """Each day of the calendar, sealed or not."""
    controls: tuple[ControlSeen, ...]
    cells: Mapping[tuple[str, str], Cell]
    """By control and day; every control has every day."""
    heads: tuple[Head, ...]
    gaps: tuple[Gap, ...]
    drills: tuple[DrillRun, ...]
    changes: tuple[RuleChange, ...]
    notifications: Counter[str]
    """Results by name."""
    alerts: tuple[Answered, ...]
    """Each that fired, with who acknowledged it."""
    silences: tuple[Silenced, ...]
    blocks: tuple[Decided, ...]
    """Who blocked and let go how many, by day."""
    plan: tuple[PlanKnown, ...]
    """The catalogues of controls that the last day knows."""
    notes: list[str] = field(default_factory=list)

    def count(self, control: str) -> Counter[str]:
        return Counter(self.cells[control, day].state for day in self.days)

    @property
    def sealed(self) -> tuple[str, ...]:
        return tuple(head.day for head in self.heads)


def calendar(first: str, last: str) -> tuple[str, ...]:
    """Each day from `first` to `last`, `YYYYMMDD`. Raises ValueError where there are none."""
    days = [first]
    while days[-1] < last and len(days) < _MOST_DAYS:
        days.append(day_after(days[-1]))
    if days[-1] != last:
        raise ValueError(f"no period from {first} to {last}")
    return tuple(days)


def put_together(
    reads: Sequence[DayRead], first: str, last: str, expected: Iterable[str] = ()
) -> Period:
    """`reads` are the sealed days in order, from `first` on and those after that are sealed.

    Days after `last` bring nothing but late records and dispositions of the period. `expected`
    are the ids of controls that must be there whatever was found.
    """
    days = calendar(first, last)
    inside = [read for read in reads if first <= read.name <= last]
    runs: dict[tuple[str, str], list[Run]] = {}
    said: dict[tuple[str, str], list[Disposition]] = {}
    for read in reads:
        for run in read.runs:
            if first <= run.day <= last:
                runs.setdefault((run.control, run.day), []).append(run)
        for each in read.dispositions:
            said.setdefault((each.control, each.day), []).append(each)
    drills = tuple(drills_of(inside))
    expected = {*expected, *(control for read in inside for control in read.expected)}
    ids = sorted({control for control, _ in runs} | expected)
    sealed = {read.name: read.removed for read in inside}
    cells = {}
    for control in ids:
        for day in days:
            key = (control, day)
            failed = tuple(
                drill for drill in drills
                if (drill.control, drill.day) == key and not drill.passed
            )  # fmt: skip
            state, reasons = _judge(runs.get(key, []), failed, sealed.get(day))
            cells[key] = Cell(
                control, day, state, reasons, tuple(runs.get(key, ())), tuple(said.get(key, ()))
            )
    period = Period(
        first, last, days,
        tuple(_control(control, days, cells) for control in ids),
        cells,
        tuple(Head(r.name, r.checkpoint, r.attached, r.sealed, r.key, r.removed) for r in inside),
        tuple(gaps_of(inside)), drills, _changes(inside, cells), notifications_of(inside),
        tuple(alerts_of(reads, last)), tuple(silences_of(inside)), tuple(blocks_of(inside)),
        inside[-1].plan if inside else (),
    )  # fmt: skip
    period.notes += [*_notes(inside, days), *_again(cells)]
    return period


def _changes(
    inside: Sequence[DayRead], cells: Mapping[tuple[str, str], Cell]
) -> tuple[RuleChange, ...]:
    """Each with what was said of its day, in the controls that make an exception of a change."""
    watching = {
        control for (control, _), cell in cells.items()
        if any(RulesUnchanged.__name__ in run.kinds for run in cell.runs)
    }  # fmt: skip
    found = []
    for each in rule_changes(inside):
        day = utc(each.time)[:10].replace("-", "")
        of_day = (cells.get((control, day)) for control in sorted(watching))
        said = tuple(
            Approval(word.by, word.approved, word.ticket)
            for cell in of_day if cell is not None for word in cell.dispositions
        )  # fmt: skip
        found.append(replace(each, approvals=said, watched=bool(watching)))
    return tuple(found)


def _judge(
    runs: Sequence[Run], failed: Sequence[DrillRun], sealed: str | None
) -> tuple[str, tuple[str, ...]]:
    """The state that the records make, and why; a drill that failed is an exception.

    `sealed` is None of a day that is not sealed, and says what became of one that was removed.
    """
    state, made = decide(runs)
    if state is State.EXCEPTION or failed:
        seen = made if state is State.EXCEPTION else ()
        reasons = [reason for run in seen for reason in run.reasons]
        reasons += [f"drill {drill.name} failed: {drill.why}" for drill in failed]
        return str(State.EXCEPTION), tuple(dict.fromkeys(reasons))
    if not made and sealed:
        return str(State.NO_DATA), (sealed,)
    if not made:
        why = (
            "the day was not sealed"
            if sealed is None
            else "the sealed day holds no record of this control"
        )
        return str(state), (why,)
    last = made[-1]
    if state is State.LATE:
        told = f"collected {last.collected}, after its day was sealed; says {last.state}"
        return str(state), (told, *last.reasons)
    if not last.whole_day:
        told = f"the record ends at {last.end}, before the day does; says {last.state}"
        return str(state), (told, *last.reasons)
    if last.state != state:
        return str(state), (f"the record says {last.state!r}, which is no state",)
    return str(state), last.reasons


def _control(
    control: str, days: Sequence[str], cells: Mapping[tuple[str, str], Cell]
) -> ControlSeen:
    runs = [run for day in days for run in cells[control, day].runs]
    if not runs:
        return ControlSeen(control, control, "", "", "", (), (), (), ())
    last = runs[-1]
    return ControlSeen(
        control, last.title or control, last.objective, last.owner, last.frequency,
        tuple(sorted({run.version for run in runs})), last.frameworks, last.queries,
        tuple(sorted({run.source for run in runs if run.source})),
    )  # fmt: skip


def _again(cells: Mapping[tuple[str, str], Cell]) -> list[str]:
    """Who collects until it operates has done what the rules allow, but not unseen."""
    found: dict[tuple[str, str], list[str]] = {}
    for (control, day), cell in cells.items():
        if cell.state != State.OPERATED:
            continue
        before = {run.state for run in cell.runs if run.whole_day and not run.late}
        for state in before - {str(State.OPERATED)}:
            found.setdefault((control, state), []).append(day)
    return [
        f"{control}, {spans(days)}: operated by the day's last record; one before it says {state}"
        for (control, state), days in sorted(found.items())
    ]


def _notes(inside: Sequence[DayRead], days: Sequence[str]) -> list[str]:
    notes = []
    missing = len(days) - len(inside)
    if missing:
        notes.append(f"{missing} of {len(days)} days are not sealed")
    removed: dict[str, list[str]] = {}
    for read in inside:
        if read.removed:
            removed.setdefault(read.removed, []).append(read.name)
    keyed = [read for read in inside if read.key]
    for before, after in pairwise(keyed):
        if before.key != after.key:
            notes.append(f"the key that seals was replaced: {after.name} is the first day with "
                         f"{after.key}, {before.name} the last with {before.key}")  # fmt: skip
    for told, gone in removed.items():
        count = "1 day" if len(gone) == 1 else f"{len(gone):,} days"
        notes.append(f"{count}, {spans(gone)}: {told}")
    for read in inside:
        notes += [f"{read.name}/{file} can't be read" for file in read.unread]
        if read.entries_left_out:
            left = read.entries_left_out
            notes.append(f"{read.name}: {left:,} further entries of the ledger are left out here")
    return notes
