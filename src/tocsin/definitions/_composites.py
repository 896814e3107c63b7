"""Composite alarms that cannot be evaluated: children that nobody defines, and circles.

Source: API reference of CloudWatch, `PutCompositeAlarm`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tocsin.alarms import CompositeAlarm, MetricAlarm, alarm_name, compile_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["sort_out"]


def sort_out(
    alarms: Mapping[str, MetricAlarm | CompositeAlarm],
) -> tuple[dict[str, list[str]], list[str]]:
    """Those with children that are not there, and which; those that hang on a circle.

    A composite alarm over one that is not there is not there either.
    """
    needs = {
        name: _children(alarm)
        for name, alarm in alarms.items()
        if isinstance(alarm, CompositeAlarm)
    }
    parents: defaultdict[str, list[str]] = defaultdict(list)
    for name, children in needs.items():
        for child in children:
            parents[child].append(name)
    orphans: dict[str, list[str]] = {}
    lost = [child for child in parents if child not in alarms]
    while lost:
        child = lost.pop()
        for parent in parents[child]:
            if parent not in orphans:
                lost.append(parent)
            orphans.setdefault(parent, []).append(child)
    waiting = {
        name: sum(child in needs for child in children)
        for name, children in needs.items()
        if name not in orphans
    }
    _release(waiting, parents)
    in_order = {name: sorted(orphans[name]) for name in needs if name in orphans}
    return in_order, list(waiting)


def _release(waiting: dict[str, int], parents: Mapping[str, Iterable[str]]) -> None:
    """Take out all whose composite children are out, until nothing moves."""
    free = [name for name, count in waiting.items() if not count]
    while free:
        name = free.pop()
        del waiting[name]
        for parent in parents.get(name, ()):
            if parent in waiting:
                waiting[parent] -= 1
                if not waiting[parent]:
                    free.append(parent)


def _children(alarm: CompositeAlarm) -> list[str]:
    own = [alarm_name(alarm.actions_suppressor)] if alarm.actions_suppressor else []
    return list(dict.fromkeys([*compile_rule(alarm.alarm_rule).children, *own]))
