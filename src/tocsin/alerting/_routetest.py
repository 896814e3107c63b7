"""Tests of a routing tree: label sets, and the receivers that they must reach.

```yaml
config: ../tocsin.yaml        # or an alertmanager.yml; default: tocsin.yaml beside this file
tests:
  - name: a page wakes the pager, and only it
    labels: {alertname: Down, severity: page}
    receivers: [pager]
  - name: what follows from it is muted
    time: 2026-11-22T03:00:00Z
    firing: [{alertname: Down, severity: page}]
    labels: {alertname: Slow, severity: info}
    muted: true
```
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tocsin.errors import FileErrors, Span
from tocsin.yamlfile import YamlMapping, YamlScalar, read_yaml
from tocsin.yamlreader import YamlReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.alerting._routes import Routing
    from tocsin.yamlfile import YamlNode

__all__ = ["RouteTest", "RouteTestFile", "load_route_tests", "muted_by", "run_route_tests"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS = {"name", "time", "firing", "labels", "receivers", "muted"}


@dataclass(frozen=True, slots=True)
class RouteTest:
    """One label set and what must become of it."""

    span: Span
    name: str
    time: int | None
    """Microseconds since 1970 UTC; None if time does not matter."""
    firing: tuple[Mapping[str, str], ...]
    """What else fires."""
    labels: Mapping[str, str]
    receivers: tuple[str, ...]
    """In the order of the tree."""
    muted: bool


@dataclass(frozen=True, slots=True)
class RouteTestFile:
    """A file of tests."""

    path: str
    config: str
    """The configuration they are about, as written; empty for the default."""
    tests: tuple[RouteTest, ...]


def load_route_tests(text: bytes, path: str) -> RouteTestFile:
    """Raises FileErrors with all that is wrong."""
    reader = YamlReader()
    top = reader.mapping(read_yaml(text, path), {"config", "tests"}, "a file of route tests")
    reader.require(top, "tests", "a file of route tests")
    tests = tuple(_test(reader, each) for each in reader.items(top, "tests"))
    if reader.failed:
        raise FileErrors(reader.problems)
    return RouteTestFile(path, reader.string(top, "config"), tests)


def _test(reader: YamlReader, node: YamlNode) -> RouteTest:
    item = reader.mapping(node, _KEYS, "a test")
    reader.require(item, "labels", "a test")
    muted = reader.boolean(item, "muted", default=False)
    if not muted:
        reader.require(item, "receivers", "a test")
    firing = []
    for each in reader.items(item, "firing"):
        if isinstance(each, YamlMapping):
            texts = {k: v.text for k, v in each.items.items() if isinstance(v, YamlScalar)}
            firing.append(texts)
        else:
            reader.error(each.span, "firing: labels must be a mapping")
    time: int | None = None
    if text := reader.string(item, "time"):
        try:
            moment = datetime.fromisoformat(text)
            time = (moment - _EPOCH) // timedelta(microseconds=1)
        except (ValueError, TypeError):
            hint = "write it like 2026-11-22T03:00:00Z"
            reader.error(reader.span_of(item, "time"), f"not a time: {text[:40]!r}", hint)
    labels = {name: value for name, (value, _) in reader.string_map(item, "labels").items()}
    return RouteTest(
        item.span, reader.string(item, "name"), time, tuple(firing), labels,
        reader.strings(item, "receivers"), muted,
    )  # fmt: skip


def muted_by(routing: Routing, test: RouteTest) -> str:
    """What keeps an alert from every receiver; empty if nothing does."""
    for rule in routing.inhibit_rules:
        by = rule.inhibitor(test.labels, rule.sources(test.firing))
        if by is not None:
            return f"inhibited by {dict(by)}"
    routes = list(routing.root.match(test.labels))
    reasons = [routing.muted_by_time(route, test.time) for route in routes if test.time is not None]
    if reasons and all(reasons):
        return f"time interval: {reasons[0]}"
    return ""


def run_route_tests(file: RouteTestFile, routing: Routing) -> list[str]:
    """What is not as it must be, each with its place."""
    failures = []
    for test in file.tests:
        by = muted_by(routing, test)
        reached = [
            route.receiver
            for route in routing.root.match(test.labels)
            if not by and (test.time is None or not routing.muted_by_time(route, test.time))
        ]
        told = f"{test.span}: {test.name or dict(test.labels)}: "
        if test.muted and not by:
            failures.append(f"{told}must be muted, and reaches {', '.join(reached)}")
        elif not test.muted and reached != list(test.receivers):
            expected = ", ".join(test.receivers) or "nobody"
            got = by or ", ".join(reached) or "nobody"
            failures.append(f"{told}expected {expected}; got {got}")
    return failures
