"""Legal holds: periods of which nothing may be removed, a line each, carried from day to day.

A line is number, first day, last day, when it was added and released, then after a tab who ordered
it, and after another why. Days are `YYYYMMDD`, times RFC 3339 to the second, of UTC; `-` stands for
a hold in force. A line stays for ever, so that the last sealed day knows every hold there was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tocsin.errors import ParseError
from tocsin.seal._manifest import is_day
from tocsin.seal._tombstone import is_line, moment_of

__all__ = ["HOLDS", "MOST_HOLDS", "NO_END", "Hold", "is_carried", "read_holds", "write_holds"]

HOLDS = "holds"
"""The file in a sealed day."""
NO_END = "29991231"
"""The last day of a hold that has none."""
_LINE = re.compile(r"([1-9][0-9]{0,8}) (\d{8}) (\d{8}) (\S{20}) (-|\S{20})\t([^\t]+)\t([^\t]+)")
MOST_HOLDS = 1000
"""Ever, in one chain: whoever can write to the custody log must not fill up a sealed day."""
_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Hold:
    """A period that stays, whatever the policy says."""

    number: int
    """Counts from 1; a release names it."""
    first: str
    """`YYYYMMDD`."""
    last: str
    added: str
    """RFC 3339 to the second, of UTC."""
    by: str
    reason: str
    released: str = "-"

    def covers(self, day: str) -> bool:
        return self.first <= day <= self.last

    def in_force(self, moment: str) -> bool:
        return self.added <= moment and (self.released == "-" or moment < self.released)


def is_carried(hold: Hold, later: tuple[Hold, ...]) -> bool:
    """Whether a later day has the hold as it was, or released since."""
    return any(
        hold == each or (hold.released == "-" and hold == replace(each, released="-"))
        for each in later
        if each.number == hold.number
    )


def write_holds(holds: tuple[Hold, ...]) -> bytes:
    return "".join(
        f"{h.number} {h.first} {h.last} {h.added} {h.released}\t{h.by}\t{h.reason}\n"
        for h in holds
    ).encode()  # fmt: skip


def read_holds(data: bytes) -> tuple[Hold, ...]:
    """Raises ParseError for everything that `write_holds` would not have written."""
    if len(data) > _MOST_BYTES:
        raise ParseError(f"{HOLDS} is larger than {_MOST_BYTES >> 20} MiB")
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise ParseError(f"{HOLDS} is not text") from None
    found = []
    for number, line in enumerate(lines[:-1], 1):
        match = _LINE.fullmatch(line)
        if match is None or not (is_day(match[2]) and is_day(match[3])):
            raise ParseError(f"{HOLDS}:{number}: not a hold")
        hold = Hold(int(match[1]), match[2], match[3], match[4], match[6], match[7], match[5])
        if not (is_line(hold.by) and is_line(hold.reason)):
            raise ParseError(f"{HOLDS}:{number}: not a hold")
        moment_of(hold.added)
        if hold.released != "-":
            moment_of(hold.released)
        found.append(hold)
    if len(found) > MOST_HOLDS:
        raise ParseError(f"{HOLDS} has more than {MOST_HOLDS:,} lines")
    if write_holds(tuple(found)) != data or len({h.number for h in found}) != len(found):
        raise ParseError(f"{HOLDS} is cut off, or names a hold twice")
    return tuple(found)
