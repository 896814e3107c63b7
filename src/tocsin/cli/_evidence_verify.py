"""`tocsin evidence verify` and `tocsin evidence anchor`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.bundle import last_day, verify_folder
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._exit import ExitCode
from tocsin.cli._output import format_option, write_json
from tocsin.cli._timestamp import token_checker
from tocsin.control import utc
from tocsin.durations import parse_duration
from tocsin.errors import ParseError
from tocsin.seal import (
    Trust,
    read_allowed_signers,
    read_anchor,
    read_cosigner,
    read_key_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.seal import Removal, Signer, Verdict

__all__ = ["anchor", "trust_of", "trust_options", "verify"]

_SHOWN = 30


def trust_options(command: Callable[..., object]) -> Callable[..., object]:
    """What the auditor brings along."""
    for option in (
        click.option("--anchor", "anchors", type=Path, multiple=True,
                     help="A checkpoint that was kept elsewhere; can be given several times."),
        click.option("--allowed-signers", "signers_file", type=Path,
                     help="OpenSSH's file of keys, with names and times of validity."),
        click.option("--key", "key_file", type=Path,
                     help="The public key you were given, FILE.pub."),
    ):  # fmt: skip
        command = option(command)
    return command


def trust_of(key_file: Path | None, signers_file: Path | None, anchors: tuple[Path, ...]) -> Trust:
    """Raises FileErrors, ParseError."""
    kept = tuple(read_anchor(_read(path), str(path)) for path in anchors)
    return Trust(_signers(key_file, signers_file), kept)


@click.command()
@click.argument("folder", type=Path, required=False)
@trust_options
@click.option("--witness-key", "witnesses", multiple=True,
              help="Key of a witness, as `tocsin witness` prints it.")  # fmt: skip
@click.option("--tsa", type=Path, help="Certificate of the time-stamp authority, PEM.")
@click.option("--stamped-within", "within", metavar="DURATION",
              help="How long after its end a day has to be stamped: 24h. Needs --tsa.")  # fmt: skip
@config_option
@format_option
def verify(
    folder: Path | None, key_file: Path | None, signers_file: Path | None,
    anchors: tuple[Path, ...], witnesses: tuple[str, ...], tsa: Path | None, within: str | None,
    config: Path, form: str,
) -> int:  # fmt: skip
    """Check every sealed day in FOLDER: each byte, the chain, the signatures, the anchors.

    The key never comes out of the evidence. Without --anchor the end of the chain rests on the
    signing key alone, which is told, and has an exit code of its own.
    """
    if within and tsa is None:
        raise click.UsageError("--stamped-within needs --tsa: who is to be believed about the time")
    root = evidence_folder(folder, config)
    trust = replace(
        trust_of(key_file, signers_file, anchors),
        cosigners=tuple(read_cosigner(text) for text in witnesses),
        check_token=token_checker(_read(tsa)) if tsa else None,
        stamp_within=parse_duration(within) if within else None,
    )
    verdict = verify_folder(root, trust)
    if form == "json":
        write_json(_as_data(verdict))
    else:
        _print(verdict)
    if not verdict.holds or verdict.unstamped:
        return ExitCode.FAILED
    return ExitCode.OK if verdict.anchored else ExitCode.UNANCHORED


def _signers(key_file: Path | None, signers_file: Path | None) -> tuple[Signer, ...]:
    if key_file is not None and signers_file is None:
        return read_key_file(_read(key_file), str(key_file))
    if signers_file is not None and key_file is None:
        return read_allowed_signers(_read(signers_file), str(signers_file))
    raise ParseError(
        "give either --key or --allowed-signers",
        hint="the key comes from those who sealed, by another way than the evidence",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ParseError(f"can't read {path}: {error.strerror}") from None


def _print(verdict: Verdict) -> None:
    for fault in verdict.faults[:_SHOWN]:
        click.echo(f"FAULT  {fault}")
    if len(verdict.faults) > _SHOWN:
        click.echo(f"FAULT  ... and {len(verdict.faults) - _SHOWN} more, see --format json")
    for note in verdict.notes:
        click.echo(f"note: {note}")
    if not verdict.holds:
        click.echo("ALTERED: these are not the days that were sealed")
        return
    for each in verdict.removed[:_SHOWN]:
        click.echo(f"REMOVED  {_removal(each)}")
    if verdict.removed:
        more = len(verdict.removed) - _SHOWN
        told = f" ({more} more than are named, see --format json)" if more > 0 else ""
        click.echo(f"REMOVED: {len(verdict.removed)} of {len(verdict.days)} days{told}, of which"
                   " only the hashes, custody log and holds were checked")  # fmt: skip
    first, last = verdict.days[0], verdict.days[-1]
    checked = len(verdict.days) - len(verdict.removed)
    count = "1 day" if checked == 1 else f"{checked} days"
    click.echo(f"{count}, {first} to {last}, {verdict.files} files: nothing is altered")
    if verdict.witnessed:
        click.echo(f"WITNESSED: up to {verdict.witnessed}, at {utc(verdict.witnessed_at)}")
    if verdict.stamped:
        click.echo(f"STAMPED: {verdict.stamped}, at {utc(verdict.stamped_at)}")
    if verdict.unstamped:
        shown = ", ".join(verdict.unstamped[:_SHOWN])
        more = len(verdict.unstamped) - _SHOWN
        click.echo(f"UNSTAMPED: no trusted time that early: {shown}"
                   + (f" and {more} more" if more > 0 else ""))  # fmt: skip
    for name in verdict.unchecked:
        click.echo(f"not checked: {name}")
    if not verdict.anchored:
        click.echo("UNANCHORED: whoever has the key could have cut off the end or rewritten"
                   " all of it")  # fmt: skip
        return
    click.echo(f"ANCHORED: up to {verdict.anchored}")
    if verdict.anchored != last:
        after = len(verdict.days) - verdict.days.index(verdict.anchored) - 1
        days = "day after it rests" if after == 1 else f"{after} days after it rest"
        click.echo(f"note: the {days} on the key alone")


def _removal(each: Removal) -> str:
    stone = each.tombstone
    return (
        f"{stone.day}: under the policy {stone.policy} on {stone.removed} by {stone.by}:"
        f" {stone.reason}; the hashes of {each.hashes} files are kept"
    )


def _as_data(verdict: Verdict) -> dict[str, object]:
    return {
        "holds": verdict.holds, "days": verdict.days, "files": verdict.files,
        "removed": [
            {
                "day": each.tombstone.day, "removed": each.tombstone.removed,
                "policy": each.tombstone.policy, "by": each.tombstone.by,
                "reason": each.tombstone.reason, "hashes": each.hashes,
            }
            for each in verdict.removed
        ],
        "faults": [{"day": f.day, "file": f.file, "what": f.what} for f in verdict.faults],
        "anchored": verdict.anchored, "witnessed": verdict.witnessed,
        "witnessed_at": utc(verdict.witnessed_at) if verdict.witnessed else "",
        "stamped": verdict.stamped,
        "stamped_at": utc(verdict.stamped_at) if verdict.stamped else "",
        "unstamped": verdict.unstamped, "unchecked": verdict.unchecked, "notes": verdict.notes,
    }  # fmt: skip


@click.command()
@click.argument("folder", type=Path, required=False)
@config_option
def anchor(folder: Path | None, config: Path) -> None:
    """Print the three lines that the auditor should keep today.

    They name the chain, its length and the root over all its days. Whoever has them can tell
    whether anything before was changed or is missing: `verify --anchor`.
    """
    last = last_day(evidence_folder(folder, config))
    click.echo(last.checkpoint.text.decode(), nl=False)
    click.echo(
        f"\nhint: mail these three lines for {last.name} to somebody who can't change the evidence",
        err=True,
    )
