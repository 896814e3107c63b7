"""JSON events: numbers keep their text, and no depth of nesting hides an event.

Python's own reader recurses, so how deep it reads depends on who calls it. Events nested
deeper than any sane one go through a reader with a stack of its own: slower, same answer.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Final

from tocsin.pattern._numbers import JsonNumber

__all__ = ["NOT_JSON", "NotJson", "read_json"]

_DEEPEST = 150
_TOKEN = re.compile(
    r'[ \t\n\r]*(?:([\[\]{},:"])|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)'
    r"|(true|false|null))",
    re.ASCII,
)
_BLANK = re.compile(r"[ \t\n\r]*")
_WORDS = {"true": True, "false": False, "null": None}


class NotJson(Enum):
    """The type of NOT_JSON."""

    NOT_JSON = "not JSON"


NOT_JSON: Final = NotJson.NOT_JSON


def _refuse(_: str) -> Any:
    raise ValueError


_decode = json.JSONDecoder(
    parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=_refuse
).decode


def read_json(text: str) -> Any:
    """The value of a text that is JSON as a whole, or NOT_JSON. Of equal keys the last counts."""
    try:
        if text.count("[") + text.count("{") <= _DEEPEST:
            return _decode(text)
        return _read_deep(text)
    except (ValueError, RecursionError):
        return NOT_JSON


def _read_deep(text: str) -> Any:
    """Read without recursion. Raises ValueError."""
    open_: list[Any] = []
    keys: list[str] = []
    root, at, opens = _value(text, 0)
    value = root
    while True:
        if opens:
            at, closed = _first(text, at, value)
            if not closed:
                open_.append(value)
                if isinstance(value, dict):
                    key, at = _key(text, at)
                    keys.append(key)
                value, at, opens = _element(text, at, open_[-1], keys)
                continue
        while open_:
            mark, at = _mark(text, at)
            inside_object = isinstance(open_[-1], dict)
            if mark == ",":
                if inside_object:
                    keys[-1], at = _key(text, at)
                break
            if mark != ("}" if inside_object else "]"):
                raise ValueError
            open_.pop()
            if inside_object:
                keys.pop()
        else:
            if _BLANK.fullmatch(text, at) is None:
                raise ValueError
            return root
        value, at, opens = _element(text, at, open_[-1], keys)


def _element(text: str, at: int, into: Any, keys: list[str]) -> tuple[Any, int, bool]:
    value, at, opens = _value(text, at)
    if isinstance(into, dict):
        into[keys[-1]] = value
    else:
        into.append(value)
    return value, at, opens


def _value(text: str, at: int) -> tuple[Any, int, bool]:
    match = _TOKEN.match(text, at)
    if match is None:
        raise ValueError
    mark, number, word = match.groups()
    if number is not None:
        return JsonNumber(number), match.end(), False
    if word is not None:
        return _WORDS[word], match.end(), False
    if mark == '"':
        value, end = scanstring(text, match.end(), True)
        return value, end, False
    if mark == "{":
        return {}, match.end(), True
    if mark == "[":
        return [], match.end(), True
    raise ValueError


def _mark(text: str, at: int) -> tuple[str, int]:
    match = _TOKEN.match(text, at)
    if match is None or match.group(1) is None:
        raise ValueError
    return match.group(1), match.end()


def _first(text: str, at: int, here: Any) -> tuple[int, bool]:
    """Step over the bracket that closes an empty container."""
    match = _TOKEN.match(text, at)
    if match is not None and match.group(1) == ("}" if isinstance(here, dict) else "]"):
        return match.end(), True
    return at, False


def _key(text: str, at: int) -> tuple[str, int]:
    mark, at = _mark(text, at)
    if mark != '"':
        raise ValueError
    key, at = scanstring(text, at, True)
    mark, at = _mark(text, at)
    if mark != ":":
        raise ValueError
    return str(key), at
