"""What the events that wait make certain, whatever may still come before or between them.

More events never make a count smaller, nor a row of steps incomplete. So where a condition can
only become truer with each event, it will hold at an event at which it holds already without
those that are late. The windows here go ahead of the settled ones: copies of them, to which each
event is added when it comes. One that is earlier than others of its key is put in between them,
as far as that can be done without them; what is missed so is told when it is settled.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.correlation._keyed import Keyed, Seen
    from tocsin.correlation._model import Correlation, Expression, Key, RuleSet
    from tocsin.correlation._windows import Part, Window

__all__ = ["Ahead"]

_MOST = 16_384
"""Windows; of more, those of the keys that were heard of latest. What such a key did before is
missing when it comes back, so it may be told when it is settled only."""


class Ahead:
    """The windows of the keys of waiting events."""

    def __init__(self, rules: RuleSet) -> None:
        self._sure = _sure(rules)
        self._windows: OrderedDict[tuple[int, Key], Window] = OrderedDict()

    def clear(self) -> None:
        """Nothing waits: the settled windows are all there is."""
        if self._windows:
            self._windows = OrderedDict()

    def add(self, at: int, keyed: Keyed, key: Key, time: int, event: Part) -> Seen | None:
        """Take an event of the correlation at a place; None if nothing is certain at it."""
        if not self._sure[at]:
            return None
        windows = self._windows
        window = windows.get((at, key))
        if window is None:
            if len(windows) >= _MOST:
                windows.popitem(last=False)
            window = windows[at, key] = keyed.copy(key)
        else:
            windows.move_to_end((at, key))
        return keyed.within(window, time, event)


def _sure(rules: RuleSet) -> list[bool]:
    """Of each correlation, whether it can only become truer with each event more."""
    sure = {each.name: True for each in rules.detections}
    plain = frozenset(sure)
    for plan in rules.correlations:
        sure[plan.name] = _grows(plan, plain) and all(sure[each] for each in plan.rules)
    return [sure[each.name] for each in rules.correlations]


def _grows(plan: Correlation, plain: frozenset[str]) -> bool:
    if plan.expression is not None:
        return not _denies(plan.expression)
    if plan.test.op not in ("gte", "gt") or plan.test.below is not None:
        return False
    if plan.kind in ("temporal", "temporal_ordered"):
        return True
    # How often a correlation fires may become less: one more event can join two attacks.
    return plan.kind in ("event_count", "value_count") and plain.issuperset(plan.rules)


def _denies(rule: Expression) -> bool:
    return rule[0] == "not" or (rule[0] != "atom" and any(_denies(each) for each in rule[1:]))
