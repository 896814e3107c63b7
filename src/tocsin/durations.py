"""Time as whole microseconds, and Prometheus' duration notation.

Source of the notation: Prometheus documentation, "Querying basics", section
"Float literals and time durations".
"""

from __future__ import annotations

import re

from tocsin.errors import ParseError

__all__ = [
    "DAY",
    "HOUR",
    "MILLISECOND",
    "MINUTE",
    "SECOND",
    "format_duration",
    "parse_duration",
    "parse_offset",
]

MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = (
    ("y", 365 * DAY),
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", MILLISECOND),
)
_NOTATION = re.compile("".join(rf"(?:([0-9]{{1,18}}){unit})?" for unit, _ in _UNITS))
_LONGEST = 2**63 // 1000
_OFFSET = re.compile(r"([+-])(\d\d):?([0-5]\d)", re.ASCII)


def parse_duration(text: str) -> int:
    """Microseconds of `1h30m`, `5s`, `0`; units in falling order, each at most once.

    Raises ParseError.
    """
    if text == "0":
        return 0
    match = _NOTATION.fullmatch(text) if text else None
    if match is None:
        raise ParseError(
            f"not a duration: {text[:40]!r}",
            hint="write a number and a unit (ms, s, m, h, d, w, y), for example 5m or 1h30m",
        )
    total = sum(
        int(digits) * size
        for digits, (_, size) in zip(match.groups(), _UNITS, strict=True)
        if digits
    )
    if total >= _LONGEST:
        raise ParseError(f"duration out of range: {text[:40]!r}", hint="use less than 292 years")
    return total


def parse_offset(text: str) -> int:
    """Seconds east of UTC of `+02:00`. Raises ParseError."""
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[2]) > 15:
        raise ParseError(f"not an offset from UTC: {text[:40]!r}", hint="write it like +02:00")
    size = int(match[2]) * 3600 + int(match[3]) * 60
    return -size if match[1] == "-" else size


def format_duration(micros: int) -> str:
    """The shortest notation that parses back, in whole milliseconds (`1h30m`, `0s`)."""
    if micros == 0:
        return "0s"
    sign, rest, parts = ("-" if micros < 0 else ""), abs(micros), []
    for unit, size in _UNITS:
        # Years and weeks only where nothing is left over: 8d reads better than 1w1d.
        if unit in "yw" and rest % size:
            continue
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return sign + "".join(parts) if parts else "0s"
