"""What the specification has and pySigma has not, said in words that pySigma knows.

Sources: Sigma specification 2.1.0, "Sigma correlation rules" (`generate` stands beside `level`; a
condition may be a range), and appendix "modifiers" (`wide` is another name of `utf16le`).
"""

from __future__ import annotations

from typing import Any

__all__ = ["EXTRA_MODIFIERS", "as_pysigma", "range_of"]

EXTRA_MODIFIERS = {"utf16le": "wide"}
"""Modifiers by what pySigma calls them."""
_LOWER = frozenset({"gt", "gte"})
_UPPER = frozenset({"lt", "lte"})


def range_of(condition: object) -> tuple[str, str] | None:
    """The operators at the lower and the upper end, if a condition is a range."""
    if not isinstance(condition, dict):
        return None
    lower, upper = sorted(_LOWER & condition.keys()), sorted(_UPPER & condition.keys())
    if len(lower) != 1 or len(upper) != 1 or {"eq", "neq"} & condition.keys():
        return None
    return lower[0], upper[0]


def as_pysigma(content: dict[str, Any]) -> dict[str, Any]:
    """The same document; of a range only its lower end."""
    body = content.get("correlation")
    if not isinstance(body, dict):
        return content | {"detection": _renamed(content.get("detection"))}
    condition = body.get("condition")
    ends = range_of(condition)
    if ends is not None and isinstance(condition, dict):
        rest = {key: value for key, value in condition.items() if key != ends[1]}
        body = body | {"condition": rest}
    if "generate" in content and "generate" not in body:
        body = body | {"generate": content["generate"]}
    return content | {"correlation": body}


def _renamed(detection: Any) -> Any:
    if isinstance(detection, list):
        return [_renamed(each) for each in detection]
    if not isinstance(detection, dict):
        return detection
    return {_key(key): _renamed(value) for key, value in detection.items()}


def _key(key: Any) -> Any:
    if not isinstance(key, str):
        return key
    field, *modifiers = key.split("|")
    return "|".join([field, *(EXTRA_MODIFIERS.get(each, each) for each in modifiers)])
