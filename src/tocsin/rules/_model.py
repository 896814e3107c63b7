"""Rule groups as loaded: frozen, each rule with its parsed query and its place."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.errors import Problem, Span
    from tocsin.promql import Query
    from tocsin.rules._template import Template

__all__ = ["AlertingRule", "RecordingRule", "Rule", "RuleFile", "RuleGroup", "rule_digest"]


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """Writes a query's result as a new series."""

    record: str
    """The metric name."""
    query: Query
    labels: dict[str, str]
    span: Span

    @property
    def name(self) -> str:
        return self.record


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """An alert for each element that a query yields."""

    alert: str
    query: Query
    hold: int
    """`for`, microseconds."""
    keep_firing_for: int
    """Microseconds."""
    labels: dict[str, Template]
    annotations: dict[str, Template]
    span: Span

    @property
    def name(self) -> str:
        return self.alert


Rule = RecordingRule | AlertingRule


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that run in order at one time."""

    name: str
    path: str
    """The file that holds it."""
    interval: int
    """Microseconds; 0 where the file leaves it to the configuration."""
    limit: int
    """The most elements a rule may yield; 0 for no limit."""
    query_offset: int
    """Microseconds by which evaluation looks back."""
    rules: tuple[Rule, ...]

    @property
    def key(self) -> str:
        """Names the group among all files: `<path>;<name>`."""
        return f"{self.path};{self.name}"


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file that loaded, with the warnings it deserves."""

    path: str
    sha256: str
    groups: tuple[RuleGroup, ...]
    warnings: tuple[Problem, ...] = field(default=())
    text: bytes = field(default=b"", repr=False)
    """As it was read."""

    @property
    def alerts(self) -> dict[str, list[str]]:
        """Digests of the alerting rules by name."""
        found: dict[str, list[str]] = {}
        for group in self.groups:
            for rule in group.rules:
                if isinstance(rule, AlertingRule):
                    digest = rule_digest(
                        rule.alert, rule.query.text, rule.hold, rule.keep_firing_for
                    )
                    found.setdefault(rule.alert, []).append(digest)
        return found


def rule_digest(alert: str, expr: str, hold: int, keep_firing_for: int) -> str:
    """What tells whether a rule still is what was agreed: name, expression and durations.

    Durations are microseconds; white space in the expression does not count.
    """
    definition = [alert, " ".join(expr.split()), hold, keep_firing_for]
    return hashlib.sha256(json.dumps(definition).encode()).hexdigest()[:16]
