"""JSON lines, each decoded once: the minute and the property that decides are looked up.

Of a line that is decoded as an object, all that is asked is what one property holds. What the
matcher says of that is asked once for each value. Values whose spelling is lost in decoding,
such as 4.04e2, and all lines out of the ordinary go the exact way.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.durations import MINUTE
from tocsin.logformat import TIMES, Parsed
from tocsin.pattern import DEFAULTS, Event, contribute, json_property
from tocsin.scan._matching import any_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.logformat import Format
    from tocsin.pattern import Settings
    from tocsin.scan._matching import Matching
    from tocsin.scan._plan import Plan
    from tocsin.scan._table import Table

__all__ = ["JsonReader"]

_KEPT = 8192
_LONGEST = 64
_MISSING = object()
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class JsonReader:
    """Some filters over JSON lines."""

    def __init__(
        self,
        form: Format,
        plans: Sequence[Plan],
        matching: Matching,
        settings: Settings = DEFAULTS,
    ) -> None:
        self._parse = form.parse
        self._plans = plans
        self._matching = matching
        self._minutes: dict[str, int] = {}
        self._properties: dict[str, _Property] = {}
        self._exact: list[tuple[Plan, tuple[bytes, ...] | None]] = []
        for plan in plans:
            name = json_property(plan.filter.pattern)
            if name is None:
                self._exact.append((plan, plan.texts))
            else:
                known = self._properties.setdefault(name, _Property(name, settings))
                known.plans.append(plan)

    def lines(self, table: Table, block: bytes, lines: Sequence[bytes]) -> Counter[int]:
        """Count the lines of a block and match them; returns how many events each minute has."""
        exact = [
            (plan, texts) for plan, texts in self._exact if texts is None or any_in(texts, block)
        ]
        properties = [each.may_match for each in self._properties.values()]
        events: Counter[int] = Counter()
        others: list[bytes] = []
        for each in lines:
            line = each.removesuffix(b"\r")
            minute, found = self._read(line)
            if minute < 0:
                others.append(line)
                continue
            events[minute] += 1
            plans = [plan for may_match in properties for plan in may_match(found)]
            for plan, texts in exact:
                if texts is None or any_in(texts, line):
                    plans.append(plan)
            if plans:
                self._matching.candidate(table, line, plans)
        table.counted += len(lines) - len(others)
        table.slow += len(others)
        events.update(self._matching.lines(table, others, self._plans))
        return events

    def _read(self, line: bytes) -> tuple[int, dict[str, Any]]:
        """The minute of a line, -1 if it is not plain to see, and the object that the line is."""
        try:
            found = _decode(line)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            return -1, {}
        if type(found) is not dict:
            return -1, {}
        for name in TIMES:
            stamp = found.get(name)
            if stamp is None:
                continue
            if type(stamp) is not str or len(stamp) > _LONGEST:
                break
            minute = self._minutes.get(stamp)
            return (self._minute(stamp) if minute is None else minute), found
        return -1, found

    def _minute(self, stamp: str) -> int:
        if len(self._minutes) >= _KEPT:
            self._minutes.clear()
        parsed = self._parse(_encode({TIMES[0]: stamp}))
        minute = parsed.time - parsed.time % MINUTE if isinstance(parsed, Parsed) else -1
        self._minutes[stamp] = minute
        return minute


class _Property:
    """The filters that one property decides."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.plans: list[Plan] = []
        self._name = name
        self._settings = settings
        self._known: dict[Any, list[Plan]] = {}

    def may_match(self, found: dict[str, Any]) -> list[Plan]:
        """Those that an object may match."""
        value = found.get(self._name, _MISSING)
        kind = type(value)
        # True and 1 are the same key of a dict, and so are 404 and 404.0.
        if kind is int:
            if value <= 0:
                return self.plans
        elif kind is not str and value is not _MISSING:
            return self.plans
        answer = self._known.get(value)
        return self._ask(value) if answer is None else answer

    def _ask(self, value: Any) -> list[Plan]:
        if len(self._known) >= _KEPT:
            self._known.clear()
        event = Event(_encode({} if value is _MISSING else {self._name: value}))
        answer = self._known[value] = [
            plan
            for plan in self.plans
            if contribute(plan.filter, event, self._settings) is not None
        ]
        return answer
