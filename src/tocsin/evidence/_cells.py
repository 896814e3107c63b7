"""Every control and day in exactly one state, from the controls that were expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.control import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["PlanLine", "cells_of", "plan_of"]

_STATES = frozenset(str(state) for state in State)


def cells_of(
    expected: Iterable[str],
    records: Iterable[Mapping[str, Any]],
    late: Iterable[Mapping[str, Any]] = (),
) -> dict[str, str]:
    """The state of each expected control, from the lines that day.json has of its records.

    `records` are those of the day itself, in the order of their runs; `late` those that later days
    hold of it. Only a record of the whole day speaks for the day, the last of several; but an
    exception in any of them stays. What is not known is `not-run`.
    """
    cells = dict.fromkeys(sorted(expected), str(State.NOT_RUN))
    ordered = sorted(records, key=lambda line: str(line.get("collected", "")))
    for line in ordered:
        control, state = line.get("control"), line.get("state")
        if control not in cells or state not in _STATES or state == State.LATE:
            continue
        if state == State.EXCEPTION or (
            line.get("whole_day") is True and cells[control] != State.EXCEPTION
        ):
            cells[control] = str(state)
    told = {line.get("control") for line in ordered if line.get("whole_day") is True}
    for line in late:
        control = line.get("control")
        if control in cells and control not in told and cells[control] == State.NOT_RUN:
            cells[control] = str(State.LATE)
    return cells


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
    except (msgspec.MsgspecError, UnicodeDecodeError):
        known = {}
    certified = set(signed)
    lines = []
    for sha256, version in sorted(versions.items()):
        before = known.get(sha256)
        first = (before.signed if before else "") or (day if sha256 in certified else "")
        lines.append(PlanLine(sha256, version, before.since if before else day, first))
    return lines
