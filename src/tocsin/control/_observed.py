"""What was seen: answers after reading, before judging."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "AlertSeen",
    "AlertsSeen",
    "BuildSeen",
    "Observation",
    "Row",
    "RuleSeen",
    "RulesSeen",
    "SeriesSeen",
    "TargetSeen",
    "TargetsSeen",
    "Unanswered",
]

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer that can be read."""

    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One series of an answer."""

    labels: Pairs
    points: tuple[tuple[int, float], ...]
    """Times in microseconds, and values."""


@dataclass(frozen=True, slots=True)
class SeriesSeen:
    """The answer to a query."""

    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()
    """A source that warns has not answered in full."""


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """A rule as the source reports it."""

    group: str
    file: str
    interval: int
    type: str
    name: str
    definition_sha256: str
    health: str
    last_evaluation: int
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class RulesSeen:
    """All rules of the source."""

    asked: int
    rules: tuple[RuleSeen, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertSeen:
    """An active alert."""

    labels: Pairs
    state: str
    active_at: int


@dataclass(frozen=True, slots=True)
class AlertsSeen:
    """All active alerts of the source."""

    asked: int
    alerts: tuple[AlertSeen, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetSeen:
    """A target and its health."""

    job: str
    instance: str
    health: str
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class TargetsSeen:
    """All active targets of the source."""

    asked: int
    targets: tuple[TargetSeen, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildSeen:
    """Which program answered."""

    name: str
    version: str
    warnings: tuple[str, ...] = ()


Observation = Unanswered | SeriesSeen | RulesSeen | AlertsSeen | TargetsSeen | BuildSeen
