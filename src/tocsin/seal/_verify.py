"""Verifying a chain of days, one after the other, from nothing but their bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from tocsin.errors import ParseError
from tocsin.printable import printable
from tocsin.seal._day import read_day
from tocsin.seal._ledger import LedgerEnd, check_ledger
from tocsin.seal._manifest import (
    ATTACHED,
    CUSTODY,
    HEAD,
    MANIFEST,
    REQUIRED,
    SIGNATURE,
    TOMBSTONE,
    TOMBSTONE_SIGNATURE,
    Manifest,
    read_manifest,
)
from tocsin.seal._merkle import Frontier, leaf_hash
from tocsin.seal._note import Checkpoint, cosigned_at, is_signed, read_checkpoint, read_signatures
from tocsin.seal._removed import LASTING, Removal, Removals, tombstone_of
from tocsin.seal._signers import why_not_trusted
from tocsin.seal._spans import day_after
from tocsin.seal._sshsig import signed_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tocsin.seal._note import Cosigner
    from tocsin.seal._signers import Signer

__all__ = ["DayFiles", "Fault", "Trust", "Verdict", "Verifier", "last_second"]

_MOST_FAULTS = 1000
_COSIG, _TOKEN = ATTACHED


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that an untouched bundle does not have."""

    day: str
    """`YYYYMMDD`; empty if it is not of one day."""
    file: str
    what: str

    def __str__(self) -> str:
        place = "/".join(part for part in (self.day, self.file) if part)
        return f"{place}: {self.what}" if place else self.what


@dataclass(frozen=True, slots=True)
class DayFiles:
    """One day's folder as it was found."""

    name: str
    digests: Mapping[str, str]
    """SHA-256 in hex of every regular file, by name relative to the folder."""
    texts: Mapping[str, bytes]
    """The files that are read: manifest, signature, checkpoint, what is attached, day, ledger,
    custody log, holds, tombstone."""
    strange: tuple[Fault, ...] = ()
    """What is there and is no regular file of one name."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verifier brings along. Nothing of it comes out of the bundle."""

    signers: tuple[Signer, ...]
    anchors: tuple[Checkpoint, ...] = ()
    """Checkpoints that somebody else kept."""
    cosigners: tuple[Cosigner, ...] = ()
    check_token: Callable[[bytes, bytes], int] | None = None
    """Given a time-stamp token and what it stamps, the time in microseconds since 1970 UTC;
    raises ParseError."""
    stamp_within: int | None = None
    """How long after its end a day has to have a trusted time, microseconds; None: any time."""


@dataclass(slots=True)
class Verdict:
    """What can be said after the last day."""

    days: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    anchored: str = ""
    """The last day that an anchor speaks of; empty without an anchor."""
    witnessed: str = ""
    """The last day whose checkpoint a given witness cosigned."""
    witnessed_at: int = 0
    """When, in microseconds since 1970 UTC."""
    stamped: str = ""
    """The last day whose checkpoint has a good time-stamp token."""
    stamped_at: int = 0
    unstamped: list[str] = field(default_factory=list)
    """Days without a token, their own or a later one's, from within `Trust.stamp_within`."""
    unchecked: list[str] = field(default_factory=list)
    """What the last day holds that no later day covers and nobody was there to check."""
    removed: list[Removal] = field(default_factory=list)
    """Days whose files were removed under the retention policy: only their hashes were checked,
    and what lasts."""
    notes: list[str] = field(default_factory=list)
    """What is no fault, but ought to be known."""
    files: int = 0
    """Of the days that were not removed."""

    @property
    def holds(self) -> bool:
        return bool(self.days) and not self.faults


def last_second(day: str) -> int:
    """23:59:59 of the day, in microseconds since 1970 UTC: the time keys must be valid at."""
    end = datetime.strptime(f"{day}235959", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return round(end.timestamp()) * 1_000_000


class Verifier:
    """Takes the days in order, keeps what the next one must fit to, and judges at the end."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._verdict = Verdict()
        self._tree = Frontier()
        self._roots: dict[int, bytes] = {}
        self._origin = ""
        self._before: DayFiles | None = None
        self._ledger = LedgerEnd()
        self._stamps: dict[int, int] = {}
        """When the chain of so many days was stamped."""
        self._removals = Removals()
        self._day = ""

    def add(self, day: DayFiles) -> None:
        """The next day, later than those before."""
        self._day = day.name
        self._verdict.days.append(day.name)
        self._verdict.faults.extend(day.strange[: self._room])
        manifest_bytes = day.texts.get(MANIFEST, b"")
        self._tree.add(leaf_hash(day.name, manifest_bytes))
        self._roots[self._tree.size] = self._tree.root
        self._seal(day, manifest_bytes)
        if MANIFEST not in day.texts:
            self._fault(MANIFEST, "missing")
        else:
            try:
                manifest = read_manifest(manifest_bytes)
            except ParseError as error:
                self._fault(MANIFEST, error.what)
            else:
                self._chain(manifest)
                gone = self._gone(day, manifest)
                if gone is None:
                    self._verdict.files += len(day.digests)
                    self._files(day, manifest)
                    self._facts(day, manifest)
                for place, file, what in self._removals.add(day.name, day.texts, gone):
                    self._fault_of(place, file, what)
        self._before = day

    @property
    def faults(self) -> Sequence[Fault]:
        """Those of the days so far."""
        return self._verdict.faults

    @property
    def _room(self) -> int:
        return max(_MOST_FAULTS - len(self._verdict.faults), 0)

    def _fault(self, file: str, what: str) -> None:
        self._fault_of(self._day, file, what)

    def _fault_of(self, day: str, file: str, what: str) -> None:
        if self._room:
            self._verdict.faults.append(Fault(day, file, what))

    def _gone(self, day: DayFiles, manifest: Manifest) -> Removal | None:
        """The removal, if a tombstone that counts stands for the files of the day."""
        if TOMBSTONE not in day.digests and TOMBSTONE_SIGNATURE not in day.digests:
            return None
        try:
            found = tombstone_of(day.name, day.texts, self._trust.signers, self._origin)
        except ParseError as error:
            self._fault(TOMBSTONE, error.what)
            return None
        lasting = {name: manifest.files[name] for name in LASTING if name in manifest.files}
        removed = manifest.files.keys() - lasting.keys()
        for name in sorted(removed & day.digests.keys()):
            self._fault(name, "here, though the tombstone says that it was removed")
        self._same(day, lasting)
        self._listed(day, manifest, TOMBSTONE, TOMBSTONE_SIGNATURE)
        self._ledger = found.ledger
        return Removal(found, len(removed))

    def _files(self, day: DayFiles, manifest: Manifest) -> None:
        self._same(day, manifest.files)
        self._listed(day, manifest)

    def _same(self, day: DayFiles, files: Mapping[str, str]) -> None:
        for name, digest in files.items():
            found = day.digests.get(name)
            if found is None:
                self._fault(name, "missing")
            elif found != digest:
                self._fault(name, f"altered: its SHA-256 is not that of {MANIFEST}")

    def _listed(self, day: DayFiles, manifest: Manifest, *more: str) -> None:
        """Nothing is there that no list names, and the list names what each day has."""
        for name in REQUIRED:
            if name not in manifest.files:
                self._fault(name, f"not in {MANIFEST}")
        known = {MANIFEST, SIGNATURE, HEAD, *ATTACHED, *more}
        for name in sorted(day.digests.keys() - manifest.files.keys() - known):
            self._fault(printable(name), f"not in {MANIFEST}")

    def _chain(self, manifest: Manifest) -> None:
        before = self._before
        if before is None:
            if manifest.before:
                self._fault(MANIFEST, f"follows {manifest.before}, which is missing")
            return
        if day_after(before.name) != self._day:
            self._fault("", f"the days between {before.name} and {self._day} are missing")
        if manifest.before != before.name:
            names = manifest.before or "none"
            self._fault(MANIFEST, f"names as the day before {names}, not {before.name}")
            return
        ends = (MANIFEST, SIGNATURE, HEAD, *ATTACHED)
        found = {name: before.digests[name] for name in ends if name in before.digests}
        chained = manifest.chained or {}
        for name in sorted(found.keys() | chained.keys()):
            if found.get(name) != chained.get(name):
                what = "missing" if name not in found else f"not the one that {self._day} follows"
                self._fault_of(before.name, name, what)

    def _facts(self, day: DayFiles, manifest: Manifest) -> None:
        """What the day says of its place, and its ledger."""
        try:
            facts = read_day(day.texts.get("day.json", b""))
        except ParseError as error:
            self._fault("day.json", error.what)
            return
        chained = manifest.chained or {}
        expected = (
            ("day", facts.day, day.name),
            ("number", facts.number, self._tree.size),
            ("previous day", facts.before, manifest.before),
            ("previous manifest", facts.manifest_before, chained.get(MANIFEST, "")),
            ("origin", facts.origin, self._origin or facts.origin),
        )  # fmt: skip
        for what, said, is_ in expected:
            if said != is_:
                self._fault("day.json", f"the {what} is given as {printable(str(said), 80)!r}"
                            f", but is {is_!r}")  # fmt: skip
        self._custody(day.texts.get(CUSTODY, b""), facts.custody_restarted)
        begin = self._ledger
        if facts.restarted:
            begin = LedgerEnd(0, begin.sha256)
            why = printable(facts.restarted)
            self._verdict.notes.append(f"{day.name}: the ledger begins anew: {why}")
        self._ledger = facts.ledger
        try:
            end = check_ledger(day.texts.get("ledger.jsonl", b""), begin, self._missing)
        except ParseError as error:
            self._fault("ledger.jsonl", error.what)
            return
        if end != facts.ledger:
            self._fault("ledger.jsonl", "does not end where day.json says")

    def _custody(self, log: bytes, restarted: str) -> None:
        """A line that a kill cut is there, and told."""
        if restarted:
            told = f"{self._day}: the custody log begins anew: {printable(restarted)}"
            self._verdict.notes.append(told)
        for number, line in enumerate(log.split(b"\n")[:-1], 1):
            try:
                msgspec.json.decode(line, type=dict[str, object])
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                if len(self._verdict.notes) < _MOST_FAULTS:
                    told = (
                        f"{self._day}/{CUSTODY}:{number}: a line that was cut off, or none of ours"
                    )
                    self._verdict.notes.append(told)

    def _missing(self, first: int, last: int) -> None:
        entries = f"entry {first}" if first == last else f"entries {first} to {last}"
        self._verdict.notes.append(f"{self._day}: the ledger was sealed without {entries}")

    def _seal(self, day: DayFiles, manifest: bytes) -> None:
        checkpoint = self._checkpoint(day)
        if SIGNATURE not in day.texts:
            self._fault(SIGNATURE, "missing")
            return
        try:
            public = signed_by(day.texts[SIGNATURE], manifest)
        except ParseError as error:
            self._fault(SIGNATURE, error.what)
            return
        why = why_not_trusted(self._trust.signers, public, self._origin, last_second(day.name))
        if why:
            self._fault(SIGNATURE, why)
        if checkpoint is None:
            return
        try:
            signed = is_signed(day.texts[HEAD], public)
        except ParseError as error:
            self._fault(HEAD, error.what)
            return
        if not signed:
            self._fault(HEAD, "its signature is not one of the key that signed the day")

    def _checkpoint(self, day: DayFiles) -> Checkpoint | None:
        if HEAD not in day.texts:
            self._fault(HEAD, "missing")
            return None
        try:
            checkpoint = read_checkpoint(day.texts[HEAD])
        except ParseError as error:
            self._fault(HEAD, error.what)
            return None
        self._origin = self._origin or checkpoint.origin
        expected = Checkpoint(self._origin, self._tree.size, self._tree.root)
        if checkpoint != expected:
            self._fault(HEAD, f"does not say {self._tree.size} days of {self._origin} with"
                        " the root that these have")  # fmt: skip
        self._attached(day, expected)
        return checkpoint

    def _attached(self, day: DayFiles, checkpoint: Checkpoint) -> None:
        verdict, unchecked = self._verdict, []
        if (lines := day.texts.get(_COSIG)) is not None:
            try:
                read_signatures(lines)
                times = [cosigned_at(checkpoint, lines, each) for each in self._trust.cosigners]
            except ParseError as error:
                self._fault(_COSIG, error.what)
            else:
                seen = [time for time in times if time is not None]
                if seen:
                    verdict.witnessed, verdict.witnessed_at = day.name, min(seen) * 1_000_000
                elif times:
                    self._fault(_COSIG, "no cosignature of a witness whose key was given")
                else:
                    unchecked.append(f"{day.name}/{_COSIG}")
        if (token := day.texts.get(_TOKEN)) is not None:
            if self._trust.check_token is None:
                unchecked.append(f"{day.name}/{_TOKEN}")
            else:
                try:
                    verdict.stamped_at = self._trust.check_token(token, day.texts[HEAD])
                    verdict.stamped = day.name
                    self._stamps[len(verdict.days)] = verdict.stamped_at
                except ParseError as error:
                    self._fault(_TOKEN, error.what)
        verdict.unchecked = unchecked

    def finish(self) -> Verdict:
        """The verdict over all days that were added."""
        verdict = self._verdict
        self._day = ""
        if not verdict.days:
            self._fault("", "no sealed day here")
        else:
            following = day_after(verdict.days[-1])
            for place, file, what in self._removals.finish(following):
                self._fault_of(place, file, what)
            verdict.removed = self._removals.found
            waiting = ", ".join(self._removals.unrecorded(following)[:10])
            if waiting:
                verdict.notes.append(f"removed, but the record of it is not sealed yet: {waiting}")
        size = self._tree.size
        for anchor in self._trust.anchors:
            if anchor.origin != self._origin:
                self._fault("", f"the anchor is of {anchor.origin}, the bundle of {self._origin}")
            elif anchor.size > size:
                self._fault("", f"the anchor knows {anchor.size} days, but here are {size}:"
                            " the end is missing")  # fmt: skip
            elif anchor.size == 0 or self._roots[anchor.size] != anchor.root:
                self._fault("", f"the first {anchor.size} days are not those of the anchor:"
                            " the history was rewritten")  # fmt: skip
            else:
                verdict.anchored = max(verdict.anchored, verdict.days[anchor.size - 1])
        if self._trust.stamp_within is not None:
            verdict.unstamped = self._unstamped(self._trust.stamp_within)
        return verdict

    def _unstamped(self, within: int) -> list[str]:
        """A stamp speaks of its day and of all before it."""
        found, first = [], None
        for at, day in reversed(list(enumerate(self._verdict.days))):
            stamped = self._stamps.get(at + 1)
            if stamped is not None:
                first = stamped if first is None else min(first, stamped)
            if first is None or first > last_second(day) + within:
                found.append(day)
        return found[::-1]
