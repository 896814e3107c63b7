"""Data on standard output, talk on standard error."""

from __future__ import annotations

from typing import Any

import click
import msgspec

__all__ = ["format_option", "write_json"]

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
