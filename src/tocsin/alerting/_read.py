"""A routing configuration out of YAML, in Alertmanager's grammar; every mistake is noted.

Source: Alertmanager documentation, "Configuration".
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.alerting._intervals import TimeInterval
from tocsin.alerting._matchers import AlertMatcher, parse_matchers
from tocsin.alerting._routes import GROUP_BY_ALL, InhibitRule, Route
from tocsin.durations import HOUR, MINUTE, SECOND
from tocsin.errors import ParseError
from tocsin.labels import MatchOp
from tocsin.yamlfile import YamlMapping, YamlScalar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.alerting._intervals import Range
    from tocsin.labels import Matcher
    from tocsin.yamlfile import YamlNode
    from tocsin.yamlreader import YamlReader

__all__ = ["read_inhibit_rules", "read_intervals", "read_route"]

_ROUTE_KEYS = {
    "receiver", "group_by", "continue", "match", "match_re", "matchers", "group_wait",
    "group_interval", "repeat_interval", "mute_time_intervals", "active_time_intervals", "routes",
}  # fmt: skip
_RULE_KEYS = {
    "source_match", "source_match_re", "source_matchers", "target_match", "target_match_re",
    "target_matchers", "equal",
}  # fmt: skip
_ROOT = Route("", group_wait=30 * SECOND, group_interval=5 * MINUTE, repeat_interval=4 * HOUR)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_DEEPEST = 50


def read_route(
    reader: YamlReader, node: YamlNode, receivers: Sequence[str], intervals: Sequence[str]
) -> Route:
    """The tree. Names of receivers and time intervals must be among those given."""
    item = reader.mapping(node, _ROUTE_KEYS, "the route")
    for key in ("match", "match_re", "matchers", "mute_time_intervals", "active_time_intervals"):
        if not _is_empty(item.items.get(key)):
            reader.error(reader.span_of(item, key), f"the root route must not have {key}")
    if reader.boolean(item, "continue", default=False):
        span = reader.span_of(item, "continue")
        reader.error(span, "the root route must not have continue", "it has no siblings")
    if not reader.string(item, "receiver"):
        reader.error(item.span, "the root route has no receiver", "add `receiver:`")
    return _route(reader, item, _ROOT, receivers, intervals, 0)


def _is_empty(node: YamlNode | None) -> bool:
    if isinstance(node, YamlScalar):
        return node.is_null
    return node is None or not node.items


def _route(
    reader: YamlReader, item: YamlMapping, parent: Route, receivers: Sequence[str],
    intervals: Sequence[str], depth: int,
) -> Route:  # fmt: skip
    # An empty name or list says nothing, as in Alertmanager.
    receiver = reader.string(item, "receiver") or parent.receiver
    if receiver and receiver not in receivers:
        what = f"route to receiver {receiver!r}, which there is not"
        hint = f"receivers: {', '.join(receivers)[:200] or 'none'}"
        reader.error(reader.span_of(item, "receiver"), what, hint)
    matchers = _matchers(reader, item, "match", "match_re", "matchers") if depth else ()
    group_by = _label_names(reader, item, "group_by") or parent.group_by
    if GROUP_BY_ALL in group_by and len(group_by) > 1:
        reader.error(reader.span_of(item, "group_by"), "group_by: `...` stands alone")
    if len(set(group_by)) < len(group_by):
        reader.error(reader.span_of(item, "group_by"), "group_by has a label twice")
    named = {
        key: reader.strings(item, key) for key in ("mute_time_intervals", "active_time_intervals")
    }
    for key, names in named.items():
        for name in names:
            if name not in intervals:
                reader.error(reader.span_of(item, key), f"no time interval is named {name!r}")
    group_interval = reader.duration(item, "group_interval", parent.group_interval)
    repeat_interval = reader.duration(item, "repeat_interval", parent.repeat_interval)
    for key, value in (("group_interval", group_interval), ("repeat_interval", repeat_interval)):
        if not value:
            reader.error(reader.span_of(item, key), f"{key} can't be 0")
    own = Route(
        receiver, matchers, group_by, reader.duration(item, "group_wait", parent.group_wait),
        group_interval or _ROOT.group_interval, repeat_interval or _ROOT.repeat_interval,
        reader.boolean(item, "continue", default=False), named["mute_time_intervals"],
        named["active_time_intervals"], (), parent.child_key(matchers) if depth else parent.key,
    )  # fmt: skip
    children = reader.items(item, "routes")
    if depth == _DEEPEST and children:
        reader.error(reader.span_of(item, "routes"), f"routes nest over {_DEEPEST} deep")
        children = ()
    below = tuple(
        _route(
            reader, reader.mapping(each, _ROUTE_KEYS, "a route"), own, receivers, intervals,
            depth + 1,
        )
        for each in children
    )  # fmt: skip
    return replace(own, routes=below)


def _matchers(
    reader: YamlReader, item: YamlMapping, plain: str, regex: str, modern: str
) -> tuple[Matcher, ...]:
    found: list[Matcher] = []
    # NOTE: Alertmanager shows the anchors of the old form in group keys, but not of the new one.
    for key, op, form in ((plain, MatchOp.EQUAL, "{}"), (regex, MatchOp.REGEX, "^(?:{})$")):
        for name, (value, span) in reader.string_map(item, key).items():
            if not name:
                reader.error(span, f"{key}: a label without a name")
            try:
                found.append(AlertMatcher(op, name, form.format(value)))
            except ParseError as error:
                reader.error(span, error.what, error.hint)
    for node in reader.items(item, modern):
        try:
            if not isinstance(node, YamlScalar):
                reader.error(node.span, f"{modern} must hold texts", 'write name="value"')
            elif not node.is_null:
                found += parse_matchers(node.text)
        except ParseError as error:
            reader.error(node.span, error.what, error.hint)
    return tuple(found)


def _label_names(reader: YamlReader, item: YamlMapping, key: str) -> tuple[str, ...]:
    names = reader.strings(item, key)
    if "" in names:
        reader.error(reader.span_of(item, key), f"{key}: a label without a name")
    return names


def read_inhibit_rules(reader: YamlReader, nodes: Sequence[YamlNode]) -> tuple[InhibitRule, ...]:
    """In the order given."""
    rules = []
    for node in nodes:
        item = reader.mapping(node, _RULE_KEYS, "an inhibition rule")
        rules.append(
            InhibitRule(
                _matchers(reader, item, "source_match", "source_match_re", "source_matchers"),
                _matchers(reader, item, "target_match", "target_match_re", "target_matchers"),
                _label_names(reader, item, "equal"),
            )
        )
    return tuple(rules)


def read_intervals(
    reader: YamlReader, nodes: Sequence[YamlNode]
) -> dict[str, tuple[TimeInterval, ...]]:
    """By name."""
    found: dict[str, tuple[TimeInterval, ...]] = {}
    for node in nodes:
        item = reader.mapping(node, {"name", "time_intervals"}, "a time interval")
        if not reader.require(item, "name", "a time interval"):
            continue
        name = reader.string(item, "name")
        if name in found:
            reader.error(item.span, f"time interval {name!r} is given twice", "keep one of them")
        found[name] = tuple(_interval(reader, e) for e in reader.items(item, "time_intervals"))
    return found


def _interval(reader: YamlReader, node: YamlNode) -> TimeInterval:
    known = {"times", "weekdays", "days_of_month", "months", "years", "location"}
    item = reader.mapping(node, known, "a time interval")
    location = reader.string(item, "location") or "UTC"
    try:
        if location != "UTC":
            ZoneInfo(location)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        what = f"no time zone is named {location[:40]!r}"
        hint = "a name of the time zone database, such as Europe/Berlin"
        reader.error(reader.span_of(item, "location"), what, hint)
        location = "UTC"
    times = tuple(made for each in reader.items(item, "times") if (made := _times(reader, each)))
    return TimeInterval(
        times if _is_given(item, "times") else None,
        _ranges(reader, item, "weekdays", _DAYS.index, 0, 6),
        _ranges(reader, item, "days_of_month", _whole, -31, 31),
        _ranges(reader, item, "months", _month, 1, 12),
        _ranges(reader, item, "years", _whole, 1, 9999),
        location,
    )


def _times(reader: YamlReader, node: YamlNode) -> Range | None:
    item = reader.mapping(node, {"start_time", "end_time"}, "a range of times")
    texts = [reader.string(item, key) for key in ("start_time", "end_time")]
    found = [_CLOCK.fullmatch(each) for each in texts]
    minutes = [int(each[1]) * 60 + int(each[2]) for each in found if each]
    if len(minutes) < len(found) or minutes[1] > 24 * 60:
        reader.error(
            item.span, "not a range of times", "write {start_time: 09:00, end_time: 17:00}"
        )
        return None
    if minutes[0] >= minutes[1]:
        reader.error(item.span, "start_time must be before end_time", "make it two ranges")
        return None
    return minutes[0], minutes[1]


def _is_given(item: YamlMapping, key: str) -> bool:
    node = item.items.get(key)
    return node is not None and not (isinstance(node, YamlScalar) and node.is_null)


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError
    return int(text)


def _month(text: str) -> int:
    return _MONTHS.index(text) + 1 if text in _MONTHS else _whole(text)


def _ranges(
    reader: YamlReader, item: YamlMapping, key: str, value: Callable[[str], int], least: int,
    most: int,
) -> tuple[Range, ...] | None:  # fmt: skip
    if not _is_given(item, key):
        return None
    found = []
    for node in reader.items(item, key):
        text = node.text.lower() if isinstance(node, YamlScalar) else ""
        first, colon, last = text.partition(":")
        try:
            pair = value(first), value(last if colon else first)
        except ValueError:
            reader.error(node.span, f"{key}: not a range: {text[:40]!r}", "write one, or one:other")
            continue
        good = all(least <= each <= most for each in pair)
        begin, end = pair
        if key == "days_of_month":
            good = good and 0 not in pair and not begin < 0 < end
            # NOTE: Alertmanager takes a day from the end for this one, when it checks the order.
            begin, end = (each if each > 0 else 28 + each for each in pair)
        if not good or begin > end:
            reader.error(node.span, f"{key}: not a range: {text[:40]!r}", "the first comes first")
            continue
        found.append(pair)
    return tuple(found)
