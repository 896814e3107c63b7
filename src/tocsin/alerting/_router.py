"""Grouping and repeating: alerts in, and at each moment the messages that are due.

Sources: Alertmanager documentation, "Alertmanager" (grouping, inhibition, silences) and
"Configuration" (`group_wait`, `group_interval`, `repeat_interval`); what is due was compared with a
running Alertmanager. Time is an argument, the state can be put down and taken up at any moment.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tocsin.alerting._model import Notification, NotifiedAlert, fingerprint
from tocsin.alerting._silences import Silence  # noqa: TC001 - msgspec reads it
from tocsin.durations import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.alerting._routes import Route, Routing, Sources

__all__ = ["Muted", "Routed", "Router", "RouterState"]


_KEPT = 5 * DAY
"""How long a silence that is over can be looked at; the ledger has it for ever."""


class Group(msgspec.Struct):
    """Alerts that are told together."""

    route: int
    """Its place in the walk of the tree."""
    labels: dict[str, str]
    next: int
    """When it is looked at again."""
    flushed: bool = False
    alerts: dict[str, NotifiedAlert] = {}
    """By fingerprint."""
    muted: dict[str, str] = {}
    """Alerts that were muted when last looked at, with the reason."""


class Logged(msgspec.Struct):
    """What an integration was told last of a group."""

    at: int
    firing: list[str] = []
    resolved: list[str] = []


class RouterState(msgspec.Struct):
    """Everything to go on from."""

    tree: str = ""
    """Which tree the groups are of."""
    groups: dict[str, Group] = {}
    """By group key."""
    log: dict[str, Logged] = {}
    """By group key and integration."""
    active: dict[str, dict[str, str]] = {}
    """Labels of all alerts that fire, by fingerprint."""
    silences: dict[str, Silence] = {}


@dataclass(frozen=True, slots=True)
class Muted:
    """An alert that is kept from receivers, from now on; or no longer, if there is no reason."""

    labels: Mapping[str, str]
    group_key: str
    reason: str


@dataclass(slots=True)
class Routed:
    """What is due."""

    notifications: list[Notification] = field(default_factory=list)
    muted: list[Muted] = field(default_factory=list)


class Router:
    """A routing tree at work."""

    def __init__(self, routing: Routing, state: RouterState | None = None, *, now: int = 0) -> None:
        """Alerts of a state that was made with another tree are routed anew."""
        self.routing = routing
        self._routes = list(routing.root.walk())
        self._places = {id(each): at for at, each in enumerate(self._routes)}
        self._sources: list[Sources] | None = None
        """For each inhibition rule; made when it is first asked after a change."""
        tree = hashlib.sha256(repr(routing.root).encode()).hexdigest()[:16]
        self.state = state or RouterState(tree)
        if self.state.tree != tree:
            alerts = [
                each for group in self.state.groups.values() for each in group.alerts.values()
            ]
            self.state.tree, self.state.groups = tree, {}
            self.put(alerts, now)

    @property
    def next_at(self) -> int | None:
        """When something may be due next."""
        return min((group.next for group in self.state.groups.values()), default=None)

    def put(self, alerts: Iterable[NotifiedAlert], now: int) -> None:
        """Alerts that began or ceased to fire."""
        self._sources = None
        for alert in alerts:
            name = fingerprint(alert.labels)
            if alert.status == "firing":
                self.state.active[name] = alert.labels
            else:
                self.state.active.pop(name, None)
            for route in self.routing.root.match(alert.labels):
                self._insert(route, name, alert, now)

    def _insert(self, route: Route, name: str, alert: NotifiedAlert, now: int) -> None:
        labels = route.group_labels(alert.labels)
        listed = ", ".join(f'{key}="{_quoted(value)}"' for key, value in sorted(labels.items()))
        key = f"{route.key}:{{{listed}}}"
        place = self._places[id(route)]
        # Two routes with the same matchers are two groups.
        group = self.state.groups.get(f"{place} {key}")
        if group is None:
            if alert.status != "firing" and not self._told(key, route):
                return
            group = Group(place, labels, now + route.group_wait)
            self.state.groups[f"{place} {key}"] = group
        group.alerts[name] = alert
        if not group.flushed and alert.starts_at + route.group_wait < now:
            group.next = min(group.next, now)

    def _told(self, key: str, route: Route) -> bool:
        return any(
            f"{key} {name}" in self.state.log
            for name, _ in self.routing.receivers.get(route.receiver, ())
        )

    def due(self, now: int) -> Routed:
        """Look at every group whose time has come."""
        routed = Routed()
        ripe = [(group.next, key) for key, group in self.state.groups.items() if group.next <= now]
        for _, key in sorted(ripe):
            group = self.state.groups[key]
            route = self._routes[group.route]
            self._flush(key.partition(" ")[2], group, route, now, routed)
            group.flushed = True
            following = group.next + route.group_interval
            group.next = following if following > now else now + route.group_interval
            group.alerts = {n: each for n, each in group.alerts.items() if each.status == "firing"}
            if not group.alerts:
                del self.state.groups[key]
        if ripe:
            self._forget(now)
        return routed

    def _flush(self, key: str, group: Group, route: Route, now: int, routed: Routed) -> None:
        told: dict[str, NotifiedAlert] = {}
        muted: dict[str, str] = {}
        by_time = self.routing.muted_by_time(route, now)
        for name, alert in sorted(group.alerts.items()):
            reason = self._muted(alert.labels, now) or (by_time and f"time interval: {by_time}")
            if reason:
                muted[name] = reason
            else:
                told[name] = alert
        for name, alert in sorted(group.alerts.items()):
            if muted.get(name, "") != group.muted.get(name, ""):
                routed.muted.append(Muted(alert.labels, key, muted.get(name, "")))
        group.muted = muted
        if not told:
            return
        for integration, send_resolved in self.routing.receivers.get(route.receiver, ()):
            self._tell(key, group, route, integration, told, now, routed, resolved=send_resolved)

    def muted_by(self, labels: Mapping[str, str], now: int) -> tuple[list[str], list[str]]:
        """The ids of silences, and the fingerprints of alerts, that keep an alert back."""
        silences = [each.id for each in self.state.silences.values() if each.mutes(labels, now)]
        if self._sources is None:
            firing = list(self.state.active.values())
            self._sources = [each.sources(firing) for each in self.routing.inhibit_rules]
        found = [
            rule.inhibitor(labels, sources)
            for rule, sources in zip(self.routing.inhibit_rules, self._sources, strict=True)
        ]
        return silences, [fingerprint(each) for each in found if each is not None]

    def _muted(self, labels: Mapping[str, str], now: int) -> str:
        silences, inhibitors = self.muted_by(labels, now)
        if silences:
            return f"silence: {', '.join(silences)}"
        if inhibitors:
            names = {self.state.active[each].get("alertname", "") for each in inhibitors}
            return f"inhibited by {', '.join(sorted(names))}"
        return ""

    def _tell(
        self, key: str, group: Group, route: Route, integration: str,
        alerts: dict[str, NotifiedAlert], now: int, routed: Routed, *, resolved: bool,
    ) -> None:  # fmt: skip
        firing = [name for name, each in alerts.items() if each.status == "firing"]
        ended = [name for name, each in alerts.items() if each.status != "firing"]
        entry = self.state.log.get(f"{key} {integration}")
        if not self._changed(entry, firing, ended, now, route.repeat_interval, resolved=resolved):
            return
        self.state.log[f"{key} {integration}"] = Logged(now, firing, ended)
        told = [each for each in alerts.values() if resolved or each.status == "firing"]
        if not told:
            return
        content = msgspec.json.encode([integration, key, now, firing, ended])
        routed.notifications.append(
            Notification(
                key=hashlib.sha256(content).hexdigest()[:32],
                receiver=integration,
                group_key=key,
                group_labels=group.labels,
                alerts=tuple(told),
                created=now,
            )
        )

    @staticmethod
    def _changed(
        entry: Logged | None, firing: list[str], ended: list[str], now: int, repeat: int,
        *, resolved: bool,
    ) -> bool:  # fmt: skip
        """Whether there is something to tell that was not told before, or that is told again."""
        if entry is None:
            return bool(firing)
        if not set(firing) <= set(entry.firing):
            return True
        if not firing:
            return bool(entry.firing)
        if resolved and not set(ended) <= set(entry.resolved):
            return True
        return entry.at < now - repeat

    def _forget(self, now: int) -> None:
        """Let go of what was told so long ago that it would be told again."""
        longest = 2 * max(route.repeat_interval for route in self._routes)
        self.state.log = {k: e for k, e in self.state.log.items() if e.at > now - longest}
        self.state.silences = {
            name: each for name, each in self.state.silences.items() if each.ends_at > now - _KEPT
        }


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
