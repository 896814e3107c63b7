"""Committing steps, and going on detecting while the disk does not take them."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from tocsin.errors import StoreError
from tocsin.store import LedgerEntry, Step

if TYPE_CHECKING:
    from tocsin.store import Store

__all__ = ["Journal"]

_log = logging.getLogger(__name__)
_MOST_WAITING = 64 << 20


class Journal:
    """The store's only writer.

    While the store fails, steps wait in memory, oldest first, and go down together
    with the next one that it takes. What waits is bounded; beyond the bound samples
    and counts are let go, counted and put into the ledger as a gap, but never transitions or
    notifications.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[Step] = deque()
        self._stated: dict[str, Step] = {}
        """The waiting step that has the newest value of a state."""
        self._bytes = 0
        self.failure = ""
        """Why the store takes nothing; empty while it does."""
        self.failures = 0
        self.samples_lost = 0
        self._gap: tuple[int, int] | None = None

    @property
    def waiting(self) -> int:
        """Steps that are not on disk yet."""
        return len(self._waiting)

    def commit(self, step: Step) -> bool:
        """Whether the step is on disk; if not, it waits."""
        if not step and not self._waiting:
            return True
        lost = self._lost_entry(step.time)
        try:
            self._store.commit(*self._waiting, *([lost] if lost else []), step)
        except StoreError as error:
            self.failures += 1
            if not self.failure:
                _log.error("%s; detection goes on, the record waits in memory", error)
            self.failure = error.what
            self._wait(step)
            return False
        if self.failure:
            _log.warning("the store takes writes again; %d steps caught up", len(self._waiting))
        self._waiting.clear()
        self._stated.clear()
        self._bytes, self.failure, self._gap = 0, "", None
        return True

    def _wait(self, step: Step) -> None:
        for key in step.states:
            # All of them go down together, so of each state only the newest matters.
            older = self._stated.get(key)
            if older is not None:
                self._bytes -= older.size
                del older.states[key]
                self._bytes += older.size
            self._stated[key] = step
        self._waiting.append(step)
        self._bytes += step.size
        while self._bytes > _MOST_WAITING:
            heavy = next((e for e in self._waiting if e.batches or e.tallies or e.folded), None)
            if heavy is None:
                break
            self._bytes -= heavy.size
            self.samples_lost += sum(len(batch.labels) for batch in heavy.batches)
            self._gap = (self._gap[0] if self._gap else heavy.time, heavy.time)
            heavy.batches, heavy.tallies, heavy.folded = [], [], []
            self._bytes += heavy.size

    def _lost_entry(self, now: int) -> Step | None:
        if self._gap is None:
            return None
        body = {"what": "samples and counts lost while the disk was full", "start": self._gap[0],
                "end": self._gap[1], "samples": self.samples_lost}  # fmt: skip
        return Step(now, ledger=[LedgerEntry(now, "gap", body)])
