"""Time stamps as people and programs write them, to whole microseconds since 1970 UTC.

Sources: RFC 3339; RFC 5424, section 6.2.3; RFC 3164, section 4.1.2 (no year); Apache
documentation, `mod_log_config` (`%t`) and `ErrorLogFormat`. Digits beyond the microsecond are
cut, not rounded, so that no event moves into the next minute.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tocsin.durations import DAY, MILLISECOND, SECOND
from tocsin.logformat._result import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.logformat._result import Clues

__all__ = [
    "MONTHS",
    "Memo",
    "civil",
    "fraction",
    "from_number",
    "in_range",
    "read_time",
    "yearless",
]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - zones are subtracted by hand
_MICROSECOND = timedelta(microseconds=1)
_LATEST = 4_102_444_800 * SECOND
_YEAR = 366 * DAY
_KEPT = 8192

_NAMES = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}

_FRACTION = rb"(?:[.,](\d{1,18}))?"
_ZONE = rb" ?(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?"
_ISO = re.compile(rb"(\d{4})[-/](\d\d)[-/](\d\d)[Tt _](\d\d):(\d\d):(\d\d)" + _FRACTION + _ZONE)
_ACCESS = re.compile(rb"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)" + _FRACTION + _ZONE)
_CTIME = re.compile(
    rb"(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)" + _FRACTION + rb" (\d{4})"
)
_BSD = re.compile(rb"([A-Z][a-z]{2}) ([ \d]?\d) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)" + _FRACTION)
_NUMBER = re.compile(rb"(-?)(\d{1,20})(?:\.(\d{1,18}))?")


class Memo:
    """A stamp reader that reads each spelling once; log lines come many to a second."""

    __slots__ = ("_known", "_read")

    def __init__(self, read: Callable[[bytes], int | Reason]) -> None:
        self._read = read
        self._known: dict[bytes, int | Reason] = {}

    def __call__(self, stamp: bytes) -> int | Reason:
        found = self._known.get(stamp)
        if found is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            found = self._known[stamp] = self._read(stamp)
        return found


def in_range(time: int) -> int | Reason:
    if time < 0:
        return Reason.BEFORE_1970
    return time if time < _LATEST else Reason.AFTER_2099


def civil(
    year: int, month: int, day: int, hour: int, minute: int, second: int, rest: int = 0
) -> int | Reason:
    """The microseconds of a date; `rest` is added to it. A leap second is the one after it."""
    try:
        leap = second == 60
        found = datetime(year, month, day, hour, minute, 59 if leap else second)  # noqa: DTZ001
    except ValueError:
        return Reason.BAD_TIME
    return in_range((found - _EPOCH) // _MICROSECOND + leap * SECOND + rest)


def fraction(digits: bytes | None) -> int:
    """The microseconds of what stands behind the decimal point."""
    return int((digits + b"00000")[:6]) if digits else 0


def zone(text: bytes | None, offset: int) -> int:
    """Microseconds east of UTC; `offset`, seconds, where no zone is written."""
    if not text:
        return offset * SECOND
    if text[:1] not in b"+-":
        return 0
    digits = text[1:].replace(b":", b"")
    size = int(digits[:2]) * 3600 + int(digits[2:] or b"0") * 60
    return (-size if text[:1] == b"-" else size) * SECOND


def yearless(
    month: int, day: int, clock: tuple[int, int, int], rest: int, clues: Clues
) -> int | Reason:
    """The time of a stamp without a year: the first such day from `clues.after` on."""
    if clues.after is None:
        return Reason.NO_YEAR
    first = (_EPOCH + timedelta(microseconds=clues.after)).year
    found: int | Reason = Reason.BAD_TIME
    for year in (first, first + 1):
        found = civil(year, month, day, *clock, rest)
        if isinstance(found, int) and clues.after <= found < clues.after + _YEAR:
            return found
    return Reason.BAD_TIME if isinstance(found, int) else found


def from_number(sign: bytes, whole: bytes, decimals: bytes | None) -> int | Reason:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told by their size."""
    if sign:
        return Reason.BEFORE_1970
    number = int(whole)
    if number < 10**11:
        return in_range(number * SECOND + fraction(decimals))
    if number < 10**14:
        return in_range(number * MILLISECOND + fraction(decimals) // 1000)
    return in_range(number if number < 10**17 else number // 1000)


def read_time(text: bytes, clues: Clues) -> int | Reason:
    """Read a whole text as a time, in any of the notations."""
    if match := _ISO.fullmatch(text):
        year, month, day, hour, minute, second = map(int, match.groups()[:6])
        rest = fraction(match[7]) - zone(match[8], clues.offset)
        return civil(year, month, day, hour, minute, second, rest)
    if match := _NUMBER.fullmatch(text):
        return from_number(*match.groups())
    if match := _ACCESS.fullmatch(text):
        rest = fraction(match[7]) - zone(match[8], clues.offset)
        return civil(
            int(match[3]), MONTHS.get(match[2], 0), int(match[1]),
            int(match[4]), int(match[5]), int(match[6]), rest,
        )  # fmt: skip
    if match := _CTIME.fullmatch(text):
        rest = fraction(match[6]) - clues.offset * SECOND
        return civil(
            int(match[7]), MONTHS.get(match[1], 0), int(match[2]),
            int(match[3]), int(match[4]), int(match[5]), rest,
        )  # fmt: skip
    if match := _BSD.fullmatch(text):
        rest = fraction(match[7]) - clues.offset * SECOND
        month, day = MONTHS.get(match[1], 0), int(match[2])
        clock = int(match[4]), int(match[5]), int(match[6])
        if match[3]:
            return civil(int(match[3]), month, day, *clock, rest)
        return yearless(month, day, clock, rest, clues)
    return Reason.BAD_TIME
