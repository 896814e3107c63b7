"""The part of tocsin.yaml about drills."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.drill import Drill, SyntheticSeries
from tocsin.durations import DAY, HOUR, MINUTE, SECOND
from tocsin.errors import ParseError
from tocsin.notify import AlertmanagerReceiver, PagerDutyReceiver
from tocsin.promql import parse_series
from tocsin.series import HistogramNotation, parse_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.notify import Receiver
    from tocsin.yamlfile import YamlMapping, YamlNode
    from tocsin.yamlreader import YamlReader

__all__ = ["DRILL_KEYS", "read_drills"]

DRILL_KEYS = {
    "name": "names the drill: lower-case letters, digits, hyphens",
    "control": "id of the control whose alert it tries",
    "alert": "the alerting rule that must fire",
    "receiver": "who is told, marked as a drill; not a PagerDuty, nor an Alertmanager, which "
    "would page as if it were real",
    "series": "the synthetic attack, a list of {series, values} as in promtool's unit tests; the "
    "first value is also the calm before it",
    "interval": "time between two values, default 15s",
    "within": "time until the receiver must have been told, default 10m",
    "at": "when it runs each day, HH:MM in UTC; without it only `tocsin drill` runs it",
}
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?").fullmatch
_AT = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])").fullmatch
_MOST_VALUES = 10_000


def read_drills(
    reader: YamlReader, top: YamlMapping, receivers: Sequence[Receiver]
) -> tuple[Drill, ...]:
    found: dict[str, Drill] = {}
    known = {each.name: each for each in receivers}
    for node in reader.items(top, "drills"):
        drill = _drill(reader, node, known)
        if drill is None:
            continue
        if drill.name in found:
            reader.error(node.span, f"drill {drill.name!r} is given twice", "keep one of them")
        found[drill.name] = drill
    return tuple(found.values())


def _drill(reader: YamlReader, node: YamlNode, receivers: Mapping[str, Receiver]) -> Drill | None:
    before = len(reader.problems)
    item = reader.mapping(node, DRILL_KEYS, "a drill")
    for key in ("name", "control", "alert", "receiver"):
        reader.require(item, key, "a drill")
    for key in ("name", "control"):
        text = reader.string(item, key)
        if text and not _NAME(text):
            reader.error(reader.span_of(item, key), f"{key} {text[:60]!r} is not an id",
                         "write lower-case letters, digits and hyphens")  # fmt: skip
    _check_receiver(reader, item, receivers)
    series = tuple(s for each in reader.items(item, "series") if (s := _series(reader, each)))
    if not reader.items(item, "series"):
        reader.error(item.span, "a drill has no series", "add `series:`")
    interval = reader.duration(item, "interval", 15 * SECOND)
    within = reader.duration(item, "within", 10 * MINUTE)
    if interval < SECOND:
        reader.error(reader.span_of(item, "interval"), "interval must be at least 1s")
    if not SECOND <= within <= HOUR:
        reader.error(reader.span_of(item, "within"), "within must be from 1s to 1h")
    at = _at(reader, item)
    if len(reader.problems) > before:
        return None
    return Drill(
        reader.string(item, "name"), reader.string(item, "control"), reader.string(item, "alert"),
        reader.string(item, "receiver"), series, interval, within, at,
    )  # fmt: skip


def _check_receiver(
    reader: YamlReader, item: YamlMapping, receivers: Mapping[str, Receiver]
) -> None:
    name = reader.string(item, "receiver")
    receiver = receivers.get(name)
    span = reader.span_of(item, "receiver")
    if name and receiver is None:
        known = ", ".join(sorted(receivers)) or "none"
        reader.error(span, f"no receiver is called {name!r}", f"known: {known}")
    elif isinstance(receiver, (PagerDutyReceiver, AlertmanagerReceiver)):
        reader.error(span, f"{name!r} would page for a drill as if it were real",
                     "name a webhook, a chat, a file or the terminal")  # fmt: skip


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
