"""Time intervals: when a route is mute, or the only times that it is active.

Source: Alertmanager documentation, "Configuration", `<time_interval>`. Ranges of times exclude
their end; all others include it. Days of the month may count from its end.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import tzinfo

__all__ = ["TimeInterval"]

Range = tuple[int, int]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """All that is given must hold, each list by one of its ranges. An empty list never holds."""

    times: tuple[Range, ...] | None = None
    """Minutes of the day."""
    weekdays: tuple[Range, ...] | None = None
    """0 is Sunday."""
    days_of_month: tuple[Range, ...] | None = None
    """1 to 31, or -1 for the last to -31."""
    months: tuple[Range, ...] | None = None
    years: tuple[Range, ...] | None = None
    location: str = "UTC"

    def contains(self, time: int) -> bool:
        """Whether a moment, microseconds since 1970 UTC, is in it."""
        zone: tzinfo = UTC if self.location == "UTC" else ZoneInfo(self.location)
        local = (_EPOCH + timedelta(microseconds=time)).astimezone(zone)
        minute = local.hour * 60 + local.minute
        return (
            (self.times is None or any(begin <= minute < end for begin, end in self.times))
            and (
                self.days_of_month is None
                or any(_in_month(local, each) for each in self.days_of_month)
            )
            and _within(local.isoweekday() % 7, self.weekdays)
            and _within(local.month, self.months)
            and _within(local.year, self.years)
        )


def _within(value: int, ranges: tuple[Range, ...] | None) -> bool:
    return ranges is None or any(begin <= value <= end for begin, end in ranges)


def _in_month(local: datetime, days: Range) -> bool:
    last = calendar.monthrange(local.year, local.month)[1]
    begin, end = (day if day > 0 else last + day + 1 for day in days)
    # A month may be too short for the range: its ends are moved into it.
    if begin > last or (days[1] < 0 and end < 1):
        return False
    return max(begin, 1) <= local.day <= min(end, last)
