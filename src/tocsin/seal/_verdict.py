"""What is verified, what the verifier brings along, and what can be said in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.seal._note import Checkpoint, Cosigner
    from tocsin.seal._removed import Removal
    from tocsin.seal._signers import Signer

__all__ = ["DayFiles", "Fault", "Trust", "Verdict"]

_MOST = 1000


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

    def fault(self, day: str, file: str, what: str) -> None:
        """No more than so many are kept: one is enough."""
        if len(self.faults) < _MOST:
            self.faults.append(Fault(day, file, what))

    def note(self, text: str) -> None:
        if len(self.notes) < _MOST:
            self.notes.append(text)
