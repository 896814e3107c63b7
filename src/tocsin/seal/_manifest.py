"""SHA256SUMS: one line a file, as `sha256sum` writes and checks it, but one spelling only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ATTACHED",
    "CUSTODY",
    "HEAD",
    "MANIFEST",
    "REQUIRED",
    "SIGNATURE",
    "TOMBSTONE",
    "TOMBSTONE_SIGNATURE",
    "Manifest",
    "is_day",
    "is_file_name",
    "read_manifest",
    "write_manifest",
]

MANIFEST = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
HEAD = "checkpoint"
ATTACHED = ("checkpoint.cosig", "checkpoint.tsr")
"""They come after sealing, so the next day's manifest covers them."""
REQUIRED = ("README.txt", "day.json", "ledger.jsonl", "verify.sh")
_CHAINED = (MANIFEST, SIGNATURE, HEAD, *ATTACHED)
CUSTODY = "custody.jsonl"
"""Who took what out, and what was removed: the day's part of the custody log."""
TOMBSTONE = "tombstone"
TOMBSTONE_SIGNATURE = "tombstone.sig"
"""They come when the files go; the custody log of a later day covers them."""
_UNLISTED = frozenset({*_CHAINED, TOMBSTONE, TOMBSTONE_SIGNATURE})

_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_NAME = re.compile(rf"{_PART}(?:/{_PART}){{0,3}}")
_LINE = re.compile(r"([0-9a-f]{64})  (?:\.\./([0-9]{8})/([A-Za-z0-9.]+)|(\S+))")
_DAY = re.compile(r"2[0-9]{7}")
_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a day says of its files, and of the day before."""

    files: Mapping[str, str]
    """SHA-256 in hex by name, relative to the day's folder."""
    before: str = ""
    """The day before, `YYYYMMDD`; empty in the first."""
    chained: Mapping[str, str] | None = None
    """SHA-256 by name of what the day before ended with."""


def is_day(name: str) -> bool:
    """Whether a folder of this name is a day: `20261121`."""
    if _DAY.fullmatch(name) is None:
        return False
    try:
        date(int(name[:4]), int(name[4:6]), int(name[6:]))
    except ValueError:
        return False
    return True


def is_file_name(name: str) -> bool:
    """Whether a bundle may hold a file of this name.

    ASCII letters, digits and `. _ -`, at most four levels, no part beginning with a dot or a
    hyphen: no name means something else to a shell, a terminal or another file system.
    """
    return _NAME.fullmatch(name) is not None and name not in _UNLISTED


def write_manifest(manifest: Manifest) -> bytes:
    """Sorted by name; `sha256sum -c` reads it in the day's folder."""
    names = {f"../{manifest.before}/{n}": h for n, h in (manifest.chained or {}).items()}
    names.update(manifest.files)
    return "".join(f"{names[name]}  {name}\n" for name in sorted(names)).encode()


def read_manifest(data: bytes) -> Manifest:
    """Raises ParseError for everything that `write_manifest` would not have written."""
    if len(data) > _MOST_BYTES:
        raise ParseError(f"{MANIFEST} is larger than {_MOST_BYTES >> 20} MiB")
    files: dict[str, str] = {}
    chained: dict[str, str] = {}
    before = ""
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise ParseError(f"{MANIFEST} holds characters that no name has") from None
    for number, line in enumerate(lines[:-1], 1):
        match = _LINE.fullmatch(line)
        if match is None or not (match[4] is None or is_file_name(match[4])):
            raise ParseError(f"{MANIFEST}:{number}: not a line of ours: {printable(line[66:], 60)}")
        if match[4] is not None:
            files[match[4]] = match[1]
        elif match[3] not in _CHAINED or (before and before != match[2]):
            raise ParseError(f"{MANIFEST}:{number}: names a file outside the day before")
        else:
            before = match[2]
            chained[match[3]] = match[1]
    found = Manifest(files, before, chained or None)
    if write_manifest(found) != data:
        raise ParseError(f"{MANIFEST} is not sorted, names a file twice, or is cut off")
    if len({name.lower() for name in files}) != len(files):
        raise ParseError(f"{MANIFEST} names two files that differ by case only")
    return found
