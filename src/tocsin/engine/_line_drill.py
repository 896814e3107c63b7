"""A drill of lines in the running daemon: into a file or the log group, and back out of it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from tocsin.alarms import MetricAlarm
from tocsin.drill import (
    LogDrillRun,
    LogSetup,
    RuleDrillRun,
    RuleSetup,
    Sieve,
    form_of,
    line_weaknesses_of,
)
from tocsin.durations import SECOND
from tocsin.engine._alarming import alarm_alert
from tocsin.engine._correlating import correlation_alert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tocsin.correlation import Correlation, Detection, RuleSet
    from tocsin.drill import Drill, Weakness
    from tocsin.engine._config_logs import LogConfig
    from tocsin.engine._log_reading import Drilled
    from tocsin.engine._logs import Logs
    from tocsin.rules import ActiveAlert

__all__ = ["LineDrill", "LineDrills", "log_setup"]


class LineDrills:
    """What log groups put apart goes to the drill under way, if it is that drill's."""

    def __init__(self, secret: bytes) -> None:
        self.sieve = Sieve(secret)
        self.run: LogDrillRun | RuleDrillRun | None = None

    def take(self, drilled: Iterable[Drilled], now: int) -> None:
        if self.run is None:
            return
        by_form: dict[str, list[bytes]] = {}
        for each in drilled:
            if each.drill == self.run.id:
                by_form.setdefault(each.form, []).append(each.line)
        for form, lines in by_form.items():
            self.run.take(form, lines, now)


class LineDrill:
    """Sends lines until the alarm goes off."""

    step = SECOND

    def __init__(
        self, drill: Drill, config: LogConfig, logs: Callable[[], Logs], drills: LineDrills,
        id_: str, started: int,
    ) -> None:  # fmt: skip
        self.setup = log_setup(drill, config, started)
        self.run = self.setup.begin(drill, drills.sieve, id_, started)
        self.failure = ""
        """Why the lines could not be written."""
        self._lines = drill.sends
        self._logs = logs
        self._drills = drills
        drills.run = self.run

    @property
    def ready(self) -> bool:
        return self.setup.ready and not self.failure

    def why_not(self) -> str:
        return self.failure or self.run.why_not()

    async def evaluate(self, now: int) -> ActiveAlert | None:
        lines = self.run.due(self._form(), now)
        if lines:
            await self._send(b"".join(line + b"\n" for line in lines))
        reason = self.run.evaluate(now)
        if reason is None:
            return None
        if isinstance(self.setup, LogSetup):
            return alarm_alert(self.setup.alarm, reason, now) if self.setup.alarm else None
        alert = self.run.alert if isinstance(self.run, RuleDrillRun) else None
        return correlation_alert(alert, self.setup.plan, now) if alert else None

    async def _send(self, data: bytes) -> None:
        if not self._lines.file:
            await self._logs().drill(self._lines.log_group, data)
            return
        try:
            # In one write, so that no line of the application falls in between.
            flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(self._lines.file, flags)
            try:
                os.write(file, data)
            finally:
                os.close(file)
        except OSError as error:
            self.failure = f"can't write to {self._lines.file}: {error.strerror}"

    def weaknesses(self) -> list[Weakness]:
        run, setup = self.run, replace(self.setup, form=self._form())
        return list(line_weaknesses_of(run.drill, setup, run.started))

    def _form(self) -> str:
        return self._logs().form(self._lines.log_group) or self.setup.form

    def end(self) -> None:
        self._drills.run = None


def log_setup(drill: Drill, config: LogConfig, now: int) -> LogSetup | RuleSetup:
    """What of a configuration the drill's lines meet."""
    found = (a for a in config.definitions.alarms if a.alarm_name == drill.alert)
    alarm = next((each for each in found if isinstance(each, MetricAlarm)), None)
    name = drill.sends.log_group
    group = next(each for each in config.groups if each.name == name)
    filters = () if alarm is None else (f for f in config.feeding(alarm) if f.log_group == name)
    form = group.format or form_of(drill.sends.line, group.offset, now)
    rule = _rule_called(drill.alert, config.rules)
    if alarm is None and config.rules.detections:
        return RuleSetup(config.rules, rule, form, group.offset, group.lateness)
    return LogSetup(alarm, tuple(filters), config.settings, form, group.offset, group.lateness)


def _rule_called(called: str, rules: RuleSet) -> str:
    """The name of the Sigma rule that has this name, id or title, if it is an alert by itself."""
    every: list[Detection | Correlation] = [*rules.detections, *rules.correlations]
    alone = [each for each in every if each.alone]
    name = rules.names.get(called, called)
    found = [each.name for each in alone if each.name == name]
    found += [each.name for each in alone if each.title == called]
    return next(iter(found), "")
