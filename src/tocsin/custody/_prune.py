"""Removing the files of days that are older than the policy.

A tombstone stays, with the hashes, and the custody log and holds of the day.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin.bundle import read_file, replace_day, verify_folder
from tocsin.custody._log import principal, write_line
from tocsin.errors import EvidenceError, ParseError, StoreError
from tocsin.seal import (
    ATTACHED,
    HEAD,
    LASTING,
    MANIFEST,
    SIGNATURE,
    TOMBSTONE,
    TOMBSTONE_SIGNATURE,
    Hold,
    Tombstone,
    day_after,
    is_line,
    may_go_on,
    read_checkpoint,
    read_day,
    read_manifest,
    sign,
    tombstone_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from tocsin.seal import Signer, Trust

__all__ = ["Going", "Pruning", "plan_pruning", "prune_day"]

_KEPT = (MANIFEST, SIGNATURE, HEAD, *ATTACHED, *LASTING)


@dataclass(frozen=True, slots=True)
class Going:
    """A day whose files would be removed."""

    day: str
    files: tuple[str, ...]
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """What a policy removes on a day."""

    policy: str
    log: str
    """The day that is sealed next, and records it."""
    going: tuple[Going, ...]
    held: tuple[tuple[str, int], ...]
    """Days that are old enough and stay, and the hold that keeps each."""
    gone: tuple[str, ...]
    """Days whose files were removed before."""
    signers: tuple[Signer, ...]
    """Whose tombstones count."""


def plan_pruning(
    root: Path, policy: str, now: str, holds: tuple[Hold, ...], trust: Trust
) -> Pruning:
    """`now` is RFC 3339 to the second, `holds` are those in force then.

    Raises EvidenceError where the chain does not hold or does not allow it yet, StoreError.
    """
    verdict = verify_folder(root, trust)
    days = verdict.days
    if verdict.faults and days:
        raise EvidenceError(
            f"the chain does not hold, so that nothing is removed from it: {verdict.faults[0]}",
            hint="`tocsin evidence verify`; --allowed-signers where the key was replaced",
        )
    if not days:
        raise EvidenceError(f"no sealed day in {root}", hint="`tocsin evidence seal` makes one")
    today, log = now[:10].replace("-", ""), day_after(days[-1])
    if abs((_date(today) - _date(log)).days) > 1:
        raise EvidenceError(
            f"the last sealed day is {days[-1]}, so that no seal would hold the removal soon",
            hint="seal the days up to yesterday first: `tocsin evidence seal`",
        )
    said = _said(root, days[-1])
    if said != policy:
        raise EvidenceError(
            f"the policy is {policy}, but {days[-1]} was sealed under {said or 'none'}",
            hint="a policy counts when a day is sealed under it: wait for the next",
        )
    going: list[Going] = []
    held: list[tuple[str, int]] = []
    gone: list[str] = []
    # The last sealed day stays in any case: the next one is chained to it.
    for day in days[:-1]:
        if may_go_on(day, policy) > today or day_after(day) >= log:
            continue
        if (root / day / TOMBSTONE).exists():
            gone.append(day)
            continue
        found = _going(root, day)
        keeps = next(_keeping(day, found.files, holds), None)
        if keeps is None:
            going.append(found)
        else:
            held.append((day, keeps))
    return Pruning(policy, log, tuple(going), tuple(held), tuple(gone), trust.signers)


def _date(day: str) -> datetime:
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)


def _said(root: Path, day: str) -> str:
    try:
        return read_day(read_file(root / day / "day.json")).retention
    except (OSError, ParseError) as error:
        raise EvidenceError(f"{day}/day.json: {error}", hint="`tocsin evidence verify`") from None


def _keeping(day: str, files: tuple[str, ...], holds: tuple[Hold, ...]) -> Iterator[int]:
    """Holds on the day, or on an earlier one of which something lies in it."""
    about = {day}
    for name in files:
        above, _, rest = name.partition("/")
        if above in {"late", "dispositions"}:
            about.add(rest[:8])
    for hold in holds:
        if any(map(hold.covers, about)):
            yield hold.number


def _going(root: Path, day: str) -> Going:
    """Raises ParseError, StoreError."""
    try:
        listed = read_manifest(read_file(root / day / MANIFEST)).files
        names = tuple(sorted(listed.keys() - set(LASTING)))
        return Going(day, names, sum((root / day / name).stat().st_size for name in names))
    except OSError as error:
        raise StoreError(f"can't read {root / day}: {error.strerror}") from None


def prune_day(
    root: Path, pruning: Pruning, day: str, key: Ed25519PrivateKey, reason: str, now: str
) -> Tombstone:
    """Put a tombstone in the place of a day's files; the caller has the folder locked.

    It is written down before it is done. A kill leaves the day as it was, or in `.sealing`, or
    removed; the next command that writes clears up. Nothing is removed where the tombstone would
    not count. Raises EvidenceError, ParseError, StoreError.
    """
    if not is_line(reason):
        raise ParseError("the reason is one line of at most 400 characters")
    folder = root / day
    try:
        kept = {n: read_file(folder / n) for n in _KEPT if (folder / n).exists()}
        ledger = read_day(read_file(folder / "day.json")).ledger
    except OSError as error:
        raise StoreError(f"can't read {folder}: {error.strerror}") from None
    manifest = hashlib.sha256(kept[MANIFEST]).hexdigest()
    tombstone = Tombstone(
        day, manifest, pruning.policy, now, principal(), pruning.log, reason, ledger
    )
    kept[TOMBSTONE] = tombstone.text
    kept[TOMBSTONE_SIGNATURE] = sign(tombstone.text, key)
    try:
        tombstone_of(day, kept, pruning.signers, read_checkpoint(kept[HEAD]).origin)
    except ParseError as error:
        raise EvidenceError(
            f"{day}: its tombstone would not count: {error.what}",
            hint="take the key that seals the days of now",
        ) from None
    write_line(root, {
        "by": tombstone.by, "command": "evidence prune", "days": day, "manifest": manifest,
        "policy": pruning.policy, "reason": reason, "time": now,
        "tombstone": hashlib.sha256(tombstone.text).hexdigest(),
    })  # fmt: skip
    replace_day(root, day, kept)
    return tombstone
