"""Texts of what was in force, by their hash: on disk they may be changed before a day is sealed."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

from tocsin.durations import DAY
from tocsin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

__all__ = ["read_texts", "write_texts"]

_KEPT = 90 * DAY
"""After they were in force last: days are sealed long before."""


def write_texts(db: sqlite3.Connection, texts: Mapping[str, bytes], now: int) -> None:
    """Keep those that are new, note that all of them are in force, let go of old ones."""
    for sha256, text in texts.items():
        done = db.execute("UPDATE text SET time = ? WHERE sha256 = ?", (now, sha256))
        if not done.rowcount:
            row = (sha256, now, zlib.compress(text))
            db.execute("INSERT INTO text (sha256, time, body) VALUES (?, ?, ?)", row)
    if texts:
        db.execute("DELETE FROM text WHERE time < ?", (now - _KEPT,))


def read_texts(folder: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """Those of the wanted hashes that are there and are what their hash says. Raises StoreError."""
    path = folder / "tocsin.db"
    found = {}
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            for sha256 in wanted:
                row = db.execute("SELECT body FROM text WHERE sha256 = ?", (sha256,)).fetchone()
                text = zlib.decompress(row[0]) if row else None
                if text is not None and hashlib.sha256(text).hexdigest() == sha256:
                    found[sha256] = text
    except (sqlite3.Error, zlib.error) as error:
        raise StoreError(f"can't read the texts of rules in {path}: {error}") from None
    return found
