"""Judging answers that have a value for each step of the period."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tocsin.control._model import Finding, Kind
from tocsin.control._period import STEP, clock
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tocsin.control._model import AlertsFired, Ceiling, RangeNeed, Samples, TargetsUp
    from tocsin.control._observed import Row, SeriesSeen
    from tocsin.control._period import Period

__all__ = ["alerts_fired", "ceiling", "samples", "shown_labels", "targets_up"]

Spans = list[tuple[int, int]]


def samples(need: Samples, seen: SeriesSeen, period: Period) -> Iterator[Finding]:
    """Every step holds at least one sample."""
    lacking = list(_incomplete(need, seen, period))
    lacking += [
        Finding(need.name, Kind.LACKING, f"{need.name}: {value} is no number of samples")
        for row in seen.rows
        for _, value in row.points
        if not (math.isfinite(value) and value >= 1)
    ]
    yield from lacking
    if not lacking:
        text = f"samples in each of {len(period.steps):,} minutes"
        yield Finding(need.name, Kind.MET, text)


def targets_up(need: TargetsUp, seen: SeriesSeen, period: Period) -> Iterator[Finding]:
    """Every target is up at every step."""
    lacking = list(_incomplete(need, seen, period))
    for row in seen.rows:
        down = {time for time, value in row.points if value != 1}
        for start, end in _spans(down):
            text = f"target {_target(row)} down {_when(start, end, period)}"
            lacking.append(Finding(need.name, Kind.LACKING, text, start, end))
    there = {dict(row.labels).get("instance", "") for row in seen.rows}
    for instance in need.expect:
        if instance not in there:
            text = f"target {instance} is not there"
            lacking.append(Finding(need.name, Kind.LACKING, text, period.start, period.end))
    yield from lacking
    if not lacking:
        count = len(seen.rows)
        text = f"{count} target{'' if count == 1 else 's'} up all the time"
        yield Finding(need.name, Kind.MET, text)


def ceiling(need: Ceiling, seen: SeriesSeen, period: Period) -> Iterator[Finding]:
    """Nothing above the limit, and something measured."""
    lacking = list(_incomplete(need, seen, period))
    measured: list[float] = []
    for row in seen.rows:
        above = {time for time, value in row.points if value > need.limit}
        for start, end in _spans(above):
            highest = max(value for time, value in row.points if start < time <= end)
            text = f"{highest:.4g} {need.what}, above {need.limit:g}, {_when(start, end, period)}"
            yield Finding(need.name, Kind.CROSSED, text, start, end)
        for _, value in row.points:
            if value < 0 or (math.isnan(value) and not need.nan_is_quiet):
                text = f"{need.name}: {value} is no value for {need.what}"
                lacking.append(Finding(need.name, Kind.LACKING, text))
            elif not math.isnan(value):
                measured.append(value)
    if not measured and not lacking:
        text = f"{need.name}: nothing to measure in the whole period"
        lacking.append(Finding(need.name, Kind.LACKING, text))
    yield from lacking
    if measured and not lacking and max(measured) <= need.limit:
        text = f"at most {max(measured):.4g} {need.what}, limit {need.limit:g}"
        yield Finding(need.name, Kind.MET, text)


def alerts_fired(need: AlertsFired, seen: SeriesSeen, period: Period) -> Iterator[Finding]:
    """Each time an alert fired; that there is none is a good answer."""
    if not period.steps:
        yield _too_young(need)
        return
    for row in seen.rows:
        name = dict(row.labels).get("alertname", "")
        labels = tuple(p for p in row.labels if p[0] not in {"alertname", "alertstate"})
        for start, end in _spans({time for time, _ in row.points}):
            text = f"alert {printable(name)}{shown_labels(labels)} fired"
            text = f"{text} {_when(start, end, period)}"
            yield Finding(need.name, Kind.CROSSED, text, start, end)
    if not any(row.points for row in seen.rows):
        yield Finding(need.name, Kind.MET, "no alert fired")


def _incomplete(need: RangeNeed, seen: SeriesSeen, period: Period) -> Iterator[Finding]:
    """What is missing of the answer, row by row."""
    grid = set(period.steps)
    if not grid:
        yield _too_young(need)
        return
    if not seen.rows:
        text = f"{need.name}: no series, the whole period"
        yield Finding(need.name, Kind.LACKING, text, period.start, period.end)
    for row in seen.rows:
        times = {time for time, _ in row.points}
        if not times <= grid or len(times) != len(row.points):
            text = f"{need.name}: the answer has other times than were asked for"
            yield Finding(need.name, Kind.LACKING, text)
        for start, end in _spans(grid - times):
            of = f" of {_target(row)}" if row.labels else ""
            text = f"{need.name}: nothing{of} {_when(start, end, period)}"
            yield Finding(need.name, Kind.LACKING, text, start, end)


def _too_young(need: RangeNeed) -> Finding:
    text = f"{need.name}: the day is less than a minute old"
    return Finding(need.name, Kind.LACKING, text)


def _spans(times: Collection[int]) -> Spans:
    """Neighbouring steps as one span from where the first begins."""
    spans: Spans = []
    for time in sorted(times):
        if spans and spans[-1][1] == time - STEP:
            spans[-1] = (spans[-1][0], time)
        else:
            spans.append((time - STEP, time))
    return spans


def _when(start: int, end: int, period: Period) -> str:
    return f"{clock(start, period)}-{clock(end, period)} UTC"


def _target(row: Row) -> str:
    labels = dict(row.labels)
    if "instance" in labels:
        return printable(f"{labels.get('job', '')} {labels['instance']}".strip())
    return shown_labels(row.labels)


def shown_labels(labels: tuple[tuple[str, str], ...]) -> str:
    """`{a="b"}`, or nothing."""
    if not labels:
        return ""
    return printable("{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}")
