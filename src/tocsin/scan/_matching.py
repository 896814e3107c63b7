"""Line by line: what the exact parser and the exact matcher say. All else is only faster."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from tocsin.durations import MINUTE
from tocsin.logformat import Parsed, Reason
from tocsin.pattern import Event, Skip, contribute
from tocsin.scan._names import LONGEST_CLIENT
from tocsin.scan._table import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.logformat import Format
    from tocsin.pattern import Contribution, Settings
    from tocsin.scan._columns import Ints
    from tocsin.scan._names import Clients
    from tocsin.scan._plan import Plan
    from tocsin.scan._table import Table

__all__ = ["Matching", "any_in"]


def any_in(texts: tuple[bytes, ...], line: bytes) -> bool:
    # NOTE: a generator expression in any() takes three times as long.
    for each in texts:  # noqa: SIM110
        if each in line:
            return True
    return False


class Matching:
    """The plans of some filters over single lines."""

    def __init__(self, form: Format, settings: Settings) -> None:
        self._parse = form.parse
        self._settings = settings

    def lines(self, table: Table, lines: Iterable[bytes], plans: Sequence[Plan]) -> Counter[int]:
        """Count lines and match them; returns how many events each minute has."""
        events: Counter[int] = Counter()
        for each in lines:
            line = each[:-1] if each.endswith(b"\r") else each
            if not line:
                table.dropped[Reason.EMPTY] += 1
                continue
            found = self._parse(line)
            if not isinstance(found, Parsed):
                table.dropped[found.reason] += 1
                continue
            table.counted += 1
            table.repeats += found.repeat - 1
            minute = found.time - found.time % MINUTE
            events[minute] += found.repeat
            self._match(table, minute, found, line, plans)
        return events

    def events(
        self, table: Table, events: Iterable[tuple[int, bytes]], plans: Sequence[Plan]
    ) -> Counter[int]:
        """Count events that came with their time; only who is behind is read from their text."""
        seen: Counter[int] = Counter()
        for time, text in events:
            found = self._parse(text)
            fields = found.fields if isinstance(found, Parsed) else {}
            minute = time - time % MINUTE
            table.read += 1
            table.counted += 1
            seen[minute] += 1
            self._match(table, minute, Parsed(time, fields), text, plans)
        return seen

    def candidate(self, table: Table, line: bytes, plans: Sequence[Plan]) -> None:
        """Match a line that is already counted."""
        line = line.removesuffix(b"\r")
        found = self._parse(line)
        if isinstance(found, Parsed):
            self._match(table, found.time - found.time % MINUTE, found, line, plans)

    def _match(
        self, table: Table, minute: int, found: Parsed, line: bytes, plans: Sequence[Plan]
    ) -> None:
        text = line if found.event is None else found.event
        event: Event | None = None
        for plan in plans:
            if plan.texts is not None and not any_in(plan.texts, text):
                continue
            event = event or Event(text)
            given = contribute(plan.filter, event, self._settings)
            if given is not None:
                clients = {found.fields.get("client", "")[:LONGEST_CLIENT]: found.repeat}
                self.tally(table, plan, minute, given, clients, found.repeat)

    def tally(
        self,
        table: Table,
        plan: Plan,
        minute: int,
        given: Contribution | Skip,
        clients: dict[str, int],
        count: int,
    ) -> None:
        """Count matching events of one minute that all add the same."""
        key, minutes = plan.filter.key, table.minutes
        minutes.match(key, minute, count)
        if isinstance(given, Skip):
            minutes.skipped[key, given] += count
        elif not -LARGEST <= given.value <= LARGEST:
            table.unusable += count
        elif minutes.sample(key, minute, given.dimensions, given.value, count):
            table.blame((key, minute, given.dimensions), clients)

    def tally_many(
        self, table: Table, plan: Plan, minutes: Ints, clients: Clients, which: Ints
    ) -> None:
        """Count matching events of a constant plan, each with its minute and which client.

        The minutes ascend.
        """
        key, value = plan.filter.key, plan.always.value
        inner = np.flatnonzero(minutes[1:] != minutes[:-1]) + 1
        edges = np.concatenate(([0], inner, [len(minutes)]))
        known, counts = minutes[edges[:-1]], edges[1:] - edges[:-1]
        table.minutes.match_many(key, known, counts)
        if not -LARGEST <= value <= LARGEST:
            table.unusable += len(minutes)
            return
        kept = table.minutes.sample_many(key, known, value, counts)
        if not all(kept):
            rows = np.flatnonzero(np.repeat(kept, counts))
            minutes, which = minutes[rows], which[rows]
        table.blame_many(key, minutes, clients, which)
