"""`tocsin evidence prune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.bundle import locked
from tocsin.cli._custody import cleaned, now_to_the_second
from tocsin.cli._evidence_key import key_option, key_path, load_key
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._evidence_verify import trust_of
from tocsin.cli._openings import forget_openings, openings_folder
from tocsin.cli._output import format_option, write_json
from tocsin.custody import holds_in_force, plan_pruning, prune_day
from tocsin.engine import load_config
from tocsin.errors import ParseError

if TYPE_CHECKING:
    from tocsin.custody import Pruning

__all__ = ["prune"]


@click.command()
@click.argument("folder", type=Path, required=False)
@click.option("--yes", is_flag=True, help="Remove it. Without this nothing is removed.")
@click.option("--reason", metavar="TEXT", default="older than the retention policy",
              show_default=True, help="What the tombstones say, in one line.")  # fmt: skip
@key_option
@click.option("--allowed-signers", "signers_file", type=Path,
              help="OpenSSH's file of keys, where the key was replaced."
              "  [default: the public half of the key]")  # fmt: skip
@config_option
@format_option
def prune(
    folder: Path | None, yes: bool, reason: str, key_file: Path | None,
    signers_file: Path | None, config: Path, form: str,
) -> None:  # fmt: skip
    """Remove the files of days that are older than `evidence.retention` and not held.

    Their SHA256SUMS, signature, checkpoint, time stamp and cosignature stay, so that the chain and
    all hashes do, and so do custody.jsonl and holds; a signed tombstone says who removed the rest,
    when, and why. Each removal goes into the custody log, which the next sealed day holds. All days
    are verified first: nothing is removed from a chain that does not hold. Without --yes nothing is
    removed at all.
    """
    policy = load_config(config).evidence_retention if config.exists() else ""
    if not policy:
        raise ParseError("no retention policy", hint=f"write evidence.retention into {config}: 7y")
    root = evidence_folder(folder, config)
    key_file = key_path(key_file, config)
    public = None if signers_file else key_file.with_name(f"{key_file.name}.pub")
    trust = trust_of(public, signers_file, ())
    now = now_to_the_second()
    if not yes:
        found = plan_pruning(root, policy, now, holds_in_force(root, now), trust)
        _tell(root, found, _openings(root, found), form, "would remove")
        hint = "\n\nhint: --yes removes it" if found.going else ""
        click.echo(f"{_sum(found)} would be removed under the policy {policy}{hint}", err=True)
        return
    key, reason = load_key(key_file), cleaned(config, reason)
    with locked(root):
        found = plan_pruning(root, policy, now, holds_in_force(root, now), trust)
        for each in found.going:
            prune_day(root, found, each.day, key, reason, now)
        openings = _openings(root, found)
        forget_openings(root, (*found.gone, *(each.day for each in found.going)))
    _tell(root, found, openings, form, "removed")
    click.echo(f"{_sum(found)} were removed under the policy {policy}", err=True)


def _sum(found: Pruning) -> str:
    files = sum(len(each.files) for each in found.going)
    size = sum(each.size for each in found.going)
    return f"{len(found.going)} days, {files:,} files, {size:,} bytes"


def _openings(root: Path, found: Pruning) -> frozenset[str]:
    """The days that go of which something opens commitments."""
    days = (each.day for each in found.going)
    return frozenset(day for day in days if (openings_folder(root) / f"{day}.jsonl").exists())


def _tell(root: Path, found: Pruning, openings: frozenset[str], form: str, word: str) -> None:
    if form == "json":
        write_json({
            word.replace(" ", "_"): [
                {
                    "day": each.day, "files": list(each.files), "bytes": each.size,
                    "openings": each.day in openings,
                }
                for each in found.going
            ],
            "held": [{"day": day, "hold": number} for day, number in found.held],
            "policy": found.policy, "recorded_with": found.log,
        })  # fmt: skip
        return
    for each in found.going:
        for name in each.files:
            click.echo(f"{word}  {each.day}/{name}")
        if each.day in openings:
            click.echo(f"{word}  {openings_folder(root) / each.day}.jsonl")
    for day, number in found.held:
        click.echo(f"held  {day}  by hold {number}")
