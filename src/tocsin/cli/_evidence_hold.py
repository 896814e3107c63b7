"""`tocsin evidence hold`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli._custody import cleaned, now_to_the_second
from tocsin.cli._evidence_key import key_option, key_path, load_key
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._output import format_option, write_json
from tocsin.cli._periods import day_name
from tocsin.custody import add_hold, holds_now, release_hold
from tocsin.seal import NO_END

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.seal import Hold

__all__ = ["hold"]

_folder_option: Callable[[Callable[..., object]], Callable[..., object]] = click.option(
    "--folder", type=Path, help="Where the days are.  [default: evidence]"
)


def _words(command: Callable[..., object]) -> Callable[..., object]:
    for option in (
        click.option("--reason", required=True, metavar="TEXT", help="Why, in one line."),
        click.option("--by", required=True, metavar="NAME", help="Who ordered it."),
    ):
        command = option(command)
    return command


@click.group()
def hold() -> None:
    """Legal holds: periods of which `tocsin evidence prune` removes nothing."""


@hold.command()
@click.option("--from", "from_", required=True, metavar="DAY", help="First day, YYYY-MM-DD.")
@click.option("--to", "to_", metavar="DAY", help="Last day.  [default: no end]")
@_words
@_folder_option
@config_option
def add(
    from_: str, to_: str | None, by: str, reason: str, folder: Path | None, config: Path
) -> None:
    """Hold the days from a day on; the next sealed day and all after it carry the hold."""
    root = evidence_folder(folder, config)
    last = day_name(to_) if to_ is not None else ""
    by, reason = cleaned(config, by), cleaned(config, reason)
    made = add_hold(root, day_name(from_), last, by, reason, now_to_the_second())
    click.echo(_line(made))


@hold.command()
@click.argument("number", type=int)
@_words
@key_option
@_folder_option
@config_option
def release(
    number: int, by: str, reason: str, key_file: Path | None, folder: Path | None, config: Path
) -> None:
    """End hold NUMBER from now on; that it was in force stays on record.

    It is signed with the key that seals: whoever may only write to the custody log ends no hold.
    """
    root = evidence_folder(folder, config)
    by, reason = cleaned(config, by), cleaned(config, reason)
    key = load_key(key_path(key_file, config))
    click.echo(_line(release_hold(root, number, by, reason, now_to_the_second(), key)))
    click.echo("\nhint: nothing is removed until a day is sealed that holds the release", err=True)


@hold.command("list")
@_folder_option
@config_option
@format_option
def list_(folder: Path | None, config: Path, form: str) -> None:
    """Show every hold there was, released ones too."""
    found = holds_now(evidence_folder(folder, config))
    if form == "json":
        write_json([_as_data(each) for each in found])
        return
    for each in found:
        click.echo(_line(each))


def _line(hold_: Hold) -> str:
    state = "in force" if hold_.released == "-" else f"released {hold_.released}"
    last = "no end" if hold_.last == NO_END else hold_.last
    return (
        f"{hold_.number}  {hold_.first} to {last}  added {hold_.added}, {state}"
        f"  {hold_.by}: {hold_.reason}"
    )


def _as_data(hold_: Hold) -> dict[str, object]:
    return {
        "number": hold_.number, "from": hold_.first,
        "to": "" if hold_.last == NO_END else hold_.last, "added": hold_.added,
        "released": "" if hold_.released == "-" else hold_.released, "by": hold_.by,
        "reason": hold_.reason,
    }  # fmt: skip
