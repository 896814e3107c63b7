"""The minutes of many time stamps at once.

Stamps of one log mostly have one length and differ in their minutes and seconds only. Where
these stand is learned from the first stamp; of each run of stamps that are otherwise equal one
is read, by the format's own parser. Stamps of other notations are read one by one, and each
spelling once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tocsin.durations import MINUTE
from tocsin.logformat import TIMES, Parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tocsin.logformat import Format
    from tocsin.scan._columns import Ints

__all__ = ["Stamps", "count_minutes"]

_KEPT = 8192
_LONGEST = 64
_EARLIEST, _LATEST = 86_400, 4_000_000_000
"""Seconds. Numbers outside are left to the parser."""
_STAMP = re.compile(
    r"(?:\d{4}[-/]\d\d[-/]\d\d[Tt _]|\d\d/[A-Z][a-z]{2}/\d{4}:)"
    r"\d\d:(\d\d:\d\d(?:[.,]\d{1,18})?) ?(?:Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_encode = msgspec.json.Encoder().encode


class Stamps:
    """Reads the values of a time property, as the parser of JSON lines does."""

    def __init__(self, form: Format) -> None:
        self._parse = form.parse
        self._known: dict[str, int] = {}

    def __call__(self, stamps: Sequence[Any]) -> Ints:
        """The minute of each, microseconds; -1 if it is not plain to see."""
        found = self._alike(stamps)
        if found is None:
            found = np.fromiter(map(self._one, stamps), np.int64, len(stamps))
        return found

    def _alike(self, stamps: Sequence[Any]) -> Ints | None:
        """The same, if all are texts of one length and the first is in a known notation."""
        first = stamps[0] if stamps else None
        if not isinstance(first, str) or len(first) > _LONGEST:
            return None
        shape = _STAMP.fullmatch(first)
        if shape is None:
            return None
        try:
            joined = "\n".join(stamps)
        except TypeError:
            return None
        count, width = len(stamps), len(first) + 1
        text = np.frombuffer(f"{joined}\n".encode(), np.uint8)
        if len(text) != count * width:
            return None
        rows = text.reshape(count, width)
        if bool((rows[:, -1] != 10).any()) or np.count_nonzero(text == 10) != count:
            return None
        begin, end = shape.span(1)
        # A 60th second is in the next minute, and left to the parser.
        good = (rows[:, begin] <= 53) & (rows[:, begin + 3] <= 53)
        digits = [begin, begin + 1, begin + 3, begin + 4, *range(begin + 6, end)]
        for at in digits:
            good &= rows[:, at] - np.uint8(48) <= 9
        runs = _runs(text, width, digits)
        read = np.fromiter(
            (self._of_hour(stamps[at], begin, end) for at in runs.tolist()), np.int64, len(runs)
        )
        begins = np.repeat(read, np.diff(np.append(runs, count)))
        after = (rows[:, begin] - np.int64(48)) * 10 + rows[:, begin + 1] - 48
        minutes: Ints = begins + after * MINUTE
        return np.where(good & (begins >= 0), minutes, -1)

    def _of_hour(self, stamp: str, begin: int, end: int) -> int:
        """The begin of a stamp's hour, whatever its minute, second and fraction are."""
        key = f"{stamp[:begin]}00:00{stamp[end:]}"
        found = self._known.get(key)
        if found is None:
            found = -1
            if _STAMP.fullmatch(key) is not None:
                found = self._read(key)
                if self._read(f"{stamp[:begin]}59:59{stamp[end:]}") != found + 59 * MINUTE:
                    # Zones of odd seconds, and either end of all time.
                    found = -1
            self._keep(key, found)
        return found

    def _one(self, stamp: Any) -> int:
        if type(stamp) is str:
            found = self._known.get(stamp)
            if found is None:
                found = self._text(stamp)
            return found
        if (type(stamp) is int or type(stamp) is float) and _EARLIEST <= stamp < _LATEST:
            minute, rest = divmod(stamp, 60)
            # So near to the next minute the parser's rounding decides.
            return int(minute) * MINUTE if rest < 59.99 else self._read(stamp)
        return -1

    def _text(self, stamp: str) -> int:
        if len(stamp) > _LONGEST:
            return -1
        shape = _STAMP.fullmatch(stamp)
        begin = shape.start(1) if shape is not None else 0
        if shape is not None and stamp[begin] <= "5" and stamp[begin + 3] <= "5":
            found = self._of_hour(stamp, *shape.span(1))
            return found if found < 0 else found + int(stamp[begin : begin + 2]) * MINUTE
        found = self._read(stamp)
        self._keep(stamp, found)
        return found

    def _read(self, stamp: str | float) -> int:
        parsed = self._parse(_encode({TIMES[0]: stamp}))
        return parsed.time - parsed.time % MINUTE if isinstance(parsed, Parsed) else -1

    def _keep(self, stamp: str, minute: int) -> None:
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[stamp] = minute


def _runs(text: NDArray[np.uint8], width: int, besides: list[int]) -> Ints:
    """Which rows differ from the one before, besides in some columns; the first one does."""
    differs = text[width:] != text[:-width]
    of_row = differs.reshape(-1, width)
    for at in besides:
        of_row[:, at] = False
    rows = np.flatnonzero(differs) // width + 1
    first = np.ones(len(rows), np.bool_)
    np.not_equal(rows[1:], rows[:-1], out=first[1:])
    return np.concatenate(([0], rows[first]))


def count_minutes(minutes: Ints) -> dict[int, int]:
    """How many lines each minute has. Neighbours mostly have one minute."""
    changes = np.flatnonzero(minutes[1:] != minutes[:-1])
    if not len(changes):
        return {int(minutes[0]): len(minutes)}
    begins = np.append(0, changes + 1)
    lengths = np.diff(begins, append=len(minutes))
    found, place = np.unique(minutes[begins], return_inverse=True)
    counts = np.zeros(len(found), np.int64)
    np.add.at(counts, place, lengths)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))
