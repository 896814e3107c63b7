"""The day's part of the ledger: each line holds the SHA-256 of the line before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["LedgerEnd", "chain_ledger", "check_ledger"]

MISSING = "missing"
"""The kind of a line that stands for entries that were not there to be sealed."""


@dataclass(frozen=True, slots=True)
class LedgerEnd:
    """Where a day's ledger ends and the next one's begins."""

    seq: int = 0
    """Number of the last entry; 0 before the first."""
    sha256: str = "0" * 64
    """Of the last line, with its line feed."""


class _Line(msgspec.Struct):
    prev: str
    seq: int
    time: int
    kind: str
    first: int = 0


def chain_ledger(
    entries: Iterable[tuple[int, int, str, dict[str, Any]]], end: LedgerEnd
) -> tuple[bytes, LedgerEnd]:
    """Entries `(seq, time, kind, body)` as lines that follow `end`, and the new end.

    Where numbers are missing, a line of the kind `missing` says which.
    """
    lines = []

    def put(entry: dict[str, Any], end: LedgerEnd) -> LedgerEnd:
        entry["prev"] = end.sha256
        text = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        lines.append(f"{text}\n".encode())
        return LedgerEnd(entry["seq"], hashlib.sha256(lines[-1]).hexdigest())

    for seq, time, kind, body in entries:
        if seq > end.seq + 1:
            gap = {"first": end.seq + 1, "kind": MISSING, "seq": seq - 1, "time": time}
            end = put(gap, end)
        end = put({"body": body, "kind": kind, "seq": seq, "time": time}, end)
    return b"".join(lines), end


def check_ledger(
    data: bytes, end: LedgerEnd, missing: Callable[[int, int], None] = lambda _first, _last: None
) -> LedgerEnd:
    """The end of `data`, which must follow `end` without a gap. Raises ParseError.

    `missing` is told the first and last number of entries that sealing did not find.
    """
    if data and not data.endswith(b"\n"):
        raise ParseError("the ledger is cut off")
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            found = msgspec.json.decode(line, type=_Line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise ParseError(f"ledger.jsonl:{number}: not an entry") from None
        if found.prev != end.sha256:
            raise ParseError(f"ledger.jsonl:{number}: does not follow the line before")
        if found.kind == MISSING and found.seq > end.seq and found.first == end.seq + 1:
            missing(found.first, found.seq)
        elif found.seq != end.seq + 1:
            raise ParseError(
                f"ledger.jsonl:{number}: entry {found.seq} follows {end.seq}; there is a gap"
            )
        end = LedgerEnd(found.seq, hashlib.sha256(line + b"\n").hexdigest())
    return end
