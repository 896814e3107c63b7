"""The parts of tocsin.yaml about routing: a tree of our own, or an existing alertmanager.yml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.alerting import Routing, read_inhibit_rules, read_intervals, read_route
from tocsin.engine._config_files import beside
from tocsin.errors import ConfigError, FileErrors, Problem, Span
from tocsin.notify import WebhookReceiver
from tocsin.yamlfile import YamlMapping, read_yaml
from tocsin.yamlreader import YamlReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tocsin.notify import Receiver
    from tocsin.yamlfile import YamlNode

__all__ = ["ROUTE_KEYS", "load_routing", "read_routing"]

ROUTE_KEYS = {
    "route": "the routing tree, as in alertmanager.yml; without one every receiver is told all",
    "inhibit_rules": "which alerts mute which, as in alertmanager.yml",
    "time_intervals": "named times for `mute_time_intervals` and `active_time_intervals`",
    "alertmanager": "an alertmanager.yml to take route, receivers, inhibition and times from",
}
_FILE_KEYS = {
    "global", "route", "receivers", "inhibit_rules", "templates", "time_intervals",
    "mute_time_intervals", "tracing",
}  # fmt: skip
_WEBHOOK_KEYS = {"url", "url_file", "send_resolved", "max_alerts", "timeout", "http_config"}


@dataclass(frozen=True, slots=True)
class _Integration:
    receiver: Receiver
    send_resolved: bool


def read_routing(
    reader: YamlReader,
    top: YamlMapping,
    folder: Path,
    read_bytes: Callable[[Path], bytes],
    receivers: Sequence[tuple[Receiver, bool]],
) -> tuple[Routing | None, tuple[Receiver, ...]]:
    """The tree, if there is one, and the receivers that an alertmanager.yml brought.

    `receivers` are ours, each with whether it wants to hear that alerts are resolved.
    """
    ours = {each.name: (_Integration(each, resolved),) for each, resolved in receivers}
    name = reader.string(top, "alertmanager")
    if not name:
        if "route" not in top.items:
            for key in ("inhibit_rules", "time_intervals"):
                if key in top.items:
                    reader.error(reader.span_of(top, key), f"{key} without a route", "add `route:`")
            return None, ()
        return _routing(reader, top, ours), ()
    if "route" in top.items:
        reader.error(reader.span_of(top, "route"), "both route and alertmanager", "keep one")
        return None, ()
    path = beside(folder, name)
    try:
        node = read_yaml(read_bytes(path), str(path))
    except OSError as error:
        reader.error(reader.span_of(top, "alertmanager"), f"can't read {name!r}: {error.strerror}")
        return None, ()
    except FileErrors as error:
        reader.problems += error.problems
        return None, ()
    file = reader.mapping(node, _FILE_KEYS, "alertmanager.yml")
    for key in ("templates", "tracing"):
        if reader.items(file, key) if key == "templates" else key in file.items:
            reader.warn(file.keys[key], f"{key} is not used", "messages have Tocsin's texts")
    theirs = {}
    for each in reader.items(file, "receivers"):
        read = _receiver(reader, each)
        if read is not None and read[0] in theirs:
            reader.error(each.span, f"receiver {read[0]!r} is given twice", "keep one of them")
        elif read is not None:
            theirs[read[0]] = read[1] or ours.get(read[0], ())
    if "route" not in file.items:
        reader.error(file.span, "alertmanager.yml has no route", "add `route:`")
        return None, ()
    found = tuple(each.receiver for every in theirs.values() for each in every)
    return _routing(reader, file, theirs), tuple(
        each for each in found if each not in [receiver for receiver, _ in receivers]
    )


def load_routing(
    path: Path, read_bytes: Callable[[Path], bytes] = Path.read_bytes
) -> Routing | None:
    """The tree of an alertmanager.yml; None for a file that is none. Raises ConfigError."""
    try:
        node = read_yaml(read_bytes(path), str(path))
    except OSError as error:
        raise ConfigError([Problem(Span(str(path)), f"can't read it: {error.strerror}")]) from None
    except FileErrors as error:
        raise ConfigError(error.problems) from None
    keys = set(node.items) if isinstance(node, YamlMapping) else set()
    if not (isinstance(node, YamlMapping) and "route" in keys and keys <= _FILE_KEYS):
        return None
    reader = YamlReader()
    named = {
        reader.string(each, "name"): ()
        for each in reader.items(node, "receivers")
        if isinstance(each, YamlMapping)
    }
    made = _routing(reader, node, named)
    if reader.failed:
        raise ConfigError(reader.problems)
    return made


def _routing(
    reader: YamlReader, top: YamlMapping, receivers: Mapping[str, tuple[_Integration, ...]]
) -> Routing:
    nodes = (*reader.items(top, "time_intervals"), *reader.items(top, "mute_time_intervals"))
    intervals = read_intervals(reader, nodes)
    return Routing(
        read_route(reader, top.items["route"], tuple(receivers), tuple(intervals)),
        {
            name: tuple((each.receiver.name, each.send_resolved) for each in integrations)
            for name, integrations in receivers.items()
        },
        read_inhibit_rules(reader, reader.items(top, "inhibit_rules")),
        intervals,
    )


def _receiver(reader: YamlReader, node: YamlNode) -> tuple[str, tuple[_Integration, ...]] | None:
    """A receiver of an alertmanager.yml: its name and its integrations.

    One without any of its own gets that of tocsin.yaml with the same name.
    """
    if not isinstance(node, YamlMapping):
        reader.error(node.span, "a receiver must be a mapping")
        return None
    item = node
    if not reader.require(item, "name", "a receiver"):
        return None
    name = reader.string(item, "name")
    for key in item.items:
        if key not in {"name", "webhook_configs"}:
            what = f"receiver {name!r}: {key} is not supported"
            hint = f"give tocsin.yaml a receiver {name!r} and leave this one without {key}"
            reader.error(item.keys[key], what, hint)
    made = []
    for number, each in enumerate(reader.items(item, "webhook_configs")):
        body = reader.mapping(each, _WEBHOOK_KEYS, "a webhook")
        if "http_config" in body.items:
            reader.error(body.keys["http_config"], "http_config is not supported")
        url = reader.string(body, "url")
        if not url and (path := reader.string(body, "url_file")):
            try:
                url = Path(path).read_text().strip()
            except OSError as error:
                reader.error(reader.span_of(body, "url_file"), f"can't read it: {error.strerror}")
        if not url.startswith(("http://", "https://")):
            reader.error(body.span, "a webhook needs an http:// or https:// url")
            continue
        receiver = WebhookReceiver(
            f"{name}/webhook/{number}", url, max_alerts=reader.integer(body, "max_alerts", 0)
        )
        resolved = reader.boolean(body, "send_resolved", default=True)
        made.append(_Integration(receiver, resolved))
    return name, tuple(made)
