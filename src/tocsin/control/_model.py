"""Controls, what they need, and verdicts: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from tocsin.control._period import STEP
from tocsin.durations import DAY, SECOND

if TYPE_CHECKING:
    from tocsin.control._period import Period

__all__ = [
    "Acknowledged",
    "AlarmsHeld",
    "AlarmsNow",
    "AlertmanagerAlerts",
    "AlertsFired",
    "AlertsNow",
    "Awake",
    "Ceiling",
    "ClockInStep",
    "CloudWatchAlarms",
    "CloudWatchHistory",
    "CloudWatchMetric",
    "Control",
    "DaysSealed",
    "Delivered",
    "Evaluations",
    "Finding",
    "Kind",
    "LedgerNeed",
    "LogGroupsNow",
    "LogsRead",
    "Need",
    "PinnedRule",
    "QueryNeed",
    "RangeNeed",
    "RulesHeld",
    "RulesInForce",
    "RulesUnchanged",
    "Samples",
    "Scrapes",
    "Silences",
    "Source",
    "SourceFlags",
    "State",
    "TargetsNow",
    "TargetsUp",
    "Total",
    "Verdict",
]


_LEDGER_KINDS = "configuration,gap,notification,start,state,stop"


class State(StrEnum):
    """What can be said of a control and a day. There is no default."""

    OPERATED = "operated"
    """Every input was there and nothing stood against it."""
    EXCEPTION = "exception"
    """A threshold was crossed, or an alert fired."""
    NO_DATA = "no-data"
    """Everything was asked, but something that must be there was not."""
    NOT_RUN = "not-run"
    """Something could not be asked, so the check was not made in full, or not at all."""
    LATE = "late"
    """The check was made after the day had been sealed: no record says this of itself."""


class Kind(StrEnum):
    """What an input says."""

    MET = "met"
    CROSSED = "crossed"
    LACKING = "lacking"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Need:
    """One input of a control: what is asked, and so what must be there."""

    path: ClassVar[str]
    """Below `/api/v1/`."""
    endpoint: ClassVar[str] = ""
    """Who is asked, where it is not that API."""

    name: str
    """Names the input in the record."""

    def params(self, period: Period) -> tuple[tuple[str, str], ...]:  # noqa: ARG002 - some need it
        return ()


@dataclass(frozen=True, slots=True)
class QueryNeed(Need):
    """A query whose answer can be computed again from samples."""

    expr: str

    def grid(self, period: Period) -> tuple[int, int, int]:
        """First and last time to evaluate at, and the step between; microseconds."""
        steps = period.steps
        first = period.start + STEP
        return first, max(steps[-1] if steps else period.end, first), STEP

    def text(self, _period: Period) -> str:
        """The query as it is asked."""
        return self.expr


@dataclass(frozen=True, slots=True)
class RangeNeed(QueryNeed):
    """A query evaluated at every step of the period."""

    path: ClassVar[str] = "query_range"

    def params(self, period: Period) -> tuple[tuple[str, str], ...]:
        start, end, step = self.grid(period)
        asked = ("query", self.text(period))
        return (asked, *_times(start, end), ("step", str(step // SECOND)))


@dataclass(frozen=True, slots=True)
class Samples(RangeNeed):
    """The number of samples in each step: none may be without."""


@dataclass(frozen=True, slots=True)
class TargetsUp(RangeNeed):
    """The lowest `up` of each target in each step: 1 everywhere."""

    expect: tuple[str, ...] = ()
    """Values of `instance` that must be among the targets."""


@dataclass(frozen=True, slots=True)
class Ceiling(RangeNeed):
    """A value at each step that must not go above `limit`."""

    limit: float
    what: str
    """What the value is, in words."""
    nan_is_quiet: bool = False
    """Whether NaN says that there was nothing to measure; it is never a pass by itself."""


@dataclass(frozen=True, slots=True)
class AlertsFired(RangeNeed):
    """The alerts that fired in each step; there may be none."""


@dataclass(frozen=True, slots=True)
class Total(QueryNeed):
    """A number over the whole period, for people and for reconciling."""

    path: ClassVar[str] = "query"

    what: str
    """The query has `$period` where the duration of the period belongs."""

    def grid(self, period: Period) -> tuple[int, int, int]:
        return period.end, period.end, STEP

    def text(self, period: Period) -> str:
        seconds = max(period.end - period.start, STEP) // SECOND
        return self.expr.replace("$period", f"{seconds}s")

    def params(self, period: Period) -> tuple[tuple[str, str], ...]:
        return (("query", self.text(period)), ("time", str(period.end // SECOND)))


@dataclass(frozen=True, slots=True)
class RulesInForce(Need):
    """The rules as the source reports them: all healthy, lately evaluated, these among them."""

    path: ClassVar[str] = "rules"

    required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertsNow(Need):
    """What fires at the moment of asking."""

    path: ClassVar[str] = "alerts"


@dataclass(frozen=True, slots=True)
class TargetsNow(Need):
    """The targets at the moment of asking: at least one, all up."""

    path: ClassVar[str] = "targets"


@dataclass(frozen=True, slots=True)
class Source(Need):
    """Which program answers."""

    path: ClassVar[str] = "status/buildinfo"


@dataclass(frozen=True, slots=True)
class SourceFlags(Need):
    """How a Prometheus was started: nobody can delete its series over HTTP."""

    path: ClassVar[str] = "status/flags"


@dataclass(frozen=True, slots=True)
class AlarmsNow(Need):
    """The alarms at the moment of asking: there, fed, evaluated, none in ALARM."""

    path: ClassVar[str] = "alarms"

    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogGroupsNow(Need):
    """The log groups at the moment of asking: there, read up to now, every line accounted for."""

    path: ClassVar[str] = "log_groups"

    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DaysSealed(Need):
    """The chain of sealed days up to the day before the period."""

    path: ClassVar[str] = "sealed"
    endpoint: ClassVar[str] = "the evidence folder"


@dataclass(frozen=True, slots=True)
class LedgerNeed(Need):
    """What the daemon wrote down about itself while the period went by."""

    path: ClassVar[str] = "ledger"
    kinds: ClassVar[str] = _LEDGER_KINDS

    def params(self, period: Period) -> tuple[tuple[str, str], ...]:
        return (*_times(period.start, period.end), ("kinds", self.kinds))


@dataclass(frozen=True, slots=True)
class Awake(LedgerNeed):
    """The daemon ran, and its disk took what it wrote."""


@dataclass(frozen=True, slots=True)
class Evaluations(LedgerNeed):
    """No evaluation was missed, and none failed."""


@dataclass(frozen=True, slots=True)
class Scrapes(LedgerNeed):
    """No scrape failed."""


@dataclass(frozen=True, slots=True)
class LogsRead(LedgerNeed):
    """No part of a log was lost before it was read."""


@dataclass(frozen=True, slots=True)
class PinnedRule:
    """An alerting rule that must be in force."""

    alert: str
    digest: str = ""
    """Of the definition, see `rule_digest`; empty where any will do."""


@dataclass(frozen=True, slots=True)
class RulesHeld(LedgerNeed):
    """The rules were in force at every moment, with the thresholds that were agreed."""

    required: tuple[PinnedRule, ...] = ()


@dataclass(frozen=True, slots=True)
class RulesUnchanged(LedgerNeed):
    """No rule file and no configuration changed; each change is for somebody to approve."""


@dataclass(frozen=True, slots=True)
class ClockInStep(LedgerNeed):
    """The clock was not set back."""


@dataclass(frozen=True, slots=True)
class Delivered(LedgerNeed):
    """Every notification was taken, in time."""

    within: int = 5 * 60 * SECOND
    """Microseconds."""


@dataclass(frozen=True, slots=True)
class Acknowledged(LedgerNeed):
    """Every alert was acknowledged by somebody in time; judged on the day on which time ran out."""

    kinds: ClassVar[str] = "acknowledgement,transition"

    within: int = DAY
    """Microseconds."""
    required: tuple[str, ...] = ()
    """Those that matter; all where empty."""

    def params(self, period: Period) -> tuple[tuple[str, str], ...]:
        return (*_times(max(period.start - self.within, 0), period.end), ("kinds", self.kinds))


@dataclass(frozen=True, slots=True)
class AlarmsHeld(LedgerNeed):
    """The alarms in each state, with start and end."""

    kinds: ClassVar[str] = "transition"

    required: tuple[str, ...] = ()
    """Those that matter; all where empty."""


@dataclass(frozen=True, slots=True)
class AlertmanagerAlerts(AlertsNow):
    """What fires in an Alertmanager at the moment of asking, silenced alerts too."""

    path: ClassVar[str] = "alertmanager/alerts"
    endpoint: ClassVar[str] = "Alertmanager: /api/v2/alerts"


@dataclass(frozen=True, slots=True)
class Silences(Need):
    """The silences of an Alertmanager that reach into the period, each for somebody to look at."""

    path: ClassVar[str] = "alertmanager/silences"
    endpoint: ClassVar[str] = "Alertmanager: /api/v2/silences"


@dataclass(frozen=True, slots=True)
class CloudWatchAlarms(AlarmsNow):
    """Metric alarms in AWS at the moment of asking: there, with actions, none in ALARM."""

    path: ClassVar[str] = "cloudwatch/alarms"
    endpoint: ClassVar[str] = "CloudWatch: DescribeAlarms"


@dataclass(frozen=True, slots=True)
class CloudWatchHistory(AlarmsHeld):
    """The history of alarms in AWS: each time in ALARM, each change of a definition."""

    path: ClassVar[str] = "cloudwatch/history"
    endpoint: ClassVar[str] = "CloudWatch: DescribeAlarmHistory"


@dataclass(frozen=True, slots=True)
class CloudWatchMetric(Need):
    """A metric in AWS with a value in each minute that stays at or below a limit."""

    path: ClassVar[str] = "cloudwatch/metric"
    endpoint: ClassVar[str] = "CloudWatch: GetMetricData"

    namespace: str
    metric: str
    stat: str
    limit: float
    what: str
    dimensions: tuple[tuple[str, str], ...] = ()

    def params(self, period: Period) -> tuple[tuple[str, str], ...]:
        return (
            ("namespace", self.namespace),
            ("metric", self.metric),
            ("stat", self.stat),
            *((f"dimension {name}", value) for name, value in self.dimensions),
            *_times(period.start, period.end),
        )


@dataclass(frozen=True, slots=True)
class Control:
    """What must be true every day, and what proves it."""

    id: str
    """Lower-case letters, digits and hyphens: it names the file."""
    version: int
    """Counts up with every change of what is asked or judged."""
    title: str
    objective: str
    frequency: str
    needs: tuple[Need, ...]
    owner: str = ""
    frameworks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """By framework, the identifiers that the control is evidence for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one input says, and about which time if it has one."""

    need: str
    kind: Kind
    text: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of a control and a period, with everything that led to it."""

    state: State
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """What decided the state first; of an operated control, what was found."""
        order = (Kind.CROSSED, Kind.UNANSWERED, Kind.LACKING)
        against = tuple(f.text for kind in order for f in self.findings if f.kind is kind)
        return against or tuple(f.text for f in self.findings)


def _times(start: int, end: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """As parameters: seconds since 1970 UTC."""
    return ("start", str(start // SECOND)), ("end", str(end // SECOND))
