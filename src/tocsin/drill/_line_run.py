"""The lines of a drill under way: which are due, and which came back out of the log group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.drill._stamp import stamp
from tocsin.durations import DAY
from tocsin.logformat import FORMATS, Clues, Parsed, make_format

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.drill._model import Drill
    from tocsin.drill._sieve import Sieve

__all__ = ["LineRun", "clues_of", "form_of"]


class LineRun:
    """What a drill of lines keeps, whatever looks at them.

    No real line comes in and none of the drill's gets out, so nothing real is told or blocked.
    """

    def __init__(self, drill: Drill, offset: int, sieve: Sieve, id_: str, started: int) -> None:
        """`offset` is in seconds east of UTC, of stamps without a zone."""
        self.drill = drill
        self.id = id_
        self.started = started
        self.seen: int | None = None
        """When a filter or a rule first matched; microseconds since 1970 UTC."""
        self.fired: int | None = None
        self.lines = drill.sends
        self._offset = offset
        self._sieve = sieve
        self._sent = 0
        self._due = started
        self.known: set[bytes] = set()
        """What came back."""

    def due(self, form: str, now: int) -> list[bytes]:
        """The lines to send by `now`, in the log group's format, without their ends."""
        if now < self._due:
            return []
        self._due = now + self.drill.interval
        numbers = range(self._sent + 1, self._sent + 1 + self.lines.count)
        self._sent += self.lines.count
        texts = [self.lines.line.replace("$number", str(n)) for n in numbers]
        if self.lines.then and texts:
            texts.append(self.lines.then.replace("$number", str(self._sent)))
        time = stamp(form, now, self._offset)
        return [self._sieve.mark(each.replace("$time", time), self.id) for each in texts]

    def new(self, lines: Iterable[bytes]) -> list[bytes]:
        """Those that were not there before: one that comes twice counts once."""
        found = [line for line in dict.fromkeys(lines) if line not in self.known]
        self.known.update(found)
        return found


def form_of(line: str, offset: int, now: int) -> str:
    """The first format that a drill's line is of once its time is filled in; empty for none."""
    for form in FORMATS:
        text = line.replace("$time", stamp(form, now, offset)).replace("$id", "0" * 62)
        if isinstance(make_format(form, clues_of(offset, now)).parse(text.encode()), Parsed):
            return form
    return ""


def clues_of(offset: int, now: int) -> Clues:
    """Stamps without a year are of the twelve months up to tomorrow."""
    return Clues(offset, now + 2 * DAY - 365 * DAY)
