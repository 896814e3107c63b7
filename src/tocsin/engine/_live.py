"""Start, reload and stop the daemon's loops."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from tocsin.alerting import Router, RouterState
from tocsin.durations import HOUR, MINUTE, SECOND
from tocsin.engine._core import Core, History, head_window
from tocsin.engine._drilling import DRILLS_SECRET, DRILLS_STATE, Drilling
from tocsin.engine._evaluating import GroupLoop, state_key
from tocsin.engine._in_force import identity_of, texts_of
from tocsin.engine._journal import Journal
from tocsin.engine._line_drill import LineDrills
from tocsin.engine._logs import Logs
from tocsin.engine._metrics import Metrics
from tocsin.engine._notifying import ROUTER_KEY, Notifying
from tocsin.engine._responding import BLOCKS_TOLD, Responding
from tocsin.engine._scraping import TargetLoop
from tocsin.errors import StoreError
from tocsin.notify import make_client as make_notify_client
from tocsin.remote import make_client
from tocsin.rules import GroupState, RuleGroup
from tocsin.series import Head
from tocsin.store import LedgerEntry, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from tocsin.alerting import Notification
    from tocsin.engine._clock import Clock
    from tocsin.engine._config import Config
    from tocsin.engine._config_logs import LogConfig
    from tocsin.rules import ActiveAlert
    from tocsin.store import Store, Tally

__all__ = ["Engine"]

_log = logging.getLogger(__name__)
_HOUSEKEEPING = MINUTE
_RETAIN = HOUR
_CLOCK_APART = 5 * SECOND
INSTANCE = "instance"
"""The key of a state: what tells this state folder from every other."""


class Engine:
    """Everything that runs between start and stop.

    Restoring is exact: samples, pending and firing alerts and undelivered
    notifications are those of the last committed step.
    """

    def __init__(
        self, config: Config, store: Store, clock: Clock, monotonic: Callable[[], int],
        random: Callable[[], float],
    ) -> None:  # fmt: skip
        self.config = config
        self.store = store
        self.started_at = self.configured_at = clock.now()
        self._random = random
        self.metrics = Metrics()
        head = Head(head_window(config.look_back))
        history = History(head, store.reader(), self.started_at - head.window)
        self.core = Core(clock, monotonic, head, history, Journal(store), self.metrics)
        self.targets: dict[str, TargetLoop] = {}
        self.groups: dict[str, GroupLoop] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._reloading = asyncio.Lock()
        self._client = make_client()
        self._notify_client = make_notify_client()
        self.notifying = self._make_notifying(config)
        told = store.states().get(BLOCKS_TOLD, b"")
        self.responding = Responding(self.core, lambda: self.config, told)
        self._restore()
        self.instance = self._lasting(INSTANCE, 16).hex()
        self._line_drills = LineDrills(self._lasting(DRILLS_SECRET, 32))
        self.logs = self._make_logs(config)
        self.drilling = Drilling(
            self.core, lambda: self.config, lambda: self.notifying, lambda: self.logs,
            self._line_drills, store.states().get(DRILLS_STATE, b""),
        )  # fmt: skip

    def _restore(self) -> None:
        """Bring memory to where the last committed step left it."""
        for batch in self.store.batches(self.core.history.since):
            self.core.head.append(batch)
        now = self.started_at
        ledger = [LedgerEntry(now, "start", {"pid": os.getpid(), **identity_of(self.config)})]
        if self.store.damaged:
            self.core.degrade("state_damaged", self.store.damaged)
            _log.error("the state was damaged, starting empty: %s", self.store.damaged)
            ledger.append(LedgerEntry(now, "state", {"damaged": self.store.damaged}))
        stopped = self.store.last_time()
        if stopped is not None and now - stopped > MINUTE:
            body = {"what": "daemon", "state": "closed", "start": stopped, "end": now}
            ledger.append(LedgerEntry(now, "gap", body))
        self.core.commit(Step(now, ledger=ledger, texts=texts_of(self.config)))

    def _lasting(self, key: str, size: int) -> bytes:
        """Random bytes that are made once, and on disk before anybody sees them."""
        found = self.store.states().get(key, b"")
        if not found:
            found = os.urandom(size)
            self.core.commit(Step(self.started_at, states={key: found}))
        return found

    def _make_notifying(self, config: Config, before: Notifying | None = None) -> Notifying:
        return Notifying(
            self.core, config.receivers, self._notify_client, self._random,
            config.external_labels, config.external_url or self._own_url(config),
            self._make_router(config, before),
        )  # fmt: skip

    def _make_router(self, config: Config, before: Notifying | None) -> Router | None:
        """Groups, silences and what was told last go on; what runs is newer than what is stored."""
        if config.routing is None:
            return None
        if before is not None and before.router is not None:
            state: RouterState | None = before.router.state
        else:
            stored = self.store.states().get(ROUTER_KEY)
            state = msgspec.json.decode(stored, type=RouterState) if stored else None
        return Router(config.routing, state, now=self.core.clock.now())

    def _make_logs(self, config: Config, before: Logs | None = None) -> Logs:
        """Log groups go on where the last committed step left them, or the loop before."""
        states = self.store.states() | (before.states() if before else {})

        def tallies(log_group: str) -> list[Tally]:
            if before is not None and log_group in before.groups:
                return before.tallies(log_group)
            return self.store.tallies(log_group)

        return Logs(
            self.core, config.logs, lambda: self.notifying, states, tallies, self._line_drills,
            self.responding.propose, os.urandom(32),
        )  # fmt: skip

    @staticmethod
    def _own_url(config: Config) -> str:
        host, port = config.listen
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def start(self) -> None:
        """Start every loop on the running event loop."""
        self._put_undelivered()
        self._apply(self.config)
        self._spawn("logs", self.logs.run())
        self._spawn("housekeeping", self._housekeeping())
        self._spawn("drills", self.drilling.run())
        self._spawn("blocks", self.responding.run())
        self._spawn_notifying()

    def _spawn_notifying(self) -> None:
        self._spawn("resend", self.notifying.resend(self.firing))
        self._spawn("routes", self.notifying.route())

    def _apply(self, config: Config) -> None:
        """Make the loops those of the configuration; what did not change goes on undisturbed."""
        now = self.core.clock.now()
        wanted = {target.source: target for target in config.targets}
        for source, loop in list(self.targets.items()):
            if wanted.get(source) != loop.target:
                self._cancel(source)
                del self.targets[source]
                if source not in wanted:
                    loop.end(now)
        for source, target in wanted.items():
            if source not in self.targets:
                self.targets[source] = TargetLoop(self.core, target, self._client)
                self._spawn(source, self.targets[source].run())
        self._apply_rules(config, now)

    def _apply_rules(self, config: Config, now: int) -> None:
        """A group keeps its state; one that is gone ends, and so do its alerts."""
        prefix = state_key("")
        states = {
            key.removeprefix(prefix): msgspec.json.decode(value, type=GroupState)
            for key, value in self.store.states().items()
            if key.startswith(prefix)
        }
        for key, loop in self.groups.items():
            self._cancel(state_key(key))
            # What runs is newer than what is on disk while the disk is full.
            states[key] = loop.state
        groups = [group for file in config.rule_files for group in file.groups]
        self.groups = {
            group.key: self._group(group, config, states.pop(group.key, GroupState()))
            for group in groups
        }
        for key, loop in self.groups.items():
            self._spawn(state_key(key), loop.run())
        for key, state in states.items():
            path, _, name = key.rpartition(";")
            self._group(RuleGroup(name, path, 0, 0, 0, ()), config, state).evaluate(now)

    def _group(self, group: RuleGroup, config: Config, state: GroupState) -> GroupLoop:
        return GroupLoop(self.core, group, config.evaluation_interval, self.notifying, state,
                         self._who)  # fmt: skip

    def _who(self, start: int, end: int) -> str:
        """Who was busiest in the log groups, whichever they are by now."""
        return self.logs.who(start, end)

    async def reload(self, config: Config) -> None:
        """Take over a new configuration that loaded whole."""
        async with self._reloading:
            before, old = self.config, self.notifying
            self._cancel("resend")
            self._cancel("routes")
            # First the old receivers fall silent, then the new ones get what was left:
            # no message is sent by both, and none overtakes an earlier one.
            left = await old.stop()
            now = self.core.clock.now()
            self.config, self.configured_at = config, now
            self.core.widen(head_window(config.look_back))
            self.notifying = self._make_notifying(config, old)
            self.notifying.taken = old.taken
            self._put_undelivered(left)
            old_files = replace(before, revision={}, revisions={})
            body = {**identity_of(config), "before": identity_of(old_files)}
            entry = LedgerEntry(now, "configuration", body)
            self.core.commit(Step(now, ledger=[entry], texts=texts_of(before) | texts_of(config)))
            self._apply(config)
            await self._reload_logs(before.logs, config)
            self.responding.look()
            if old.router is None:
                self.notifying.adopt(self.firing())
            self._spawn_notifying()
            self.metrics.reloads.labels("ok").inc()
            self.core.recover("configuration")

    async def _reload_logs(self, before: LogConfig, config: Config) -> None:
        if config.logs == before:
            return
        await self._stop_logs()
        self.logs = self._make_logs(config, self.logs)
        self._spawn("logs", self.logs.run())

    async def _stop_logs(self) -> None:
        """What is being read is counted and committed first."""
        self.logs.stop()
        task = self._tasks.pop("logs", None)
        if task is not None:
            await asyncio.wait([task])
        self.logs.close()

    def _put_undelivered(self, left: Sequence[Notification] = ()) -> None:
        """Send what the outbox holds, and what did not get that far while the disk was full."""
        waiting = {(each.receiver, each.key): each for each in self.store.outbox()}
        waiting |= {(each.receiver, each.key): each for each in left}
        forsaken = self.notifying.forsaken(waiting.values())
        self.notifying.put(waiting.values())
        now = self.core.clock.now()
        step = Step(now)
        for each in forsaken:
            # Its receiver is gone: say so instead of keeping it for ever.
            body = {"receiver": each.receiver, "key": each.key, "result": "refused",
                    "why": "the receiver is no longer configured"}  # fmt: skip
            step.ledger.append(LedgerEntry(now, "notification", body))
            step.delivered.append((each.receiver, each.key))
        self.core.commit(step)

    def reload_failed(self, why: str) -> None:
        """The new configuration is bad: keep the old one, and say so until one loads."""
        now = self.core.clock.now()
        self.metrics.reloads.labels("failed").inc()
        self.core.degrade("configuration", "the configuration on disk is bad; the old one runs")
        entry = LedgerEntry(now, "configuration", {"refused": why[:2000]})
        self.core.commit(Step(now, ledger=[entry]))

    def firing(self) -> Iterator[tuple[str, ActiveAlert]]:
        """Each firing alert with its rule's query."""
        for loop in self.groups.values():
            for position, rule in enumerate(loop.group.rules):
                state = loop.state.rules.get(f"{position};{rule.name}")
                for alert in state.alerts if state else ():
                    if alert.state == "firing":
                        yield rule.query.text, loop.named(alert)
        for alert in self.logs.firing():
            yield "", alert

    async def stop(self) -> None:
        """End the loops; deliver what is under way; leave the rest in the outbox."""
        await self._stop_logs()
        for name in list(self._tasks):
            self._cancel(name)
        await self.notifying.stop()
        await self._client.aclose()
        await self._notify_client.aclose()
        now = self.core.clock.now()
        self.core.commit(Step(now, ledger=[LedgerEntry(now, "stop", {"pid": os.getpid()})]))

    async def _housekeeping(self) -> None:
        clock, retain_at = self.core.clock, 0
        while True:
            now = clock.now()
            self.core.trim(now)
            self._watch_clock(now)
            self.responding.remember()
            if now >= retain_at:
                retain_at = now + _RETAIN
                self.core.commit(Step(now, texts=texts_of(self.config)))
                try:
                    self.store.retain(now - self.config.retention, self.config.storage_size)
                except StoreError as error:
                    _log.warning("%s", error)
            await clock.sleep_until(now + _HOUSEKEEPING)

    def _watch_clock(self, now: int) -> None:
        """A wall clock that was set back makes our times run ahead of it; people must know."""
        ahead = self.core.clock.ahead
        if ahead < _CLOCK_APART:
            if "clock" in self.core.degraded:
                entry = LedgerEntry(now, "state", {"clock": "in step"})
                self.core.commit(Step(now, ledger=[entry]))
            self.core.recover("clock")
            return
        if "clock" not in self.core.degraded:
            body = {"clock": "set back", "ahead": ahead}
            self.core.commit(Step(now, ledger=[LedgerEntry(now, "state", body)]))
        detail = f"the wall clock was set back; ours is {ahead // SECOND} s ahead and slows down"
        self.core.degrade("clock", detail)

    def _spawn(self, name: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(self._ended)

    def _cancel(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A loop that dies is a fault of ours: it is told, and the loop starts again."""
        if task.cancelled() or task.exception() is None:
            return
        name = task.get_name()
        _log.error("loop %s failed and starts again", name, exc_info=task.exception())
        self.core.degrade(f"loop {name}", f"{type(task.exception()).__name__}")
        loop: TargetLoop | GroupLoop | Logs | Drilling | Responding | None
        if name == "logs":
            loop = self.logs
        elif name == "drills":
            loop = self.drilling
        elif name == "blocks":
            loop = self.responding
        else:
            loop = self.targets.get(name) or self.groups.get(name.removeprefix("rules/"))
        if loop is not None and self._tasks.get(name) is task:
            asyncio.get_running_loop().call_later(
                1.0,
                lambda: self._spawn(name, loop.run()) if self._tasks.get(name) is task else None,
            )
