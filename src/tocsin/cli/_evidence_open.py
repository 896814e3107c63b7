"""`tocsin evidence open`."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

import click

from tocsin.cli._custody import hand_out
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._openings import find_opening, openings_folder
from tocsin.errors import EvidenceError
from tocsin.printable import printable

__all__ = ["open_"]


@click.command("open")
@click.argument("commitment")
@click.option("--folder", type=Path, help="Where the days are.  [default: evidence]")
@config_option
def open_(commitment: str, folder: Path | None, config: Path) -> None:
    """Show what a COMMITMENT in the evidence stands for, for an item that the auditor drew.

    Prints the label, the value, the salt, and a command by which anybody can check them.
    """
    root = evidence_folder(folder, config)
    found = find_opening(root, commitment)
    if found is None:
        raise EvidenceError(
            f"nothing opens {printable(commitment, 80)}",
            hint=f"what opens commitments is in {openings_folder(root)}",
        )
    text = f"{found.salt}:{found.label}={found.value}"
    told = (
        f"{found.label}  {printable(found.value)}\nsalt  {found.salt}\n"
        f"check: printf '%s' {shlex.quote(text)} | sha256sum\n"
    )
    digest = hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()
    hand_out(root, "open", (), {"stdout": digest}, commitment=commitment)
    click.echo(told, nl=False)
