"""Samples as rows of a batch: one blob of values beside a layout of series numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tocsin.labels import Labels
from tocsin.series import NO_SAMPLES, Batch, Selection

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from tocsin.labels import Matcher

__all__ = ["SampleTables"]

_ROWS_AT_ONCE = 4096


class SampleTables:
    """Reads and writes the tables series, layout and batch.

    What it knows of the tables follows them: numbers given in a transaction that
    rolls back are forgotten again by `reload`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.reload()

    def reload(self) -> None:
        self._numbers: dict[Labels, int] = {}
        self._labels: dict[int, Labels] = {}
        self._read_series()
        self._layouts: dict[int, tuple[Labels, ...]] = {}
        self._latest: dict[str, tuple[tuple[Labels, ...], int]] = {}

    def _read_series(self) -> None:
        for number, blob in self._db.execute("SELECT id, labels FROM series"):
            if number not in self._labels:
                self._know(number, Labels(msgspec.json.decode(blob)))

    def _know(self, number: int, labels: Labels) -> None:
        self._numbers[labels] = number
        self._labels[number] = labels

    def write(self, batch: Batch) -> None:
        latest = self._latest.get(batch.source)
        if latest is None or latest[0] is not batch.labels:
            latest = (batch.labels, self._layout_number(batch.labels))
            self._latest[batch.source] = latest
        self._db.execute(
            "INSERT INTO batch (time, source, layout, samples, times) VALUES (?, ?, ?, ?, ?)",
            (
                batch.time,
                batch.source,
                latest[1],
                batch.values.tobytes(),
                None if batch.times is None else batch.times.tobytes(),
            ),
        )

    def _layout_number(self, labels: tuple[Labels, ...]) -> int:
        numbers = np.array([self._series_number(each) for each in labels], np.int64).tobytes()
        row = self._db.execute("SELECT id FROM layout WHERE series = ?", (numbers,)).fetchone()
        if row is None:
            row = self._db.execute(
                "INSERT INTO layout (series) VALUES (?) RETURNING id", (numbers,)
            ).fetchone()
        return int(row[0])

    def _series_number(self, labels: Labels) -> int:
        number = self._numbers.get(labels)
        if number is None:
            row = self._db.execute(
                "INSERT INTO series (labels) VALUES (?) RETURNING id",
                (msgspec.json.encode(labels.pairs),),
            ).fetchone()
            number = int(row[0])
            self._know(number, labels)
        return number

    def _layout(self, number: int, blob: bytes) -> tuple[Labels, ...]:
        known = self._layouts.get(number)
        if known is None:
            numbers = np.frombuffer(blob, np.int64).tolist()
            if any(n not in self._labels for n in numbers):
                self._read_series()
            known = tuple(self._labels[n] for n in numbers)
            if len(self._layouts) > 1000:
                self._layouts.clear()
            self._layouts[number] = known
        return known

    def batches(self, start: int) -> Iterator[Batch]:
        """Every batch from `start` on, in the order it was written."""
        rows = self._db.execute(
            "SELECT time, source, batch.layout, series, samples, times FROM batch"
            " JOIN layout ON layout.id = batch.layout WHERE time >= ? ORDER BY batch.id",
            (start,),
        )
        for time, source, layout, series, samples, times in rows:
            yield Batch(
                source,
                time,
                self._layout(layout, series),
                np.frombuffer(samples),
                None if times is None else np.frombuffer(times, np.int64),
            )

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Samples of the matching series, from disk."""
        wanted: dict[Labels, int] = {}
        columns: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]]
        columns = []
        positions: dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}
        rows = self._db.execute(
            "SELECT time, batch.layout, series, samples, times FROM batch"
            " JOIN layout ON layout.id = batch.layout WHERE time BETWEEN ? AND ?",
            (start, end),
        )
        while chunk := rows.fetchmany(_ROWS_AT_ONCE):
            for time, layout, series, samples, times in chunk:
                if layout not in positions:
                    positions[layout] = self._positions(layout, series, matchers, wanted)
                at, who = positions[layout]
                if len(at):
                    values = np.frombuffer(samples)[at]
                    when = (
                        np.full(len(at), time, np.int64)
                        if times is None
                        else np.frombuffer(times, np.int64)[at]
                    )
                    columns.append((who, when, values))
        return _sorted_selection(tuple(wanted), columns, start, end)

    def _positions(
        self,
        layout: int,
        series: bytes,
        matchers: Sequence[Matcher],
        wanted: dict[Labels, int],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where the layout holds matching series, and their numbers in the answer."""
        at, who = [], []
        for position, labels in enumerate(self._layout(layout, series)):
            if all(matcher.matches(labels[matcher.name]) for matcher in matchers):
                at.append(position)
                who.append(wanted.setdefault(labels, len(wanted)))
        return np.array(at, np.int64), np.array(who, np.int64)

    def trim(self, before: int) -> int:
        """Delete the batches older than `before`, and what only they used; return how many."""
        gone = self._db.execute("DELETE FROM batch WHERE time < ?", (before,)).rowcount
        if gone:
            self._db.execute("DELETE FROM layout WHERE id NOT IN (SELECT layout FROM batch)")
            used: set[int] = set()
            for (blob,) in self._db.execute("SELECT series FROM layout"):
                used.update(np.frombuffer(blob, np.int64).tolist())
            unused = [(number,) for number in self._labels if number not in used]
            self._db.executemany("DELETE FROM series WHERE id = ?", unused)
            self.reload()
        return int(gone)


def _sorted_selection(
    labels: tuple[Labels, ...],
    columns: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]],
    start: int,
    end: int,
) -> Selection:
    if not columns:
        return NO_SAMPLES
    who = np.concatenate([column[0] for column in columns])
    times = np.concatenate([column[1] for column in columns])
    values = np.concatenate([column[2] for column in columns])
    inside = (times >= start) & (times <= end)
    order = np.lexsort((times[inside], who[inside]))
    who, times, values = who[inside][order], times[inside][order], values[inside][order]
    offsets = np.searchsorted(who, np.arange(len(labels) + 1))
    return Selection(labels, times, values, offsets.astype(np.int64))
