"""Data on standard output, talk on standard error."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tocsin.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["as_json", "format_option", "moment", "moments", "write_json", "write_whole"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print what was found.",
)


def as_json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def write_json(value: Any) -> None:
    click.echo(as_json(value))


def moment(micros: int) -> str:
    """A time for people and programs, to the second."""
    return (_EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%SZ")


def moments(first: int, last: int) -> str:
    """From when to when; once where that is one second."""
    begin, end = moment(first), moment(last)
    return begin if begin == end else f"{begin} to {end}"


def write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all, with the mode of what it replaces. Raises StoreError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreError(f"{path}: can't write it: {error.strerror}") from None
