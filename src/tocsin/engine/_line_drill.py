"""A drill of lines in the running daemon: into a file or the log group, and back out of it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from tocsin.alarms import MetricAlarm
from tocsin.drill import LogDrillRun, LogSetup, Sieve, form_of, log_weaknesses_of
from tocsin.durations import SECOND
from tocsin.engine._alarming import alarm_alert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
        self.run: LogDrillRun | None = None

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
        assert drill.lines is not None  # noqa: S101 - for the type checker
        self.setup = log_setup(drill, config, started)
        self.run = LogDrillRun(drill, self.setup, drills.sieve, id_, started)
        self.failure = ""
        """Why the lines could not be written."""
        self._lines = drill.lines
        self._logs = logs
        self._drills = drills
        drills.run = self.run

    @property
    def ready(self) -> bool:
        return self.setup.alarm is not None and not self.failure

    def why_not(self) -> str:
        return self.failure or self.run.why_not()

    async def evaluate(self, now: int) -> ActiveAlert | None:
        lines = self.run.due(self._form(), now)
        if lines:
            await self._send(b"".join(line + b"\n" for line in lines))
        reason = self.run.evaluate(now)
        if reason is None or self.setup.alarm is None:
            return None
        return alarm_alert(self.setup.alarm, reason, now)

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
        return list(log_weaknesses_of(run.drill, setup, run.started))

    def _form(self) -> str:
        return self._logs().form(self._lines.log_group) or self.setup.form

    def end(self) -> None:
        self._drills.run = None


def log_setup(drill: Drill, config: LogConfig, now: int) -> LogSetup:
    """What of a configuration the drill's lines meet."""
    assert drill.lines is not None  # noqa: S101 - for the type checker
    found = (a for a in config.definitions.alarms if a.alarm_name == drill.alert)
    alarm = next((each for each in found if isinstance(each, MetricAlarm)), None)
    name = drill.lines.log_group
    group = next(each for each in config.groups if each.name == name)
    filters = () if alarm is None else (f for f in config.feeding(alarm) if f.log_group == name)
    form = group.format or form_of(drill.lines.line, group.offset, now)
    return LogSetup(alarm, tuple(filters), config.settings, form, group.offset, group.lateness)
