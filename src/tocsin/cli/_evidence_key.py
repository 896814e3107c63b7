"""`tocsin evidence key`."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.engine import load_config
from tocsin.errors import ParseError, StoreError
from tocsin.seal import (
    NAMESPACE,
    check_origin,
    fingerprint,
    private_key_text,
    public_key_line,
    read_private_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["key", "key_option", "key_path", "load_key", "name_of"]

key_option: Callable[[Callable[..., object]], Callable[..., object]] = click.option(
    "--key", "key_file", type=Path,
    help="The private key, as `tocsin evidence key` or `ssh-keygen -t ed25519` writes it."
    "  [default: evidence.key]",
)  # fmt: skip


def key_path(key_file: Path | None, config: Path) -> Path:
    """What the command line leaves open is in the configuration, if there is one."""
    if key_file is None and config.exists():
        return load_config(config).evidence_key
    return key_file or Path("evidence.key")


@click.command()
@click.option("--name", help="Whom the key speaks for; stands in every checkpoint."
              "  [default: evidence@ and the name of this machine]")  # fmt: skip
@click.option("--file", type=Path, default=Path("evidence.key"), show_default=True,
              help="Where to write the private key; the public one goes beside it.")  # fmt: skip
def key(name: str | None, file: Path) -> None:
    """Make the key that seals days.

    Writes FILE, which only its owner can read, and FILE.pub. Prints the line for
    allowed_signers, which the auditor should have before the first day is sealed.
    """
    name = check_origin(name or f"evidence@{socket.gethostname()}")
    made = Ed25519PrivateKey.generate()
    public = made.public_key().public_bytes_raw()
    _write(file, private_key_text(made), 0o600)
    _write(file.with_name(f"{file.name}.pub"), f"{public_key_line(public, name)}\n".encode(), 0o644)
    click.echo(f'{name} namespaces="{NAMESPACE}" {public_key_line(public)}')
    click.echo(
        f"\n{file} seals, {file}.pub checks; fingerprint {fingerprint(public)}\n\n"
        "hint: give the line above to the auditor now, on a way of its own; those whose controls "
        f"are judged should not be able to read {file}",
        err=True,
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with open(file, "wb") as stream:  # noqa: PTH123 - an open file has no path
            stream.write(data)
    except OSError as error:
        raise StoreError(
            f"can't write {path}: {error.strerror}", hint="an old key is never written over"
        ) from None


def load_key(path: Path) -> Ed25519PrivateKey:
    """Raises StoreError where it can't be read or others can, ParseError where it is no key."""
    try:
        if path.stat().st_mode & 0o077:
            raise StoreError(f"others can read {path}", hint=f"chmod 600 {path}")
        return read_private_key(path.read_bytes())
    except OSError as error:
        raise StoreError(
            f"can't read the key {path}: {error.strerror}", hint="`tocsin evidence key` makes one"
        ) from None


def name_of(path: Path) -> str:
    """Whom a key speaks for: the comment of its public half. Raises ParseError."""
    public = path.with_name(f"{path.name}.pub")
    try:
        words = public.read_text().split()
    except (OSError, UnicodeDecodeError):
        words = []
    if len(words) < 3:
        raise ParseError(
            f"{public} does not say whom the key speaks for",
            hint="it is one line, `ssh-ed25519 KEY NAME`, beside the private key",
        )
    return check_origin(words[2])
