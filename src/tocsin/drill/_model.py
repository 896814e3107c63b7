"""What a drill sends, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.labels import Labels

__all__ = ["Drill", "SyntheticSeries"]


@dataclass(frozen=True, slots=True)
class SyntheticSeries:
    """One series of the attack; the first value is also the calm before it."""

    labels: Labels
    values: tuple[float | None, ...]
    """One each `interval`; None for none."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A synthetic attack by which an alert must fire and reach a receiver."""

    name: str
    control: str
    """Id of the control whose alert it tries."""
    alert: str
    receiver: str
    series: tuple[SyntheticSeries, ...]
    interval: int
    """Microseconds between two values."""
    within: int
    """Microseconds in which the receiver must have been told."""
    at: int | None
    """When it runs each day, microseconds after midnight UTC; None for only when asked."""
