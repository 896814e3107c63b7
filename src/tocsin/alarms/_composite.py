"""One evaluation of a composite alarm, and the suppression of its actions.

Source: user guide, "Creating a composite alarm" and "Suppressing composite alarm actions"
with its six examples; API reference, `PutCompositeAlarm`: after creation a composite alarm
is in ALARM or in OK, never again in INSUFFICIENT_DATA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tocsin.alarms._evaluate import Transition, due_actions
from tocsin.alarms._queries import find_cycle
from tocsin.alarms._reason import INITIAL_REASON, calendar, timestamp
from tocsin.alarms._rule import alarm_name
from tocsin.alarms._rule_parse import compile_rule
from tocsin.alarms._vocabulary import StateValue  # noqa: TC001 - msgspec reads it
from tocsin.durations import SECOND
from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.alarms._definition import CompositeAlarm

__all__ = ["ChildState", "CompositeState", "composite_order", "evaluate_composite"]


class ChildState(msgspec.Struct, frozen=True):
    """What a composite alarm sees of another alarm."""

    value: StateValue
    since: int = 0
    arn: str = ""
    """Empty to tell it by its name."""


class CompositeState(msgspec.Struct, frozen=True):
    """What a composite alarm remembers."""

    value: StateValue = "INSUFFICIENT_DATA"
    reason: str = INITIAL_REASON
    reason_data: str = ""
    since: int = 0
    children: dict[str, StateValue] = {}
    """As they were seen last."""
    suppressed_by: str = ""
    """`Alarm`, `WaitPeriod`, `ExtensionPeriod`, or empty."""
    until: int = 0
    """When the wait or the extension is over."""
    owed: Transition | None = None
    """The change whose actions are kept back."""


def composite_order(alarms: Iterable[CompositeAlarm]) -> list[CompositeAlarm]:
    """Each after those it depends on, its suppressor with them.

    Raises ParseError for a cycle: CloudWatch stops the evaluation of such alarms.
    """
    by_name = {alarm.alarm_name: alarm for alarm in alarms}
    needs = {
        name: [*compile_rule(alarm.alarm_rule).children]
        + ([alarm_name(alarm.actions_suppressor)] if alarm.actions_suppressor else [])
        for name, alarm in by_name.items()
    }
    order, cycle = find_cycle(needs)
    if cycle:
        raise ParseError(
            f"composite alarms depend on each other: {' -> '.join(cycle)}",
            hint="set the rule of one of them to FALSE to break the circle",
        )
    return [by_name[name] for name in order]


def evaluate_composite(
    alarm: CompositeAlarm,
    state: CompositeState,
    children: Mapping[str, ChildState],
    time: int,
) -> tuple[CompositeState, tuple[Transition, ...]]:
    """Evaluate at `time`, when a child changed or a wait may be over.

    The answer has a transition where the state changed, and one marked `delayed` where
    actions that were kept back are due. Raises ParseError for a rule that cannot be read.
    """
    rule = compile_rule(alarm.alarm_rule)
    seen = {name: children[name].value for name in rule.children if name in children}
    told: list[Transition] = []
    if alarm.actions_suppressor:
        state = _release(alarm, state, children, time, told)
    value: StateValue = "ALARM" if rule.holds(seen) else "OK"
    changed = [name for name in seen if state.children.get(name) != seen[name]]
    state = state if state.children == seen else msgspec.structs.replace(state, children=seen)
    if value != state.value:
        triggers = _triggers(state, seen, changed, children)
        active = _suppressor(alarm, children)[0]
        state = _change(alarm, state, value, triggers, time, told, active=active)
    return state, tuple(told)


def _suppressor(
    alarm: CompositeAlarm, children: Mapping[str, ChildState]
) -> tuple[bool, int | None]:
    """Whether it keeps actions back now, and since when it is as it is."""
    found = children.get(alarm_name(alarm.actions_suppressor or ""))
    return (False, None) if found is None else (found.value == "ALARM", found.since)


def _release(
    alarm: CompositeAlarm,
    state: CompositeState,
    children: Mapping[str, ChildState],
    time: int,
    told: list[Transition],
) -> CompositeState:
    """Let go of actions kept back if their time has come.

    What counts is when the suppressor changed, not when this was called.
    """
    by, until = state.suppressed_by, state.until
    if state.owed is None:
        return state
    active, since = _suppressor(alarm, children)
    if active and (by == "Alarm" or since is None or since < until):
        return msgspec.structs.replace(state, suppressed_by="Alarm", until=0)
    if by == "Alarm":
        start = time if since is None or since < state.since else since
        by = "ExtensionPeriod"
        until = start + (alarm.actions_suppressor_extension_period or 0) * SECOND
    if time < until:
        return msgspec.structs.replace(state, suppressed_by=by, until=until)
    actions = due_actions(alarm, state.value)
    told.append(msgspec.structs.replace(state.owed, time=time, actions=actions, delayed=True))
    return msgspec.structs.replace(state, suppressed_by="", until=0, owed=None)


def _triggers(
    state: CompositeState,
    seen: Mapping[str, StateValue],
    changed: list[str],
    children: Mapping[str, ChildState],
) -> tuple[tuple[str, StateValue, int], ...]:
    names = changed if state.value != "INSUFFICIENT_DATA" else list(seen)
    return tuple((children[n].arn or n, children[n].value, children[n].since) for n in names)


def _change(
    alarm: CompositeAlarm,
    state: CompositeState,
    value: StateValue,
    triggers: tuple[tuple[str, StateValue, int], ...],
    time: int,
    told: list[Transition],
    *,
    active: bool,
) -> CompositeState:
    if state.value == "INSUFFICIENT_DATA" or not triggers:
        verb = "created" if state.value == "INSUFFICIENT_DATA" else "updated"
        own = alarm.alarm_arn or alarm.alarm_name
        reason = f"{own} was {verb} and its alarm rule evaluates to {value}"
    else:
        child, child_value, since = triggers[0]
        reason = f"{child} transitioned to {child_value} at {calendar(since)}"
    data = msgspec.json.encode(
        {
            "triggeringAlarms": [
                {"arn": arn, "state": {"value": each, "timestamp": timestamp(since)}}
                for arn, each, since in triggers
            ]
        }
    ).decode()
    change = Transition(
        alarm.alarm_name, time, state.value, value, reason, data, due_actions(alarm, value),
        triggers=triggers,
    )  # fmt: skip
    after = msgspec.structs.replace(
        state, value=value, reason=reason, reason_data=data, since=time,
        suppressed_by="", until=0, owed=None,
    )  # fmt: skip
    wait = (alarm.actions_suppressor_wait_period or 0) * SECOND
    if alarm.actions_suppressor:
        # NOTE: a change discards any wait or extension that is running and starts a new wait.
        by = "Alarm" if active else "WaitPeriod"
        if active or wait:
            until = 0 if active else time + wait
            after = msgspec.structs.replace(after, suppressed_by=by, until=until, owed=change)
            change = msgspec.structs.replace(change, actions=(), suppressed_by=by)
    told.append(change)
    return after
