"""`tocsin version`."""

from __future__ import annotations

import click

import tocsin
from tocsin.cli._program import program_sha256

__all__ = ["version"]


@click.command()
@click.option("--digest", is_flag=True, help="Print the SHA-256 of the program's files instead.")
def version(digest: bool) -> None:
    """Print the version.

    The records of the evidence hold the digest of the program that made them. Without Tocsin, in
    the folder that has the package: find tocsin -type f ! -path '*/__pycache__/*' | LC_ALL=C sort
    | xargs sha256sum | sha256sum
    """
    click.echo(program_sha256() if digest else tocsin.__version__)
