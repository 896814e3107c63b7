"""The part of a day that a record speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tocsin.durations import DAY, MINUTE, SECOND
from tocsin.errors import ParseError

__all__ = ["STEP", "Period", "clock", "period_of", "utc"]

STEP = MINUTE
"""How finely a day is looked at: a gap of one step is seen."""

_EPOCH = date(1970, 1, 1)
_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to before `end`, within one day of UTC."""

    day: date
    start: int
    end: int

    @property
    def steps(self) -> range:
        """The times to ask for; each answers for the step that ends with it."""
        return range(self.start + STEP, self.end + 1, STEP)

    @property
    def whole_day(self) -> bool:
        return self.end - self.start == DAY


def period_of(day: date, now: int) -> Period:
    """The whole day, or today up to the last full step. Raises ParseError for the future."""
    start = (day - _EPOCH).days * DAY
    if start < 0 or start > now:
        raise ParseError(
            f"{day} has not begun in UTC" if start > 0 else f"{day} is before 1970",
            hint="evidence is of today or of a past day",
        )
    return Period(day, start, min(start + DAY, now // STEP * STEP))


def utc(micros: int) -> str:
    """RFC 3339 with `Z`; microseconds only where there are any.

    A source may state any time: one that no calendar has is given in seconds since 1970.
    """
    try:
        text = (_START + timedelta(microseconds=micros)).isoformat()
    except OverflowError:
        return f"{micros // SECOND} s after 1970"
    return text.removesuffix("+00:00") + "Z"


def clock(micros: int, period: Period) -> str:
    """The time of day, as people say it; the end of the day is 24:00."""
    if micros == period.start + DAY:
        return "24:00"
    seconds = (micros - period.start) // SECOND
    if not 0 <= seconds < DAY // SECOND:
        return utc(micros // SECOND * SECOND)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
