"""Data on standard output, talk on standard error."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tocsin.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["format_option", "write_json", "write_whole"]

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print what was found.",
)


def write_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreError(f"{path}: can't write it: {error.strerror}") from None
