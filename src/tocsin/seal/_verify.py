"""Verifying a chain of days, one after the other, from nothing but their bytes."""

from __future__ import annotations

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
from tocsin.seal._removed import LASTING, Removal, Removals, tombstone_of
from tocsin.seal._seals import Seals
from tocsin.seal._spans import day_after
from tocsin.seal._verdict import DayFiles, Trust, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Verifier"]


class Verifier:
    """Takes the days in order, keeps what the next one must fit to, and judges at the end."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._verdict = Verdict()
        self._seals = Seals(trust, self._verdict)
        self._removals = Removals()
        self._before: DayFiles | None = None
        self._ledger = LedgerEnd()
        self._day = ""

    def add(self, day: DayFiles) -> None:
        """The next day, later than those before."""
        self._day = day.name
        self._verdict.days.append(day.name)
        for fault in day.strange:
            self._verdict.fault(fault.day, fault.file, fault.what)
        self._seals.add(day)
        if MANIFEST not in day.texts:
            self._fault(MANIFEST, "missing")
        else:
            try:
                manifest = read_manifest(day.texts[MANIFEST])
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
                    self._verdict.fault(place, file, what)
        self._before = day

    def _fault(self, file: str, what: str) -> None:
        self._verdict.fault(self._day, file, what)

    def _gone(self, day: DayFiles, manifest: Manifest) -> Removal | None:
        """The removal, if a tombstone that counts stands for the files of the day."""
        if TOMBSTONE not in day.digests and TOMBSTONE_SIGNATURE not in day.digests:
            return None
        try:
            found = tombstone_of(day.name, day.texts, self._trust.signers, self._seals.origin)
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
                self._verdict.fault(before.name, name, what)

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
            ("number", facts.number, self._seals.size),
            ("previous day", facts.before, manifest.before),
            ("previous manifest", facts.manifest_before, chained.get(MANIFEST, "")),
            ("origin", facts.origin, self._seals.origin or facts.origin),
        )  # fmt: skip
        for what, said, is_ in expected:
            if said != is_:
                self._fault("day.json", f"the {what} is given as {printable(str(said), 80)!r}"
                            f", but is {is_!r}")  # fmt: skip
        self._custody(day.texts.get(CUSTODY, b""), facts.custody_restarted, facts.custody_left_out)
        begin = self._ledger
        if facts.restarted:
            begin = LedgerEnd(0, begin.sha256)
            why = printable(facts.restarted)
            self._verdict.note(f"{day.name}: the ledger begins anew: {why}")
        self._ledger = facts.ledger
        try:
            end = check_ledger(day.texts.get("ledger.jsonl", b""), begin, self._missing)
        except ParseError as error:
            self._fault("ledger.jsonl", error.what)
            return
        if end != facts.ledger:
            self._fault("ledger.jsonl", "does not end where day.json says")

    def _custody(self, log: bytes, restarted: str, left_out: str) -> None:
        """A line that a kill cut is there, and told."""
        if left_out:
            told = f"{self._day}: sealed without a part of the custody log: {printable(left_out)}"
            self._verdict.note(told)
        if restarted:
            told = f"{self._day}: the custody log begins anew: {printable(restarted)}"
            self._verdict.note(told)
        for number, line in enumerate(log.split(b"\n")[:-1], 1):
            try:
                msgspec.json.decode(line, type=dict[str, object])
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                told = f"{self._day}/{CUSTODY}:{number}: a line that was cut off, or none of ours"
                self._verdict.note(told)

    def _missing(self, first: int, last: int) -> None:
        entries = f"entry {first}" if first == last else f"entries {first} to {last}"
        self._verdict.note(f"{self._day}: the ledger was sealed without {entries}")

    def finish(self) -> Verdict:
        """The verdict over all days that were added."""
        verdict = self._verdict
        if not verdict.days:
            verdict.fault("", "", "no sealed day here")
        else:
            following = day_after(verdict.days[-1])
            for place, file, what in self._removals.finish(following):
                verdict.fault(place, file, what)
            verdict.removed = self._removals.found
            waiting = ", ".join(self._removals.unrecorded(following)[:10])
            if waiting:
                verdict.note(f"removed, but the record of it is not sealed yet: {waiting}")
        self._seals.finish()
        return verdict
