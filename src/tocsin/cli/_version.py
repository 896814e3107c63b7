"""`tocsin version`."""

from __future__ import annotations

import click

import tocsin

__all__ = ["version"]


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(tocsin.__version__)
