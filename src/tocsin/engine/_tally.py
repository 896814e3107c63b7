"""What was counted in one minute of one log group, as it is kept: small tables that add up."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from tocsin.scan import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["condense", "decode_tally", "encode_tally", "keep_busiest", "split"]

_Dimensions = tuple[tuple[str, str], ...]
_Key = tuple[str, str]
_Pair = tuple[float, int]
_VALUES = 256
"""Values of a cell that a closed minute keeps."""


class _Cell(msgspec.Struct, array_like=True):
    filter: str
    dimensions: _Dimensions
    clients: dict[str, int]
    error: int
    lost: int


class _Tally(msgspec.Struct, omit_defaults=True):
    """Keys without the log group and the minute, which whoever keeps it knows."""

    events: dict[str, int] = {}
    matches: dict[str, int] = {}
    samples: list[tuple[str, _Dimensions, float, int]] = []
    sources: list[_Cell] = []


def split(table: Table, watched: Callable[[_Key, _Dimensions], bool]) -> dict[int, Table]:
    """A table by minute. What is not of a minute, such as the lines read, is in none of them.

    Of samples and sources only those stay whose filter and dimensions are `watched`: strangers
    may choose the values of dimensions, but not what an alarm looks at.
    """
    found: dict[int, Table] = defaultdict(Table)
    minutes = table.minutes
    for (key, minute), count in minutes.events.items():
        found[minute].minutes.see(key, minute, count)
    for (key, minute), count in minutes.matches.items():
        found[minute].minutes.match(key, minute, count)
    for (key, minute, dimensions, value), count in minutes.samples.items():
        if watched(key, dimensions):
            found[minute].minutes.sample(key, minute, dimensions, value, count)
    for source, clients in table.sources.items():
        key, minute, dimensions = source
        if watched(key, dimensions):
            found[minute].blame(source, clients)
            found[minute].errors.add(source, table.errors[source])
            found[minute].lost.add(source, table.lost[source])
    return dict(found)


def condense(table: Table) -> Table:
    """A table with few values a cell: neighbours become their mean, the outermost stay.

    Counts, minimum and maximum are those of before, the sum is but for rounding.
    """
    cells: dict[tuple[_Key, int, _Dimensions], list[tuple[float, int]]] = defaultdict(list)
    for (key, minute, dimensions, value), count in sorted(table.minutes.samples.items()):
        cells[key, minute, dimensions].append((value, count))
    if all(len(values) <= _VALUES for values in cells.values()):
        return table
    made = Table()
    for (key, minute), count in table.minutes.events.items():
        made.minutes.see(key, minute, count)
    for (key, minute), count in table.minutes.matches.items():
        made.minutes.match(key, minute, count)
    for (key, minute, dimensions), values in cells.items():
        width = -(-len(values) // _VALUES)
        groups = [values[:1], *_batched(values[1:-1], width), values[-1:]]
        for group in groups if len(values) > _VALUES else [[each] for each in values]:
            count = sum(each for _, each in group)
            mean = math.fsum(value * each for value, each in group) / count
            made.minutes.sample(key, minute, dimensions, mean, count)
    made.sources, made.errors, made.lost = table.sources, table.errors, table.lost
    return made


def _batched(values: Sequence[_Pair], size: int) -> Iterator[Sequence[_Pair]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def keep_busiest(table: Table, most: int) -> None:
    """Let go of all but the busiest sources of each cell; what goes is counted as lost."""
    for key, clients in list(table.sources.items()):
        if len(clients) > most:
            kept = dict(table.top(key, most))
            table.lost.add(key, clients.total() - sum(kept.values()))
            gone = max(count for name, count in clients.items() if name not in kept)
            table.errors.add(key, gone)
            table.sources[key] = Counter(kept)


def encode_tally(table: Table) -> bytes:
    """A table of one minute and one log group as bytes."""
    minutes = table.minutes
    cells = sorted({*table.sources, *table.lost, *table.errors})
    tally = _Tally(
        {key[1]: count for (key, _), count in sorted(minutes.events.items())},
        {key[1]: count for (key, _), count in sorted(minutes.matches.items())},
        [(key[1], dims, value, n) for (key, _, dims, value), n in sorted(minutes.samples.items())],
        [
            _Cell(
                key[0][1], key[2], dict(table.sources.get(key, {})),
                table.errors[key], table.lost[key],
            )
            for key in cells
        ],
    )  # fmt: skip
    return msgspec.msgpack.encode(tally)


def decode_tally(log_group: str, minute: int, bodies: Iterable[bytes]) -> Table:
    """What several tallies of a minute come to."""
    table = Table()
    for body in bodies:
        tally = msgspec.msgpack.decode(body, type=_Tally)
        minutes = table.minutes
        for name, count in tally.events.items():
            minutes.see((log_group, name), minute, count)
        for name, count in tally.matches.items():
            minutes.match((log_group, name), minute, count)
        for name, dimensions, value, count in tally.samples:
            minutes.sample((log_group, name), minute, dimensions, value, count)
        for cell in tally.sources:
            key = ((log_group, cell.filter), minute, cell.dimensions)
            if cell.clients:
                table.blame(key, cell.clients)
            table.errors.add(key, cell.error)
            table.lost.add(key, cell.lost)
    return table
