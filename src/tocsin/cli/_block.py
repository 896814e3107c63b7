"""`tocsin block`: who is kept out, until when, and why."""

from __future__ import annotations

import difflib
import shlex
import subprocess
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli._block_waf import export_to_waf
from tocsin.cli._exit import ExitCode
from tocsin.cli._output import format_option, moment, write_json, write_whole
from tocsin.custody import run_by
from tocsin.durations import parse_duration
from tocsin.engine import load_config, recent_traffic
from tocsin.printable import printable
from tocsin.respond import EXPORTS, Blocks, Safeguards, Traffic, export
from tocsin.store import BlockRecord

if TYPE_CHECKING:
    from tocsin.respond import Event

__all__ = ["block"]

_config = click.option(
    "--config", "config", default="tocsin.yaml", type=Path, help="Default: tocsin.yaml here."
)


class _Book:
    """The record with the owner's safeguards."""

    def __init__(self, config: Path) -> None:
        loaded = load_config(config)
        self.record = BlockRecord(loaded.storage_folder / "blocks.jsonl")
        self.now = time.time_ns() // 1000
        self._config = loaded

    @cached_property
    def safeguards(self) -> Safeguards:
        """Measures what went well lately."""
        return Safeguards(self._config.respond.protected, self.traffic)

    @cached_property
    def traffic(self) -> Traffic:
        return recent_traffic(self._config, self.now)

    def blocks(self) -> Blocks:
        return Blocks(self.safeguards, self.record.events())


@click.group()
def block() -> None:
    """Block lists: proposed, reviewed, expiring.

    Loopback, private and other special addresses, and those that `respond.allow` names, are
    never blocked: that is checked when it is decided and again at each export.
    """


@block.command("list")
@click.option("--all", "everything", is_flag=True, help="What is over, too.")
@_config
@format_option
def list_(config: Path, form: str, *, everything: bool) -> int:
    """List what is blocked and what is proposed."""
    book = _Book(config)
    blocks = Blocks(Safeguards(), book.record.events())
    found = [e for e in blocks.all(book.now) if everything or e.state != "over"]
    if form == "json":
        write_json([
            {"network": e.network, "state": e.state, "by": e.by, "reason": e.reason,
             "evidence": e.evidence, "expires": moment(e.expires), "times": e.times}
            for e in found
        ])  # fmt: skip
        return ExitCode.OK
    for each in found:
        until = f"until {moment(each.expires)}"
        why = printable(f"{each.by}: {each.reason}", 200)
        click.echo(f"{each.network:<22}  {each.state:<8}  {until}  {why}")
    return ExitCode.OK


@block.command()
@click.argument("networks", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; it stays on record.")
@click.option("--for", "duration", default="", help="How long; default: longer each time.")
@click.option("--dry-run", is_flag=True, help="Decide nothing, only say whether it could be.")
@_config
def add(
    networks: tuple[str, ...], reason: str, duration: str, config: Path, *, dry_run: bool
) -> int:
    """Block NETWORKS: addresses or networks, proposed or not."""
    book = _Book(config)
    length = parse_duration(duration) if duration else 0
    for each in networks:

        def made(events: list[Event], text: str = each) -> Event:
            blocks = Blocks(book.safeguards, events)
            by = run_by()
            return blocks.approve(text, book.now, by=by, reason=reason, duration=length)

        event = made(book.record.events()) if dry_run else book.record.decide(made)
        if event is not None:
            verb = "would block" if dry_run else "blocked"
            click.echo(f"{verb} {event.network} until {moment(event.expires)}")
    if not book.traffic.known:
        what = "too little went well in the last hour's logs to say what that cuts"
        click.echo(what, err=True)
    return ExitCode.OK


@block.command()
@click.argument("networks", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; it stays on record.")
@_config
def remove(networks: tuple[str, ...], reason: str, config: Path) -> int:
    """End the blocks or proposals of NETWORKS."""
    book = _Book(config)
    for each in networks:

        def made(events: list[Event], text: str = each) -> Event:
            by = run_by()
            return Blocks(Safeguards(), events).remove(text, book.now, by=by, reason=reason)

        event = book.record.decide(made)
        if event is not None:
            click.echo(f"{event.network} is no longer blocked")
    return ExitCode.OK


@block.command("export")
@click.argument("form", type=click.Choice(sorted(EXPORTS)), required=False)
@click.option("--output", type=Path, help="Where to; default: standard output.")
@click.option(
    "--check", help="A command that must succeed with the new file in place, such as `nginx -t`."
)
@click.option(
    "--waf",
    "arns",
    metavar="ARN",
    multiple=True,
    help="Instead of FORM: an IP set of AWS WAF, one of IPv4 and one of IPv6 (extra `aws`).",
)
@click.option(
    "--take-over",
    is_flag=True,
    help="With --waf: remove entries of a set, too, that were never blocked here.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing, show the difference.")
@_config
def export_(
    form: str | None, output: Path | None, check: str | None, arns: tuple[str, ...],
    config: Path, *, take_over: bool, dry_run: bool,
) -> int:  # fmt: skip
    """Write what is blocked now, in the words of FORM or into IP sets.

    A file is replaced whole, and put back as it was if --check fails. A set of WAF is Tocsin's
    alone: one that holds what was never blocked here is refused. Exit code 0: it is in place,
    whether it changed or not; 1: the check failed, or not all that is blocked found a place.
    """
    if (form is None) is not bool(arns):
        raise click.UsageError("say either a FORM or --waf")
    book = _Book(config)
    blocks = book.blocks()
    for each in blocks.withheld(book.now):
        click.echo(f"left out: {each}", err=True)
    if form is None:
        return export_to_waf(arns, blocks, book.now, take_over=take_over, dry_run=dry_run)
    text = export(form, blocks.blocked(book.now), book.now)
    if output is None:
        click.echo(text, nl=False)
        return ExitCode.OK
    return _write(text, output, check, dry_run=dry_run)


def _write(text: str, output: Path, check: str | None, *, dry_run: bool) -> int:
    existed = output.exists()
    before = output.read_text() if existed else ""
    if dry_run:
        lines = difflib.unified_diff(before.splitlines(), text.splitlines(), "before", "after", n=0)
        for each in lines:
            click.echo(each.rstrip("\n"))
        return ExitCode.OK
    if existed and before == text:
        click.echo("nothing changed", err=True)
        return ExitCode.OK
    write_whole(output, text.encode())
    if check and not _succeeds(check):
        if existed:
            write_whole(output, before.encode())
        else:
            output.unlink()
        click.echo("the check failed; the file is as it was", err=True)
        return ExitCode.FAILED
    return ExitCode.OK


def _succeeds(command: str) -> bool:
    try:
        return subprocess.run(shlex.split(command), check=False).returncode == 0  # noqa: S603 - the owner's own command
    except (OSError, ValueError) as error:
        click.echo(f"{command}: {error}", err=True)
        return False
