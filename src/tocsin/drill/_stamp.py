"""Time stamps as the lines of each log format carry them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["stamp"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def stamp(form: str, time: int, offset: int) -> str:
    """`time` in microseconds, `offset` in seconds east of UTC for formats without a zone.

    A format that is none of ours gets RFC 3339.
    """
    utc = _EPOCH + timedelta(microseconds=time)
    local = utc + timedelta(seconds=offset)
    if form in {"combined", "common"}:
        return f"{utc:%d}/{_MONTHS[utc.month - 1]}/{utc:%Y:%H:%M:%S} +0000"
    if form == "nginx-error":
        return f"{local:%Y/%m/%d %H:%M:%S}"
    if form == "apache-error":
        day, month = _DAYS[local.weekday()], _MONTHS[local.month - 1]
        return f"{day} {month} {local:%d %H:%M:%S.%f %Y}"
    if form == "syslog":
        return f"{_MONTHS[local.month - 1]} {local.day:2} {local:%H:%M:%S}"
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}Z"
