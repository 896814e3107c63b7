"""day.json: what a sealed day says of itself, under its own signature."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.errors import ParseError
from tocsin.seal._ledger import LedgerEnd

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SCHEMA", "DayFacts", "day_text", "read_day"]

SCHEMA = "tocsin-day/1"
_MOST_BYTES = 16 << 20


class _Ledger(msgspec.Struct):
    last: int
    sha256: str
    restarted: str = ""


class _Previous(msgspec.Struct):
    day: str
    manifest_sha256: str


class _Custody(msgspec.Struct):
    restarted: str = ""
    left_out: str = ""


class _Day(msgspec.Struct):
    schema: str
    day: str
    number: int
    origin: str
    ledger: _Ledger
    previous: _Previous | None = None
    retention: str = ""
    custody: _Custody = msgspec.field(default_factory=_Custody)


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What binds a day to its place in the chain."""

    day: str
    """`YYYYMMDD`."""
    number: int
    """Counts from 1."""
    origin: str
    before: str = ""
    """The day before; empty in the first."""
    manifest_before: str = ""
    """SHA-256 of its manifest in hex."""
    ledger: LedgerEnd = field(default_factory=LedgerEnd)
    """Where the ledger ends with this day."""
    restarted: str = ""
    """Why the ledger begins anew on this day; empty where it goes on."""
    retention: str = ""
    """How long days are kept, as the configuration said when it was sealed; empty without one."""
    custody_restarted: str = ""
    """Why the custody log begins anew on this day; empty where it goes on."""
    custody_left_out: str = ""
    """How much of the custody log was too much for the day; empty where it has all."""


def day_text(facts: DayFacts, more: Mapping[str, Any]) -> bytes:
    """Canonical JSON; `more` holds what is told to people, under names of its own."""
    value: dict[str, Any] = {
        **more,
        "schema": SCHEMA,
        "day": facts.day,
        "number": facts.number,
        "origin": facts.origin,
        "ledger": {"last": facts.ledger.seq, "sha256": facts.ledger.sha256},
    }
    if facts.restarted:
        value["ledger"]["restarted"] = facts.restarted
    if facts.before:
        value["previous"] = {"day": facts.before, "manifest_sha256": facts.manifest_before}
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False)
    return f"{text}\n".encode()


def read_day(data: bytes) -> DayFacts:
    """Raises ParseError."""
    if len(data) > _MOST_BYTES:
        raise ParseError(f"day.json is larger than {_MOST_BYTES >> 20} MiB")
    try:
        found = msgspec.json.decode(data, type=_Day)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"day.json can't be read: {error}") from None
    if found.schema != SCHEMA:
        raise ParseError(f"day.json is of schema {found.schema[:40]!r}, not {SCHEMA}")
    previous = found.previous or _Previous("", "")
    return DayFacts(
        found.day, found.number, found.origin, previous.day, previous.manifest_sha256,
        LedgerEnd(found.ledger.last, found.ledger.sha256), found.ledger.restarted, found.retention,
        found.custody.restarted, found.custody.left_out,
    )  # fmt: skip
