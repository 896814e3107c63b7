"""What is no text in a Sigma document where a text must stand: pySigma stumbles over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import Problem
from tocsin.yamlfile import YamlMapping

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["misshapen"]

_TEXTS = "a text, or a list of texts"


def misshapen(content: dict[str, Any], node: YamlMapping) -> list[Problem]:
    """Each with its place."""
    places = {
        name: inner.keys
        for name in ("detection", "correlation")
        if isinstance(inner := node.items.get(name), YamlMapping)
    }
    return [
        Problem(places[part][key], f"{key} must be {expected}")
        for part, key, expected in _wrong(content)
        if part in places
    ]


def _wrong(content: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The part, the key, and what must stand there."""
    detection, correlation = content.get("detection"), content.get("correlation")
    if isinstance(detection, dict) and not _are_texts(detection.get("condition", "")):
        yield "detection", "condition", _TEXTS
    if not isinstance(correlation, dict):
        return
    for key in ("rules", "group-by"):
        if not _are_texts(correlation.get(key, "")):
            yield "correlation", key, _TEXTS
    condition = correlation.get("condition")
    if isinstance(condition, dict) and not _are_texts(condition.get("field", "")):
        yield "correlation", "condition", "such as {field: user.name, gte: 5}"
    aliases = correlation.get("aliases", {})
    if not (isinstance(aliases, dict) and all(map(_is_alias, aliases.values()))):
        yield "correlation", "aliases", "names, each with fields by rule: {ip: {rule: field}}"


def _are_texts(value: Any) -> bool:
    return all(isinstance(each, str) for each in (value if isinstance(value, list) else [value]))


def _is_alias(value: Any) -> bool:
    return isinstance(value, dict) and _are_texts([*value, *value.values()])
