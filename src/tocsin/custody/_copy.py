"""A second copy of sealed days, where those who sealed them can't change it.

The days here are verified; then each is compared or written, read back from the destination and
verified there, in order. The copy ends at the first day that differs: nothing is ever written over.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tocsin.bundle import read_day_folder, read_file, verify_folder
from tocsin.errors import EvidenceError, StoreError
from tocsin.seal import (
    ATTACHED,
    HEAD,
    LASTING,
    MANIFEST,
    SIGNATURE,
    TOMBSTONE,
    DayFiles,
    Fault,
    Verifier,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tocsin.seal import Trust, Verdict

__all__ = ["Copied", "Destination", "copy_days"]

_KEPT = frozenset({MANIFEST, SIGNATURE, HEAD, *ATTACHED, *LASTING})
"""What is left here of a day whose files were removed."""


class Destination(Protocol):
    """Somewhere that days can be put, once."""

    place: str
    """For people."""

    def whole(self) -> tuple[str, ...]:
        """Days that are there whole, in order. Raises EvidenceError where other things are."""

    def read(self, day: str) -> DayFiles:
        """What is there of a day, read back and hashed."""

    def put(self, day: str, files: Mapping[str, bytes]) -> None:
        """Write a day that is not there whole. A kill leaves nothing that looks whole but is not.

        Raises EvidenceError where something else is there in a file's place.
        """

    def add(self, day: str, name: str, data: bytes) -> None:
        """Write what came after sealing beside the checkpoint of a day."""


@dataclass(slots=True)
class Copied:
    """What a copy found and did."""

    copied: list[str] = field(default_factory=list)
    """Days."""
    added: list[str] = field(default_factory=list)
    """Files that came after their day was copied."""
    same: int = 0
    """Days that were there, and are the same."""
    again: list[str] = field(default_factory=list)
    """Days among `copied` that later days were there without: somebody had removed them there."""
    broken: tuple[Fault, ...] = ()
    """Why nothing was copied: what is wrong with the days here."""
    differing: list[str] = field(default_factory=list)
    """What is not the same at the destination; after the first such day nothing was copied."""
    there: Verdict | None = None
    """Of the days at the destination."""


def copy_days(
    root: Path, destination: Destination, trust: Trust,
    begin: Callable[[Mapping[str, str]], None], progress: Callable[[int, int], None],
) -> Copied:  # fmt: skip
    """Bring `destination` up to the days in `root`.

    `begin` is called before anything is written, with the SHA-256 of SHA256SUMS by each day that
    will be copied; `progress` after each day, with how many are done of how many. Raises
    EvidenceError, StoreError, DeliveryError.
    """
    found: dict[str, bytes] = {}
    manifests: dict[str, str] = {}

    def seen(day: DayFiles) -> None:
        found[day.name] = _fingerprint(day)
        manifests[day.name] = day.digests.get(MANIFEST, "")

    verdict = verify_folder(root, trust, seen)
    if not verdict.holds:
        return Copied(broken=tuple(verdict.faults))
    days = verdict.days
    done = Copied()
    known = destination.whole()
    for day in known:
        if day not in days:
            told = f"{day}: is at {destination.place}, but not here; is the end missing here?"
            done.differing.append(told)
    if done.differing:
        return done
    lacking = [day for day in days if day not in known]
    if lacking:
        begin({day: manifests[day] for day in lacking})
    theirs = Verifier(trust)
    for number, day in enumerate(days, 1):
        if day in known:
            there = destination.read(day)
            if there.strange or _fingerprint(there) != found[day]:
                here = _again(root, day, found[day])
                if _late(root, here, there, destination, done):
                    there = destination.read(day)
                done.differing += _differences(here, there)
        else:
            here = _again(root, day, found[day])
            destination.put(day, _files(root, here))
            there = destination.read(day)
            done.differing += _differences(here, there)
        if done.differing:
            return done
        if day in known:
            done.same += 1
        else:
            done.copied.append(day)
            done.again += [day] if day < max(known, default="") else []
        theirs.add(there)
        progress(number, len(days))
    done.there = theirs.finish()
    return done


def _fingerprint(day: DayFiles) -> bytes:
    """Two days with the same one have the same files."""
    lines = "".join(f"{day.digests[name]}  {name}\n" for name in sorted(day.digests))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).digest()


def _again(root: Path, day: str, fingerprint: bytes) -> DayFiles:
    """The day as it was verified; what is known of it from then is its fingerprint only."""
    here = read_day_folder(root, day)
    if here.strange or _fingerprint(here) != fingerprint:
        raise EvidenceError(f"{day} changed after it was verified: was it pruned, or attested?",
                            hint="run it again")  # fmt: skip
    return here


def _files(root: Path, day: DayFiles) -> dict[str, bytes]:
    return {name: _file(root, day, name) for name in day.digests}


def _file(root: Path, day: DayFiles, name: str) -> bytes:
    path = root / day.name / name
    try:
        data = read_file(path)
    except OSError as error:
        raise StoreError(f"can't read {path}: {error.strerror}",
                         hint="was it pruned meanwhile? run it again") from None  # fmt: skip
    if hashlib.sha256(data).hexdigest() != day.digests[name]:
        raise EvidenceError(f"{path} changed while it was copied", hint="run it again")
    return data


def _late(
    root: Path, here: DayFiles, there: DayFiles, destination: Destination, done: Copied
) -> bool:
    """Bring what was attached after the day was copied; whether there was any."""
    names = [n for n in ATTACHED if n in here.digests and n not in there.digests]
    for name in names:
        destination.add(here.name, name, _file(root, here, name))
        done.added.append(f"{here.name}/{name}")
    return bool(names)


def _differences(here: DayFiles, there: DayFiles) -> Iterator[str]:
    """A day whose files were removed here stays whole at the destination, if it was."""
    removed = TOMBSTONE in here.digests and TOMBSTONE not in there.digests
    for fault in there.strange:
        yield f"at the destination, {fault}"
    for name in sorted(here.digests.keys() | there.digests.keys()):
        if removed and name not in _KEPT:
            continue
        ours, theirs = here.digests.get(name, "missing"), there.digests.get(name, "missing")
        if ours != theirs:
            yield f"{here.name}/{name}: here {ours}, at the destination {theirs}"
