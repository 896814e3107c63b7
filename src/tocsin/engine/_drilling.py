"""Drills in the running daemon: each day at their time, and when `tocsin drill` asks."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.alerting import Notification, notified_alert
from tocsin.control import utc
from tocsin.drill import DrillRun, weaknesses_of
from tocsin.durations import DAY, SECOND
from tocsin.engine._clock import next_tick
from tocsin.engine._line_drill import LineDrill
from tocsin.notify import AlertmanagerReceiver, PagerDutyReceiver
from tocsin.store import LedgerEntry, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tocsin.drill import Drill, Weakness
    from tocsin.engine._config import Config
    from tocsin.engine._core import Core
    from tocsin.engine._line_drill import LineDrills
    from tocsin.engine._logs import Logs
    from tocsin.engine._notifying import Notifying
    from tocsin.notify import Attempt
    from tocsin.rules import ActiveAlert, RuleGroup

__all__ = ["DRILLS_FOLDER", "DRILLS_SECRET", "DRILLS_STATE", "Drilling"]

_log = logging.getLogger(__name__)
DRILLS_FOLDER = "drills"
"""Below the state folder: NAME.ID.request asks for a drill, ID.json is its outcome."""
DRILLS_STATE = "drills"
DRILLS_SECRET = "drills/secret"  # noqa: S105 - the name of a state
_MOST_REQUESTS = 20


class _SeriesDrill:
    """Evaluates the rules on the attack's samples as time goes on."""

    def __init__(self, run: DrillRun, groups: list[RuleGroup], interval: int) -> None:
        """`interval` is for groups without one of their own."""
        self.run = run
        self.ready = bool(run.groups)
        self.step = run.interval or interval
        self._groups, self._interval = groups, interval

    async def evaluate(self, now: int) -> ActiveAlert | None:
        return self.run.evaluate(now)

    def why_not(self) -> str:
        return self.run.why_not()

    def weaknesses(self) -> list[Weakness]:
        run = self.run
        return list(weaknesses_of(run.drill, self._groups, self._interval, run.started))

    def end(self) -> None:
        """Nothing of it is anywhere else."""


class Drilling:
    """Runs one drill at a time, beside everything else.

    A drill has samples, counts and states of its own. Its message goes through the dispatcher of
    its receiver, and to nobody else; its outcome goes into the ledger.
    """

    def __init__(
        self, core: Core, config: Callable[[], Config], notifying: Callable[[], Notifying],
        logs: Callable[[], Logs], lines: LineDrills, days: bytes,
    ) -> None:  # fmt: skip
        """`days` is what `states` of the store has kept."""
        self._core = core
        self._config = config
        self._notifying = notifying
        self._logs = logs
        self._lines = lines
        self._days: dict[str, int] = msgspec.json.decode(days, type=dict[str, int]) if days else {}
        """The day since 1970 on which each scheduled drill was run last."""

    async def run(self) -> None:
        clock = self._core.clock
        while True:
            for drill, id_ in (*self._asked(), *self._due(clock.now())):
                await self._drill(drill, id_)
            await clock.sleep_until(clock.now() + SECOND)

    def _due(self, now: int) -> Iterator[tuple[Drill, str]]:
        """A drill whose time has come today is run, also if the daemon was down at that time."""
        today = now // DAY
        for drill in self._config().drills:
            if drill.at is None or now - today * DAY < drill.at:
                continue
            if self._days.get(drill.name) == today:
                continue
            self._days[drill.name] = today
            self._core.commit(Step(now, states={DRILLS_STATE: msgspec.json.encode(self._days)}))
            yield drill, hashlib.sha256(os.urandom(16)).hexdigest()[:16]

    def _asked(self) -> Iterator[tuple[Drill, str]]:
        folder = self._folder
        try:
            names = sorted(os.listdir(folder))[:_MOST_REQUESTS]  # noqa: PTH208 - names only
        except FileNotFoundError:
            return
        drills = {drill.name: drill for drill in self._config().drills}
        for name in names:
            if not name.endswith(".request"):
                continue
            wanted, _, id_ = name.removesuffix(".request").partition(".")
            (folder / name).unlink(missing_ok=True)
            if wanted in drills and id_.isalnum():
                yield drills[wanted], id_

    @property
    def _folder(self) -> Path:
        return self._config().storage_folder / DRILLS_FOLDER

    def _begin(self, drill: Drill, id_: str, started: int) -> _SeriesDrill | LineDrill:
        config, notifying = self._config(), self._notifying()
        if drill.lines is not None:
            return LineDrill(drill, config.logs, self._logs, self._lines, id_, started)
        groups = [group for file in config.rule_files for group in file.groups]
        run = DrillRun(
            drill, groups, id_, started, notifying.external_labels, notifying.external_url
        )
        return _SeriesDrill(run, groups, config.evaluation_interval)

    async def _drill(self, drill: Drill, id_: str) -> None:
        core = self._core
        started = core.clock.now()
        body: dict[str, Any] = {
            "drill": drill.name, "id": id_, "control": drill.control, "alert": drill.alert,
            "receiver": drill.receiver, "started": started,
        }  # fmt: skip
        core.commit(Step(started, ledger=[LedgerEntry(started, "drill", body)]))
        _log.info("drill %s begins: %s", drill.name, id_)
        told = asyncio.get_running_loop().create_future()
        way = self._begin(drill, id_, started)
        run = way.run
        try:
            fired, sent = await self._wait(way, told)
        finally:
            way.end()
        weak = await asyncio.to_thread(way.weaknesses)
        blind = [each.done for each in weak if not each.noticed]
        why = ""
        if fired is None:
            why = way.why_not()
        elif sent is None:
            why = f"the receiver {drill.receiver} was not told in time"
        elif blind:
            why = f"the drill does not notice that {' and that '.join(blind)}"
        now = core.clock.now()
        body |= {
            "passed": not why, "why": why, "ended": now,
            "metric": None if run.seen is None else run.seen - started,
            "firing": None if fired is None else fired - started,
            "notified": None if sent is None else sent - started,
            "weakened": [{"done": w.done, "noticed": w.noticed, "how": w.how} for w in weak],
        }  # fmt: skip
        core.commit(Step(now, ledger=[LedgerEntry(now, "drill", body)]))
        _log.log(logging.ERROR if why else logging.INFO, "drill %s %s", drill.name,
                 f"failed: {why}" if why else "passed")  # fmt: skip
        if why:
            core.degrade(f"drill {drill.name}", why)
        else:
            core.recover(f"drill {drill.name}")
        self._answer(id_, body)

    async def _wait(
        self, way: _SeriesDrill | LineDrill, told: asyncio.Future[int]
    ) -> tuple[int | None, int | None]:
        """Evaluate at each tick until the alert fires, tell, and wait until it was taken."""
        clock, run = self._core.clock, way.run
        deadline = run.started + run.drill.within
        fired = None
        while way.ready and fired is None:
            tick = next_tick(clock.now(), way.step)
            if tick > deadline:
                return None, None
            await clock.sleep_until(tick)
            alert = await way.evaluate(tick)
            if alert is not None:
                fired = clock.now()
                self._tell(run.drill, run.id, alert, fired, told)
        if fired is None:
            return None, None
        try:
            left = max(deadline - clock.now(), SECOND) / SECOND
            return fired, await asyncio.wait_for(told, left)
        except TimeoutError:
            return fired, None
        finally:
            self._notifying().taken.pop(f"drill-{run.id}", None)

    def _tell(
        self, drill: Drill, id_: str, alert: ActiveAlert, now: int, told: asyncio.Future[int]
    ) -> None:
        """Marked wherever a person or a program may look.

        A service that pages is told of an end alone: of what never began, so nobody is called.
        """
        notifying, key = self._notifying(), f"drill-{id_}"
        receiver = next((r for r in self._config().receivers if r.name == drill.receiver), None)
        pages = isinstance(receiver, PagerDutyReceiver | AlertmanagerReceiver)
        marked = notified_alert(alert, notifying.external_labels, "", now if pages else 0)
        marked = msgspec.structs.replace(
            marked,
            labels={**marked.labels, "drill": "true", "drill_id": id_},
            annotations={
                name: f"DRILL, not real: {text}" for name, text in marked.annotations.items()
            }
            | {"drill": f"drill {drill.name} of {utc(now)}; nothing has happened"},
        )

        def taken(attempt: Attempt) -> None:
            if not told.done():
                told.set_result(attempt.at)

        notifying.taken[key] = taken
        notification = Notification(
            key, drill.receiver, f'{{}}:{{drill="{id_}"}}',
            {"alertname": drill.alert, "drill": "true"}, (marked,), now,
        )  # fmt: skip
        self._core.commit(Step(now, outbox=[notification]))
        notifying.put([notification])

    def _answer(self, id_: str, body: dict[str, Any]) -> None:
        """For `tocsin drill`, which waits for it and takes it away."""
        if not self._folder.is_dir():
            return
        draft = self._folder / f".{id_}"
        try:
            draft.write_bytes(msgspec.json.encode(body))
            draft.replace(self._folder / f"{id_}.json")
        except OSError as error:
            _log.warning("can't write the outcome of a drill: %s", error)
