"""The block list of a running daemon: proposals, automatic blocks, and what is blocked now.

Decisions stand in a file that the command writes too. Each of them, whoever made it, gets into the
ledger once: how many are there is part of the step that writes them down.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from tocsin.durations import MINUTE
from tocsin.engine._traffic import recent_successes
from tocsin.errors import StoreError
from tocsin.respond import Blocks, Safeguards, Traffic
from tocsin.store import BlockRecord, LedgerEntry, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.engine._alarming import Offender
    from tocsin.engine._config import Config
    from tocsin.engine._core import Core
    from tocsin.respond import Event, Network

__all__ = ["BLOCKS_TOLD", "Responding", "recent_traffic"]

BLOCKS_TOLD = "blocks/told"
"""The key of a state: how many events of the record the ledger knows of."""

_log = logging.getLogger(__name__)


def recent_traffic(config: Config, now: int) -> Traffic:
    """What went well lately, with how much of it one decision may cut. Reads files."""
    return Traffic(recent_successes(config.logs.groups, now), config.respond.share)


class Responding:
    """Proposes offenders; blocks by itself only for the rules that the configuration names."""

    def __init__(self, core: Core, config: Callable[[], Config], told: bytes) -> None:
        """`told` is the state BLOCKS_TOLD, empty if there is none."""
        self._core = core
        self._config = config
        self._told = int(told or b"0")
        self._waiting = asyncio.Event()
        # What was proposed before the last stop, and not looked at.
        self._looking = True
        self._waiting.set()
        self._left: set[str] = set()
        self._measured: tuple[int, Config, Traffic] | None = None

    def propose(self, offenders: Sequence[Offender]) -> None:
        """Put clients before those who decide; what is not put is counted."""
        now, config = self._core.clock.now(), self._config()
        safeguards = Safeguards(config.respond.protected)
        refused = []

        def proposed(events: list[Event]) -> list[Event]:
            blocks, made = Blocks(safeguards, events), []
            for each in offenders:
                last_seen = min(each.end, now)
                event = blocks.propose(
                    each.client, now, by=each.by, reason=each.reason,
                    evidence=f"ledger {each.evaluated_at}",
                    first_seen=each.start, last_seen=last_seen,
                )  # fmt: skip
                if event is None:
                    refused.append(blocks.objection(each.client, now, last_seen=last_seen))
                    continue
                blocks.apply(event)
                made.append(event)
            return made

        try:
            made = self._record(config).decide_all(proposed)
        except StoreError as error:
            _log.warning("no block proposed: %s", error)
            self._core.degrade("blocks", error.what)
            self._core.metrics.blocks_refused.labels("not written").inc(len(offenders))
            return
        self._core.recover("blocks")
        for why in refused:
            self._core.metrics.blocks_refused.labels(why).inc()
        self._core.metrics.blocks.labels("proposed").inc(len(made))
        if any(event.by in config.respond.automatic for event in made):
            self.look()

    def look(self) -> None:
        """Look at what is proposed again: some may be blocked without asking now."""
        self._looking = True
        self._waiting.set()

    def remember(self) -> None:
        """Write down what people decided since, if they did."""
        self._waiting.set()

    async def run(self) -> None:
        """Block what the configuration lets be blocked without asking, as it is proposed."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            looking, self._looking = self._looking, False
            if looking and self._config().respond.automatic:
                await self._decide()
            await self._tell()

    async def _tell(self) -> None:
        """Decisions that the ledger does not have yet, of people and of rules."""
        now = self._core.clock.now()
        try:
            dropped, events = await asyncio.to_thread(self._record(self._config()).read)
        except StoreError as error:
            _log.warning("decisions about blocks are not in the ledger: %s", error)
            self._core.degrade("blocks told", error.what)
            return
        self._core.recover("blocks told")
        there = dropped + len(events)
        if there == self._told:
            return
        lost = self._told - there
        new = events[max(0, self._told - dropped) :]
        entries = [_entry(event, now) for event in new if event.kind in _WORDS]
        if lost > 0:
            entries = [
                LedgerEntry(now, "block", {"what": "the record lost decisions", "lost": lost})
            ]
        self._told = there
        told = str(self._told).encode()
        if self._core.commit(Step(now, ledger=entries, states={BLOCKS_TOLD: told})):
            await self._compact(now)

    async def _compact(self, now: int) -> None:
        """Let go of what is no longer remembered, once the ledger has all of it."""

        def forgotten(events: list[Event]) -> set[str]:
            return Blocks(Safeguards(), events).forgotten(now)

        record = self._record(self._config())
        try:
            less = await asyncio.to_thread(record.compact, self._told, forgotten)
        except StoreError as error:
            _log.warning("the record of blocks is not written anew: %s", error)
            return
        if less:
            _log.info("%d decisions that are no longer remembered left %s", less, record.path)

    async def _decide(self) -> None:
        now, config = self._core.clock.now(), self._config()
        try:
            made, left = await asyncio.to_thread(self._automatic, config, now)
        except StoreError as error:
            _log.warning("nothing blocked: %s", error)
            self._core.degrade("blocks", error.what)
            return
        blocks = self._core.metrics.blocks
        blocks.labels("left to people").inc(len(left - self._left))
        self._left = left
        if made:
            blocks.labels("blocked").inc(len(made))

    def _automatic(self, config: Config, now: int) -> tuple[list[Event], set[str]]:
        """What is blocked now, and the networks that are left to people."""
        traffic = recent_traffic(config, now)
        safeguards, rules = Safeguards(config.respond.protected, traffic), config.respond.automatic
        left: set[str] = set()

        def decided(events: list[Event]) -> list[Event]:
            blocks = Blocks(safeguards, events)
            made = blocks.automatic(now, rules, traffic)
            left.update(
                e.network for e in blocks.all(now) if e.state == "proposed" and e.by in rules
            )
            left.difference_update(event.network for event in made)
            return made

        return self._record(config).decide_all(decided), left

    def blocked(self) -> list[Network]:
        """What is blocked now and not protected. On a worker thread; StoreError."""
        now, config = self._core.clock.now(), self._config()
        events = self._record(config).events()
        if not Blocks(Safeguards(config.respond.protected), events).blocked(now):
            return []
        known = self._measured
        if known is None or known[1] is not config or not 0 <= now - known[0] < MINUTE:
            known = self._measured = now, config, recent_traffic(config, now)
        blocks = Blocks(Safeguards(config.respond.protected, known[2]), events)
        return [network for network, _ in blocks.blocked(now)]

    @staticmethod
    def _record(config: Config) -> BlockRecord:
        return BlockRecord(config.storage_folder / "blocks.jsonl")


_WORDS = {"approve": "blocked", "remove": "ended"}


def _entry(event: Event, now: int) -> LedgerEntry:
    what = "blocked without asking" if event.automatic else _WORDS[event.kind]
    body = {
        "what": what, "network": event.network, "by": event.by, "reason": event.reason,
        "evidence": event.evidence, "expires": event.expires, "decided": event.time,
    }  # fmt: skip
    return LedgerEntry(now, "block", body)
