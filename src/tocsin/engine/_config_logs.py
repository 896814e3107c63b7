"""The parts of tocsin.yaml about logs: log groups, definitions, and what AWS leaves undecided."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from tocsin.alarms import CompositeAlarm, MetricAlarm, Place, composite_order
from tocsin.correlation import RuleSet
from tocsin.definitions import Definitions, load_definitions
from tocsin.durations import parse_offset
from tocsin.engine._config_correlations import read_correlations
from tocsin.engine._config_files import beside, named_files
from tocsin.engine._config_packs import (
    PACK_KEYS,
    pack_definitions,
    read_packs,
    without_excepted,
)
from tocsin.engine._log_group import LATENESS, LogGroup
from tocsin.errors import ParseError, Problem
from tocsin.logformat import make_format
from tocsin.packs import pack_rules
from tocsin.pattern import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tocsin.engine._config_packs import AskedPack
    from tocsin.pattern import MetricFilter
    from tocsin.yamlfile import YamlMapping
    from tocsin.yamlreader import YamlReader

__all__ = ["LOG_KEYS", "LogConfig", "alarm_filters", "read_log_config"]

LOG_KEYS: dict[str, dict[str, str]] = {
    "log_groups": {
        "name": "the log group that metric filters name",
        "paths": "files, as patterns relative to this file, rotated ones included; a list",
        "format": "default: found by looking at the lines; a name or an RE2 expression with "
        "`(?P<time>...)`",
        "utc_offset": "of time stamps without a zone, default +00:00",
        "lateness": "how late an event may come and still count, default 30s",
        "push": "whether events are taken over HTTP too, from whoever reaches `listen`; "
        "default false",
    },
    "packs": PACK_KEYS,
    "cloudwatch": {
        "account": "the account that notifications name, default 000000000000",
        "region": "the region that notifications name, default us-east-1",
        # What each of these means stands with `Settings`.
        **{each.name: "" for each in fields(Settings)},
    },
}


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What of the configuration is about logs."""

    groups: tuple[LogGroup, ...]
    definitions: Definitions
    settings: Settings
    place: Place
    rules: RuleSet = field(default_factory=RuleSet)
    """Sigma rules and correlations, held against the events of every log group."""
    definition_files: tuple[str, ...] = ()
    """Paths of the files that `definitions` were read from."""
    excepted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By pack, what of it is left out, as the configuration calls it."""

    @property
    def unfed(self) -> frozenset[str]:
        """Metric alarms that are not evaluated, because no log group here feeds them."""
        return frozenset(
            alarm.alarm_name
            for alarm in self.definitions.alarms
            if isinstance(alarm, MetricAlarm) and not self.feeding(alarm)
        )

    def feeding(self, alarm: MetricAlarm) -> list[MetricFilter]:
        """The metric filters of an alarm's metrics whose log group is configured."""
        groups = {each.name for each in self.groups}
        return [
            each
            for each in alarm_filters(alarm, self.definitions.filters)
            if each.log_group in groups
        ]


def alarm_filters(alarm: MetricAlarm, filters: tuple[MetricFilter, ...]) -> list[MetricFilter]:
    """The metric filters that feed an alarm's metrics."""
    stats = [query.metric_stat.metric for query in alarm.metrics if query.metric_stat]
    wanted = {(each.namespace, each.metric_name) for each in stats}
    wanted.add((alarm.namespace or "", alarm.metric_name or ""))
    return [e for e in filters if (e.transformation.namespace, e.transformation.metric) in wanted]


def read_log_config(
    reader: YamlReader, top: YamlMapping, folder: Path, read_bytes: Callable[[Path], bytes]
) -> LogConfig:
    """Read what `top` says of logs; mistakes are noted in `reader`."""
    groups = tuple(
        made
        for node in reader.items(top, "log_groups")
        if (
            made := _log_group(
                reader, reader.mapping(node, LOG_KEYS["log_groups"], "a log group"), folder
            )
        )
    )
    seen: set[str] = set()
    for group in groups:
        if group.name in seen:
            reader.error(
                reader.span_of(top, "log_groups"),
                f"log group {group.name!r} is given twice",
                "give all its paths in one entry",
            )
        seen.add(group.name)
    asked = read_packs(reader, top)
    files = named_files(reader, top, "definitions", folder, read_bytes, "definition file")
    definitions = _definitions(reader, top, files, groups, asked)
    section = reader.mapping(top.items.get("cloudwatch"), LOG_KEYS["cloudwatch"], "cloudwatch")
    place = Place(
        reader.string(section, "account", Place().account),
        reader.string(section, "region", Place().region),
    )
    packed = [file for pack in asked for file in pack_rules(pack)]
    rules = read_correlations(reader, top, folder, read_bytes, packed)
    rules = without_excepted(reader, asked, groups, rules)
    if (rules.detections or rules.correlations) and not groups:
        what = "correlations are held against no events: there are no log groups"
        asks = "correlations" if "correlations" in top.items else "packs"
        reader.warn(reader.span_of(top, asks), what, "add `log_groups:`")
    settings = _settings(reader, section)
    excepted = {pack: tuple(each.without) for pack, each in asked.items() if each.without}
    config = LogConfig(groups, definitions, settings, place, rules, tuple(files), excepted)
    _warn_of_silence(reader, top, config)
    return config


def _log_group(reader: YamlReader, item: YamlMapping, folder: Path) -> LogGroup | None:
    if not reader.require(item, "name", "a log group"):
        return None
    name, form = reader.string(item, "name"), reader.string(item, "format")
    if form:
        try:
            make_format(form)
        except ParseError as error:
            reader.error(reader.span_of(item, "format"), error.what, error.hint)
    offset = 0
    if text := reader.string(item, "utc_offset"):
        try:
            offset = parse_offset(text)
        except ParseError as error:
            reader.error(reader.span_of(item, "utc_offset"), error.what, error.hint)
    push = reader.boolean(item, "push", default=False)
    paths = tuple(str(beside(folder, each)) for each in reader.strings(item, "paths"))
    if not paths and not push:
        reader.error(
            item.span, f"log group {name!r} gets nothing", "give `paths:`, or say `push: true`"
        )
    lateness = reader.duration(item, "lateness", LATENESS)
    return LogGroup(name, paths, form, offset, lateness, push)


def _definitions(
    reader: YamlReader,
    top: YamlMapping,
    files: dict[str, bytes],
    groups: tuple[LogGroup, ...],
    asked: dict[str, AskedPack],
) -> Definitions:
    given = {name: value for name, (value, _) in reader.string_map(top, "parameters").items()}
    packed = pack_definitions(reader, asked, groups, given)
    # Together, so that a composite alarm may watch alarms of a pack.
    loaded = load_definitions([*files.items(), *packed], given)
    reader.problems += loaded.problems
    try:
        composite_order(each for each in loaded.alarms if isinstance(each, CompositeAlarm))
    except ParseError as error:
        reader.error(reader.span_of(top, "definitions"), error.what, error.hint)
    return loaded


def _settings(reader: YamlReader, section: YamlMapping) -> Settings:
    kinds = get_type_hints(Settings)
    given: dict[str, Any] = {}
    for each in fields(Settings):
        if each.name not in section.items:
            continue
        choices = get_args(kinds[each.name])
        if not choices:
            given[each.name] = reader.boolean(section, each.name, default=bool(each.default))
            continue
        given[each.name] = reader.string(section, each.name)
        if given[each.name] not in choices:
            what = f"{each.name} must be {' or '.join(choices)}"
            reader.error(reader.span_of(section, each.name), what)
    return Settings(**given)


def _warn_of_silence(reader: YamlReader, top: YamlMapping, config: LogConfig) -> None:
    """Filters and alarms that can't see anything: their silence is no success."""
    names = {each.name for each in config.groups}
    asked = {each.log_group for each in config.definitions.filters}
    span = reader.span_of(top, "definitions")
    for missing in sorted(asked - names):
        reader.problems.append(
            Problem(
                span,
                f"metric filters read log group {missing!r}, which log_groups does not have",
                f"add `- {{name: {missing}, paths: [...]}}` to log_groups",
                "warning",
            )
        )
    for alarm in sorted(config.unfed):
        what = f"alarm {alarm!r} is not evaluated: no metric filter of these log groups feeds it"
        reader.problems.append(Problem(span, what, severity="warning"))
    for name in sorted(names - asked) if config.definitions.filters else ():
        what = f"no metric filter reads log group {name!r}"
        reader.problems.append(Problem(reader.span_of(top, "log_groups"), what, severity="warning"))
