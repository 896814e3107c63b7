"""`tocsin evidence copy`."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli._custody import hand_out, hash_of_files
from tocsin.cli._evidence_key import key_path
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._evidence_verify import trust_of, trust_options
from tocsin.cli._exit import ExitCode
from tocsin.custody import BucketDestination, FolderDestination, copy_days
from tocsin.errors import ParseError
from tocsin.seal import MANIFEST, read_retention, spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tocsin.custody import Copied, Destination

__all__ = ["copy"]

_SHOWN = 30
_EVERY = 2.0
"""Seconds between two words about how far it is."""


@click.command()
@click.argument("folder", type=Path, required=False)
@click.option("--to", "to_", required=True, metavar="WHERE",
              help="A folder that another party keeps, or s3://bucket/prefix.")  # fmt: skip
@click.option("--retain", metavar="TIME", help="For S3: how long after its end each day is locked,"
              " 7y or 90d. Nobody can shorten it.")  # fmt: skip
@trust_options
@config_option
def copy(
    folder: Path | None, to_: str, retain: str | None, key_file: Path | None,
    signers_file: Path | None, anchors: tuple[Path, ...], config: Path,
) -> int:  # fmt: skip
    """Copy the sealed days in FOLDER to where those who sealed them can't change them.

    All days are verified first, with the public half of the key that seals if no other is given;
    then each that the destination lacks is written there, in order, and every day is read back and
    verified there. Nothing is ever written over: what differs is named, with both hashes, and ends
    the copy with 1. Days that were removed there are copied again and told, with 1 as well. An S3
    bucket must have Object Lock; needs the extra `aws`.
    """
    root = evidence_folder(folder, config)
    if key_file is None and signers_file is None:
        key_file = Path(f"{key_path(None, config)}.pub")
    trust = trust_of(key_file, signers_file, anchors)
    with _opened(to_, retain, root) as destination:

        def begin(days: Mapping[str, str]) -> None:
            files = {f"{day}/{MANIFEST}": digest for day, digest in days.items()}
            hand_out(root, "copy", days, {"manifests": hash_of_files(files)}, to=destination.place)

        done = copy_days(root, destination, trust, begin, _progress())
    return _tell(done, destination.place)


@contextmanager
def _opened(to_: str, retain: str | None, root: Path) -> Iterator[Destination]:
    if to_.startswith("s3://"):
        if retain is None:
            raise ParseError("how long is a day locked in S3?", hint="--retain 7y, or 90d")
        now = time.time_ns() // 1000
        with BucketDestination.opened(to_, read_retention(retain), now) as bucket:
            yield bucket
        return
    if retain is not None:
        raise ParseError("--retain is for S3; a folder has no lock", hint="leave it out")
    with FolderDestination.opened(Path(to_), root) as there:
        yield there


def _progress() -> Callable[[int, int], None]:
    told = time.monotonic()

    def progress(done: int, of: int) -> None:
        nonlocal told
        if time.monotonic() - told > _EVERY:
            told = time.monotonic()
            click.echo(f"{done} of {of} days", err=True)

    return progress


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _tell(done: Copied, place: str) -> int:
    for fault in done.broken[:_SHOWN]:
        click.echo(f"FAULT  {fault}")
    if done.broken:
        click.echo("NOT COPIED: the days here are not those that were sealed")
        return ExitCode.FAILED
    if done.copied:
        click.echo(f"copied  {spans(done.copied)}")
    for name in done.added:
        click.echo(f"added  {name}")
    for text in done.differing[:_SHOWN]:
        click.echo(f"DIFFERS  {text}")
    if done.differing:
        more = len(done.differing) - _SHOWN
        told = f", and {more} more" if more > 0 else ""
        click.echo(f"NOT THE SAME: {place} differs{told}; nothing was written over")
        return ExitCode.FAILED
    faults = done.there.faults if done.there else []
    for fault in faults[:_SHOWN]:
        click.echo(f"FAULT  at {place}, {fault}")
    if faults:
        click.echo(f"NOT WHOLE: what lies at {place} does not hold")
        return ExitCode.FAILED
    if done.same:
        click.echo(f"{_days(done.same)} there already, the same")
    for day in done.again:
        click.echo(f"GONE  {day}: was not at {place} any more, though later days were")
    if done.again:
        click.echo(f"NOT AS IT WAS LEFT: days had been removed at {place}; they are there again")
        return ExitCode.FAILED
    count = done.same + len(done.copied)
    click.echo(f"{_days(count)} at {place}, each file read back: nothing is altered")
    return ExitCode.OK
