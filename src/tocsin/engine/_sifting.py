"""One log group's lines as events for Sigma rules: which match any. Runs on a worker thread."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.correlation import Event, EventReader, Sessions, make_prefilter
from tocsin.engine._origin import SENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tocsin.correlation import Matched, Prefilter, Remembered, RuleSet
    from tocsin.engine._origin import Origin
    from tocsin.logformat import Format, Skipped

__all__ = ["Sifted", "Sifter"]

_FEW = 8
"""Readers kept: formats that the files of one group have at a time."""


@dataclass(slots=True)
class Sifted:
    """What rules found in the lines of one look."""

    matched: list[Matched] = field(default_factory=list)
    read: int = 0
    """Lines; those that no rule asks for are in no other figure."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Events that matched, by why they are not looked at."""
    sessions: list[Remembered] = field(default_factory=list)
    """What is now remembered of sshd's processes that were heard of."""


class Sifter:
    """Holds the events of one log group against the rules."""

    def __init__(
        self,
        sift: Callable[[Iterable[Event]], list[Matched]],
        rules: RuleSet,
        sessions: list[Remembered],
    ) -> None:
        """`sift` answers the events that match a rule; `sessions` is what is remembered."""
        self._sift = sift
        self._rules = rules
        self._sessions = Sessions()
        self._sessions.restore(sessions)
        self._readers: dict[int, tuple[Format, EventReader, Prefilter | None]] = {}

    def lines(
        self, form: Format, data: bytes, origin: Origin, reason: Callable[[int], str], into: Sifted
    ) -> None:
        """Take whole lines; `reason` says why an event of a time is not looked at."""
        _, reader, prefilter = self._reader(form)
        number = data.count(b"\n") + (not data.endswith(b"\n")) if data else 0
        lines = _lines(data) if prefilter is None else prefilter.lines(data)
        read = (reader.read(line.removesuffix(b"\r"), origin.place(at)) for at, line in lines)
        self._take(number, read, reason, into)

    def events(
        self,
        form: Format,
        events: list[tuple[int, bytes]],
        reason: Callable[[int], str],
        into: Sifted,
    ) -> None:
        """Take events that came with their time."""
        _, reader, _ = self._reader(form)
        read = (reader.read(text, SENT.place(0), time) for time, text in events)
        self._take(len(events), read, reason, into)

    def _take(
        self,
        number: int,
        read: Iterable[Event | Skipped],
        reason: Callable[[int], str],
        into: Sifted,
    ) -> None:
        into.read += number
        # What is no event is counted with the lines of the log group.
        for each in self._sift(found for found in read if isinstance(found, Event)):
            if why := reason(each[0].time):
                into.dropped[why] += 1
            else:
                into.matched.append(each)
        into.sessions += self._sessions.changes()

    def _reader(self, form: Format) -> tuple[Format, EventReader, Prefilter | None]:
        # By identity: each format that is met is made once a day.
        known = self._readers.get(id(form))
        if known is None:
            if len(self._readers) >= _FEW:
                self._readers.clear()
            prefilter = make_prefilter(self._rules, form.name)
            known = form, EventReader(form, self._sessions), prefilter
            self._readers[id(form)] = known
        return known


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each line without its line end, with where it begins."""
    at = 0
    for line in data.removesuffix(b"\n").split(b"\n") if data else ():
        yield at, line
        at += len(line) + 1
