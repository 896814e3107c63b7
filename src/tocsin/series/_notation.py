"""The series notation of rule unit tests: `0+10x5`, `1 _ stale`, `_x3`.

Source: Prometheus documentation, "Unit testing for rules", section "series".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tocsin.errors import ParseError
from tocsin.series._stale import STALE

__all__ = ["HistogramNotation", "Notated", "parse_values"]

_MAX_SAMPLES = 10_000_000
# No hexadecimals: 0x4 is five zeros.
_NUMBER = r"[-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[iI]nf|[nN]a[nN])"
_HISTOGRAM = r"\{\{[^{}]*\}\}"
_ITEM = re.compile(
    rf"""\s*(?:
      _(?:x(?P<gap>[0-9]+))?
    | (?P<stale>stale)(?:x(?P<stale_times>[0-9]+))?
    | (?P<histogram>{_HISTOGRAM})(?:(?P<sign>[-+])(?P<change>{_HISTOGRAM}))?
      (?:x(?P<h_times>[0-9]+))?
    | (?P<start>{_NUMBER})(?:(?P<step>[-+](?:{_NUMBER.removeprefix("[-+]?")}))?x(?P<times>[0-9]+))?
    )(?=\s|$)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class HistogramNotation:
    """A native histogram as written, `change` added to it `count` times."""

    text: str
    change: str
    sign: int
    count: int


Notated = float | None | HistogramNotation


def parse_values(text: str) -> list[Notated]:
    """One entry a step: a value, None for a gap, or a native histogram. Raises ParseError."""
    found: list[Notated] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _ITEM.match(text, position)
        if match is None:
            near = text[position : position + 40].strip()
            raise ParseError(
                f"bad series value near {near!r}",
                hint="write values like 1 2 3, 0+10x5, 5x3, _ or stale",
            )
        position = match.end()
        _expand(match, found)
        if len(found) > _MAX_SAMPLES:
            raise ParseError(f"more than {_MAX_SAMPLES:,} samples in one series")
    return found


def _expand(match: re.Match[str], found: list[Notated]) -> None:
    times = int(match["gap"] or match["stale_times"] or match["h_times"] or match["times"] or 0)
    if times > _MAX_SAMPLES:
        raise ParseError(f"more than {_MAX_SAMPLES:,} samples in one series")
    if match["histogram"]:
        sign = -1 if match["sign"] == "-" else 1
        text, change = match["histogram"], match["change"] or ""
        found.extend(HistogramNotation(text, change, sign, count) for count in range(times + 1))
    elif match["stale"]:
        found.extend([STALE] * (times + 1))
    elif match["start"] is None:
        found.extend([None] * max(times, 1))
    else:
        start, step = _float(match["start"]), _float(match["step"] or "0")
        value = start
        # Prometheus adds the step again and again, so rounding errors add up alike.
        for _ in range(times + 1):
            found.append(value)
            value += step


def _float(text: str) -> float:
    sign, body = (-1.0, text[1:]) if text[0] == "-" else (1.0, text.lstrip("+"))
    value = float(body)
    return math.nan if math.isnan(value) else sign * value
