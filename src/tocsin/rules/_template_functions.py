"""The functions of annotation templates.

Source: Prometheus documentation, "Template reference"; Go's `text/template`, "Functions".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from tocsin.durations import SECOND, parse_duration
from tocsin.errors import ParseError, QueryError
from tocsin.labels import compile_regex
from tocsin.rules._gofmt import format_value, sprint, sprintf
from tocsin.rules._humanize import (
    humanize,
    humanize1024,
    humanize_duration,
    humanize_percentage,
    humanize_timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FUNCTIONS", "Context", "Element", "Record", "truth"]


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a query's result, `.Labels` and `.Value` in a template."""

    labels: dict[str, str]
    value: float


class Record(dict[str, object]):
    """A mapping of which every field is known, unlike a label set."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a template can see."""

    labels: Mapping[str, str]
    """The element's labels, with the metric name."""
    value: float
    query: Callable[[str], list[Element]]
    """Evaluates an instant query at the rule's time; raises TocsinError."""
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""

    def dot(self) -> Record:
        return Record({
            "Labels": dict(self.labels),
            "ExternalLabels": dict(self.external_labels),
            "ExternalURL": self.external_url,
            "Value": self.value,
        })  # fmt: skip

    def variables(self) -> dict[str, object]:
        dot = self.dot()
        return {
            "$": dot,
            "$labels": dot["Labels"],
            "$externalLabels": dot["ExternalLabels"],
            "$externalURL": self.external_url,
            "$value": self.value,
        }


def truth(value: object) -> bool:
    """Go's truth: not the zero value, not empty. NaN is not zero."""
    return value is not None and (bool(value) or isinstance(value, Element))


def _number(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value.replace("_", "?"))
        except ValueError:
            raise QueryError(f"can't read {value[:40]!r} as a number") from None
    raise QueryError(f"can't convert {format_value(value)[:40]} to a number")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise QueryError(f"wrong type for value; expected string; got {format_value(value)[:40]}")


def _elements(value: object) -> list[Element]:
    if isinstance(value, list) and all(isinstance(item, Element) for item in value):
        return value
    raise QueryError("expected the result of a query")


def _first(value: object) -> Element:
    elements = _elements(value)
    if not elements:
        raise QueryError("first() called on vector with no elements")
    return elements[0]


def _element(value: object) -> Element:
    if isinstance(value, Element):
        return value
    raise QueryError("expected an element of a query's result")


def _strip_port(host: str) -> str:
    match = re.fullmatch(r"\[(.*)\]:[0-9]+|([^:]*):[0-9]+", host)
    return next(part for part in match.groups() if part is not None) if match else host


def _strip_domain(host: str) -> str:
    bare = _strip_port(host)
    port = host[len(bare) :] if host.startswith(bare) else ""
    if re.fullmatch(r"[0-9.]+|[0-9a-fA-F:\[\]]+", bare):
        return host
    return bare.split(".", 1)[0] + port


def _compare(name: str, left: object, right: object) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        if name in {"eq", "ne"} and isinstance(left, bool) and isinstance(right, bool):
            return (left == right) is (name == "eq")
        raise QueryError(f"{name}: incompatible types for comparison")
    # Go compares neither an integer with a float nor a string with a number.
    if type(left) is not type(right) or not isinstance(left, (int, float, str)):
        raise QueryError(f"{name}: incompatible types for comparison")
    a: Any = left
    b: Any = right
    # NOTE: as in Go, "greater" is "not less or equal", which NaN tells apart.
    operations: dict[str, bool] = {
        "eq": a == b, "ne": a != b, "lt": a < b, "le": a < b or a == b,
        "gt": not (a < b or a == b), "ge": not a < b,
    }  # fmt: skip
    return operations[name]


def _index(container: object, *keys: object) -> object:
    for key in keys:
        if isinstance(container, dict) and isinstance(key, str):
            container = container.get(key, "")
        elif isinstance(container, (list, str)) and isinstance(key, int):
            if not 0 <= key < len(container):
                raise QueryError(f"index out of range: {key}")
            container = container[key]
        else:
            raise QueryError("can't index that value")
    return container


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, (dict, list)):
        return len(value)
    raise QueryError("len of a value that has no length")


def _replace(pattern: object, replacement: object, text: object) -> str:
    regex = compile_regex(_text(pattern))
    into = re.sub(r"\\", r"\\\\", _text(replacement))
    into = re.sub(r"\$\$|\$\{?(\w+)\}?", lambda m: f"\\{m[1]}" if m[1] else "$", into)
    try:
        return str(regex.sub(into, _text(text)))
    except Exception as error:  # noqa: BLE001 - the binding raises its own kinds
        raise QueryError(f"reReplaceAll: {error}") from None


def _duration(text: object) -> float:
    try:
        return parse_duration(_text(text)) / SECOND
    except ParseError as error:
        raise QueryError(error.what) from None


def _logic(name: str, *values: object) -> object:
    wanted = name == "or"
    return next((value for value in values if truth(value) is wanted), values[-1])


def _query(context: Context, text: object) -> list[Element]:
    return context.query(_text(text))


def _sort_by_label(value: object, label: object) -> list[Element]:
    name = _text(label)
    return sorted(_elements(value), key=lambda element: element.labels.get(name, ""))


def _title(text: str) -> str:
    return re.sub(r"(^|[\s])(\S)", lambda m: m[1] + m[2].upper(), text)


def _graph(kind: int) -> Callable[..., str]:
    def link(expression: object) -> str:
        return f"/graph?g0.expr={quote_plus(_text(expression))}&g0.tab={kind}"

    return link


_HTML = str.maketrans({"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;",
                       "<": "&lt;", ">": "&gt;"})  # fmt: skip
_JS = str.maketrans({
    "\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026",
    "=": "\\u003D", **{chr(code): f"\\u{code:04X}" for code in range(32)},
})  # fmt: skip


def _plain(function: Callable[..., object]) -> Callable[..., object]:
    """Adapt a function that needs no context; a wrong number of arguments is a template error."""

    def call(_context: Context, *arguments: object) -> object:
        try:
            return function(*arguments)
        except (TypeError, OverflowError) as error:
            raise QueryError(f"wrong arguments: {error}") from None

    return call


_PLAIN: dict[str, Callable[..., object]] = {
    "first": _first,
    "label": lambda name, element: _element(element).labels.get(_text(name), ""),
    "value": lambda element: _element(element).value,
    "strvalue": lambda element: _element(element).labels.get("__value__", ""),
    "sortByLabel": lambda label, value: _sort_by_label(value, label),
    "args": lambda *values: {f"arg{position}": value for position, value in enumerate(values)},
    "humanize": lambda value: humanize(_number(value)),
    "humanize1024": lambda value: humanize1024(_number(value)),
    "humanizeDuration": lambda value: humanize_duration(_number(value)),
    "humanizePercentage": lambda value: humanize_percentage(_number(value)),
    "humanizeTimestamp": lambda value: humanize_timestamp(_number(value)),
    "toTime": lambda value: humanize_timestamp(_number(value)),
    "parseDuration": _duration,
    "title": lambda text: _title(_text(text)),
    "toUpper": lambda text: _text(text).upper(),
    "toLower": lambda text: _text(text).lower(),
    "match": lambda pattern, text: compile_regex(_text(pattern)).search(_text(text)) is not None,
    "reReplaceAll": _replace,
    "stripPort": lambda host: _strip_port(_text(host)),
    "stripDomain": lambda host: _strip_domain(_text(host)),
    "graphLink": _graph(0),
    "tableLink": _graph(1),
    "safeHtml": _text,
    "urlQueryEscape": lambda text: quote_plus(_text(text)),
    "printf": lambda layout, *values: sprintf(_text(layout), values),
    "print": lambda *values: sprint(values),
    "println": lambda *values: " ".join(format_value(value) for value in values) + "\n",
    "len": _length,
    "index": _index,
    "not": lambda value: not truth(value),
    "and": lambda *values: _logic("and", *values),
    "or": lambda *values: _logic("or", *values),
    "eq": lambda left, *rest: any(_compare("eq", left, each) for each in rest),
    **{
        name: (lambda left, right, name=name: _compare(name, left, right))
        for name in ("ne", "lt", "le", "gt", "ge")
    },
    "html": lambda *values: sprint(values).translate(_HTML),
    "js": lambda *values: sprint(values).translate(_JS),
    "urlquery": lambda *values: quote_plus(sprint(values)),
}

FUNCTIONS: dict[str, Callable[..., object]] = {
    **{name: _plain(function) for name, function in _PLAIN.items()},
    "query": _query,
    "externalURL": lambda context: context.external_url,
    "pathPrefix": lambda context: re.sub(r"^[a-z]+://[^/]*", "", context.external_url),
}
