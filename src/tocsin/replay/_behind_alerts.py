"""Who was behind the alerts of Sigma rules in a replay, while the logs are read.

The daemon's way, in the order of the events' times: the latest events are kept, and those of its
time are counted when an alert asks. Who is named is bounded, however many alerts there are, and
no rule takes all of it from the others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

from tocsin.correlation import AlertOffenders, RecentOffenders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.correlation import Alert, Matched, RuleSet, TopOffender

__all__ = ["BehindAlerts"]

_BUSIEST = 5
"""Offenders that an alert names, as a live one does."""
_MOST, _EACH = 16_000, 4_000
"""Offenders that are named by all alerts, and by those of one rule."""
_APART = 50
"""So often events are taken before as many may be looked at anew: a storm of alerts is not slow."""


class BehindAlerts:
    """Knows the latest events of a replay."""

    def __init__(self, rules: RuleSet) -> None:
        self._recent = RecentOffenders(rules, ordered=True)
        self._offenders = AlertOffenders(rules, self._recent)
        self._named: Counter[str] = Counter()
        """Offenders that were named, by rule."""
        self._room, self._times = _MOST, 0
        self._waiting: list[Alert] = []
        """Alerts of the latest time."""
        self.unnamed = 0
        """Alerts of which it was not asked: too many alerts."""

    def take(
        self, settled: Sequence[Matched], alerts: Sequence[Alert]
    ) -> Iterator[tuple[TopOffender, ...]]:
        """Take events; who was behind each of the alerts so far whose time is over.

        Both in the order of their times, each event once. An alert waits for a later event, or
        `finish`: more events of its time may come in the next ones that are read.
        """
        if not settled:
            return
        if self._times % _APART == 0:
            self._recent.take(())
        self._times += 1
        alerts = [*self._waiting, *alerts]
        over = bisect_left(alerts, settled[-1][0].time, key=lambda each: each.time)
        self._waiting = alerts[over:]
        for alert in self._offenders.in_turn(settled, alerts[:over]):
            yield self._behind(alert)

    def finish(self) -> Iterator[tuple[TopOffender, ...]]:
        """Who was behind those that waited: there are no more events."""
        waiting, self._waiting = self._waiting, []
        yield from map(self._behind, waiting)

    def _behind(self, alert: Alert) -> tuple[TopOffender, ...]:
        room = min(self._room, _EACH - self._named[alert.rule])
        if room <= 0 or self._recent.exhausted:
            self.unnamed += 1
            return ()
        found = tuple(self._offenders.behind(alert, min(room, _BUSIEST)))
        self._named[alert.rule] += len(found)
        self._room -= len(found)
        return found
