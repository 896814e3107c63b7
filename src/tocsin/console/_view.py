"""What the HTTP API shows: the port the engine implements, and the plain values it hands over.

All times and durations are microseconds; a time of 0 means never.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tocsin.labels import EMPTY, Labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.alerting import Router, Silence
    from tocsin.correlation import By, Offender, TopOffender
    from tocsin.labels import Matcher
    from tocsin.promql import Result
    from tocsin.respond import Network
    from tocsin.series import Metadata
    from tocsin.store import LedgerPeriod

__all__ = [
    "AlarmView",
    "AlertView",
    "BuildInfo",
    "CorrelationView",
    "Identity",
    "LogGroupView",
    "Pushed",
    "RuleGroupView",
    "RuleView",
    "RuntimeInfo",
    "TargetView",
    "View",
]


@dataclass(frozen=True, slots=True)
class AlertView:
    """A pending or firing alert."""

    labels: Mapping[str, str]
    """With `alertname`."""
    annotations: Mapping[str, str]
    state: str
    """`pending` or `firing`."""
    active_at: int
    value: float
    keep_firing_since: int = 0


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule and how its last evaluation went."""

    type: str
    """`alerting` or `recording`."""
    name: str
    query: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """As written, templates included."""
    health: str = "unknown"
    """`ok`, `err` or `unknown`."""
    last_error: str = ""
    evaluation_time: int = 0
    """How long the last evaluation took."""
    last_evaluation: int = 0
    state: str = "inactive"
    """Alerting rules: `inactive`, `pending` or `firing`."""
    hold: int = 0
    """Alerting rules: `for`."""
    keep_firing_for: int = 0
    annotations: Mapping[str, str] = field(default_factory=dict)
    alerts: Sequence[AlertView] = ()


@dataclass(frozen=True, slots=True)
class RuleGroupView:
    """A rule group and how long its last round took."""

    name: str
    file: str
    interval: int
    rules: Sequence[RuleView]
    limit: int = 0
    evaluation_time: int = 0
    last_evaluation: int = 0


@dataclass(frozen=True, slots=True)
class TargetView:
    """A scrape target and how its last scrape went."""

    job: str
    url: str
    """Without a password in it."""
    labels: Labels
    health: str
    """`up`, `down` or `unknown`."""
    interval: int
    timeout: int
    last_error: str = ""
    last_scrape: int = 0
    last_duration: int = 0
    discovered: Labels = EMPTY
    """As configured; Prometheus shows it beside the final labels."""


@dataclass(frozen=True, slots=True)
class AlarmView:
    """A metric or composite alarm."""

    name: str
    type: str
    """`metric` or `composite`."""
    description: str
    state: str
    """`OK`, `ALARM` or `INSUFFICIENT_DATA`."""
    reason: str
    since: int
    evaluated: int
    """The end of the last window that was evaluated."""
    fed: bool
    """Whether a log group feeds it; if not, it is not evaluated."""
    firing: bool
    """Whether receivers were told, perhaps before its evaluation."""


@dataclass(frozen=True, slots=True)
class CorrelationView:
    """A Sigma rule that is an alert by itself, or a Sigma correlation."""

    name: str
    title: str
    level: str
    type: str
    """The kind of correlation, or `rule`."""
    alerts: int
    """Settled since the start."""
    firing: Sequence[Mapping[str, str]]
    """For each alert that fires, the group-by fields and their values."""
    offenders: Sequence[Offender]
    """The busiest, of what is settled."""
    unkeyed: int
    """Events that lack a group-by field."""


@dataclass(frozen=True, slots=True)
class LogGroupView:
    """A log group and how its lines were accounted for: read = counted + dropped."""

    name: str
    format: str
    files: int
    read: int
    counted: int
    dropped: Mapping[str, int]
    through: int
    """Everything up to here was read."""
    problems: Sequence[str]
    push: bool
    """Whether it takes events over HTTP."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of lines that were sent."""

    read: int
    counted: int
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """Which Tocsin this is."""

    version: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which daemon this is among all."""

    instance: str
    """The host and the id of the state folder."""
    program_sha256: str
    configuration_sha256: str
    external_labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """How this daemon runs."""

    start_time: int
    reload_succeeded: bool = True
    last_config_time: int = 0
    retention: str = ""
    """`15d`."""
    series: int = 0


class View(Protocol):
    """What the API asks of a running Tocsin.

    The methods that take time, `query` to `label_values`, are called from worker threads;
    the others on the event loop. They raise ParseError, UnsupportedError and QueryError.
    """

    def now(self) -> int: ...

    def query(self, text: str, time: int) -> Result:
        """Evaluate at one time."""
        ...

    def query_range(self, text: str, start: int, end: int, step: int) -> Result:
        """Evaluate at `start`, `start + step` and so on up to `end`."""
        ...

    def series(
        self, selectors: Sequence[Sequence[Matcher]], start: int, end: int
    ) -> Iterable[Labels]:
        """Label sets with a sample in `start <= time <= end` that satisfy any selector."""
        ...

    def label_names(
        self, selectors: Sequence[Sequence[Matcher]], start: int, end: int
    ) -> Iterable[str]:
        """Of the series that satisfy any selector, or of all if there is none."""
        ...

    def label_values(
        self, name: str, selectors: Sequence[Sequence[Matcher]], start: int, end: int
    ) -> Iterable[str]:
        """Of the series that satisfy any selector, or of all if there is none."""
        ...

    def rule_groups(self) -> Sequence[RuleGroupView]: ...

    def alerts(self) -> Sequence[AlertView]:
        """Pending and firing ones of all rules."""
        ...

    def targets(self) -> Sequence[TargetView]: ...

    def alarms(self) -> Sequence[AlarmView]: ...

    def correlations(self) -> Sequence[CorrelationView]: ...

    def offenders(self, start: int, end: int, number: int, by: By) -> Sequence[TopOffender]:
        """The busiest of a time, of the latest events that Sigma rules ask for."""
        ...

    def log_groups(self) -> Sequence[LogGroupView]: ...

    def ledger(self, start: int, end: int, kinds: Sequence[str]) -> LedgerPeriod:
        """Of `start <= time < end`, and what reaches into it. On worker threads; StoreError."""
        ...

    def blocked(self) -> Sequence[Network]:
        """Who is blocked now. On worker threads; StoreError."""
        ...

    def router(self) -> Router | None:
        """The routing tree at work, if there is one."""
        ...

    def set_silence(self, silence: Silence) -> None:
        """Add a silence, or put one in place of that with its id; the ledger keeps who and why."""
        ...

    def acknowledge(self, body: Mapping[str, Any]) -> None:
        """Write into the ledger that somebody has seen an alert."""
        ...

    async def push(
        self, log_group: str, data: bytes | Sequence[tuple[int, bytes]]
    ) -> Pushed | None:
        """Count lines, or events with their times; None if no such log group takes any.

        Raises StoreError where the lines can't be kept, and were not counted.
        """
        ...

    def metadata(self, metric: str | None, limit: int | None) -> Mapping[str, Sequence[Metadata]]:
        """By metric family, each different statement of a target once; `limit` families."""
        ...

    def build_info(self) -> BuildInfo: ...

    def runtime_info(self) -> RuntimeInfo: ...

    def identity(self) -> Identity: ...

    def metrics_text(self) -> str:
        """Tocsin's own metrics in the Prometheus text format 0.0.4."""
        ...

    def ready(self) -> tuple[bool, Sequence[str]]:
        """Whether it watches as it should, and if not, why."""
        ...
