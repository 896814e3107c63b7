"""Reading the ledger beside a daemon that goes on writing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tocsin.errors import StoreError
from tocsin.store._step import LedgerEntry

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LedgerPart", "read_ledger"]


@dataclass(frozen=True, slots=True)
class LedgerPart:
    """Entries that follow each other in number."""

    entries: tuple[LedgerEntry, ...]
    restarted: str = ""
    """Why they don't follow what was read before; empty where they do."""


def read_ledger(folder: Path, after: int, before: int) -> LedgerPart:
    """Every entry numbered above `after`, up to the last one made before `before`.

    `before` is in microseconds since 1970 UTC. Numbers are given in order, so nothing up to
    the last of these entries can come later. Raises StoreError.
    """
    path = folder / "tocsin.db"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("BEGIN")
            (newest,) = db.execute("SELECT coalesce(max(seq), 0) FROM ledger").fetchone()
            restarted = ""
            if newest < after:
                restarted = f"the ledger ends with entry {newest}, but {after} was sealed"
                after = 0
            rows = db.execute(
                "SELECT time, kind, body, seq FROM ledger WHERE seq > ? AND seq <="
                " (SELECT coalesce(max(seq), 0) FROM ledger WHERE time < ?) ORDER BY seq",
                (after, before),
            ).fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"can't read the ledger in {path}: {error}") from None
    return LedgerPart(
        tuple(LedgerEntry(t, kind, msgspec.json.decode(body), seq) for t, kind, body, seq in rows),
        restarted,
    )
