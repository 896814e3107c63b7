"""Legal holds: what sealed days say of them, and what was ordered since."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.bundle import locked, read_file, survey
from tocsin.custody._log import LogPart, end_line, lines_of, principal, read_log, write_line
from tocsin.errors import EvidenceError, ParseError, StoreError
from tocsin.seal import (
    CUSTODY,
    HOLDS,
    MANIFEST,
    MOST_HOLDS,
    NO_END,
    TOMBSTONE,
    Hold,
    is_line,
    moment_of,
    read_holds,
    read_manifest,
    read_tombstone,
    write_holds,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["add_hold", "custody_part", "holds_in_force", "holds_now", "release_hold"]


def holds_now(root: Path) -> tuple[Hold, ...]:
    """Every hold there was, by number. Raises EvidenceError, StoreError."""
    days = survey(root).days
    if not days:
        return _after((), read_log(root, b""))
    part = read_log(root, _file(root, days[-1], "day.json"))
    return _after(_sealed(root, days[-1]), part)


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

    `facts_before` is day.json of `day_before`; both are empty where there is none. Raises
    EvidenceError, StoreError.
    """
    with suppress(StoreError):  # Who seals may only read: then the next line ends it.
        end_line(root)
    part = read_log(root, facts_before)
    holds = _after(_sealed(root, day_before) if day_before else (), part)
    return {CUSTODY: part.data, HOLDS: write_holds(holds)}, part.facts


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


def _after(holds: tuple[Hold, ...], part: LogPart) -> tuple[Hold, ...]:
    found = {hold.number: hold for hold in holds}
    for line in lines_of(part.data):
        told = line.get("hold")
        if isinstance(told, dict):
            try:
                _take(found, told)
            except (ParseError, KeyError, TypeError, ValueError):
                continue  # Nothing of ours; the line is sealed as it is.
    return tuple(found[number] for number in sorted(found))


def _take(found: dict[int, Hold], told: Mapping[str, Any]) -> None:
    number = int(told["number"])
    if "released" in told:
        moment_of(told["released"])
        if number in found and found[number].released == "-":
            found[number] = replace(found[number], released=told["released"])
    elif number not in found and len(found) < MOST_HOLDS:
        (hold,) = read_holds(write_holds((Hold(
            number, told["first"], told["last"], told["added"], told["by"], told["reason"],
        ),)))  # fmt: skip
        found[number] = hold


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
        hold = Hold(number, first, last or NO_END, now, by, reason)
        hold = replace(hold, added=_after_removals(root, hold))
        told = {
            "number": number, "first": hold.first, "last": hold.last, "added": hold.added, "by": by,
            "reason": reason,
        }  # fmt: skip
        _log(root, "evidence hold add", now, told)
    return hold


def _after_removals(root: Path, hold: Hold) -> str:
    """When it is added, but later than what it covers was removed.

    A hold that waited for a removal to end, or whose clock is behind, does not speak against it.
    """
    added = hold.added
    for day in survey(root).days:
        if hold.covers(day) and (root / day / TOMBSTONE).exists():
            try:
                removed = moment_of(read_tombstone(_file(root, day, TOMBSTONE)).removed)
            except ParseError:
                continue  # `verify` says what is wrong with it.
            after = datetime.fromtimestamp(removed // 1_000_000 + 1, UTC)
            added = max(added, f"{after:%Y-%m-%dT%H:%M:%SZ}")
    return added


def release_hold(root: Path, number: int, by: str, reason: str, now: str) -> Hold:
    """Raises ParseError, EvidenceError, StoreError."""
    _words(by, reason)
    with locked(root):
        known = {hold.number: hold for hold in holds_now(root)}
        if number not in known:
            raise EvidenceError(f"there is no hold {number}", hint="`tocsin evidence hold list`")
        if known[number].released != "-":
            raise EvidenceError(f"hold {number} was released at {known[number].released}")
        told = {"number": number, "released": now, "by": by, "reason": reason}
        _log(root, "evidence hold release", now, told)
    return replace(known[number], released=now)


def _words(by: str, reason: str) -> None:
    if not is_line(by) or not is_line(reason):
        raise ParseError("say who ordered it and why, each in one line of at most 400 characters")


def _log(root: Path, command: str, now: str, told: Mapping[str, Any]) -> None:
    write_line(root, {"by": principal(), "command": command, "hold": told, "time": now})
