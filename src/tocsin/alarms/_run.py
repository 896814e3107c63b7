"""Metric and composite alarms as time goes on: every evaluation up to a time, in order.

A daemon calls `advance` with the time up to which it has read everything, a replay with the
end of the log; in however many steps, the states and transitions are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alarms._composite import (
    ChildState,
    CompositeState,
    composite_order,
    evaluate_composite,
)
from tocsin.alarms._definition import CompositeAlarm, MetricAlarm
from tocsin.alarms._evaluate import AlarmState, evaluate, evaluation_interval
from tocsin.alarms._rule_parse import compile_rule

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tocsin.alarms._evaluate import Transition
    from tocsin.alarms._table import Lookup

__all__ = ["AlarmRun", "compose"]


class AlarmRun:
    """Alarms with their states."""

    def __init__(
        self,
        alarms: Sequence[MetricAlarm | CompositeAlarm],
        begin: int,
        states: Mapping[str, AlarmState] | None = None,
        composite_states: Mapping[str, CompositeState] | None = None,
        idle: Collection[str] = (),
    ) -> None:
        """`begin` is when alarms without a state are created.

        `idle` names metric alarms that are not evaluated because nothing feeds their metrics.
        Raises ParseError for composite alarms that depend on each other.
        """
        self.alarms = {each.alarm_name: each for each in alarms}
        self._metric = [
            each for each in alarms if isinstance(each, MetricAlarm) and each.alarm_name not in idle
        ]
        self._composite = composite_order(e for e in alarms if isinstance(e, CompositeAlarm))
        known, composed = states or {}, composite_states or {}
        self.states = {
            each.alarm_name: known.get(each.alarm_name, AlarmState(since=begin))
            for each in alarms
            if isinstance(each, MetricAlarm)
        }
        self.composite_states = {
            each.alarm_name: composed.get(each.alarm_name, CompositeState(since=begin))
            for each in self._composite
        }

    def advance(self, lookup: Lookup, end: int) -> list[Transition]:
        """Evaluate at every time due up to `end`; the transitions in order of time.

        Of one time a composite alarm comes after its children.
        """
        children = self._children()
        found: list[Transition] = []
        for alarm in self._metric:
            found += self._advance(alarm, lookup, end)
        found.sort(key=lambda each: (each.time, each.alarm))
        if self._composite:
            found += compose(self._composite, self.composite_states, children, found, end)
        return sorted(found, key=lambda each: each.time)

    def foresee(self, certain: Mapping[str, int]) -> list[Transition]:
        """The composite alarms that go to ALARM whatever else comes; the states stay as they are.

        `certain` has alarms that will be found in ALARM, each with the time of that evaluation.
        One with a suppressor is never foreseen: what that will be is not known.
        """
        known, children = dict(certain), self._children()
        found: list[Transition] = []
        for alarm in self._composite:
            name = alarm.alarm_name
            state = self.composite_states[name]
            if name in known or state.value == "ALARM" or alarm.actions_suppressor:
                continue
            if state.value == "INSUFFICIENT_DATA":  # that it never is when it was made
                state, _ = evaluate_composite(alarm, state, children, state.since)
            rule = compile_rule(alarm.alarm_rule)
            for time in sorted({known[each] for each in rule.children if each in known}):
                sure = {each for each in rule.children if known.get(each) == time}
                if rule.surely_holds(sure):
                    then = children | {each: _in_alarm(children[each], time) for each in sure}
                    found += evaluate_composite(alarm, state, then, time)[1]
                    known[name] = time
                    break
        return found

    def _advance(self, alarm: MetricAlarm, lookup: Lookup, end: int) -> list[Transition]:
        state, interval = self.states[alarm.alarm_name], evaluation_interval(alarm)
        done = state.since if state.evaluated is None else state.evaluated
        time, found = (done // interval + 1) * interval, []
        while time <= end:
            state, transition = evaluate(alarm, state, lookup, time)
            if transition is not None:
                found.append(transition)
            time += interval
        self.states[alarm.alarm_name] = state
        return found

    def _children(self) -> dict[str, ChildState]:
        states: dict[str, AlarmState | CompositeState] = {**self.states, **self.composite_states}
        return {
            name: ChildState(state.value, state.since, self.alarms[name].alarm_arn or "")
            for name, state in states.items()
        }


def compose(
    alarms: Sequence[CompositeAlarm],
    states: dict[str, CompositeState],
    children: dict[str, ChildState],
    changes: Sequence[Transition],
    end: int,
) -> list[Transition]:
    """Evaluate at each change of another alarm, when made, and when a wait is over, up to `end`.

    `alarms` come after those they depend on; `states` and `children` are brought up to date.
    """
    found = []
    pending = list(reversed(changes))
    # One that was never evaluated is in the state that it never takes again.
    times = [each.since for each in states.values() if each.value == "INSUFFICIENT_DATA"]
    times += [each.until for each in states.values() if each.until]
    times += [each.time for each in pending[-1:]]
    time = min(times, default=None)
    while time is not None and time <= end:
        while pending and pending[-1].time <= time:
            _note(children, pending.pop())
        for alarm in alarms:
            name = alarm.alarm_name
            states[name], told = evaluate_composite(alarm, states[name], children, time)
            for transition in told:
                if not transition.delayed:
                    _note(children, transition)
                found.append(transition)
        waits = [each.until for each in states.values() if each.until > time]
        time = min([*waits, *(each.time for each in pending[-1:])], default=None)
    return found


def _in_alarm(child: ChildState, time: int) -> ChildState:
    return child if child.value == "ALARM" else ChildState("ALARM", time, child.arn)


def _note(children: dict[str, ChildState], change: Transition) -> None:
    arn = children[change.alarm].arn
    children[change.alarm] = ChildState(change.after, change.time, arn)
