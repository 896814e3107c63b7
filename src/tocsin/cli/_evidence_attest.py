"""`tocsin evidence attest`."""

from __future__ import annotations

from pathlib import Path

import click

from tocsin.bundle import attach, last_day, leaves_of, locked
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._timestamp import stamp
from tocsin.errors import DeliveryError, EvidenceError, ParseError
from tocsin.seal import ATTACHED, read_signatures

__all__ = ["attest"]

_COSIG, _TOKEN = ATTACHED


@click.command()
@click.argument("folder", type=Path, required=False)
@click.option("--witness", "witnesses", multiple=True, metavar="URL",
              help="Ask this witness to cosign; can be given several times.")  # fmt: skip
@click.option("--timestamp", metavar="URL", help="Ask this authority for an RFC 3161 time stamp.")
@config_option
def attest(
    folder: Path | None, witnesses: tuple[str, ...], timestamp: str | None, config: Path
) -> None:
    """Have others vouch for the last sealed day: a witness, a time-stamp authority.

    Writes checkpoint.cosig and checkpoint.tsr into the day; the next day's seal covers them.
    """
    from tocsin.witness import ask_witness  # noqa: PLC0415 - late, so that commands start fast

    if not witnesses and not timestamp:
        raise ParseError("whom to ask?", hint="give --witness URL or --timestamp URL")
    root = evidence_folder(folder, config)
    last = last_day(root)
    made: dict[str, bytes] = {}
    if witnesses:
        leaves = leaves_of(root)
        lines = b"".join(ask_witness(url, leaves, last.note) for url in witnesses)
        try:
            read_signatures(lines)
        except ParseError as error:
            raise DeliveryError(f"the witness did not answer with a cosignature: {error}") from None
        made[_COSIG] = lines
    if timestamp:
        made[_TOKEN] = stamp(timestamp, last.note)
    with locked(root):
        if last_day(root) != last:
            raise EvidenceError("another day was sealed meanwhile", hint="run it again")
        for name, data in made.items():
            if (root / last.name / name).exists():
                raise EvidenceError(f"{last.name} has its {name} already")
            attach(root, last.name, name, data)
            click.echo(f"wrote  {root / last.name / name}")
