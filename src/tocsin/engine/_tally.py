"""What was counted in one minute of one log group, as it is kept: small tables that add up."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from tocsin.scan import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["decode_tally", "encode_tally", "keep_busiest", "split"]

_Dimensions = tuple[tuple[str, str], ...]


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


def split(table: Table) -> dict[int, Table]:
    """A table by minute. What is not of a minute, such as the lines read, is in none of them."""
    found: dict[int, Table] = defaultdict(Table)
    minutes = table.minutes
    for (key, minute), count in minutes.events.items():
        found[minute].minutes.events[key, minute] += count
    for (key, minute), count in minutes.matches.items():
        found[minute].minutes.matches[key, minute] += count
    for sample, count in minutes.samples.items():
        found[sample[1]].minutes.samples[sample] += count
    for source, clients in table.sources.items():
        found[source[2]].blame(source, clients)
    for source, count in table.errors.items():
        found[source[2]].errors[source] += count
    for source, count in table.lost.items():
        found[source[2]].lost[source] += count
    return dict(found)


def keep_busiest(table: Table, most: int) -> None:
    """Let go of all but the busiest sources of each cell; what goes is counted as lost."""
    for key, clients in table.sources.items():
        if len(clients) > most:
            kept = dict(table.top(key, most))
            table.lost[key] += clients.total() - sum(kept.values())
            table.errors[key] += max(count for name, count in clients.items() if name not in kept)
            table.sources[key] = Counter(kept)
    table.kept = sum(map(len, table.sources.values()))


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
                key[0][1], key[1], dict(table.sources.get(key, {})),
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
            minutes.events[(log_group, name), minute] += count
        for name, count in tally.matches.items():
            minutes.matches[(log_group, name), minute] += count
        for name, dimensions, value, count in tally.samples:
            minutes.samples[(log_group, name), minute, dimensions, value] += count
        for cell in tally.sources:
            key = ((log_group, cell.filter), cell.dimensions, minute)
            if cell.clients:
                table.blame(key, cell.clients)
            table.errors[key] += cell.error
            table.lost[key] += cell.lost
    return table
