"""Find out how a log is written by looking at its first lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.logformat._access import Combined, Common
from tocsin.logformat._errorlog import ApacheError, NginxError
from tocsin.logformat._expression import Expression
from tocsin.logformat._json import JsonLines
from tocsin.logformat._logfmt import Logfmt
from tocsin.logformat._result import Clues
from tocsin.logformat._syslog import Syslog3164, Syslog5424

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tocsin.logformat._result import Format

__all__ = ["FORMATS", "SAMPLE", "Detected", "detect", "make_format"]

SAMPLE = 200
"""Lines that are looked at."""

_BY_NAME: dict[str, Callable[[Clues], Format]] = {
    "combined": Combined,
    "common": Common,
    "nginx-error": NginxError,
    "apache-error": ApacheError,
    "json": JsonLines,
    "syslog-5424": Syslog5424,
    "syslog": Syslog3164,
    "logfmt": Logfmt,
}
FORMATS = tuple(_BY_NAME)
"""The names of the formats, the more special ones first."""


@dataclass(frozen=True, slots=True)
class Detected:
    """Which format a log seems to have."""

    format: str
    """Empty if no line is of any format."""
    confidence: float
    """The share of the lines looked at that are of the format, 0 to 1."""
    runner_up: tuple[str, float]
    """The next best format and its share."""
    lines: int
    """How many lines that rests on."""


def make_format(name: str, clues: Clues | None = None) -> Format:
    """A format by its name, or by an expression with a group named time. Raises ParseError."""
    if "(?P<" in name:
        return Expression(name, clues or Clues())
    if name not in _BY_NAME:
        known = ", ".join(FORMATS)
        raise ParseError(
            f"no log format {name[:40]!r}", hint=f"one of {known}, or a regex with (?P<time>...)"
        )
    return _BY_NAME[name](clues or Clues())


def detect(lines: Iterable[bytes]) -> Detected:
    """Hold the first lines that are not empty against each format."""
    sample: list[bytes] = []
    for line in lines:
        if line.strip():
            sample.append(line.rstrip(b"\r\n"))
            if len(sample) == SAMPLE:
                break
    if not sample:
        return Detected("", 0.0, ("", 0.0), 0)
    shares = [
        (sum(map(_BY_NAME[name](Clues()).is_typical, sample)) / len(sample), name)
        for name in FORMATS
    ]
    # Of equal shares the more special format comes first; sorting keeps that order.
    (best, name), (second, other) = sorted(shares, key=lambda each: -each[0])[:2]
    return Detected(name if best else "", best, (other if second else "", second), len(sample))
