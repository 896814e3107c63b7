"""Every control and day in exactly one state, from the controls that were expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import msgspec

from tocsin.control import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["PlanLine", "cells_of", "decide", "plan_of"]


class Told(Protocol):
    """What one record says of its control and day."""

    @property
    def state(self) -> str: ...
    @property
    def whole_day(self) -> bool: ...
    @property
    def collected(self) -> str:
        """RFC 3339, UTC."""
        ...

    @property
    def late(self) -> bool:
        """Whether it came after its day had been sealed."""
        ...


_Told = TypeVar("_Told", bound=Told)


def decide(records: Sequence[_Told]) -> tuple[State, tuple[_Told, ...]]:
    """The one state of a control and a day, and the records that make it so.

    What was seen is a fact: an exception in any record stays, a late one's too. Otherwise the last
    record of the whole day that was sealed with its day speaks for it. A late one says that it is
    late, whatever else it says. Without any of these nothing is known, which is `not-run`.
    """
    seen = tuple(each for each in records if each.state == State.EXCEPTION)
    if seen:
        return State.EXCEPTION, seen
    timely = [each for each in records if not each.late]
    whole = sorted((e for e in timely if e.whole_day), key=lambda each: each.collected)
    if whole:
        last = whole[-1]
        return (State(last.state) if last.state in _OF_THEMSELVES else State.NOT_RUN), (last,)
    late = [each for each in records if each.late]
    if late:
        return State.LATE, (late[-1],)
    return State.NOT_RUN, tuple(timely[-1:])


_OF_THEMSELVES = frozenset({State.OPERATED, State.NO_DATA, State.NOT_RUN})
"""What a record can say of its day; none can call itself late."""


class _Line(NamedTuple):
    """A record as day.json tells of it."""

    state: str
    whole_day: bool
    collected: str
    late: bool = False


def cells_of(expected: Iterable[str], records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The state of each expected control, from the lines that day.json has of the day's records."""
    cells: dict[str, list[_Line]] = {control: [] for control in sorted(expected)}
    for line in records:
        of = cells.get(str(line.get("control")))
        if of is not None:
            whole = line.get("whole_day") is True
            of.append(_Line(str(line.get("state")), whole, str(line.get("collected", ""))))
    return {control: str(decide(lines)[0]) for control, lines in cells.items()}


class PlanLine(msgspec.Struct):
    """A catalogue that was in force, for day.json."""

    sha256: str
    version: str
    since: str
    """The first day that holds it, `YYYYMMDD`."""
    signed: str = ""
    """The first day that holds its signature; empty where none does."""


class _Before(msgspec.Struct):
    plan: list[PlanLine] = []


def plan_of(
    day: str, versions: Mapping[str, str], signed: Iterable[str], day_before: bytes
) -> list[PlanLine]:
    """`versions` and `signed` are of the catalogues of `day`, by SHA-256.

    `day_before` is that day's day.json, empty if there is none. A catalogue whose signature lies in
    an earlier day was signed before the period it speaks of.
    """
    try:
        known = {line.sha256: line for line in msgspec.json.decode(day_before, type=_Before).plan}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        known = {}
    certified = set(signed)
    lines = []
    for sha256, version in sorted(versions.items()):
        before = known.get(sha256)
        first = (before.signed if before else "") or (day if sha256 in certified else "")
        lines.append(PlanLine(sha256, version, before.since if before else day, first))
    return lines
