"""How far the demo has come: what the screen shows beside the numbers of the system."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tocsin.lab._watch import RuleNow, Snapshot
    from tocsin.lab._webhook import Received

__all__ = ["STAGES", "Mark", "Screen", "Story", "rule_text"]

STAGES = ("instrument", "detect", "notify", "prove")


class Mark(Enum):
    """Where a stage stands."""

    AHEAD = "ahead"
    NOW = "now"
    DONE = "done"
    FAILED = "failed"


@dataclass
class Story:
    """What has happened so far."""

    began: float
    ends: float
    """When it will probably be over, Unix seconds."""
    doing: str = ""
    over: bool = False
    url: str = ""
    """Where the daemon's API is."""
    attack: float = 0.0
    """When the first attacker was started, Unix seconds; 0 before."""
    marks: dict[str, Mark] = field(default_factory=lambda: dict.fromkeys(STAGES, Mark.AHEAD))
    notices: list[Received] = field(default_factory=list)

    def enter(self, stage: str) -> None:
        """Everything before `stage` is done."""
        for each in STAGES:
            if each == stage:
                self.marks[each] = Mark.NOW
                return
            self.marks[each] = Mark.DONE

    def fail(self) -> None:
        for stage, mark in self.marks.items():
            if mark is Mark.NOW:
                self.marks[stage] = Mark.FAILED

    def notice_text(self, notice: Received) -> str:
        late = max(0.0, notice.at - notice.starts_at)
        after = f", {notice.at - self.attack:.0f} s after the attack" if self.attack else ""
        return f"{notice.status} {notice.name}: {late:.2f} s after the rule{after}"


def rule_text(rule: RuleNow, now: float) -> str:
    """The state, and how long a pending one has to go."""
    if rule.health == "err":
        return f"{rule.state}, its evaluation fails"
    if rule.state == "pending" and rule.active_at:
        left = max(0.0, rule.active_at + rule.hold - now)
        return f"pending, fires in {left:.0f} s"
    return rule.state


class Screen(Protocol):
    """Where the demo is shown."""

    width: int

    def show(self, story: Story, snapshot: Snapshot) -> None:
        """Show where it stands; called once a second."""
        ...

    def close(self, story: Story, snapshot: Snapshot) -> None:
        """Show the last state; nothing moves after it."""
        ...
