"""Which log is read how: its format, its log group, the year of its stamps, its place in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING

from tocsin.durations import DAY, SECOND
from tocsin.errors import ParseError, Problem, Span
from tocsin.logformat import Clues, Detected, Parsed, Reason, Skipped, detect, make_format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.logformat import Format
    from tocsin.source import LogFile

__all__ = ["Opened", "log_group_of", "open_log"]

_LEAST_CONFIDENCE = 0.5
_YEAR = 365 * DAY
_LATE = 30 * DAY
"""How much earlier than the first line a line may be, if the year is taken from that line."""
_DELIVERY = Detected("json", 1.0, ("", 0.0), 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUFFIXES = re.compile(r"(?:[-.]\d{1,10}|\.gz|\.log|\.json|\.txt|\.old)+$")


@dataclass(frozen=True, slots=True)
class Opened:
    """A log and how to read it."""

    log: LogFile
    format: Format
    detected: Detected
    first: int | None
    """The time of the first event."""
    spec: tuple[str, Clues]
    """Of what `format` was made."""
    log_group: str = ""
    warnings: tuple[Problem, ...] = ()


def open_log(
    log: LogFile, *, name: str, year: int | None, offset: int, now: int, log_group: str
) -> Opened:
    """Decide how to read a log. Raises ParseError if its lines are of no format."""
    lines = [line.rstrip(b"\r") for line in log.head.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    detected = _DELIVERY if log.is_delivery else detect(lines)
    form = name or detected.format
    if not name and detected.lines and detected.confidence < _LEAST_CONFIDENCE:
        near = f", most like {form} ({detected.confidence:.0%} of the lines)" if form else ""
        raise ParseError(
            f"{log.name}: of no log format that is known{near}",
            hint="say it with --log-format",
        )
    form = form or "combined"
    warnings: list[Problem] = []
    clues = Clues(offset)
    needs_year, first = _first(make_format(form, clues), lines)
    if needs_year:
        clues = Clues(offset, _after(log, form, lines, year, now))
        _, first = _first(make_format(form, clues), lines)
        if year is None:
            warnings.append(_guess(log, first))
    return Opened(
        log, make_format(form, clues), detected, first, (form, clues), log_group, tuple(warnings)
    )


def _first(form: Format, lines: Sequence[bytes]) -> tuple[bool, int | None]:
    """Whether a year is needed, and the time of the first event."""
    needs_year = False
    for line in lines:
        found = form.parse(line)
        if isinstance(found, Parsed):
            return needs_year, found.time
        needs_year |= found == Skipped(Reason.NO_YEAR)
    return needs_year, None


def _after(log: LogFile, form: str, lines: Sequence[bytes], year: int | None, now: int) -> int:
    """From when on: the first line, if its year is given; else a year before the last change."""
    if year is None:
        return (log.modified or now) + DAY - _YEAR
    begin = int((datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) / timedelta(seconds=1)) * SECOND
    _, first = _first(make_format(form, Clues(after=begin)), lines)
    return (begin if first is None else first) - _LATE


def _guess(log: LogFile, first: int | None) -> Problem:
    year = (_EPOCH + timedelta(microseconds=first or 0)).year
    what = f"the time stamps have no year; the first is taken as of {year}, from the file's date"
    if not log.modified:
        what = f"the time stamps have no year; the first is taken as of {year}, from today"
    return Problem(Span(log.name), what, "--year says it", "warning")


def log_group_of(path: str, groups: Sequence[str]) -> str:
    """The log group that a file's name means. Raises ParseError if none or several."""
    if len(groups) == 1:
        return groups[0]
    stem = _SUFFIXES.sub("", PurePath(path).name)
    found = [group for group in groups if _SUFFIXES.sub("", group.rpartition("/")[2]) == stem]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(groups[:10])
    raise ParseError(
        f"{path}: of which log group? the filters are of {listed}",
        hint="say it with --log-group, or name the file like the log group",
    )
