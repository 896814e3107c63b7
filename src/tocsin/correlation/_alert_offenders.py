"""Who was behind an alert of a rule: the busiest of the events that it is about.

The daemon and a replay ask the same way, each of the latest events that it keeps.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from tocsin.correlation._top_offenders import is_field_of, offender_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tocsin.correlation._model import Alert, RuleSet
    from tocsin.correlation._packed import Matched
    from tocsin.correlation._recent_offenders import RecentOffenders
    from tocsin.correlation._top_offenders import TopOffender

__all__ = ["AlertOffenders"]


class AlertOffenders:
    """Knows which events each rule is about, and for how long."""

    def __init__(self, rules: RuleSet, recent: RecentOffenders) -> None:
        """`recent` keeps the events; `in_turn` gives it those, or whoever else has it.

        How many are looked at is bounded by its `take`, which whoever has it calls now and then.
        """
        self._recent = recent
        self._about = _about(rules)

    def in_turn(self, settled: Sequence[Matched], alerts: Iterable[Alert]) -> Iterator[Alert]:
        """Take events; each of the alerts that they gave, when those up to its time are there.

        Both in the order of their times.
        """
        taken = 0
        for alert in alerts:
            until = bisect_right(settled, alert.time, lo=taken, key=lambda each: each[0].time)
            self._recent.add(settled[taken:until])
            taken = until
            yield alert
        self._recent.add(settled[taken:])

    def behind(self, alert: Alert, number: int) -> list[TopOffender]:
        """The busiest of its time, as far as the events are still known.

        Of its group alone if that is an address or a user.
        """
        rules, span = self._about[alert.rule]
        address, user = (
            next(
                (offender_name(value) for name, value in alert.group if is_field_of(name, by)), None
            )
            for by in ("address", "user")
        )
        return self._recent.behind(
            rules, alert.time - span, alert.time, number, address=address, user=user
        )


def _about(rules: RuleSet) -> dict[str, tuple[frozenset[int], int]]:
    """Of each rule the places of the detections below it, and how far back its events may be."""
    found = {each.name: (frozenset([at]), 0) for at, each in enumerate(rules.detections)}
    for plan in rules.correlations:
        below = [found[name] for name in plan.rules]
        places = frozenset().union(*(each for each, _ in below))
        found[plan.name] = places, plan.timespan + max((span for _, span in below), default=0)
    return found
