"""The sealed days of a period, read from disk and held against their manifests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import click

from tocsin.bundle import open_files, read_file, survey
from tocsin.errors import EvidenceError, ParseError, StoreError
from tocsin.printable import printable
from tocsin.report import put_together, read_day_files, wanted
from tocsin.seal import (
    ATTACHED,
    HEAD,
    LASTING,
    MANIFEST,
    SIGNATURE,
    TOMBSTONE,
    TOMBSTONE_SIGNATURE,
    is_day,
    read_manifest,
    read_tombstone,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tocsin.report import DayRead, Period

__all__ = ["day_name", "load_known", "load_period", "period_options", "read_day", "read_some"]


def period_options(command: Callable[..., object]) -> Callable[..., object]:
    for name, what in (("--to", "Last"), ("--from", "First")):
        command = click.option(
            name, name.removeprefix("--") + "_", metavar="DAY",
            help=f"{what} day, YYYY-MM-DD.  [default: the {what.lower()} sealed day]",
        )(command)  # fmt: skip
    return command


def load_period(root: Path, from_: str | None, to_: str | None) -> Period:
    """Raises EvidenceError where a file is not the sealed one, ParseError, StoreError."""
    days = survey(root).days
    if not days:
        raise EvidenceError(f"no sealed day in {root}", hint="`tocsin evidence seal` makes one")
    first = day_name(from_) if from_ is not None else days[0]
    last = day_name(to_) if to_ is not None else days[-1]
    if first > last:
        raise ParseError(f"{from_ or first} is after {to_ or last}")
    reads = [read_day_files(day, read_some(root, day, wanted)) for day in days if first <= day]
    return _together(reads, first, last)


def load_known(root: Path, since: str = "") -> Period | None:
    """All days from `since` on, also those that are not sealed yet; None where there are none.

    Raises EvidenceError where a file is not the sealed one, ParseError, StoreError.
    """
    seen = survey(root)
    reads = [read_day_files(day, read_some(root, day, wanted)) for day in seen.days if day >= since]
    for day in (day for day in seen.unsealed if day >= since):
        names = filter(wanted, open_files(root / day))
        reads.append(read_day_files(day, {name: _read(root / day / name) for name in names}))
    return _together(reads, reads[0].name, reads[-1].name) if reads else None


def _read(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise StoreError(f"can't read {path}: {error.strerror}") from None


def _together(reads: Sequence[DayRead], first: str, last: str) -> Period:
    try:
        return put_together(reads, first, last)
    except ValueError as error:
        raise ParseError(f"{error}", hint="a period has at most ten years") from None


def day_name(text: str) -> str:
    """`YYYYMMDD`. Raises ParseError."""
    name = text.replace("-", "")
    if not is_day(name) or text not in {name, f"{name[:4]}-{name[4:6]}-{name[6:]}"}:
        raise ParseError(f"not a day: {printable(text, 40)}", hint="write YYYY-MM-DD")
    return name


def _tombstone(
    folder: Path, day: str, manifest: bytes, choose: Callable[[str], bool]
) -> dict[str, bytes]:
    """The tombstone of a day. Raises ParseError where it is not one of this day, OSError."""
    names = (TOMBSTONE, TOMBSTONE_SIGNATURE)
    found = {name: read_file(folder / name) for name in names}
    stone = read_tombstone(found[TOMBSTONE])
    if (stone.day, stone.manifest) != (day, hashlib.sha256(manifest).hexdigest()):
        raise ParseError("the tombstone is not one of this day")
    return {name: data for name, data in found.items() if choose(name)}


def read_day(root: Path, day: str) -> dict[str, bytes]:
    """Every file of a sealed day."""
    return read_some(root, day, lambda _name: True)


def read_some(root: Path, day: str, choose: Callable[[str], bool]) -> dict[str, bytes]:
    """Chosen files of a sealed day by name. Raises EvidenceError where one was altered.

    Of a day that was removed, what is left, with its tombstone.
    """
    folder = root / day
    found = {}
    try:
        manifest = read_file(folder / MANIFEST)
        listed = read_manifest(manifest).files
        for name in (MANIFEST, SIGNATURE, HEAD, *ATTACHED):
            if choose(name) and (name not in ATTACHED or (folder / name).exists()):
                found[name] = read_file(folder / name)
        gone = (folder / TOMBSTONE).exists()
        if gone:
            found |= _tombstone(folder, day, manifest, choose)
        for name, sha256 in listed.items():
            if choose(name) and (not gone or name in LASTING):
                found[name] = read_file(folder / name)
                if hashlib.sha256(found[name]).hexdigest() != sha256:
                    raise EvidenceError(f"{folder / name} is not the file that was sealed",
                                        hint="`tocsin evidence verify` shows more")  # fmt: skip
    except OSError as error:
        raise StoreError(f"can't read {error.filename or folder}: {error.strerror}") from None
    except ParseError as error:
        raise EvidenceError(f"{day}: {error.what}", hint="`tocsin evidence verify`") from None
    return found
