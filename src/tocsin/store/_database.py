"""Opening, committing and recovering the database."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from tocsin.alerting import Notification
from tocsin.errors import StoreError
from tocsin.store._samples import SampleTables
from tocsin.store._schema import MIGRATIONS, VERSION
from tocsin.store._step import LedgerEntry, Step, Tally
from tocsin.store._texts import write_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tocsin.labels import Matcher
    from tocsin.series import Batch, Selection

__all__ = ["Reader", "Store", "open_store"]

_FILE = "tocsin.db"
_LOCK = "lock"


def open_store(folder: Path, now: int) -> Store:
    """Open the state folder, making it if need be, and lock it for this process.

    A damaged database is moved aside under a new name, and the store starts empty
    with `damaged` saying so. Raises StoreError where the folder is in use by another
    daemon, can't be written, or was written by a newer Tocsin.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"can't use the state folder {folder}: {error.strerror}", hint="check storage.folder"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(lock, 20).decode(errors="replace").strip()
        os.close(lock)
        raise StoreError(
            f"the state folder {folder} is in use" + (f" by process {holder}" if holder else ""),
            hint="stop the other daemon, or give this one its own storage.folder",
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    try:
        return _open(folder, lock, now)
    except BaseException:
        os.close(lock)
        raise


def _open(folder: Path, lock: int, now: int) -> Store:
    path = folder / _FILE
    try:
        return Store(path, _connect(path), lock, damaged="")
    except sqlite3.DatabaseError as error:
        # A full or unwritable disk is no damage: moving the file would lose it.
        if isinstance(error, sqlite3.OperationalError) and not _is_damage(error):
            raise StoreError(f"can't open {path}: {error}", hint="check the disk") from None
        aside = f"{_FILE}.damaged-{now // 1_000_000}"
        for suffix in ("", "-wal", "-shm"):
            part = folder / (_FILE + suffix)
            if part.exists():
                part.rename(folder / (aside + suffix))
        return Store(path, _connect(path), lock, damaged=f"{error}; moved to {aside}")


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # Each commit reaches the disk: a power cut takes no step that was told to anyone.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _check(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(path: Path, connection: sqlite3.Connection) -> None:
    """Raise for damage, or for a newer format; bring an older one up to date."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StoreError(
            f"{path} is of a newer Tocsin (format {version}, this one knows {VERSION})",
            hint="upgrade, or give this daemon its own storage.folder",
        )
    for number in range(version, VERSION):
        connection.executescript(
            f"BEGIN; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
        )


class Reader:
    """Samples on disk, read beside the daemon's writing; a Queryable for any thread."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._samples = SampleTables(self._db)
        self._turn = threading.Lock()

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Raises StoreError."""
        with self._turn:
            try:
                return self._samples.select(matchers, start, end)
            except sqlite3.Error as error:
                raise StoreError(f"can't read old samples: {error}") from None

    def close(self) -> None:
        self._db.close()


class Store:
    """The open database of one daemon, for one thread; others use `reader`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int, damaged: str) -> None:
        self.path = path
        self.damaged = damaged
        """What was found wrong and where the damaged file went; empty if all is well."""
        self._db = connection
        self._lock = lock
        self._samples = SampleTables(connection)

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Raises StoreError after rolling back, for any failure of the database."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._samples.reload()
            raise StoreError(f"can't write {self.path.name}: {error}") from None

    def commit(self, *steps: Step) -> None:
        """Write all the steps in one transaction. Raises StoreError with nothing written."""
        with self._transaction():
            for step in steps:
                self._write(step)

    def _write(self, step: Step) -> None:
        for batch in step.batches:
            self._samples.write(batch)
        for each in step.folded:
            where = (each.log_group, each.minute)
            self._db.execute("DELETE FROM tally WHERE log_group = ? AND minute = ?", where)
        self._db.executemany(
            "INSERT INTO tally (log_group, minute, body) VALUES (?, ?, ?)",
            [(e.log_group, e.minute, e.body) for e in (*step.folded, *step.tallies) if e.body],
        )
        for key, value in step.states.items():
            if value is None:
                self._db.execute("DELETE FROM state WHERE key = ?", (key,))
            else:
                self._db.execute("REPLACE INTO state (key, value) VALUES (?, ?)", (key, value))
        self._db.executemany(
            "INSERT INTO ledger (time, kind, body) VALUES (?, ?, ?)",
            [(entry.time, entry.kind, msgspec.json.encode(entry.body)) for entry in step.ledger],
        )
        for notification in step.outbox:
            self._db.execute(
                "INSERT INTO outbox (receiver, key, seq, item) VALUES (?, ?,"
                " (SELECT coalesce(max(seq), 0) + 1 FROM outbox), ?)"
                " ON CONFLICT (receiver, key) DO NOTHING",
                (notification.receiver, notification.key, msgspec.json.encode(notification)),
            )
        self._db.executemany("DELETE FROM outbox WHERE receiver = ? AND key = ?", step.delivered)
        write_texts(self._db, step.texts, step.time)

    def states(self) -> dict[str, bytes]:
        return dict(self._db.execute("SELECT key, value FROM state"))

    def tallies(self, log_group: str) -> list[Tally]:
        """What was counted of a log group, in the order it was written."""
        rows = self._db.execute(
            "SELECT log_group, minute, body FROM tally WHERE log_group = ? ORDER BY id",
            (log_group,),
        )
        return [Tally(*row) for row in rows]

    def outbox(self) -> list[Notification]:
        """What is still on its way, oldest first."""
        rows = self._db.execute("SELECT item FROM outbox ORDER BY seq")
        return [msgspec.json.decode(item, type=Notification) for (item,) in rows]

    def ledger(
        self, start: int = 0, end: int = 2**62, kinds: Sequence[str] = ()
    ) -> list[LedgerEntry]:
        """Entries with `start <= time <= end`, of the kinds named or of all."""
        rows = self._db.execute(
            "SELECT time, kind, body, seq FROM ledger WHERE time BETWEEN ? AND ? ORDER BY seq",
            (start, end),
        )
        return [
            LedgerEntry(time, kind, msgspec.json.decode(body), seq)
            for time, kind, body, seq in rows
            if not kinds or kind in kinds
        ]

    def batches(self, start: int) -> Iterator[Batch]:
        """Every batch from `start` on, in the order it was written."""
        return self._samples.batches(start)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Samples on disk; a Queryable."""
        return self._samples.select(matchers, start, end)

    def reader(self) -> Reader:
        """A second connection, for queries on other threads."""
        return Reader(self.path)

    def last_time(self) -> int | None:
        """The time of the newest batch or ledger entry."""
        (time,) = self._db.execute(
            "SELECT max(t) FROM (SELECT max(time) AS t FROM batch"
            " UNION ALL SELECT max(time) FROM ledger)"
        ).fetchone()
        return None if time is None else int(time)

    def size(self) -> int:
        """Bytes in use, without free pages."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        (page,) = self._db.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * page)

    def retain(self, after: int, most_bytes: int) -> int:
        """Delete samples older than `after`, and the oldest tenth while over size.

        Returns the number of batches deleted. Raises StoreError.
        """
        with self._transaction():
            gone = self._samples.trim(after)
            while self.size() > most_bytes:
                low, high = self._db.execute("SELECT min(time), max(time) FROM batch").fetchone()
                if low is None:
                    break
                gone += self._samples.trim(low + max((high - low) // 10, 1))
        return gone
