"""The rule of a composite alarm, read into steps for a stack, and what it says of states.

Source: API reference of CloudWatch, `PutCompositeAlarm`, parameter AlarmRule; user guide,
"Composite alarms".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

__all__ = ["AlarmRule", "Step", "alarm_name"]


class Step(NamedTuple):
    """One thing to do with the stack; it leaves one entry."""

    kind: str
    """A state for an alarm's, `TRUE`, `FALSE`, `NOT`, `AND`, `OR` or `AT_LEAST`."""
    name: str = ""
    """The alarm's."""
    taken: int = 0
    """How many entries `AT_LEAST` takes from the stack."""
    least: int = 0
    """How many of them have to be true."""


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """A rule, read."""

    text: str
    steps: tuple[Step, ...]
    """Operators after what they take."""

    @property
    def children(self) -> tuple[str, ...]:
        """The alarms it refers to by name, each once, in order."""
        return tuple(dict.fromkeys(step.name for step in self.steps if step.name))

    def holds(self, states: Mapping[str, str]) -> bool:
        """Whether the rule is true; an alarm that is not in `states` has no data."""
        return self._value(
            lambda step: states.get(step.name, "INSUFFICIENT_DATA") == step.kind
        ) is True  # fmt: skip

    def surely_holds(self, in_alarm: Container[str]) -> bool:
        """Whether the rule is true in whatever state all alarms but those in ALARM are."""
        return self._value(
            lambda step: step.kind == "ALARM" if step.name in in_alarm else None
        ) is True  # fmt: skip

    def _value(self, of_alarm: Callable[[Step], bool | None]) -> bool | None:
        """The rule's truth, None if what is known of the alarms does not decide it."""
        stack: list[bool | None] = []
        for step in self.steps:
            if step.name:
                stack.append(of_alarm(step))
            elif step.kind == "NOT":
                found = stack.pop()
                stack.append(found if found is None else not found)
            elif step.kind in ("AND", "OR"):
                stack.append(_of(2 if step.kind == "AND" else 1, [stack.pop(), stack.pop()]))
            elif step.kind == "AT_LEAST":
                taken = stack[len(stack) - step.taken :]
                del stack[len(stack) - step.taken :]
                stack.append(_of(step.least, taken))
            else:
                stack.append(step.kind == "TRUE")
        return stack[0]


def _of(least: int, values: list[bool | None]) -> bool | None:
    """Whether at least so many are true."""
    true = values.count(True)
    if true >= least:
        return True
    return None if true + values.count(None) >= least else False


def alarm_name(name_or_arn: str) -> str:
    """The alarm's name, out of its ARN if it is one; a name may have colons of its own."""
    parts = name_or_arn.split(":", 6)
    is_arn = len(parts) == 7 and parts[0] == "arn" and parts[5] == "alarm"
    return parts[6] if is_arn else name_or_arn
