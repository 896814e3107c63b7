"""A log group as configured: where its lines come from and how they are read."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.durations import SECOND

__all__ = ["LATENESS", "LogGroup"]

LATENESS = 30 * SECOND
"""How late an event may come by default: alarms look at a minute that long after its end."""


@dataclass(frozen=True, slots=True)
class LogGroup:
    """Files whose lines are one stream of events, and whether others may push events to it."""

    name: str
    paths: tuple[str, ...] = ()
    """Absolute patterns."""
    format: str = ""
    """A format or an expression; empty to find it by looking."""
    offset: int = 0
    """Seconds east of UTC, of stamps without a zone."""
    lateness: int = LATENESS
    """Microseconds."""
    push: bool = False
