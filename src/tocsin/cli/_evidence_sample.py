"""`tocsin evidence sample`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from tocsin.bundle import last_day, read_file, survey
from tocsin.cli._custody import hand_out, hash_of_files
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._periods import load_period, period_options, read_day
from tocsin.errors import EvidenceError, ParseError, StoreError
from tocsin.report import Chain, make_sample
from tocsin.seal import MANIFEST, read_anchor

__all__ = ["sample"]


@click.command()
@click.argument("folder", type=Path, required=False)
@click.option(
    "--seed", required=True, help="What the auditor says; the same seed draws the same days."
)
@click.option("-n", "count", type=click.IntRange(1, 3700), default=25, show_default=True,
              help="How many days to draw.")  # fmt: skip
@period_options
@click.option("--anchor", "anchor_file", type=Path,
              help="A checkpoint that the auditor kept: the proofs then lead to it.")  # fmt: skip
@click.option("--output", type=Path, default=Path("sample"), show_default=True,
              help="The folder to write, which must not be there.")  # fmt: skip
@config_option
def sample(
    folder: Path | None, seed: str, count: int, from_: str | None, to_: str | None,
    anchor_file: Path | None, output: Path, config: Path,
) -> None:  # fmt: skip
    """Draw days for an auditor and copy them out with what proves that they are the sealed ones.

    The folder holds the population, the drawn days whole, a proof for each, and check.sh, which
    needs only sha256sum and ssh-keygen.
    """
    root = evidence_folder(folder, config)
    period = load_period(root, from_, to_)
    last = last_day(root)
    try:
        manifests = {day: read_file(root / day / MANIFEST) for day in survey(root).days}
    except OSError as error:
        raise EvidenceError(f"a manifest can't be read: {error}") from None
    kept = None if anchor_file is None else read_anchor(_read(anchor_file), str(anchor_file))
    chain = Chain(manifests, kept or last.checkpoint)
    files = make_sample(period, seed, count, chain, lambda day: read_day(root, day))
    drawn = files["drawn"].decode().split()
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    hand_out(root, "sample", drawn, {output.name: hash_of_files(hashes)}, seed=seed)
    _write(output, files)
    click.echo(f"{output}  {len(drawn)} of {len(period.days)} days, {len(files)} files")
    removed = {head.day for head in period.heads if head.removed}
    for day in drawn:
        told = "" if day in manifests else "  NOT SEALED: an exception"
        told = "  REMOVED under the retention policy: only its hashes" if day in removed else told
        click.echo(f"{day}{told}")
    click.echo(f"\nhint: cd {output}; sh check.sh ALLOWED_SIGNERS ANCHOR", err=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ParseError(f"can't read {path}: {error.strerror}") from None


def _write(output: Path, files: dict[str, bytes]) -> None:
    try:
        output.mkdir(parents=True)
        for name, data in files.items():
            path = output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise StoreError(
            f"can't write {error.filename or output}: {error.strerror}",
            hint="--output names a new folder",
        ) from None
