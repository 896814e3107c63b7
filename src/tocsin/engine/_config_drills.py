"""The part of tocsin.yaml about drills."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.drill import Drill, SyntheticLines, SyntheticSeries
from tocsin.durations import DAY, HOUR, MINUTE, SECOND
from tocsin.engine._config_files import beside
from tocsin.errors import ParseError
from tocsin.promql import parse_series
from tocsin.series import HistogramNotation, parse_values

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from tocsin.engine._config_logs import LogConfig
    from tocsin.notify import Receiver
    from tocsin.yamlfile import YamlMapping, YamlNode
    from tocsin.yamlreader import YamlReader

__all__ = ["DRILL_KEYS", "read_drills"]

DRILL_KEYS = {
    "name": "names the drill: lower-case letters, digits, hyphens",
    "control": "id of the control whose alert it tries",
    "alert": "the alerting rule that must fire; of lines, the metric alarm, or the Sigma rule by "
    "name, id or title",
    "receiver": "who is told, marked as a drill; a PagerDuty and an Alertmanager are told of an "
    "end only, which pages nobody",
    "series": "the synthetic attack, a list of {series, values} as in promtool's unit tests; the "
    "first value is also the calm before it",
    "lines": "or lines of a log: {log_group, line, count, then, file}; in `line`, `$id` is the "
    "drill's mark, `$time` the time as the log's format writes it, `$number` counts; `count` "
    "lines, default 1, are sent each interval, and after them the line `then` if there is one, "
    "into `file` or straight to the log group",
    "interval": "time between two values, or two times of sending lines, default 15s",
    "within": "time until the receiver must have been told, default 10m",
    "at": "when it runs each day, HH:MM in UTC; without it only `tocsin drill` runs it",
}
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?").fullmatch
_AT = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])").fullmatch
_MOST_VALUES = 10_000
_LINES = {"log_group", "line", "count", "then", "file"}
_LONGEST = 4096


def read_drills(
    reader: YamlReader, top: YamlMapping, receivers: Sequence[Receiver], logs: LogConfig,
    folder: Path,
) -> tuple[Drill, ...]:  # fmt: skip
    found: dict[str, Drill] = {}
    known = {each.name for each in receivers}
    for node in reader.items(top, "drills"):
        drill = _drill(reader, node, known, logs, folder)
        if drill is None:
            continue
        if drill.name in found:
            reader.error(node.span, f"drill {drill.name!r} is given twice", "keep one of them")
        found[drill.name] = drill
    return tuple(found.values())


def _drill(
    reader: YamlReader, node: YamlNode, receivers: Collection[str], logs: LogConfig, folder: Path
) -> Drill | None:
    before = len(reader.problems)
    item = reader.mapping(node, DRILL_KEYS, "a drill")
    for key in ("name", "control", "alert", "receiver"):
        reader.require(item, key, "a drill")
    for key in ("name", "control"):
        text = reader.string(item, key)
        if text and not _NAME(text):
            reader.error(reader.span_of(item, key), f"{key} {text[:60]!r} is not an id",
                         "write lower-case letters, digits and hyphens")  # fmt: skip
    receiver = reader.string(item, "receiver")
    if receiver and receiver not in receivers:
        known = ", ".join(sorted(receivers)) or "none"
        reader.error(reader.span_of(item, "receiver"), f"no receiver is called {receiver!r}",
                     f"known: {known}")  # fmt: skip
    series = tuple(s for each in reader.items(item, "series") if (s := _series(reader, each)))
    if ("series" in item.items) == ("lines" in item.items):
        reader.error(item.span, "a drill has either series or lines", "add `series:` or `lines:`")
    elif "series" in item.items and not reader.items(item, "series"):
        reader.error(item.span, "a drill has no series", "add one below `series:`")
    interval = reader.duration(item, "interval", 15 * SECOND)
    within = reader.duration(item, "within", 10 * MINUTE)
    if interval < SECOND:
        reader.error(reader.span_of(item, "interval"), "interval must be at least 1s")
    if not SECOND <= within <= HOUR:
        reader.error(reader.span_of(item, "within"), "within must be from 1s to 1h")
    lines = None
    if "lines" in item.items:
        lines = _lines(reader, item, logs, folder)
        times = within // max(interval, 1) + 1
        each = 0 if lines is None else lines.count + bool(lines.then)
        if each * times > _MOST_VALUES:
            reader.error(
                reader.span_of(item, "lines"),
                f"the drill would send up to {each * times:,} lines",
                f"at most {_MOST_VALUES:,}: send fewer, less often, or for a shorter time",
            )
    at = _at(reader, item)
    if len(reader.problems) > before:
        return None
    return Drill(
        reader.string(item, "name"), reader.string(item, "control"), reader.string(item, "alert"),
        receiver, series, interval, within, at, lines,
    )  # fmt: skip


def _lines(
    reader: YamlReader, parent: YamlMapping, logs: LogConfig, folder: Path
) -> SyntheticLines | None:
    item = reader.mapping(parent.items["lines"], _LINES, "lines")
    there = [reader.require(item, key, "lines") for key in ("log_group", "line")]
    if not all(there):
        return None
    name, line = reader.string(item, "log_group"), reader.string(item, "line")
    if all(name != each.name for each in logs.groups):
        known = ", ".join(each.name for each in logs.groups) or "none"
        reader.error(reader.span_of(item, "log_group"), f"no log group is called {name[:60]!r}",
                     f"known: {known}")  # fmt: skip
    then = reader.string(item, "then")
    for key, text in (("line", line), ("then", then)) if then else (("line", line),):
        span = reader.span_of(item, key)
        if text.count("$id") != 1:
            hint = "put it where clients can write: a path, a user agent, a message"
            reader.error(span, f"{key} must have $id once", hint)
        if len(text) > _LONGEST or not text.isprintable():
            reader.error(span, f"{key} must be one line of at most {_LONGEST:,} letters")
    file = reader.string(item, "file")
    path = str(beside(folder, file)) if file else ""
    return SyntheticLines(name, line, reader.integer(item, "count", 1, 1), then, path)


def _series(reader: YamlReader, node: YamlNode) -> SyntheticSeries | None:
    item = reader.mapping(node, {"series", "values"}, "a synthetic series")
    key = "series"
    try:
        labels = parse_series(reader.string(item, key))
        key = "values"
        values = parse_values(reader.string(item, key))
    except ParseError as error:
        reader.error(reader.span_of(item, key), f"{key}: {error.what}", error.hint)
        return None
    numbers = tuple(each for each in values if not isinstance(each, HistogramNotation))
    if not values or len(values) > _MOST_VALUES or len(numbers) != len(values):
        reader.error(reader.span_of(item, key), f"values must be 1 to {_MOST_VALUES:,} numbers")
        return None
    return SyntheticSeries(labels, numbers)


def _at(reader: YamlReader, item: YamlMapping) -> int | None:
    text = reader.string(item, "at")
    if not text:
        return None
    match = _AT(text)
    if match is None:
        reader.error(reader.span_of(item, "at"), "at must be a time of day in UTC",
                     'write "HH:MM", in quotes')  # fmt: skip
        return None
    return (int(match[1]) * HOUR + int(match[2]) * MINUTE) % DAY
