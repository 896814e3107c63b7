"""What a drill sends, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.labels import Labels

__all__ = ["Drill", "SyntheticLines", "SyntheticSeries"]


@dataclass(frozen=True, slots=True)
class SyntheticSeries:
    """One series of the attack; the first value is also the calm before it."""

    labels: Labels
    values: tuple[float | None, ...]
    """One each `interval`; None for none."""


@dataclass(frozen=True, slots=True)
class SyntheticLines:
    """Lines of a log, so many each `interval` until the alarm goes off."""

    log_group: str
    line: str
    """`$id` becomes the mark by which it is put apart, `$time` its time, `$number` its number."""
    count: int
    then: str = ""
    """A line that follows each time: what comes after, where a rule looks for an order."""
    file: str = ""
    """Where they are appended; empty to hand them to the log group as if they were sent."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A synthetic attack by which an alert must fire and reach a receiver."""

    name: str
    control: str
    """Id of the control whose alert it tries."""
    alert: str
    """An alerting rule; of lines, a metric alarm or a Sigma rule."""
    receiver: str
    series: tuple[SyntheticSeries, ...]
    """Empty where it sends lines."""
    interval: int
    """Microseconds between two values, or two times that lines are sent."""
    within: int
    """Microseconds in which the receiver must have been told."""
    at: int | None
    """When it runs each day, microseconds after midnight UTC; None for only when asked."""
    lines: SyntheticLines | None = None

    @property
    def sends(self) -> SyntheticLines:
        """Its lines. Raises TypeError if it sends series."""
        if self.lines is None:
            raise TypeError(f"the drill of {self.alert} sends series, not lines")
        return self.lines
