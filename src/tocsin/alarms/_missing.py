"""Which state the datapoints in the evaluation range give: M of N, and missing data.

Source: user guide, "Configuring how CloudWatch alarms treat missing data", its two tables
and "Avoiding premature transitions to alarm state". Where the prose contradicts the tables
(as it does for `0 - X - -`), the tables hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.alarms._vocabulary import StateValue

__all__ = ["Decision", "decide", "evaluation_range"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A state, and what it rests on."""

    value: StateValue | None
    """None to keep the state as it is."""
    used: tuple[int, ...]
    """The real datapoints that were counted, as positions, newest first."""
    filled: int = 0
    """How many missing ones were counted as the setting says."""


def evaluation_range(evaluation_periods: int) -> int:
    """How many periods are looked at.

    CloudWatch does not publish the formula. Its documentation looks at 5 periods for N = 3,
    and an alarm over one day is reported to need three or four days without data.
    """
    return evaluation_periods + max(2, evaluation_periods // 3)


def decide(breaching: Sequence[bool | None], m: int, n: int, treatment: str) -> Decision:
    """Hold the evaluation range against M of N; `breaching` is newest first, None is missing.

    As many real datapoints as there are, up to N, decide; only a shortfall is filled.
    """
    real = [position for position, each in enumerate(breaching) if each is not None]
    used = tuple(real[:n])
    bad = sum(1 for position in used if breaching[position])
    short = n - len(used)
    if not short:
        return Decision("ALARM" if bad >= m else "OK", used)
    if treatment in ("breaching", "notBreaching"):
        bad += short if treatment == "breaching" else 0
        return Decision("ALARM" if bad >= m else "OK", used, short)
    keep = treatment == "ignore"
    if not used:
        return Decision(None if keep else "INSUFFICIENT_DATA", used, short)
    if bad >= m:
        return Decision("ALARM", used)
    # All that is known is bad, and bad for long enough that the missing ones only delay it.
    if bad == len(used) and used[-1] + 1 >= m:
        return Decision(None if keep else "ALARM", used)
    return Decision("OK", used)
