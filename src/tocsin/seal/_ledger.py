"""The day's part of the ledger: each line holds the SHA-256 of the line before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LedgerEnd", "chain_ledger", "check_ledger"]


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


def chain_ledger(
    entries: Iterable[tuple[int, int, str, dict[str, Any]]], end: LedgerEnd
) -> tuple[bytes, LedgerEnd]:
    """Entries `(seq, time, kind, body)` as lines that follow `end`, and the new end."""
    lines = []
    for seq, time, kind, body in entries:
        entry = {"body": body, "kind": kind, "prev": end.sha256, "seq": seq, "time": time}
        text = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        line = f"{text}\n".encode()
        lines.append(line)
        end = LedgerEnd(seq, hashlib.sha256(line).hexdigest())
    return b"".join(lines), end


def check_ledger(data: bytes, end: LedgerEnd) -> LedgerEnd:
    """The end of `data`, which must follow `end` without a gap. Raises ParseError."""
    if data and not data.endswith(b"\n"):
        raise ParseError("the ledger is cut off")
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            found = msgspec.json.decode(line, type=_Line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise ParseError(f"ledger.jsonl:{number}: not an entry") from None
        if found.prev != end.sha256:
            raise ParseError(f"ledger.jsonl:{number}: does not follow the line before")
        if found.seq != end.seq + 1:
            raise ParseError(
                f"ledger.jsonl:{number}: entry {found.seq} follows {end.seq}; there is a gap"
            )
        end = LedgerEnd(found.seq, hashlib.sha256(line + b"\n").hexdigest())
    return end
