"""Reading the ledger beside a daemon that goes on writing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tocsin.errors import StoreError
from tocsin.store._step import LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

__all__ = ["LedgerPart", "LedgerPeriod", "read_ledger", "read_ledger_of"]


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
    with _reading(folder) as db:
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
    return LedgerPart(_entries(rows), restarted)


@dataclass(frozen=True, slots=True)
class LedgerPeriod:
    """What the ledger says of a period."""

    carried: tuple[LedgerEntry, ...]
    """What was in force, or open, when the period began: all from before it."""
    entries: tuple[LedgerEntry, ...]
    after: tuple[LedgerEntry, ...]
    """Later ones that reach back into the period."""


_IN_FORCE = ("start", "stop", "configuration", "state")


def read_ledger_of(folder: Path, start: int, end: int, kinds: Collection[str]) -> LedgerPeriod:
    """Entries of some kinds with `start <= time < end`, and what reaches into that period.

    Times are microseconds since 1970 UTC. Raises StoreError.
    """
    named = ", ".join("?" * len(kinds))
    select = f"SELECT time, kind, body, seq FROM ledger WHERE kind IN ({named})"  # noqa: S608
    with _reading(folder) as db:
        entries = _entries(
            db.execute(f"{select} AND time >= ? AND time < ? ORDER BY seq", (*kinds, start, end))
        )
        later = _entries(db.execute(f"{select} AND time >= ? ORDER BY seq", (*kinds, end)))
        begun = db.execute(
            "SELECT coalesce(max(seq), 0) FROM ledger WHERE kind = 'start' AND time < ?", (start,)
        ).fetchone()
        earlier = _entries(
            db.execute(f"{select} AND time < ? AND seq >= ? ORDER BY seq", (*kinds, start, *begun))
        )
    return LedgerPeriod(_carried(earlier), entries, _reaching(later, start, end))


def _carried(entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
    """The last word of each kind, and the gaps that are open; since the last start."""
    kept: dict[object, LedgerEntry] = {}
    for entry in entries:
        body = entry.body
        if entry.kind in _IN_FORCE and "refused" not in body:
            key: object = (entry.kind, "clock" in body)
            kept.pop(key, None)
            kept[key] = entry
        elif entry.kind == "gap" and "state" in body:
            key = tuple(
                str(body.get(name)) for name in ("what", "job", "instance", "group", "rule",
                                                 "log_group")
            )  # fmt: skip
            if body["state"] == "open":
                kept.setdefault(key, entry)
            elif "start" not in body or body.get("what") == "scrape":
                kept.pop(key, None)
    return tuple(sorted(kept.values(), key=lambda entry: entry.seq))


def _reaching(entries: tuple[LedgerEntry, ...], start: int, end: int) -> tuple[LedgerEntry, ...]:
    """Gaps that began in the period, notifications of it, and each alarm's next transition."""
    found = []
    alarms: set[object] = set()
    for entry in entries:
        body = entry.body
        began = body.get("created" if entry.kind == "notification" else "start")
        if entry.kind == "transition":
            alarm = body.get("alarm")
            if alarm is not None and alarm not in alarms:
                alarms.add(alarm)
                found.append(entry)
        elif isinstance(began, int) and (
            (entry.kind == "gap" and began < end)
            or (entry.kind == "notification" and start <= began < end)
        ):
            found.append(entry)
    return tuple(found)


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees one moment. Raises StoreError."""
    path = folder / "tocsin.db"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("BEGIN")
            yield db
    except sqlite3.Error as error:
        raise StoreError(f"can't read the ledger in {path}: {error}") from None


def _entries(rows: Iterable[tuple[int, str, bytes, int]]) -> tuple[LedgerEntry, ...]:
    return tuple(
        LedgerEntry(time, kind, msgspec.json.decode(body), seq) for time, kind, body, seq in rows
    )
