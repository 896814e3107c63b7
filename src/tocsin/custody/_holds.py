"""Legal holds: what sealed days say of them, and what was ordered since."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tocsin.bundle import locked, read_file, survey
from tocsin.custody._log import end_line, principal, write_line
from tocsin.custody._log_part import LogTooLargeError, open_log, unread_facts
from tocsin.custody._orders import after_orders, release_text, sealer_of, unrecorded
from tocsin.errors import EvidenceError, ParseError, StoreError
from tocsin.seal import (
    CUSTODY,
    HOLDS,
    MANIFEST,
    MOST_HOLDS,
    NO_END,
    Hold,
    is_line,
    read_holds,
    read_manifest,
    sign,
    write_holds,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["add_hold", "custody_part", "holds_in_force", "holds_now", "release_hold"]


def holds_now(root: Path) -> tuple[Hold, ...]:
    """Every hold there was, by number. Raises EvidenceError, StoreError."""
    days = survey(root).days
    day = days[-1] if days else ""
    with open_log(root, _file(root, day, "day.json") if day else b"") as part:
        return after_orders(root, day, _sealed(root, day) if day else (), part)


def holds_in_force(root: Path, now: str) -> tuple[Hold, ...]:
    """Those that keep days at `now`, RFC 3339 to the second; a release counts once it is sealed.

    A hold that is there counts, though a clock that was set back says that it is not added yet.

    Raises EvidenceError, StoreError.
    """
    days = survey(root).days
    sealed = _sealed(root, days[-1]) if days else ()
    known = (*holds_now(root), *sealed)
    kept = {hold.number: hold for hold in known if hold.in_force(max(now, hold.added))}
    return tuple(kept[number] for number in sorted(kept))


def custody_part(root: Path, day_before: str, facts_before: bytes) -> tuple[dict[str, bytes], Any]:
    """What the next sealed day takes along: its files, and its facts for day.json.

    `facts_before` is day.json of `day_before`; both are empty where there is none. However much
    somebody wrote into the log, there is a part to seal: `left_out` in the facts says in words what
    is not in it. Raises EvidenceError, StoreError.
    """
    with suppress(StoreError):  # Who seals may only read: then the next line ends it.
        end_line(root)
    holds = _sealed(root, day_before) if day_before else ()
    try:
        with open_log(root, facts_before) as part:
            holds = after_orders(root, day_before, holds, part)
            (data, left_out), facts = part.sealed(), dict(part.facts)
        if left_out:
            facts["left_out"] = left_out
    except LogTooLargeError:
        data, facts = b"", unread_facts(facts_before)
    data += unrecorded(root, day_before, data)
    return {CUSTODY: data, HOLDS: write_holds(holds)}, {"custody": facts}


def _file(root: Path, day: str, name: str) -> bytes:
    try:
        return read_file(root / day / name)
    except OSError as error:
        raise StoreError(f"can't read {root / day / name}: {error.strerror}") from None


def _sealed(root: Path, day: str) -> tuple[Hold, ...]:
    """Those that a sealed day knows; one sealed before there were holds knows none."""
    hint = "`tocsin evidence verify`"
    try:
        sha256 = read_manifest(_file(root, day, MANIFEST)).files.get(HOLDS)
        data = b"" if sha256 is None else _file(root, day, HOLDS)
        found = read_holds(data)
    except ParseError as error:
        raise EvidenceError(f"{day}/{HOLDS}: {error.what}", hint=hint) from None
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise EvidenceError(f"{day}/{HOLDS}: not the file that was sealed", hint=hint)
    return found


def add_hold(root: Path, first: str, last: str, by: str, reason: str, now: str) -> Hold:
    """Hold all days from `first` to `last`, `YYYYMMDD`, the second empty for no end.

    `now` is RFC 3339 to the second. Raises ParseError, EvidenceError, StoreError.
    """
    _words(by, reason)
    if last and last < first:
        raise ParseError(f"{last} is before {first}")
    with locked(root):
        known = {hold.number for hold in holds_now(root)}
        if len(known) >= MOST_HOLDS:
            raise EvidenceError(
                f"there are {MOST_HOLDS:,} holds already, so that this one would not count",
                hint="`tocsin evidence hold list`: who added them?",
            )
        number = min(set(range(1, MOST_HOLDS + 1)) - known)
        told = {
            "number": number, "first": first, "last": last or NO_END, "added": now, "by": by,
            "reason": reason,
        }  # fmt: skip
        _log(root, "evidence hold add", now, told)
        return next(hold for hold in holds_now(root) if hold.number == number)


def release_hold(
    root: Path, number: int, by: str, reason: str, now: str, key: Ed25519PrivateKey
) -> Hold:
    """`key` is the one that sealed the last day, or nobody would believe the release.

    Raises ParseError, EvidenceError, StoreError.
    """
    _words(by, reason)
    with locked(root):
        days = survey(root).days
        if not days:
            raise EvidenceError("no day is sealed, so that nobody's word ends a hold yet",
                                hint="seal one first: `tocsin evidence seal`")  # fmt: skip
        known = {hold.number: hold for hold in holds_now(root)}
        if number not in known:
            raise EvidenceError(f"there is no hold {number}", hint="`tocsin evidence hold list`")
        hold = known[number]
        if hold.released != "-":
            raise EvidenceError(f"hold {number} was released at {hold.released}")
        sealer = sealer_of(root, days[-1])
        if sealer.public != key.public_key().public_bytes_raw():
            raise EvidenceError(f"the key is not the one that sealed {days[-1]}",
                                hint="a new key ends holds after it sealed a day")  # fmt: skip
        text = release_text(sealer.origin, hold, now, by, reason)
        told = {"number": number, "released": now, "by": by, "reason": reason,
                "signature": sign(text, key).decode()}  # fmt: skip
        _log(root, "evidence hold release", now, told)
    return replace(hold, released=now)


def _words(by: str, reason: str) -> None:
    if not is_line(by) or not is_line(reason):
        raise ParseError("say who ordered it and why, each in one line of at most 400 characters")


def _log(root: Path, command: str, now: str, told: Mapping[str, Any]) -> None:
    write_line(root, {"by": principal(), "command": command, "hold": told, "time": now})
