"""Controls, what they need, and verdicts: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from tocsin.control._period import Period

__all__ = [
    "AlertsFired",
    "AlertsNow",
    "Ceiling",
    "Control",
    "Finding",
    "Kind",
    "Need",
    "RangeNeed",
    "RulesInForce",
    "Samples",
    "Source",
    "State",
    "TargetsNow",
    "TargetsUp",
    "Total",
    "Verdict",
]


class State(StrEnum):
    """What can be said of a control and a day. There is no default."""

    OPERATED = "operated"
    """Every input was there and nothing stood against it."""
    EXCEPTION = "exception"
    """A threshold was crossed, or an alert fired."""
    NO_DATA = "no-data"
    """Everything was asked, but something that must be there was not."""
    NOT_RUN = "not-run"
    """Something could not be asked, so the check was not made in full."""


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

    name: str
    """Names the input in the record."""

    def params(self, period: Period) -> tuple[tuple[str, str], ...]:  # noqa: ARG002 - some need it
        return ()


@dataclass(frozen=True, slots=True)
class RangeNeed(Need):
    """A query evaluated at every step of the period."""

    path: ClassVar[str] = "query_range"

    expr: str

    def params(self, period: Period) -> tuple[tuple[str, str], ...]:
        steps = period.steps
        last = steps[-1] if steps else period.end
        return (
            ("query", self.expr),
            ("start", str((period.start + steps.step) // 1_000_000)),
            ("end", str(max(last, period.start + steps.step) // 1_000_000)),
            ("step", str(steps.step // 1_000_000)),
        )


@dataclass(frozen=True, slots=True)
class Samples(RangeNeed):
    """The number of samples in each step: none may be without."""


@dataclass(frozen=True, slots=True)
class TargetsUp(RangeNeed):
    """The lowest `up` of each target in each step: 1 everywhere."""


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
class Total(Need):
    """A number over the whole period, for people and for reconciling."""

    path: ClassVar[str] = "query"

    expr: str
    """With `$period` where the duration of the period belongs."""
    what: str

    def params(self, period: Period) -> tuple[tuple[str, str], ...]:
        seconds = max(period.end - period.start, period.steps.step) // 1_000_000
        return (
            ("query", self.expr.replace("$period", f"{seconds}s")),
            ("time", str(period.end // 1_000_000)),
        )


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
