"""What the custody log says of holds since the last sealed day, and what of it counts.

Whoever may append to the log has no key. A hold counts, for it removes nothing, but not as added
before what was removed first. A release counts if it is signed with the key of the last sealed day.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.bundle import read_file, survey
from tocsin.errors import EvidenceError, ParseError, StoreError
from tocsin.seal import (
    HEAD,
    MANIFEST,
    MOST_HOLDS,
    SIGNATURE,
    TOMBSTONE,
    TOMBSTONE_SIGNATURE,
    Hold,
    Signer,
    day_after,
    moment_of,
    read_checkpoint,
    read_holds,
    read_tombstone,
    records_of,
    signed_by,
    tombstone_of,
    write_holds,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tocsin.custody._log_part import LogPart
    from tocsin.seal import Tombstone

__all__ = ["Sealer", "after_orders", "release_text", "sealer_of", "unrecorded"]


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


def _stones(root: Path) -> Iterator[Tombstone]:
    """Those of removed days; `verify` says what is wrong with others."""
    for day in survey(root).days:
        if (root / day / TOMBSTONE).exists():
            with suppress(OSError, ParseError):
                yield read_tombstone(read_file(root / day / TOMBSTONE))


def unrecorded(root: Path, day: str, lines: bytes) -> bytes:
    """Lines for removals that the day after `day` has to record, but that are not in `lines`.

    Without one, a removal by whoever seals would look like an attack for ever, because somebody
    else wrote too much into the log, or took a line out of it. Raises EvidenceError, StoreError.
    """
    made = []
    recorded = records_of(lines)
    for stone in _stones(root):
        digest = hashlib.sha256(stone.text).hexdigest()
        if stone.log != day_after(day) or digest in recorded:
            continue
        sealer = sealer_of(root, day)
        try:
            names = (MANIFEST, TOMBSTONE, TOMBSTONE_SIGNATURE)
            texts = {name: read_file(root / stone.day / name) for name in names}
            tombstone_of(stone.day, texts, (Signer(sealer.public),), sealer.origin)
        except (OSError, ParseError):
            continue
        told = {"by": stone.by, "command": "evidence seal", "days": stone.day,
                "reason": "the log did not record it, or not in the part that is sealed",
                "tombstone": digest}  # fmt: skip
        made.append(json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
    return "".join(f"{line}\n" for line in made).encode()


@dataclass(slots=True)
class _Gone:
    """Days that were removed, as far as the log has come."""

    settled: list[Tombstone] = field(default_factory=list)
    waiting: dict[str, Tombstone] = field(default_factory=dict)
    """By SHA-256, those that a later line records."""

    @classmethod
    def of(cls, root: Path, recorded: frozenset[object]) -> _Gone:
        made = cls()
        for stone in _stones(root):
            digest = hashlib.sha256(stone.text).hexdigest()
            if digest in recorded:
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


def after_orders(root: Path, day: str, holds: tuple[Hold, ...], part: LogPart) -> tuple[Hold, ...]:
    """`holds` are those of `day`, the last that is sealed; `part` is what the log has since.

    Raises EvidenceError, StoreError.
    """
    if not any("hold" in line for line in part.orders()):
        return holds
    found = {hold.number: hold for hold in holds}
    sealer = sealer_of(root, day) if day else None
    gone = _Gone.of(root, part.recorded())
    for line in part.orders():
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
