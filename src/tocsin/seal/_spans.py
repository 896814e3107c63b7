"""Days of the calendar: the next one, its last second, days in a row in few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["day_after", "last_second", "spans"]


def day_after(day: str) -> str:
    """`20261201` for `20261130`. Raises ValueError for what is no day of the calendar."""
    return f"{datetime.strptime(day, '%Y%m%d').replace(tzinfo=UTC) + timedelta(days=1):%Y%m%d}"


def spans(days: Iterable[str]) -> str:
    """`20261127-20261203 20261209`, of days in any order."""
    found = sorted(set(days))
    begins = [day for day, before in zip(found, ("", *found), strict=False)
              if not before or day_after(before) != day]  # fmt: skip
    ends = [day for day, after in pairwise((*found, "")) if day_after(day) != after]
    return " ".join(a if a == b else f"{a}-{b}" for a, b in zip(begins, ends, strict=True))


def last_second(day: str) -> int:
    """23:59:59 of the day, in microseconds since 1970 UTC: the time keys must be valid at."""
    end = datetime.strptime(f"{day}235959", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return round(end.timestamp()) * 1_000_000
