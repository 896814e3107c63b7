"""Verifying a folder of days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.bundle._read import read_day_folder, read_file, survey
from tocsin.errors import EvidenceError, ParseError
from tocsin.seal import HEAD, MANIFEST, Verifier, leaf_hash, read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.seal import Checkpoint, DayFiles, Trust, Verdict

__all__ = ["LastDay", "last_day", "leaves_of", "verify_folder"]


def verify_folder(
    root: Path, trust: Trust, seen: Callable[[DayFiles], None] = lambda _day: None
) -> Verdict:
    """Every sealed day in order; memory holds two of them. `seen` is told each day.

    Raises StoreError.
    """
    found = survey(root)
    verifier = Verifier(trust)
    for day in found.days:
        files = read_day_folder(root, day)
        seen(files)
        verifier.add(files)
    verdict = verifier.finish()
    verdict.faults[:0] = found.faults
    for day in found.unsealed:
        verdict.faults += read_day_folder(root, day, sealed=False).strange
    if found.unsealed:
        names = ", ".join(found.unsealed[:10])
        verdict.notes.append(f"not sealed, so nothing in it is proven: {names}")
    return verdict


@dataclass(frozen=True, slots=True)
class LastDay:
    """Where the chain ends today."""

    name: str
    note: bytes
    """The file checkpoint, whole."""
    checkpoint: Checkpoint


def last_day(root: Path) -> LastDay:
    """Raises EvidenceError where there is none, or no checkpoint in it; StoreError."""
    days = survey(root).days
    if not days:
        raise EvidenceError(f"no sealed day in {root}", hint="`tocsin evidence seal` makes one")
    try:
        note = read_file(root / days[-1] / HEAD)
        return LastDay(days[-1], note, read_checkpoint(note))
    except (OSError, ParseError) as error:
        raise EvidenceError(
            f"{days[-1]}/{HEAD}: {error}", hint="`tocsin evidence verify`"
        ) from None


def leaves_of(root: Path) -> list[bytes]:
    """The leaf of each sealed day. Raises EvidenceError, StoreError."""
    try:
        return [leaf_hash(day, read_file(root / day / MANIFEST)) for day in survey(root).days]
    except OSError as error:
        raise EvidenceError(f"a manifest can't be read: {error}") from None
