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
from tocsin.pattern import DEFAULTS, Contribution, contribute, json_property

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.logformat import Format
    from tocsin.pattern import Settings, Skip
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
        self._verdicts: list[_Verdict] = []
        self._exact: list[tuple[Plan, tuple[bytes, ...] | None]] = []
        for plan in plans:
            name = json_property(plan.filter.pattern)
            if name is None:
                self._exact.append((plan, plan.texts))
            else:
                self._verdicts.append(_Verdict(plan, name, settings))

    def lines(self, table: Table, lines: Sequence[bytes]) -> Counter[int]:
        """Count lines and match them; returns how many events each minute has."""
        events: Counter[int] = Counter()
        others: list[bytes] = []
        for each in lines:
            line = each.removesuffix(b"\r")
            minute, found = self._read(line)
            if minute < 0:
                others.append(line)
                continue
            events[minute] += 1
            plans = [one.plan for one in self._verdicts if one.may_match(found)]
            for plan, texts in self._exact:
                if texts is None or any(text in line for text in texts):
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


class _Verdict:
    """Whether objects match, by one property."""

    def __init__(self, plan: Plan, name: str, settings: Settings) -> None:
        self.plan = plan
        self._name = name
        self._settings = settings
        self._known: dict[Any, bool] = {}

    def may_match(self, found: dict[str, Any]) -> bool:
        value = found.get(self._name, _MISSING)
        kind = type(value)
        # True and 1 are the same key of a dict, and so are 404 and 404.0.
        if kind is int:
            if value <= 0:
                return True
        elif kind is not str and value is not _MISSING:
            return True
        answer = self._known.get(value)
        return self._ask(value) if answer is None else answer

    def _ask(self, value: Any) -> bool:
        if len(self._known) >= _KEPT:
            self._known.clear()
        event = _encode({} if value is _MISSING else {self._name: value})
        given: Contribution | Skip | None = contribute(self.plan.filter, event, self._settings)
        self._known[value] = given is not None
        return given is not None
