"""Which metric alarms are behind a composite alarm that went off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alarms._definition import CompositeAlarm
from tocsin.alarms._rule import alarm_name
from tocsin.alarms._rule_parse import compile_rule

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from tocsin.alarms._definition import MetricAlarm

__all__ = ["alarms_behind"]


def alarms_behind(
    alarm: CompositeAlarm,
    alarms: Mapping[str, MetricAlarm | CompositeAlarm],
    in_alarm: Container[str],
) -> list[MetricAlarm]:
    """The metric alarms in ALARM that speak for it, each once, through other composites.

    `in_alarm` has the names of all that are. `NOT ALARM("maintenance")` does not make the alarm
    it names one of those behind, in whatever state it is; `NOT OK("errors")` does.
    """
    found: dict[str, MetricAlarm] = {}
    waiting, seen = [alarm], {alarm.alarm_name}
    while waiting:
        for name in _wanted(waiting.pop().alarm_rule):
            if name in seen or name not in in_alarm:
                continue
            seen.add(name)
            each = alarms.get(name)
            if isinstance(each, CompositeAlarm):
                waiting.append(each)
            elif each is not None:
                found[name] = each
    return list(found.values())


def _wanted(rule: str) -> list[str]:
    """The alarms whose being in ALARM makes a rule true rather than untrue."""
    stack: list[tuple[list[str], list[str]]] = []
    for step in compile_rule(rule).steps:
        name = [alarm_name(step.name)]
        if step.name:
            stack.append((name, []) if step.kind == "ALARM" else ([], name))
        elif step.kind == "NOT":
            speaks_for, against = stack.pop()
            stack.append((against, speaks_for))
        else:
            # The truths take none, and leave none.
            count = 2 if step.kind in ("AND", "OR") else step.taken
            taken = stack[len(stack) - count :]
            del stack[len(stack) - count :]
            stack.append((
                [each for speaks_for, _ in taken for each in speaks_for],
                [each for _, against in taken for each in against],
            ))  # fmt: skip
    return stack[0][0]
