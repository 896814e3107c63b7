"""The names that rules have for fields and log sources, from the mapping files beside."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from tocsin.yamlfile import YamlList, YamlMapping, YamlNode, read_yaml

__all__ = ["field_names", "log_source", "security_event"]


def field_names(name: str) -> tuple[str, ...]:
    """Where an event may have the field that a rule names: under that name first."""
    return (name, *_fields().get(name, ()))


def log_source(kind: str, value: str) -> dict[str, tuple[str, ...]] | None:
    """Which fields hold which values in events of this log source; None if it isn't known."""
    return _sources().get((kind, value.lower()))


def security_event(name: str) -> dict[str, str] | None:
    """What a security event's name says of it; None if it is no such name."""
    prefixes, events = _events()
    return events.get(name, {}) if name.startswith(prefixes) else None


@cache
def _events() -> tuple[tuple[str, ...], dict[str, dict[str, str]]]:
    top = _mapping(_read("events.yaml")).items
    events = {
        name: {field: _texts(value)[0] for field, value in _mapping(node).items.items()}
        for name, node in _mapping(top["events"]).items.items()
    }
    return _texts(top["prefixes"]), events


@cache
def _fields() -> dict[str, tuple[str, ...]]:
    return {name: _texts(node) for name, node in _mapping(_read("fields.yaml")).items.items()}


@cache
def _sources() -> dict[tuple[str, str], dict[str, tuple[str, ...]]]:
    return {
        (kind, value): {name: _texts(each) for name, each in _mapping(what).items.items()}
        for kind, node in _mapping(_read("logsources.yaml")).items.items()
        for value, what in _mapping(node).items.items()
    }


def _read(name: str) -> YamlNode:
    return read_yaml((files(__package__) / "taxonomy" / name).read_bytes(), name)


def _mapping(node: YamlNode) -> YamlMapping:
    if not isinstance(node, YamlMapping):
        raise TypeError(f"{node.span}: not a mapping")
    return node


def _texts(node: YamlNode) -> tuple[str, ...]:
    if not isinstance(node, YamlList):
        raise TypeError(f"{node.span}: not a list")
    return tuple(each.text for each in node.items if not isinstance(each, YamlList | YamlMapping))
