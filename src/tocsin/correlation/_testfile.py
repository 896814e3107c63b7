"""Tests of Sigma files: events in, alerts expected at given times.

    sigma_files: [brute-force.yml]
    tests:
      - name: five failures are an alert
        format: syslog
        events:
          - {line: 'Mar  1 10:00:00 srv sshd[7]: Failed password for x from 192.0.2.1 port 9 ssh2',
             repeat: 5, every: 10s}
          - {at: 2m, fields: {program: sshd, event.outcome: success, client: 192.0.2.1}}
          - {at: 3m, fields: {path: /a/#}, number: '#', repeat: 20, every: 1s}
        alerts:
          - {at: 40s, rule: brute, group: {source.ip: 192.0.2.1}, measure: 5}

`at` counts from `start` (2000-01-01T00:00:00Z if not said), or is a time with date and zone. A
line brings its own time, of which a repetition is `every` later; a stamp without a year is of
the twelve months from `start` on. `number` says what in a line or in fields stands for the number
of the repetition, from 1 on. All alerts must be listed: one that is not is a failure, so a
test without alerts is a negative sample.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tocsin.correlation._correlator import Correlator
from tocsin.correlation._model import Event
from tocsin.correlation._reader import EventReader
from tocsin.durations import DAY, format_duration, parse_duration
from tocsin.errors import FileErrors, ParseError, RuleError, Span
from tocsin.logformat import Clues, Skipped, detect, make_format
from tocsin.yamlfile import YamlMapping, YamlScalar, read_yaml
from tocsin.yamlreader import YamlReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.correlation._model import Alert, RuleSet, Value
    from tocsin.yamlfile import YamlNode

__all__ = [
    "SigmaTestFailure",
    "SigmaTestFile",
    "is_sigma_test",
    "load_sigma_tests",
    "run_sigma_tests",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_START = 946_684_800_000_000
_MOST = 1_000_000
"""Events of a test."""


@dataclass(frozen=True, slots=True)
class _Expected:
    time: int
    rule: str
    group: dict[str, str]
    measure: float | None
    span: Span


@dataclass(frozen=True, slots=True)
class _Test:
    name: str
    start: int
    events: tuple[Event, ...]
    alerts: tuple[_Expected, ...]
    lateness: int
    span: Span


@dataclass(frozen=True, slots=True)
class SigmaTestFile:
    """A file of tests."""

    path: str
    sigma_files: tuple[str, ...]
    """As written: patterns of paths, from the folder of the file."""
    tests: tuple[_Test, ...]


@dataclass(frozen=True, slots=True)
class SigmaTestFailure:
    """An alert too many or too few."""

    span: Span
    test: str
    what: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.span}: {self.test}: {self.what}\nexpected: {self.expected}\ngot: {self.got}"


def load_sigma_tests(data: bytes, path: str) -> SigmaTestFile:
    """Read a file of tests. Raises FileErrors with all of its mistakes."""
    reader = YamlReader()
    top = reader.mapping(read_yaml(data, path), ("sigma_files", "tests"), "a test file")
    files = reader.strings(top, "sigma_files")
    if not files:
        reader.error(reader.span_of(top, "sigma_files"), "no sigma_files", "name the rules' files")
    tests = tuple(_test(reader, node, n) for n, node in enumerate(reader.items(top, "tests"), 1))
    if reader.failed:
        raise RuleError(reader.problems)
    return SigmaTestFile(path, files, tests)


def is_sigma_test(data: bytes) -> bool:
    """Whether a file holds tests, not rules; a file that can't be read holds none."""
    try:
        node = read_yaml(data, "")
    except FileErrors:
        return False
    return isinstance(node, YamlMapping) and "sigma_files" in node.items


def run_sigma_tests(file: SigmaTestFile, rules: RuleSet) -> list[SigmaTestFailure]:
    """What differs from what the tests expect."""
    return [failure for test in file.tests for failure in _run(test, rules)]


def _run(test: _Test, rules: RuleSet) -> Iterator[SigmaTestFailure]:
    correlator = Correlator(rules, lateness=test.lateness)
    alerts = correlator.feed(test.events) + correlator.finish()
    got = ", ".join(_told(each, test) for each in alerts[:20]) or "no alerts"
    for wanted in test.alerts:
        found = next((each for each in alerts if _is(each, wanted)), None)
        if found is None:
            what = f"no alert of {wanted.rule} at {_when(wanted.time, test)}"
            yield SigmaTestFailure(wanted.span, test.name, what, _shown(wanted, test), got)
        else:
            alerts.remove(found)
    for each in alerts:
        what = f"an alert of {each.rule} that is not expected"
        yield SigmaTestFailure(test.span, test.name, what, "no more alerts", _told(each, test))
    if correlator.late:
        what = f"{correlator.late} events came later than the lateness"
        yield SigmaTestFailure(test.span, test.name, what, "0", str(correlator.late))


def _is(alert: Alert, wanted: _Expected) -> bool:
    return (
        alert.time == wanted.time
        and alert.rule == wanted.rule
        and dict(alert.group) == wanted.group
        and wanted.measure in (None, alert.measure)
    )


def _told(alert: Alert, test: _Test) -> str:
    group = ", ".join(f"{name}: {value}" for name, value in alert.group)
    return f"{alert.rule} at {_when(alert.time, test)} {{{group}}} {alert.measure:g}"


def _shown(wanted: _Expected, test: _Test) -> str:
    group = ", ".join(f"{name}: {value}" for name, value in wanted.group.items())
    measure = "" if wanted.measure is None else f" {wanted.measure:g}"
    return f"{wanted.rule} at {_when(wanted.time, test)} {{{group}}}{measure}"


def _when(time: int, test: _Test) -> str:
    if 0 <= time - test.start < 366 * DAY and not (time - test.start) % 1000:
        return format_duration(time - test.start)
    return (_EPOCH + timedelta(microseconds=time)).isoformat()


def _test(reader: YamlReader, node: YamlNode, number: int) -> _Test:
    keys = ("name", "start", "format", "lateness", "events", "alerts")
    made = reader.mapping(node, keys, "a test")
    start = _time(reader, made, "start", 0, _START)
    events = tuple(_events(reader, made, start))
    alerts = tuple(_alert(reader, each, start) for each in reader.items(made, "alerts"))
    lateness = reader.duration(made, "lateness", DAY)
    name = reader.string(made, "name", f"test {number}")
    return _Test(name, start, events, alerts, lateness, node.span)


def _events(reader: YamlReader, made: YamlMapping, start: int) -> Iterator[Event]:
    form, lines = reader.string(made, "format"), None
    left = _MOST
    for node in reader.items(made, "events"):
        known = ("at", "line", "fields", "count", "repeat", "every", "number")
        given = reader.mapping(node, known, "an event")
        repeat = reader.integer(given, "repeat", 1, 1)
        every = reader.duration(given, "every", 0)
        left -= repeat
        if left < 0:
            reader.error(node.span, f"more than {_MOST} events in a test")
            return
        line, mark = reader.string(given, "line"), reader.string(given, "number")
        if ("line" in given.items) == ("fields" in given.items):
            reader.error(node.span, "an event has either a line or fields")
            continue
        if line and lines is None:
            lines = _reader(reader, form, line, start, node.span)
        event: Event | None = None
        for turn in range(repeat):
            if event is None or mark:
                event = _event(reader, given, lines, start, str(turn + 1))
            if event is None:
                break
            yield Event(event.time + turn * every, event.fields, event.count, event.text)


def _event(
    reader: YamlReader, given: YamlMapping, lines: EventReader | None, start: int, number: str
) -> Event | None:
    """An event with the number of its repetition; None if its line is none."""
    line, mark = reader.string(given, "line"), reader.string(given, "number")
    if not line:
        fields: dict[str, Value] = {
            name: text.replace(mark, number) if mark else text
            for name, (text, _) in reader.string_map(given, "fields").items()
        }
        written = given.items["fields"]
        if isinstance(written, YamlMapping):
            for name, node in written.items.items():
                if isinstance(node, YamlScalar) and node.is_null:
                    fields[name] = ()
        time = _time(reader, given, "at", start, start)
        return Event(time, fields, reader.integer(given, "count", 1, 1))
    found = lines.read((line.replace(mark, number) if mark else line).encode()) if lines else None
    if not isinstance(found, Event):
        why = found.reason if isinstance(found, Skipped) else "of no known format"
        reader.error(given.span, f"the line is no event: {why}", "format: says its format")
        return None
    found.time = _time(reader, given, "at", start, found.time)
    return found


def _reader(reader: YamlReader, form: str, line: str, start: int, span: Span) -> EventReader | None:
    form = form or detect([line.encode()]).format
    if not form:
        return None
    try:
        return EventReader(make_format(form, Clues(after=start)))
    except ParseError as error:
        reader.error(span, error.what, error.hint)
        return None


def _alert(reader: YamlReader, node: YamlNode, start: int) -> _Expected:
    given = reader.mapping(node, ("at", "rule", "group", "measure"), "an alert")
    reader.require(given, "rule", "an alert")
    reader.require(given, "at", "an alert")
    measure: float | None = None
    if text := reader.string(given, "measure"):
        try:
            measure = float(text)
        except ValueError:
            reader.error(reader.span_of(given, "measure"), f"measure: not a number: {text[:40]!r}")
    group = {name: text for name, (text, _) in reader.string_map(given, "group").items()}
    time = _time(reader, given, "at", start, start)
    return _Expected(time, reader.string(given, "rule"), group, measure, node.span)


def _time(reader: YamlReader, given: YamlMapping, key: str, start: int, default: int) -> int:
    text = reader.string(given, key)
    if not text:
        return default
    try:
        if not re.match(r"\d{4}-", text):
            return start + parse_duration(text)
        found = datetime.fromisoformat(text)
    except ParseError as error:
        reader.error(reader.span_of(given, key), f"{key}: {error.what}", error.hint)
        return default
    except ValueError:
        reader.error(reader.span_of(given, key), f"{key}: not a time: {text[:40]!r}")
        return default
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return (found - _EPOCH) // timedelta(microseconds=1)
