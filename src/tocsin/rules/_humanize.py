"""Numbers for people: the humanize functions of Prometheus templates.

Source: Prometheus documentation, "Template reference", section "Numbers".
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from tocsin.errors import QueryError

__all__ = [
    "humanize",
    "humanize1024",
    "humanize_duration",
    "humanize_percentage",
    "humanize_timestamp",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")


def _general(value: float) -> str:
    """Go's `%.4g`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.4g}"


def _scaled_down(value: float, step: float, prefixes: tuple[str, ...]) -> tuple[float, str]:
    prefix = ""
    for prefix_ in prefixes:
        if abs(value) < step:
            break
        prefix = prefix_
        value /= step
    return value, prefix


def _scaled_up(value: float) -> tuple[float, str]:
    prefix = ""
    for prefix_ in _SMALL:
        if abs(value) >= 1:
            break
        prefix = prefix_
        value *= 1000
    return value, prefix


def humanize(value: float) -> str:
    """`1234567` to `1.235M`."""
    if value == 0 or not math.isfinite(value):
        return _general(value)
    value, prefix = _scaled_down(value, 1000, _LARGE) if abs(value) >= 1 else _scaled_up(value)
    return _general(value) + prefix


def humanize1024(value: float) -> str:
    """`2048` to `2ki`."""
    if abs(value) <= 1 or not math.isfinite(value):
        return _general(value)
    value, prefix = _scaled_down(value, 1024, tuple(f"{prefix}i" for prefix in _LARGE))
    return _general(value) + prefix


def humanize_duration(value: float) -> str:
    """Seconds, `3723` to `1h 2m 3s`."""
    if not math.isfinite(value):
        return _general(value)
    if value == 0:
        return "0s"
    if abs(value) < 1:
        scaled, prefix = _scaled_up(value)
        return f"{_general(scaled)}{prefix}s"
    sign, value = ("-" if value < 0 else ""), abs(value)
    minutes, seconds = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{sign}{_general(value)}s"


def humanize_percentage(value: float) -> str:
    """`0.123` to `12.3%`."""
    return _general(value * 100) + "%"


def humanize_timestamp(value: float) -> str:
    """Unix seconds to `2026-11-21 10:00:00 +0000 UTC`. Raises QueryError out of range."""
    if not math.isfinite(value):
        return _general(value)
    if abs(value) > 2**63 / 1e9:
        raise QueryError(f"{value:g} cannot be represented as a nanoseconds timestamp")
    millis = int(value * 1000)
    moment = _EPOCH + timedelta(milliseconds=millis)
    fraction = f".{millis % 1000:03d}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"
