"""The database's tables. A new version adds a script; an old one is never edited."""

from __future__ import annotations

__all__ = ["MIGRATIONS", "VERSION"]

MIGRATIONS = (
    """
    CREATE TABLE series (id INTEGER PRIMARY KEY AUTOINCREMENT, labels BLOB NOT NULL UNIQUE);
    CREATE TABLE layout (id INTEGER PRIMARY KEY AUTOINCREMENT, series BLOB NOT NULL UNIQUE);
    CREATE TABLE batch (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time INTEGER NOT NULL,
        source TEXT NOT NULL,
        layout INTEGER NOT NULL REFERENCES layout (id),
        samples BLOB NOT NULL,
        times BLOB
    );
    CREATE INDEX batch_time ON batch (time);
    CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE ledger (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        time INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX ledger_time ON ledger (time);
    CREATE TABLE outbox (
        receiver TEXT NOT NULL,
        key TEXT NOT NULL,
        seq INTEGER NOT NULL,
        item BLOB NOT NULL,
        PRIMARY KEY (receiver, key)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE tally (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        log_group TEXT NOT NULL,
        minute INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX tally_minute ON tally (log_group, minute);
    """,
    """
    CREATE TABLE text (sha256 TEXT PRIMARY KEY, time INTEGER NOT NULL, body BLOB NOT NULL)
        WITHOUT ROWID;
    """,
)
VERSION = len(MIGRATIONS)
