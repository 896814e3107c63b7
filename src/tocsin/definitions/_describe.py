"""What `aws logs describe-metric-filters` and `aws cloudwatch describe-alarms` print.

Source: API reference of CloudWatch Logs, `DescribeMetricFilters` (keys begin in lower case);
of CloudWatch, `DescribeAlarms` (keys begin in upper case).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.definitions._resource import Kind, Resource
from tocsin.definitions._tree import Node, from_json, text
from tocsin.errors import Problem, Span

if TYPE_CHECKING:
    from tocsin.definitions._resource import Reading

__all__ = ["is_describe", "read_describe"]

_LISTS: dict[str, Kind] = {
    "metricFilters": "metric filter",
    "MetricFilters": "metric filter",
    "MetricAlarms": "alarm",
    "CompositeAlarms": "composite alarm",
}
_TOKENS = ("nextToken", "NextToken")


def is_describe(top: Any) -> bool:
    """Whether it is such an answer, or a list of them as `jq -s` makes of pages."""
    pages = top if isinstance(top, list) else [top]
    return bool(pages) and all(
        isinstance(page, dict) and any(isinstance(page.get(key), list) for key in _LISTS)
        for page in pages
    )


def read_describe(top: Any, path: str, reading: Reading) -> None:
    pages = top if isinstance(top, list) else [top]
    for number, page in enumerate(pages):
        base = f"/{number}" if isinstance(top, list) else ""
        for key, kind in _LISTS.items():
            entries = page.get(key)
            for index, entry in enumerate(entries if isinstance(entries, list) else ()):
                node = from_json(entry, path, f"{base}/{key}/{index}")
                if not isinstance(node.value, dict):
                    reading.errors.append(Problem(node.span, f"{key} must hold mappings"))
                    continue
                body = _pascal(node) if kind == "metric filter" else node
                name = body.get("FilterName" if kind == "metric filter" else "AlarmName")
                label = text(name) or f"number {index}"
                reading.resources.append(Resource(kind, label, body))
    if any(pages[-1].get(token) for token in _TOKENS):
        what = "the answer has further pages, which are not in this file"
        hint = "run the command without --max-items, or give all pages"
        reading.warnings.append(Problem(Span(path), what, hint, "warning"))


def _pascal(node: Node) -> Node:
    """Field names of the Logs API with a capital; names of dimensions stay."""
    if isinstance(node.value, dict):
        return Node(
            node.span,
            {
                key[:1].upper() + key[1:]: each if key.lower() == "dimensions" else _pascal(each)
                for key, each in node.value.items()
            },
        )
    if isinstance(node.value, list):
        return Node(node.span, [_pascal(each) for each in node.value])
    return node
