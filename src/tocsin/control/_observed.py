"""What was seen: answers after reading, before judging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AlarmSeen",
    "AlarmsSeen",
    "AlertSeen",
    "AlertsSeen",
    "BuildSeen",
    "Entry",
    "FlagsSeen",
    "LedgerSeen",
    "LogGroupSeen",
    "LogGroupsSeen",
    "Observation",
    "Row",
    "RuleSeen",
    "RulesSeen",
    "SealedSeen",
    "SeriesSeen",
    "SilenceSeen",
    "SilencesSeen",
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


@dataclass(frozen=True, slots=True)
class FlagsSeen:
    """How the program that answered was started."""

    flags: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmSeen:
    """An alarm and its state."""

    name: str
    state: str
    fed: bool
    evaluated: int


@dataclass(frozen=True, slots=True)
class AlarmsSeen:
    """All alarms of the source."""

    asked: int
    alarms: tuple[AlarmSeen, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogGroupSeen:
    """A log group and how its lines were accounted for."""

    name: str
    read: int
    counted: int
    dropped: int
    through: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogGroupsSeen:
    """All log groups of the source."""

    asked: int
    groups: tuple[LogGroupSeen, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger."""

    seq: int
    time: int
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LedgerSeen:
    """What the ledger says of a period."""

    asked: int
    carried: tuple[Entry, ...]
    """What was in force, or open, when the period began; in order, all from before it."""
    entries: tuple[Entry, ...]
    """Of the period itself, in order."""
    after: tuple[Entry, ...]
    """Later ones that reach back into the period."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SealedSeen:
    """The sealed days of an evidence folder."""

    days: int
    last: str
    """`YYYYMMDD`, empty where there is none."""
    checkpoint: str
    gaps: tuple[str, ...] = ()
    """Days that are missing between the first and the last."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SilenceSeen:
    """Alerts that were kept from people, by whom and until when."""

    author: str
    comment: str
    matchers: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SilencesSeen:
    """All silences that the source still knows."""

    asked: int
    silences: tuple[SilenceSeen, ...]
    warnings: tuple[str, ...] = ()


Observation = (
    Unanswered
    | SeriesSeen
    | RulesSeen
    | AlertsSeen
    | TargetsSeen
    | BuildSeen
    | FlagsSeen
    | AlarmsSeen
    | LogGroupsSeen
    | LedgerSeen
    | SealedSeen
    | SilencesSeen
)
