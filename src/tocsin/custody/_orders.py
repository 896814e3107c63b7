"""What the custody log says of holds since the last sealed day, and what of it counts.

Whoever may append to the log has no key. A hold counts, for it removes nothing, but not as added
before what was removed first. A release counts if it is signed with the key of the last sealed day.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.bundle import read_file, survey
from tocsin.custody._log import lines_of
from tocsin.errors import EvidenceError, ParseError, StoreError
from tocsin.seal import (
    HEAD,
    MANIFEST,
    MOST_HOLDS,
    SIGNATURE,
    TOMBSTONE,
    Hold,
    moment_of,
    read_checkpoint,
    read_holds,
    read_tombstone,
    signed_by,
    write_holds,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tocsin.seal import Tombstone

__all__ = ["Sealer", "after_orders", "release_text", "sealer_of"]


@dataclass(frozen=True, slots=True)
class Sealer:
    """Whose word ends a hold."""

    origin: str
    public: bytes
    """32 bytes, Ed25519."""


def sealer_of(root: Path, day: str) -> Sealer:
    """Who sealed `day`. Raises EvidenceError, StoreError."""
    folder = root / day
    try:
        public = signed_by(read_file(folder / SIGNATURE), read_file(folder / MANIFEST))
        return Sealer(read_checkpoint(read_file(folder / HEAD)).origin, public)
    except OSError as error:
        raise StoreError(f"can't read {error.filename or folder}: {error.strerror}") from None
    except ParseError as error:
        raise EvidenceError(f"{day}: {error.what}", hint="`tocsin evidence verify`") from None


def release_text(origin: str, hold: Hold, released: str, by: str, reason: str) -> bytes:
    """What is signed to end `hold`: of no other hold and no other chain."""
    held = write_holds((replace(hold, released="-"),)).decode()
    told = f"released {released}\nby {by}\nreason {reason}\n"
    return f"tocsin-hold-release/1\norigin {origin}\n{held}{told}".encode()


@dataclass(slots=True)
class _Gone:
    """Days that were removed, as far as the log has come."""

    settled: list[Tombstone] = field(default_factory=list)
    waiting: dict[str, Tombstone] = field(default_factory=dict)
    """By SHA-256, those that a later line records."""

    @classmethod
    def of(cls, root: Path, lines: bytes) -> _Gone:
        made = cls()
        for day in survey(root).days:
            if not (root / day / TOMBSTONE).exists():
                continue
            try:
                data = read_file(root / day / TOMBSTONE)
                stone = read_tombstone(data)
            except (OSError, ParseError):
                continue  # `verify` says what is wrong with it.
            digest = hashlib.sha256(data).hexdigest()
            if digest.encode() in lines:
                made.waiting[digest] = stone
            else:
                made.settled.append(stone)
        return made

    def recorded(self, digest: object) -> None:
        stone = self.waiting.pop(digest, None) if isinstance(digest, str) else None
        if stone is not None:
            self.settled.append(stone)

    def earliest(self, hold: Hold) -> str:
        """When `hold` can have been added at the earliest, RFC 3339."""
        last = max((moment_of(s.removed) for s in self.settled if hold.covers(s.day)), default=None)
        if last is None:
            return ""
        return f"{datetime.fromtimestamp(last // 1_000_000 + 1, UTC):%Y-%m-%dT%H:%M:%SZ}"


def after_orders(root: Path, day: str, holds: tuple[Hold, ...], lines: bytes) -> tuple[Hold, ...]:
    """`holds` are those of `day`, the last that is sealed; `lines` what the log has since.

    Raises EvidenceError, StoreError.
    """
    if b'"hold"' not in lines:
        return holds
    found = {hold.number: hold for hold in holds}
    sealer = sealer_of(root, day) if day else None
    gone = _Gone.of(root, lines)
    for line in lines_of(lines):
        gone.recorded(line.get("tombstone"))
        told = line.get("hold")
        if not isinstance(told, dict):
            continue
        try:
            if "released" in told:
                _release(found, told, sealer)
            else:
                _add(found, told, gone)
        except (ParseError, KeyError, TypeError, ValueError, AttributeError):
            continue  # Nothing of ours; the line is sealed as it is.
    return tuple(found[number] for number in sorted(found))


def _add(found: dict[int, Hold], told: Mapping[str, Any], gone: _Gone) -> None:
    number = int(told["number"])
    if number in found or len(found) >= MOST_HOLDS:
        return
    (hold,) = read_holds(write_holds((Hold(
        number, told["first"], told["last"], told["added"], told["by"], told["reason"],
    ),)))  # fmt: skip
    found[number] = replace(hold, added=max(hold.added, gone.earliest(hold)))


def _release(found: dict[int, Hold], told: Mapping[str, Any], sealer: Sealer | None) -> None:
    hold = found[int(told["number"])]
    if sealer is None or hold.released != "-":
        return
    moment_of(told["released"])
    text = release_text(sealer.origin, hold, told["released"], told["by"], told["reason"])
    if signed_by(told["signature"].encode(), text) == sealer.public:
        found[hold.number] = replace(hold, released=told["released"])
