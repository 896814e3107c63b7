"""Start, reload and stop the daemon's loops."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from typing import TYPE_CHECKING

from tocsin.durations import HOUR, MINUTE
from tocsin.engine._core import Core, History, head_window
from tocsin.engine._evaluating import GroupLoop, state_key
from tocsin.engine._journal import Journal
from tocsin.engine._metrics import Metrics
from tocsin.engine._notifying import Notifying
from tocsin.engine._scraping import TargetLoop
from tocsin.errors import StoreError
from tocsin.notify import make_client as make_notify_client
from tocsin.series import Head
from tocsin.source import make_client
from tocsin.store import LedgerEntry, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from tocsin.engine._clock import Clock
    from tocsin.engine._config import Config
    from tocsin.rules import ActiveAlert
    from tocsin.store import Store

__all__ = ["Engine"]

_log = logging.getLogger(__name__)
_HOUSEKEEPING = MINUTE
_RETAIN = HOUR


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
        self._client = make_client()
        self._notify_client = make_notify_client()
        self.notifying = self._make_notifying(config)
        self._restore()

    def _restore(self) -> None:
        """Bring memory to where the last committed step left it."""
        for batch in self.store.batches(self.core.history.since):
            self.core.head.append(batch)
        now = self.started_at
        ledger = [LedgerEntry(now, "start", {"pid": os.getpid(), **_identity(self.config)})]
        if self.store.damaged:
            self.core.degrade("state_damaged", self.store.damaged)
            _log.error("the state was damaged, starting empty: %s", self.store.damaged)
            ledger.append(LedgerEntry(now, "state", {"damaged": self.store.damaged}))
        stopped = self.store.last_time()
        if stopped is not None and now - stopped > MINUTE:
            body = {"what": "daemon", "state": "closed", "start": stopped, "end": now}
            ledger.append(LedgerEntry(now, "gap", body))
        self.core.commit(Step(now, ledger=ledger))

    def _make_notifying(self, config: Config) -> Notifying:
        return Notifying(
            self.core, config.receivers, self._notify_client, self._random,
            config.external_labels, config.external_url or self._own_url(config),
        )  # fmt: skip

    @staticmethod
    def _own_url(config: Config) -> str:
        host, port = config.listen
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def start(self) -> None:
        """Start every loop on the running event loop."""
        outbox = self.store.outbox()
        self.notifying.put(outbox)
        self._drop_forsaken()
        self._apply(self.config)
        self._spawn("housekeeping", self._housekeeping())
        self._spawn("resend", self.notifying.resend(self.firing))

    def _drop_forsaken(self) -> None:
        """A message for a receiver that is gone is never sent; say so instead of keeping it."""
        now = self.core.clock.now()
        step = Step(now)
        for each in self.notifying.forsaken(self.store.outbox()):
            body = {"receiver": each.receiver, "key": each.key, "result": "refused",
                    "why": "the receiver is no longer configured"}  # fmt: skip
            step.ledger.append(LedgerEntry(now, "notification", body))
            step.delivered.append((each.receiver, each.key))
        self.core.commit(step)

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
        saved = self.store.states()
        for key in list(self.groups):
            self._cancel(f"rules/{key}")
        self.groups.clear()
        for file in config.rule_files:
            for group in file.groups:
                loop = GroupLoop(
                    self.core, group, config.evaluation_interval, self.notifying,
                    saved.pop(state_key(group), None),
                )  # fmt: skip
                self.groups[group.key] = loop
                self._spawn(f"rules/{group.key}", loop.run())
        gone: dict[str, bytes | None] = {key: None for key in saved if key.startswith("rules/")}
        if gone:
            self.core.commit(Step(now, states=gone))

    def reload(self, config: Config) -> None:
        """Take over a new configuration that loaded whole."""
        now = self.core.clock.now()
        before = self.config
        self.core.head.window = max(self.core.head.window, head_window(config.look_back))
        self.config, self.configured_at = config, now
        old = self.notifying
        self.notifying = self._make_notifying(config)
        self._cancel("resend")
        self._spawn("handover", self._hand_over(old))
        body = {**_identity(config), "before": _identity(before)}
        self.core.commit(Step(now, ledger=[LedgerEntry(now, "configuration", body)]))
        self._apply(config)
        self._spawn("resend", self.notifying.resend(self.firing))
        self.metrics.reloads.labels("ok").inc()
        self.core.recover("configuration")

    async def _hand_over(self, old: Notifying) -> None:
        """What the old receivers have not delivered goes to the new ones."""
        await old.stop()
        self.notifying.put(self.store.outbox())
        self._drop_forsaken()

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
                        yield rule.query.text, alert

    async def stop(self) -> None:
        """End the loops; deliver what is under way; leave the rest in the outbox."""
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
            if now >= retain_at:
                retain_at = now + _RETAIN
                try:
                    self.store.retain(now - self.config.retention, self.config.storage_size)
                except StoreError as error:
                    _log.warning("%s", error)
            await clock.sleep_until(now + _HOUSEKEEPING)

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
        loop = self.targets.get(name) or self.groups.get(name.removeprefix("rules/"))
        if loop is not None and self._tasks.get(name) is task:
            asyncio.get_running_loop().call_later(
                1.0,
                lambda: self._spawn(name, loop.run()) if self._tasks.get(name) is task else None,
            )


def _identity(config: Config) -> dict[str, object]:
    """What is in force, by hash."""
    return {
        "configuration": {
            "path": config.path, "sha256": hashlib.sha256(config.text).hexdigest(),
        },
        "rules": [{"path": file.path, "sha256": file.sha256} for file in config.rule_files],
    }  # fmt: skip
