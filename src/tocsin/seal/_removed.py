"""Days whose files were removed: what other days must say so that a tombstone counts.

Custody log and holds outlive the other files of a day, so that every removal stays on record.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.printable import printable
from tocsin.seal._day import read_day
from tocsin.seal._holds import HOLDS, Hold, is_carried, read_holds
from tocsin.seal._manifest import CUSTODY, MANIFEST, TOMBSTONE, TOMBSTONE_SIGNATURE
from tocsin.seal._signers import why_not_trusted
from tocsin.seal._sshsig import signed_by
from tocsin.seal._tombstone import Tombstone, moment_of, read_tombstone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tocsin.seal._signers import Signer

__all__ = ["LASTING", "Removal", "Removals", "records_of", "tombstone_of"]

LASTING = (CUSTODY, HOLDS)
"""What stays of a day when its other files are removed."""
_MOST_HOLDS = 10_000
_RECORD = re.compile(rb'^.*"tombstone":"([0-9a-f]{64})"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Removal:
    """A day that is there by its hashes only."""

    tombstone: Tombstone
    hashes: int
    """How many files are there by their hashes only."""


def tombstone_of(
    day: str, texts: Mapping[str, bytes], signers: tuple[Signer, ...], origin: str
) -> Tombstone:
    """The tombstone among the files of `day`. Raises ParseError where it does not count."""
    if TOMBSTONE not in texts or TOMBSTONE_SIGNATURE not in texts:
        raise ParseError(f"{TOMBSTONE} and {TOMBSTONE_SIGNATURE} belong together")
    found = read_tombstone(texts[TOMBSTONE])
    if found.day != day:
        raise ParseError(f"of another day, {found.day}")
    if found.manifest != hashlib.sha256(texts.get(MANIFEST, b"")).hexdigest():
        raise ParseError(f"of another {MANIFEST}")
    public = signed_by(texts[TOMBSTONE_SIGNATURE], texts[TOMBSTONE])
    why = why_not_trusted(signers, public, origin, moment_of(found.removed)) or found.why_not()
    if why:
        raise ParseError(why)
    return found


def records_of(log: bytes) -> frozenset[str]:
    """SHA-256 in hex of each tombstone that a custody log records: the last that a line names."""
    return frozenset(found.decode() for found in _RECORD.findall(log))


@dataclass(slots=True)
class Removals:
    """Takes the days in order, and says what does not fit."""

    found: list[Removal] = field(default_factory=list)
    _awaited: dict[str, list[Tombstone]] = field(default_factory=dict)
    """By the day that has to record them."""
    _policy: str | None = None
    """What the day before says of the policy; None if its files were removed."""
    _holds: set[Hold] = field(default_factory=set)
    """Those of all days."""
    _sealed: tuple[Hold, ...] = ()
    """Those that the day before knows."""
    _held: dict[str, int] = field(default_factory=dict)
    """By removed day, the hold that the day before the removal had in force."""

    def add(
        self, day: str, texts: Mapping[str, bytes], gone: Removal | None
    ) -> Iterator[tuple[str, str, str]]:
        """The next day, and its removal if it was: day, file and fault of what does not fit."""
        awaited = self._awaited.pop(day, ())
        recorded = records_of(texts.get(CUSTODY, b"")) if awaited else frozenset()
        for each in awaited:
            if hashlib.sha256(each.text).hexdigest() not in recorded:
                yield each.day, TOMBSTONE, f"{day}, which it names, does not record the removal"
            yield from self._against_the_day_before(each)
        yield from self._carry(day, texts.get(HOLDS, b""))
        if gone is not None:
            self.found.append(gone)
            self._awaited.setdefault(gone.tombstone.log, []).append(gone.tombstone)
            self._policy = None
            return
        try:
            self._policy = read_day(texts.get("day.json", b"")).retention
        except ParseError:
            self._policy = ""

    def _carry(self, day: str, data: bytes) -> Iterator[tuple[str, str, str]]:
        """A day has every hold that the day before has."""
        before, self._sealed = self._sealed, ()
        try:
            self._sealed = read_holds(data)
        except ParseError as error:
            yield day, HOLDS, error.what
            return
        for hold in before:
            if not is_carried(hold, self._sealed):
                yield day, HOLDS, f"hold {hold.number} of the day before is not in it, or another"
        self._holds.update(self._sealed)
        if len(self._holds) > _MOST_HOLDS:
            yield day, HOLDS, f"more than {_MOST_HOLDS:,} holds in all days"
            self._holds.clear()

    def _against_the_day_before(self, each: Tombstone) -> Iterator[tuple[str, str, str]]:
        """Its holds count whenever they were added: they were there, whatever a clock says."""
        for hold in self._sealed:
            if hold.covers(each.day) and hold.in_force(max(each.removed, hold.added)):
                self._held.setdefault(each.day, hold.number)
        if self._policy is not None and self._policy != each.policy:
            said = f"names {printable(self._policy)}" if self._policy else "names none"
            told = f"removed under the policy {each.policy}, but the day before {each.log} {said}"
            yield each.day, TOMBSTONE, told

    def finish(self, following: str) -> Iterator[tuple[str, str, str]]:
        """What the days lack in all; `following` is the day that is sealed next."""
        for log, waiting in self._awaited.items():
            for each in waiting:
                if log != following:
                    yield each.day, TOMBSTONE, f"recorded with {log}, which is no day of the chain"
                else:
                    yield from self._against_the_day_before(each)
        ends: dict[int, str] = {}
        for hold in self._holds:
            if hold.released != "-":
                known = ends.get(hold.number, hold.released)
                ends[hold.number] = min(known, hold.released)
        holds = {replace(h, released=ends.get(h.number, "-")) for h in self._holds}
        for removal in self.found:
            each = removal.tombstone
            held = [h.number for h in holds if h.covers(each.day) and h.in_force(each.removed)]
            if each.day in self._held:
                held.append(self._held[each.day])
            if held:
                yield each.day, TOMBSTONE, f"removed while hold {min(held)} was in force"

    def unrecorded(self, following: str) -> tuple[str, ...]:
        """Days whose removal waits to be sealed with `following`."""
        return tuple(each.day for each in self._awaited.get(following, ()))
