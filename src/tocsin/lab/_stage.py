"""What the demo's acts share: processes, the webhook, the look at the system, the screen."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from tocsin.lab._processes import Children
from tocsin.lab._story import Story
from tocsin.lab._watch import Snapshot, look
from tocsin.remote import PrometheusApi, parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tocsin.lab._processes import Child
    from tocsin.lab._story import Screen
    from tocsin.lab._webhook import Webhook

__all__ = ["Missed", "Stage"]

_USUAL = 92.0
"""Seconds the demo usually takes."""
_TAIL = 4.0
"""Seconds from the last rule that fires to the end."""


class Missed(Exception):  # noqa: N818 - it is the demo's answer, not a fault of the program
    """A step that did not happen."""

    def __init__(self, expected: str, seen: str) -> None:
        self.expected = expected
        self.seen = seen
        super().__init__(f"expected: {expected}\nseen: {seen}")


class Stage:
    """One run of the demo, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        screen: Screen,
        webhook: Webhook,
        alerts: Sequence[str],
        whole: float,
    ) -> None:
        """`alerts` must fire; `whole`: seconds that everything together may take."""
        self.folder = folder
        self.screen = screen
        self.webhook = webhook
        self.alerts = alerts
        self.children = Children(folder)
        now = time.time()
        self.story = Story(now, now + _USUAL)
        self.snapshot = Snapshot(now)
        self.sealed: tuple[str, ...] = ()
        """What verifying a sealed copy of the evidence said."""
        self._deadline = now + whole
        self._needed: list[Child] = []
        self._api: PrometheusApi | None = None

    def start_needed(self, name: str, module: str, *arguments: str) -> Child:
        """Start a process that must run until the end."""
        child = self.children.start(name, module, *arguments)
        self._needed.append(child)
        return child

    def visit(self, kind: str, app: str, *, rate: float, seconds: float) -> Child:
        """Send a visitor of `tocsin.lab.attackers` to the application."""
        return self.children.start(
            kind, "tocsin.lab.attackers", kind, "--target", f"http://{app}",
            "--rate", f"{rate:g}", "--seconds", f"{seconds:g}",
        )  # fmt: skip

    def watch(self, url: str) -> None:
        """From now on every look asks the API at `url`."""
        self.story.url = url
        self._api = PrometheusApi(
            parse_address(url), lambda: time.time_ns() // 1000, body_limit=4 << 20
        )

    async def until(self, expected: str, met: Callable[[], bool], within: float) -> None:
        """Look once a second until `met`, or raise Missed."""
        deadline = min(time.time() + within, self._deadline)
        while True:
            await self.look()
            if met():
                return
            for child in self._needed:
                if child.ended:
                    code = child.process.returncode
                    raise Missed(expected, f"{child.name} ended with exit code {code}")
            if time.time() >= deadline:
                raise Missed(f"{expected}, within {within:g} s", self._seen())
            # Until there are numbers, only the start of a process is waited for.
            await asyncio.sleep(1.0 if self._api else 0.1)

    async def look(self) -> None:
        """Ask the system, and show what it says."""
        now, story = time.time(), self.story
        if self._api is None:
            self.snapshot = Snapshot(now)
        else:
            step = math.ceil((story.ends - story.began) / max(20, self.screen.width - 10))
            self.snapshot = await look(self._api, now, story.began, max(1, step))
        story.notices = list(self.webhook.received)
        self._estimate(now)
        self.screen.show(story, self.snapshot)

    def _estimate(self, now: float) -> None:
        """Once the rules are pending, it is known when they fire."""
        story = self.story
        waiting = [self.snapshot.rule(name) for name in self.alerts]
        fires = [rule.active_at + rule.hold for rule in waiting if rule and rule.active_at]
        if story.over:
            story.ends = now
        elif fires and len(fires) == len(waiting):
            story.ends = max(*fires, now) + _TAIL

    def in_state(self, names: Sequence[str], *states: str) -> bool:
        """Whether each of the rules is in one of the states, as the API tells."""
        rules = [self.snapshot.rule(name) for name in names]
        return all(rule is not None and rule.state in states for rule in rules)

    def _seen(self) -> str:
        snapshot = self.snapshot
        if self._api is None:
            return "nothing"
        if snapshot.error:
            return f"no answer from the daemon: {snapshot.error}"
        rules = ", ".join(f"{rule.name} {rule.state}" for rule in snapshot.rules)
        targets = ", ".join(f"{name} {health}" for name, health in snapshot.targets)
        failures = f"{snapshot.failures[-1][1]:.1f}" if snapshot.failures else "no"
        return (
            f"{rules or 'no rules'}; {targets or 'no targets'}; {failures} failed logins in"
            f" 5 minutes; {len(self.story.notices)} notifications"
        )

    async def close(self) -> None:
        """End everything that was started."""
        # First the processes: closing the connection may be interrupted.
        self.children.stop()
        if self._api is not None:
            await self._api.__aexit__(None, None, None)
