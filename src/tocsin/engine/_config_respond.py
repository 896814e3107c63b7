"""The part of tocsin.yaml about block lists: who is never blocked, and what blocks by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.alarms import MetricAlarm
from tocsin.engine._alarming import names_offenders
from tocsin.engine._config_files import beside
from tocsin.engine._correlating import HARMLESS
from tocsin.errors import ParseError
from tocsin.respond import Network, read_crawlers, read_network
from tocsin.yamlfile import YamlScalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tocsin.correlation import Correlation, Detection
    from tocsin.engine._config_logs import LogConfig
    from tocsin.yamlfile import YamlMapping
    from tocsin.yamlreader import YamlReader

__all__ = ["RESPOND_KEYS", "RespondConfig", "read_respond"]

RESPOND_KEYS = {
    "allow": "names with an address or a network each: your own, proxies, health checks, "
    "partners; special addresses are protected anyway",
    "crawlers": "files with the ranges of crawlers, as search engines publish them (JSON with "
    "`prefixes`), relative to this file, a list; they are never blocked",
    "automatic": "names of metric alarms, Sigma rules and correlations whose proposals are blocked "
    "at once, a list; default: none, people decide",
    "share": "how much of the requests and logins that went well in the last hour one decision "
    "may cut, default 5%, at most 50%",
}
_SHARE = re.compile(r"(\d{1,2}(?:\.\d{1,3})?)\s*%", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class RespondConfig:
    """What of the configuration is about block lists."""

    protected: tuple[tuple[str, Network], ...] = ()
    """Who is never blocked, besides special addresses."""
    automatic: frozenset[str] = frozenset()
    """Those whose proposals are blocked at once, as `by` of a decision names them."""
    share: float = 0.05
    """How much of what went well lately one decision may cut."""


def read_respond(
    reader: YamlReader, top: YamlMapping, folder: Path, read_bytes: Callable[[Path], bytes],
    logs: LogConfig,
) -> RespondConfig:  # fmt: skip
    """Read `respond:`; mistakes are noted in `reader`."""
    item = reader.mapping(top.items.get("respond"), RESPOND_KEYS, "respond")
    found = []
    for name, (text, span) in reader.string_map(item, "allow").items():
        try:
            found.append((name, read_network(text)))
        except ParseError as error:
            reader.error(span, error.what, error.hint)
    found += _crawlers(reader, item, folder, read_bytes)
    return RespondConfig(
        tuple(found), frozenset(_automatic(reader, item, logs)), _share(reader, item)
    )


def _crawlers(
    reader: YamlReader, item: YamlMapping, folder: Path, read_bytes: Callable[[Path], bytes]
) -> Iterator[tuple[str, Network]]:
    for node in reader.items(item, "crawlers"):
        name = node.text if isinstance(node, YamlScalar) else ""
        path = beside(folder, name)
        try:
            for network in read_crawlers(read_bytes(path)):
                yield f"a crawler of {path.name}", network
        except OSError as error:
            reader.error(node.span, f"can't read {name!r}: {error.strerror}")
        except ParseError as error:
            reader.error(node.span, f"{name}: {error.what}", error.hint)


def _automatic(reader: YamlReader, item: YamlMapping, logs: LogConfig) -> Iterator[str]:
    """`alarm NAME` or `correlation NAME`; what never proposes anybody is a mistake."""
    alarms = {each.alarm_name: each for each in logs.definitions.alarms}
    found: list[Correlation | Detection] = [*logs.rules.correlations, *logs.rules.detections]
    rules = {each.name: each for each in found if each.alone}
    for node in reader.items(item, "automatic"):
        name = node.text if isinstance(node, YamlScalar) else ""
        alarm, rule = alarms.get(name), rules.get(name)
        if alarm is None and rule is None:
            what = f"no metric alarm, Sigma rule or correlation {name[:80]!r}"
            hint = "alerts of Prometheus rules name nobody who could be blocked"
            reader.error(node.span, what, hint)
        elif alarm is not None and not isinstance(alarm, MetricAlarm):
            reader.error(node.span, f"{name!r} is a composite alarm, which names nobody")
        elif alarm is not None and not names_offenders(alarm):
            what = f"{name!r} proposes nobody: it does not go off because of more events"
            reader.error(node.span, what)
        elif rule is not None and rule.level in HARMLESS:
            reader.error(node.span, f"{name!r} proposes nobody: its level is {rule.level}")
        elif alarm is not None:
            yield f"alarm {name}"
        else:
            yield f"correlation {name}"


def _share(reader: YamlReader, item: YamlMapping) -> float:
    text = reader.string(item, "share")
    match = _SHARE(text) if text else None
    if not text:
        return RespondConfig().share
    if match is None or not 0 < float(match[1]) <= 50:
        reader.error(reader.span_of(item, "share"), "share must be over 0% and at most 50%")
        return RespondConfig().share
    return float(match[1]) / 100
