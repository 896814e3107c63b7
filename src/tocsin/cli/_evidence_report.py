"""`tocsin evidence report`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.bundle import verify_folder
from tocsin.cli._custody import hand_out
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._evidence_verify import trust_of, trust_options
from tocsin.cli._output import write_whole
from tocsin.cli._pdf import make_pdf
from tocsin.cli._periods import load_period, period_options
from tocsin.report import Checked, day_text, paper_page, report_page

if TYPE_CHECKING:
    from tocsin.seal import Trust

__all__ = ["report"]

_MOST_FAULTS = 50


@click.command()
@click.argument("folder", type=Path, required=False)
@period_options
@click.option("--output", type=Path, help="Where to write.  [default: evidence-FROM-TO.html]")
@click.option("--pdf", type=Path, help="Where to write it as PDF too; needs the extra `pdf`.")
@trust_options
@config_option
def report(
    folder: Path | None, from_: str | None, to_: str | None, output: Path | None, pdf: Path | None,
    key_file: Path | None, signers_file: Path | None, anchors: tuple[Path, ...], config: Path,
) -> None:  # fmt: skip
    """Write one HTML file about the sealed days in FOLDER, for people to read and print.

    It shows each control and day, what was not seen, what became of exceptions, and how to check
    all of it. It needs no network and runs no script. The same days make the same bytes.
    """
    root = evidence_folder(folder, config)
    period = load_period(root, from_, to_)
    given = key_file is not None or signers_file is not None
    checked = _verified(root, trust_of(key_file, signers_file, anchors)) if given else _unverified()
    path = output or Path(f"evidence-{period.first}-{period.last}.html")
    page = report_page(period, checked)
    made = [(path, page)] if pdf is None else [(path, page), (pdf, make_pdf(paper_page(page)))]
    hashes = {each.name: hashlib.sha256(data).hexdigest() for each, data in made}
    hand_out(root, "report", period.sealed, hashes)
    for each, data in made:
        write_whole(each, data)
        click.echo(f"{each}")


def _unverified() -> Checked:
    return Checked(
        "Each file was held against its SHA256SUMS when this page was made. Signatures and anchors"
        " were not checked: no key was given.",
        None,
    )


def _verified(root: Path, trust: Trust) -> Checked:
    verdict = verify_folder(root, trust)
    if not verdict.holds:
        told = tuple(str(fault) for fault in verdict.faults[:_MOST_FAULTS])
        return Checked("ALTERED: these are not the days that were sealed.", False, told)
    removed = len(verdict.removed)
    words = (
        f"Verified when this page was made: {len(verdict.days) - removed} days and"
        f" {verdict.files:,} files, nothing is altered."
    )
    if removed:
        words += (
            f" The files of {removed} more were removed under the retention policy, so that only"
            " their hashes were checked."
        )
    if verdict.anchored:
        return Checked(f"{words} Anchored up to {day_text(verdict.anchored)}.", True)
    return Checked(
        f"{words} UNANCHORED: without an anchor, whoever has the key could have cut off the end or"
        " written all of it anew.",
        None,
    )
