"""Mistakes in a Sigma document: those that pySigma lets pass, and the place and hint of the rest.

Sigma allows keys of one's own in a rule, so an unknown key of a rule is at most a warning. In
`correlation` an unknown key is a mistake: without its `group-by` a correlation counts everybody
together. Source: Sigma specification 2.1.0, "Sigma rules" and "Sigma correlation rules".
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from tocsin.correlation._specified import EXTRA_MODIFIERS
from tocsin.errors import ParseError, Problem
from tocsin.yamlfile import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tocsin.errors import Span
    from tocsin.yamlfile import YamlNode

__all__ = ["note_mistakes", "sentence", "unknown_keys"]

_CORRELATION = frozenset({
    "aliases", "condition", "generate", "group-by", "rules", "timespan", "type",
})  # fmt: skip
_TELLING = ("level", "name", "tags")
"""Optional keys of a rule that change what its alerts say; the others nobody misses."""
_LOG_SOURCE = ("category", "product", "service")
_ALIKE = 0.75
"""How much a word must be like another to be taken for a slip, 0 to 1."""
_PLACES = {
    "SigmaCorrelationConditionError": "condition",
    "SigmaCorrelationTypeError": "type",
    "SigmaTimespanError": "timespan",
}
"""Of what kind of mistake which key in `correlation` is the place."""
_HINTS = {
    "SigmaCorrelationConditionError": "such as `condition: {gte: 5}`",
    "SigmaCorrelationTypeError": "event_count, value_count, temporal, temporal_ordered, "
    "value_sum, value_avg, value_median or value_percentile",
    "SigmaLevelError": "informational, low, medium, high or critical",
    "SigmaLogsourceError": "such as `logsource: {product: linux, service: sshd}`",
    "SigmaTimespanError": "a number and a unit, such as 90s, 10m, 1h or 1d",
}


def unknown_keys(node: YamlMapping) -> list[Problem]:
    """Keys and modifiers of a Sigma document that mean nothing, where they would mean much."""
    found = [
        _unknown(node.keys[key], f"key {key!r} in the rule", near, severity="warning")
        for key, near in _slips(node, _TELLING)
    ]
    source = node.items.get("logsource")
    if isinstance(source, YamlMapping):
        found += [
            _unknown(source.keys[key], f"key {key!r} in logsource", near, severity="warning")
            for key, near in _slips(source, _LOG_SOURCE)
        ]
    correlation = node.items.get("correlation")
    if isinstance(correlation, YamlMapping):
        found += [
            _unknown(span, f"key {key!r} in correlation", _near(key, _CORRELATION), _CORRELATION)
            for key, span in correlation.keys.items()
            if key not in _CORRELATION
        ]
    return found + _unknown_modifiers(node)


def note_mistakes(errors: Collection[Exception], node: YamlMapping) -> list[Problem]:
    """What pySigma found in a document, each with its place and what to do about it."""
    modifiers = bool(_unknown_modifiers(node))
    return [
        _problem(each, node)
        for each in errors
        if not (modifiers and type(each).__name__ == "SigmaModifierError")
    ]


def _problem(error: Exception, node: YamlMapping) -> Problem:
    cause = error.__cause__
    if isinstance(cause, ParseError):
        return Problem(_place(error, node), cause.what, cause.hint)
    return Problem(_place(error, node), sentence(error), _HINTS.get(type(error).__name__, ""))


def _slips(node: YamlMapping, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Unknown keys and the absent known one that each looks like."""
    for key in node.keys:
        near = _near(key, known)
        if near and near != key and near not in node.keys:
            yield key, near


def _unknown_modifiers(node: YamlMapping) -> list[Problem]:
    from sigma.modifiers import modifier_mapping  # noqa: PLC0415 - an extra

    found, known = [], modifier_mapping.keys() | EXTRA_MODIFIERS.keys()
    for key, span in _field_keys(node.items.get("detection")):
        for name in key.split("|")[1:]:
            if name not in known:
                near = _near(name, known)
                found.append(_unknown(span, f"modifier {name!r}", near, known))
    return found


def _field_keys(node: YamlNode | None) -> Iterator[tuple[str, Span]]:
    if isinstance(node, YamlMapping):
        yield from node.keys.items()
        for inner in node.items.values():
            yield from _field_keys(inner)
    elif isinstance(node, YamlList):
        for inner in node.items:
            yield from _field_keys(inner)


def _near(word: str, known: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(word, list(known), 1, _ALIKE)), "")


def _unknown(
    span: Span, what: str, near: str, known: Collection[str] = (), severity: str = "error"
) -> Problem:
    hint = f"did you mean {near!r}?" if near else f"known: {', '.join(sorted(known))}"
    return Problem(span, f"unknown {what}", hint, severity)


def _place(error: Exception, node: YamlMapping) -> Span:
    """The key whose value the mistake is in, as near as the kind of mistake tells."""
    name = type(error).__name__
    inner = node.items.get("correlation")
    if isinstance(inner, YamlMapping) and _PLACES.get(name) in inner.keys:
        return inner.keys[_PLACES[name]]
    kind = name.lower()
    for key in ("correlation", "logsource", "level", "status", "date", "tags", "title", "id"):
        if key in kind:
            return node.keys.get(key, node.span)
    return node.keys.get("detection", node.keys.get("correlation", node.span))


def sentence(error: Exception) -> str:
    """The words of an error of pySigma, in one line."""
    args: tuple[Any, ...] = error.args
    return " ".join(str(args[0] if args else error).split())
