"""`tocsin evidence plan`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from tocsin.bundle import survey
from tocsin.cli._evidence_key import key_option, key_path, load_key
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._plan import catalogues_of, find_signature, plan_name
from tocsin.cli._records import write_records
from tocsin.errors import EvidenceError
from tocsin.evidence import day_folder
from tocsin.seal import fingerprint, sign

__all__ = ["plan"]


@click.command()
@key_option
@click.option("--folder", type=Path, help="Where the days are.  [default: evidence]")
@config_option
def plan(key_file: Path | None, folder: Path | None, config: Path) -> None:
    """Sign the catalogues of controls, from now on.

    The signature goes into today's folder and is sealed with it, so it holds before the days that
    follow. It is an OpenSSH signature over the file as it is: `ssh-keygen -Y verify`. A catalogue
    that changes must be signed again; sealed days tell since when each was in force and signed.
    """
    key = load_key(key_path(key_file, config))
    signer = fingerprint(key.public_key().public_bytes_raw())
    root = evidence_folder(folder, config)
    today = datetime.fromtimestamp(time.time(), UTC).date()
    days = survey(root).days if root.exists() else ()
    if days and day_folder(today) <= days[-1]:
        raise EvidenceError(f"{days[-1]} is sealed already", hint="sign tomorrow")
    for catalogue in catalogues_of(config):
        if find_signature(root, catalogue, signer) is not None:
            click.echo(f"signed before  {catalogue.path}  version {catalogue.version}")
            continue
        name = plan_name(catalogue)
        beside = {name: catalogue.text, f"{name}.sig": sign(catalogue.text, key)}
        write_records(root, today, [], beside)
        where = root / day_folder(today) / f"{name}.sig"
        click.echo(f"signed  {catalogue.path}  version {catalogue.version}  {where}")
