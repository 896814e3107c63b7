"""The demo for logs: a line when something changes, and every few seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.lab._story import rule_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.lab._story import Story
    from tocsin.lab._watch import Snapshot

__all__ = ["PlainScreen"]

_EVERY = 5.0


class PlainScreen:
    """Writes at most a line a second of numbers, and each event once."""

    width = 60

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._doing = ""
        self._states: tuple[str, ...] = ()
        self._notices = 0
        self._last = 0.0

    def show(self, story: Story, snapshot: Snapshot) -> None:
        if story.doing != self._doing:
            self._doing = story.doing
            self._line(story, snapshot, story.doing)
        states = tuple(rule.state for rule in snapshot.rules)
        if states != self._states or snapshot.at - self._last >= _EVERY:
            self._states, self._last = states, snapshot.at
            self._line(story, snapshot, _numbers(snapshot))
        for notice in story.notices[self._notices :]:
            self._line(story, snapshot, f"webhook received: {story.notice_text(notice)}")
        self._notices = len(story.notices)

    def close(self, story: Story, snapshot: Snapshot) -> None:
        self.show(story, snapshot)

    def _line(self, story: Story, snapshot: Snapshot, text: str) -> None:
        self._write(f"[{snapshot.at - story.began:5.1f} s] {text}")


def _numbers(snapshot: Snapshot) -> str:
    if snapshot.error:
        return f"no answer from the daemon: {snapshot.error}"
    up = sum(health == "up" for _, health in snapshot.targets)
    failures = f"{snapshot.failures[-1][1]:.0f}" if snapshot.failures else "none yet"
    rate = "-" if snapshot.rate is None else f"{snapshot.rate:.1f}/s"
    p95 = "-" if snapshot.p95 is None else f"{snapshot.p95:.2f} s"
    rules = "".join(f"; {rule.name} {rule_text(rule, snapshot.at)}" for rule in snapshot.rules)
    return (
        f"targets up {up} of {len(snapshot.targets)}, failed logins in 5 min {failures},"
        f" logins {rate}, p95 {p95}{rules}"
    )
