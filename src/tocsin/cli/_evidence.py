"""`tocsin evidence`."""

from __future__ import annotations

import click

__all__ = ["evidence"]


@click.group()
def evidence() -> None:
    """Collect evidence."""
