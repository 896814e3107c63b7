"""The routing tree: which receivers an alert goes to, and grouped how.

Source: Alertmanager documentation, "Configuration", `<route>` and `<inhibit_rule>`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.alerting._matchers import matchers_text, matches_all
from tocsin.durations import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tocsin.alerting._intervals import TimeInterval
    from tocsin.labels import Matcher

__all__ = ["GROUP_BY_ALL", "InhibitRule", "Route", "Routing"]

GROUP_BY_ALL = "..."
Sources = dict[tuple[str, ...], list["Mapping[str, str]"]]


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree; what it did not say itself it has from its parent."""

    receiver: str
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] = ()
    """`...` alone: each alert is a group."""
    group_wait: int = 30 * SECOND
    group_interval: int = 5 * MINUTE
    repeat_interval: int = 4 * HOUR
    goes_on: bool = False
    """`continue`: whether the next sibling is asked too."""
    mute: tuple[str, ...] = ()
    """Names of time intervals."""
    active: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    key: str = "{}"
    """The path of matchers from the root, as Alertmanager writes it."""

    def match(self, labels: Mapping[str, str]) -> Iterator[Route]:
        """The routes that take an alert, in order: the deepest of each branch."""
        if not matches_all(self.matchers, labels):
            return
        found = False
        for child in self.routes:
            taken = list(child.match(labels))
            yield from taken
            found |= bool(taken)
            if taken and not child.goes_on:
                break
        if not found:
            yield self

    def group_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        every = GROUP_BY_ALL in self.group_by
        return {name: labels[name] for name in sorted(labels) if every or name in self.group_by}

    def child_key(self, matchers: tuple[Matcher, ...]) -> str:
        return f"{self.key}/{matchers_text(matchers)}"

    def walk(self) -> Iterator[Route]:
        """This one and all below."""
        yield self
        for child in self.routes:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """An alert that matches the source mutes those that match the target."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def sources(self, firing: Iterable[Mapping[str, str]]) -> Sources:
        """The firing alerts that may mute others, by the values of the labels in `equal`."""
        found: Sources = {}
        for labels in firing:
            if matches_all(self.source, labels):
                place = tuple(labels.get(name, "") for name in self.equal)
                found.setdefault(place, []).append(labels)
        return found

    def inhibitor(self, labels: Mapping[str, str], sources: Sources) -> Mapping[str, str] | None:
        """The alert that mutes one with these labels.

        An alert that is source and target mutes no other that is both.
        """
        if not matches_all(self.target, labels):
            return None
        both = matches_all(self.source, labels)
        for other in sources.get(tuple(labels.get(name, "") for name in self.equal), ()):
            if not (both and matches_all(self.target, other)):
                return other
        return None


@dataclass(frozen=True, slots=True)
class Routing:
    """A routing configuration that holds together."""

    root: Route
    receivers: Mapping[str, tuple[tuple[str, bool], ...]]
    """By name: its integrations, each with whether it wants to hear that alerts are resolved."""
    inhibit_rules: tuple[InhibitRule, ...] = ()
    intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)

    def muted_by_time(self, route: Route, time: int) -> str:
        """The name of the interval that keeps a route mute now; empty if none does."""
        for name in route.mute:
            if any(each.contains(time) for each in self.intervals[name]):
                return name
        if route.active and not any(
            each.contains(time) for name in route.active for each in self.intervals[name]
        ):
            return f"not in {', '.join(route.active)}"
        return ""
