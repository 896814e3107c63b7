"""What the events that wait make certain, whatever may still come before or between them.

More events never make a count smaller, nor a row of steps incomplete. So where a condition can
only become truer with each event, it will hold at an event at which it holds already without
those that are late. The windows here go ahead of the settled ones: copies of them, to which the
waiting events are added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.correlation._keyed import Seen

if TYPE_CHECKING:
    from tocsin.correlation._keyed import Keyed
    from tocsin.correlation._model import Correlation, Expression, Key, RuleSet
    from tocsin.correlation._windows import Part, Window

__all__ = ["Ahead"]

_MOST = 16_384
"""Windows; the keys of further ones are told when they are settled."""
_NOT_SURE = Seen(0, False, False, 0, 0)


class Ahead:
    """The windows of the keys of waiting events."""

    def __init__(self, rules: RuleSet) -> None:
        self._sure = _sure(rules)
        self._windows: dict[tuple[int, Key], Window] = {}
        self.valid = False
        """Whether every waiting event but the fresh ones is in the windows."""
        self.ran = (0, 0)
        """Time and number of the latest event in them."""

    @property
    def full(self) -> bool:
        return len(self._windows) >= _MOST

    def clear(self) -> None:
        """Begin anew with the settled windows."""
        self._windows = {}
        self.valid, self.ran = True, (0, 0)

    def add(self, at: int, keyed: Keyed, key: Key, time: int, event: Part) -> Seen:
        """Take an event of the correlation at a place."""
        if not self._sure[at]:
            return _NOT_SURE
        window = self._windows.get((at, key))
        if window is None:
            if self.full:
                return _NOT_SURE
            window = self._windows[at, key] = keyed.copy(key)
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
    if plan.test.op not in ("gte", "gt"):
        return False
    if plan.kind in ("temporal", "temporal_ordered"):
        return True
    # How often a correlation fires may become less: one more event can join two attacks.
    return plan.kind in ("event_count", "value_count") and plain.issuperset(plan.rules)


def _denies(rule: Expression) -> bool:
    return rule[0] == "not" or (rule[0] != "atom" and any(_denies(each) for each in rule[1:]))
