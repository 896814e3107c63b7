"""How long a day is kept: `7y`, years of the calendar, or `90d`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tocsin.errors import ParseError
from tocsin.printable import printable

__all__ = ["may_go_on", "read_retention"]

_FORM = re.compile(r"([1-9][0-9]{0,2})y|([1-9][0-9]{0,4})d")


def read_retention(text: str) -> str:
    """The policy as it was written, which has one spelling. Raises ParseError."""
    if _FORM.fullmatch(text) is None:
        raise ParseError(
            f"not a time to keep evidence: {printable(text, 40)!r}",
            hint="write 7y, which are years of the calendar, or a number of days, 90d",
        )
    return text


def may_go_on(day: str, policy: str) -> str:
    """The first day, `YYYYMMDD`, on which `day` is older than `policy`.

    A day of `90d` is kept for 90 days after its end; one of `7y` through the same day seven years
    later, which for a 29th of February is the 28th. Raises ParseError, ValueError.
    """
    match = _FORM.fullmatch(read_retention(policy))
    date = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    if match is not None and match[1]:
        year = date.year + int(match[1])
        try:
            date = date.replace(year=year) + timedelta(days=1)
        except ValueError:
            date = date.replace(year=year, month=3, day=1)
    elif match is not None:
        date += timedelta(days=int(match[2]) + 1)
    return f"{date:%Y%m%d}"
