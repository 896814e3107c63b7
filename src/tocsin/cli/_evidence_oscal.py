"""`tocsin evidence oscal`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from tocsin.cli._custody import hand_out
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._output import write_whole
from tocsin.cli._periods import load_period, period_options
from tocsin.errors import EvidenceError, StoreError
from tocsin.report import assessment_plan, assessment_results, check_oscal

__all__ = ["oscal"]


@click.command()
@click.argument("folder", type=Path, required=False)
@period_options
@click.option("--output", type=Path, default=Path(), help="The folder to write to.  [default: .]")
@config_option
def oscal(
    folder: Path | None, from_: str | None, to_: str | None, output: Path, config: Path
) -> None:
    """Write the sealed days in FOLDER as OSCAL 1.2.1: assessment results, and their plan.

    Writes assessment-plan.json and assessment-results.json. The same days make the same bytes.
    """
    root = evidence_folder(folder, config)
    period = load_period(root, from_, to_)
    plan, results = assessment_plan(period), assessment_results(period)
    wrong = check_oscal(plan, results)
    if wrong:
        raise EvidenceError("the documents do not hold together: " + "; ".join(wrong[:10]))
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"can't write {output}: {error.strerror}") from None
    made = {"assessment-plan.json": plan, "assessment-results.json": results}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    hand_out(root, "oscal", period.sealed, hashes)
    for name, data in made.items():
        write_whole(output / name, data)
        click.echo(f"{output / name}")
