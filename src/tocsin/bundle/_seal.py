"""Sealing one day: what lies there, what is added, and the chain it joins."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from typing import TYPE_CHECKING, Any

from tocsin.bundle._read import LARGEST, MOST_FILES, open_files, read_file, survey
from tocsin.bundle._write import locked, replace_day
from tocsin.errors import EvidenceError, ParseError
from tocsin.printable import printable
from tocsin.seal import (
    ATTACHED,
    HEAD,
    MANIFEST,
    REQUIRED,
    SIGNATURE,
    Checkpoint,
    DayFacts,
    Frontier,
    LedgerEnd,
    Manifest,
    day_after,
    day_text,
    is_file_name,
    leaf_hash,
    read_checkpoint,
    read_day,
    read_manifest,
    sign,
    sign_checkpoint,
    signed_by,
    write_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["Contents", "Open", "Sealed", "seal_day"]


@dataclass(frozen=True, slots=True)
class Open:
    """A day that is about to be sealed."""

    day: str
    files: Mapping[str, bytes]
    """What was collected, by name relative to the day's folder."""
    ledger: LedgerEnd
    """Where the ledger ended with the day before."""
    before: bytes
    """day.json of the day before; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What sealing adds to what was collected."""

    ledger: bytes = b""
    ledger_end: LedgerEnd = field(default_factory=LedgerEnd)
    ledger_restarted: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    """For day.json."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A day that is sealed."""

    path: Path
    files: int
    checkpoint: Checkpoint


def seal_day(
    root: Path, day: str, key: Ed25519PrivateKey, origin: str,
    contents: Callable[[Open], Contents],
) -> Sealed:  # fmt: skip
    """Seal `day`, `YYYYMMDD`. Only the first day takes `origin`; later ones have the chain's.

    Raises EvidenceError where the day is sealed already, does not follow the last sealed day,
    or holds what no bundle may hold; StoreError where the disk fails.
    """
    with locked(root):
        days = survey(root).days
        _check_order(day, days)
        tree, before, chained = _chain(root, days)
        if days:
            origin = before.origin
        found = Open(day, _collected(root, day), before.ledger, _read_before(root, days))
        added = contents(found)
        files = {**found.files, **added.files, "ledger.jsonl": added.ledger, **_shipped()}
        facts = DayFacts(
            day, len(days) + 1, origin, days[-1] if days else "", chained.get(MANIFEST, ""),
            added.ledger_end, added.ledger_restarted,
        )  # fmt: skip
        files["day.json"] = day_text(facts, added.facts)
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        manifest = write_manifest(Manifest(hashes, facts.before, chained))
        tree.add(leaf_hash(day, manifest))
        checkpoint = Checkpoint(origin, tree.size, tree.root)
        files[MANIFEST] = manifest
        files[SIGNATURE] = sign(manifest, key)
        files[HEAD] = sign_checkpoint(checkpoint, key)
        _check_limits(day, files)
        replace_day(root, day, files)
        return Sealed(root / day, len(files), checkpoint)


def _check_order(day: str, days: tuple[str, ...]) -> None:
    if day in days:
        raise EvidenceError(
            f"{day} is sealed already",
            hint="what comes late is collected into a later day: `tocsin evidence collect --day`",
        )
    if days and day != day_after(days[-1]):
        what = "is before" if day < days[-1] else "does not follow"
        raise EvidenceError(f"{day} {what} {days[-1]}, the last sealed day",
                            hint="days are sealed in order and without a gap")  # fmt: skip


def _check_limits(day: str, files: Mapping[str, bytes]) -> None:
    """Nothing is sealed that a verifier would not take for a day."""
    wrong = [f"{name}: larger than {LARGEST >> 20} MiB"
             for name, data in files.items() if len(data) > LARGEST]  # fmt: skip
    if len(files) > MOST_FILES:
        wrong.append(f"{len(files):,} files, more than {MOST_FILES:,}")
    try:
        read_manifest(files[MANIFEST])
        read_day(files["day.json"])
    except ParseError as error:
        wrong.append(error.what)
    if wrong:
        raise EvidenceError(f"{day} can't be sealed: {'; '.join(wrong[:20])}",
                            hint="move what need not be evidence elsewhere")  # fmt: skip


def _read_before(root: Path, days: tuple[str, ...]) -> bytes:
    return read_file(root / days[-1] / "day.json") if days else b""


def _chain(root: Path, days: tuple[str, ...]) -> tuple[Frontier, DayFacts, dict[str, str]]:
    """The tree so far, and what the last day ends with. Raises EvidenceError if they differ."""
    tree = Frontier()
    if not days:
        return tree, DayFacts("", 0, ""), {}
    for day in days:
        tree.add(leaf_hash(day, read_file(root / day / MANIFEST)))
    last = root / days[-1]
    ends = {
        name: read_file(last / name)
        for name in (MANIFEST, SIGNATURE, HEAD, *ATTACHED)
        if name not in ATTACHED or (last / name).exists()
    }
    try:
        facts = read_day(read_file(last / "day.json"))
        signed_by(ends[SIGNATURE], ends[MANIFEST])
        checkpoint = read_checkpoint(ends[HEAD])
    except ParseError as error:
        raise EvidenceError(f"{days[-1]}: {error.what}", hint=_HINT) from None
    if checkpoint != Checkpoint(facts.origin, tree.size, tree.root):
        raise EvidenceError(
            f"the checkpoint of {days[-1]} is not that of the days here", hint=_HINT
        )
    return tree, facts, {name: hashlib.sha256(data).hexdigest() for name, data in ends.items()}


_HINT = "nothing is sealed upon a chain that does not hold: `tocsin evidence verify`"


def _collected(root: Path, day: str) -> dict[str, bytes]:
    """What lies in the unsealed folder. Raises EvidenceError naming all that may not."""
    folder = root / day
    found, wrong = {}, []
    if folder.is_symlink():
        raise EvidenceError(f"{folder} is a symbolic link", hint="a day is a folder of its own")
    for name in open_files(folder):
        if name.endswith(".tmp") and name.startswith("."):
            continue  # A draft of a collection that was killed.
        if not is_file_name(name) or name in REQUIRED or name == MANIFEST:
            wrong.append(f"{printable(name)}: a name that no bundle has")
            continue
        try:
            found[name] = read_file(folder / name)
        except OSError as error:
            wrong.append(f"{name}: {error.strerror}")
    if len({name.lower() for name in found}) != len(found):
        wrong.append("names that differ by case only")
    if wrong:
        raise EvidenceError(
            f"{folder} holds what can't be sealed: {'; '.join(wrong[:20])}",
            hint="move it elsewhere",
        )
    return found


def _shipped() -> dict[str, bytes]:
    here = package_files("tocsin.bundle")
    return {name: here.joinpath(name).read_bytes() for name in ("README.txt", "verify.sh")}
