"""Commitments in the place of names, and what opens them again; kept outside the evidence."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tocsin.errors import StoreError
from tocsin.evidence import Commitments, Opening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "commit_option",
    "find_opening",
    "forget_openings",
    "keep_openings",
    "make_commitments",
    "openings_folder",
]

_SECRET = 32
"""Bytes."""

commit_option: Callable[[Callable[..., object]], Callable[..., object]] = click.option(
    "--commit", "labels", multiple=True, metavar="LABEL",
    help="Put a salted commitment in the place of this label's values, such as user; can be"
    " given several times. `tocsin evidence open` opens one.",
)  # fmt: skip


def openings_folder(root: Path) -> Path:
    """Beside the evidence, never in it, whatever link leads there."""
    real = Path(os.path.realpath(root))
    return real.with_name(f"{real.name}.openings")


def make_commitments(root: Path, labels: tuple[str, ...]) -> Commitments | None:
    """With the secret of this evidence folder, made when first needed. Raises StoreError."""
    if not labels:
        return None
    path = openings_folder(root) / "secret"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_secret(path)
        secret = bytes.fromhex(path.read_text())
    except (OSError, ValueError) as error:
        raise StoreError(f"can't use the secret of the commitments in {path}: {error}") from None
    if len(secret) != _SECRET:
        raise StoreError(f"the secret of the commitments in {path} is cut off",
                         hint="get it back from a copy; or remove it, and one is made")  # fmt: skip
    return Commitments(labels, secret)


def _make_secret(path: Path) -> None:
    """Whole or not at all: with half a secret names could be tried out."""
    draft = path.with_name(f".secret.{secrets.token_hex(8)}.tmp")
    _append(draft, f"{secrets.token_hex(_SECRET)}\n".encode())
    try:
        with contextlib.suppress(FileExistsError):  # Another command was first.
            os.link(draft, path)
    finally:
        draft.unlink()


def keep_openings(root: Path, day: str, commitments: Commitments | None) -> None:
    """Write down what opens the commitments made for `day`, `YYYYMMDD`. Raises StoreError."""
    if commitments is None or not commitments.openings:
        return
    path = openings_folder(root) / f"{day}.jsonl"
    known = {opening.commitment for opening in _read(path)} if path.exists() else set()
    new = [opening for name, opening in commitments.openings.items() if name not in known]
    data = b"".join(msgspec.json.encode(opening) + b"\n" for opening in new)
    cut = path.exists() and path.read_bytes()[-1:] not in {b"", b"\n"}
    _append(path, b"\n" + data if cut else data)


def forget_openings(root: Path, days: Iterable[str]) -> None:
    """Remove what opens commitments of `days`, whose files are gone. Raises StoreError."""
    for day in days:
        path = openings_folder(root) / f"{day}.jsonl"
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"can't remove {path}: {error.strerror}") from None


def find_opening(root: Path, commitment: str) -> Opening | None:
    """Raises StoreError."""
    for path in sorted(openings_folder(root).glob("*.jsonl")):
        for opening in _read(path):
            if opening.commitment == commitment:
                return opening
    return None


def _read(path: Path) -> Iterator[Opening]:
    """A line that a kill cut opens nothing; what it was about is written again."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise StoreError(f"can't read {path}: {error.strerror}") from None
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            yield msgspec.json.decode(line, type=Opening)


def _append(path: Path, data: bytes) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with open(file, "ab") as stream:  # noqa: PTH123 - an open file has no path
            stream.write(data)
            stream.flush()
            os.fsync(file)
    except OSError as error:
        raise StoreError(f"can't write {path}: {error.strerror}") from None
