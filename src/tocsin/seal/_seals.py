"""Signatures, the tree over the days, checkpoints, what is attached to them, and anchors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.seal._manifest import ATTACHED, HEAD, MANIFEST, SIGNATURE
from tocsin.seal._merkle import Frontier, leaf_hash
from tocsin.seal._note import Checkpoint, cosigned_at, is_signed, read_checkpoint, read_signatures
from tocsin.seal._signers import why_not_trusted
from tocsin.seal._spans import last_second
from tocsin.seal._sshsig import fingerprint, signed_by

if TYPE_CHECKING:
    from tocsin.seal._verdict import DayFiles, Trust, Verdict

__all__ = ["Seals"]

_COSIG, _TOKEN = ATTACHED


class Seals:
    """Takes the days in order; what it finds goes into the verdict."""

    def __init__(self, trust: Trust, verdict: Verdict) -> None:
        self.origin = ""
        """That of the first checkpoint that can be read."""
        self._trust = trust
        self._verdict = verdict
        self._tree = Frontier()
        self._roots: dict[int, bytes] = {}
        self._stamps: dict[int, int] = {}
        """When the chain of so many days was stamped."""
        self._key = b""
        """Of the day before."""

    def add(self, day: DayFiles) -> None:
        """The next day, whose name is the last of the verdict."""
        manifest = day.texts.get(MANIFEST, b"")
        self._tree.add(leaf_hash(day.name, manifest))
        self._roots[self.size] = self._tree.root
        signed = self._checkpoint(day)
        if SIGNATURE not in day.texts:
            self._verdict.fault(day.name, SIGNATURE, "missing")
            return
        try:
            public = signed_by(day.texts[SIGNATURE], manifest)
        except ParseError as error:
            self._verdict.fault(day.name, SIGNATURE, error.what)
            return
        why = why_not_trusted(self._trust.signers, public, self.origin, last_second(day.name))
        if why:
            self._verdict.fault(day.name, SIGNATURE, why)
        if self._key not in {b"", public}:
            told = f"{day.name}: sealed with another key than the day before, {fingerprint(public)}"
            self._verdict.note(told)
        self._key = public
        if signed:
            self._signed(day, public)

    def _signed(self, day: DayFiles, public: bytes) -> None:
        try:
            if is_signed(day.texts[HEAD], public):
                return
            what = "its signature is not one of the key that signed the day"
        except ParseError as error:
            what = error.what
        self._verdict.fault(day.name, HEAD, what)

    def _checkpoint(self, day: DayFiles) -> bool:
        """Whether there is one whose signature can be looked at."""
        if HEAD not in day.texts:
            self._verdict.fault(day.name, HEAD, "missing")
            return False
        try:
            checkpoint = read_checkpoint(day.texts[HEAD])
        except ParseError as error:
            self._verdict.fault(day.name, HEAD, error.what)
            return False
        self.origin = self.origin or checkpoint.origin
        expected = Checkpoint(self.origin, self.size, self._tree.root)
        if checkpoint != expected:
            told = f"does not say {self.size} days of {self.origin} with the root that these have"
            self._verdict.fault(day.name, HEAD, told)
        self._attached(day, expected)
        return True

    def _attached(self, day: DayFiles, checkpoint: Checkpoint) -> None:
        verdict = self._verdict
        verdict.unchecked = []
        if (lines := day.texts.get(_COSIG)) is not None:
            try:
                read_signatures(lines)
                times = [cosigned_at(checkpoint, lines, each) for each in self._trust.cosigners]
            except ParseError as error:
                verdict.fault(day.name, _COSIG, error.what)
            else:
                seen = [time for time in times if time is not None]
                if seen:
                    verdict.witnessed, verdict.witnessed_at = day.name, min(seen) * 1_000_000
                elif times:
                    told = "no cosignature of a witness whose key was given"
                    verdict.fault(day.name, _COSIG, told)
                else:
                    verdict.unchecked.append(f"{day.name}/{_COSIG}")
        if (token := day.texts.get(_TOKEN)) is not None:
            if self._trust.check_token is None:
                verdict.unchecked.append(f"{day.name}/{_TOKEN}")
            else:
                try:
                    verdict.stamped_at = self._trust.check_token(token, day.texts[HEAD])
                    verdict.stamped = day.name
                    self._stamps[self.size] = verdict.stamped_at
                except ParseError as error:
                    verdict.fault(day.name, _TOKEN, error.what)

    @property
    def size(self) -> int:
        """Days so far."""
        return self._tree.size

    def finish(self) -> None:
        """Hold the days against the anchors, and ask when they were stamped."""
        verdict, size = self._verdict, self.size
        for anchor in self._trust.anchors:
            if anchor.origin != self.origin:
                told = f"the anchor is of {anchor.origin}, the bundle of {self.origin}"
            elif anchor.size > size:
                told = (
                    f"the anchor knows {anchor.size} days, but here are {size}: the end is missing"
                )
            elif anchor.size == 0 or self._roots[anchor.size] != anchor.root:
                told = (
                    f"the first {anchor.size} days are not those of the anchor:"
                    " the history was rewritten"
                )
            else:
                verdict.anchored = max(verdict.anchored, verdict.days[anchor.size - 1])
                continue
            verdict.fault("", "", told)
        if self._trust.stamp_within is not None:
            verdict.unstamped = self._unstamped(self._trust.stamp_within)

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
