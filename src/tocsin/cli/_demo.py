"""`tocsin demo`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli._exit import ExitCode

if TYPE_CHECKING:
    from tocsin.lab.demo import Missed, Screen, Stage, Written

__all__ = ["demo"]


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C.")
def demo(keep: bool) -> int:
    """Attack a real login and watch it being seen, told and written down.

    Starts an application, Tocsin and a webhook receiver on free ports of this machine, sends
    visitors and attackers, and ends by itself within two minutes. The evidence is written to
    `evidence` below the current folder. Exits with 0 only if all of it happened.
    """
    missing = [
        name
        for name in ("flask", "waitress", "tocsin_sdk")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        click.echo(
            f"the demo needs {', '.join(missing)}\n\nhint: pip install 'tocsin[lab]'", err=True
        )
        return ExitCode.WRONG
    from tocsin.lab.demo import Settings, run_demo  # noqa: PLC0415 - Flask is an extra

    return run_demo(
        Settings(), _screen(), succeeded=_succeeded, failed=_failed, keep=_kept if keep else None
    )


def _screen() -> Screen:
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from rich.console import Console  # noqa: PLC0415 - late, so that other commands start fast

        from tocsin.lab._screen import LiveScreen  # noqa: PLC0415 - needs rich

        console = Console()
        if console.encoding.lower().replace("-", "") == "utf8":
            return LiveScreen(console)
    from tocsin.lab.demo import PlainScreen  # noqa: PLC0415 - Flask is an extra

    return PlainScreen(click.echo)


def _succeeded(_app: str, written: list[Written], stage: Stage) -> None:
    click.echo("\nEvidence, read from the running system:\n")
    for each in written:
        click.echo(f"  {each.state:<9}  {each.path}")
        click.echo(f"    sha256 {each.sha256}")
        click.echo(f"    {each.why}")
    click.echo("\nRecords ask once a minute: the screen may have shown a later, higher value.")
    if all(each.state != "operated" for each in written):
        click.echo(
            "\nNo control has operated today: the day was not watched from its first minute on,\n"
            "and there was an attack. Tocsin says so instead of guessing."
        )
    click.echo("\nA copy of the day, sealed with a throwaway key, and verified:\n")
    for line in stage.sealed:
        click.echo(f"  {line}")
    tocsin, rules = _command(), _rules()
    click.echo(
        "\nTry next:\n"
        f"\n  sha256sum {Path(written[0].path).parent}/*.json"
        f"\n  {tocsin} check {rules / 'security.yml'}"
        f"\n  {tocsin} test {rules / 'security.test.yml'}"
        f"\n  {tocsin} demo --keep"
    )


def _kept(app: str, stage: Stage) -> None:
    tocsin, url = _command(), stage.story.url
    click.echo(
        "\nEverything is still running; Ctrl-C ends it.\n"
        f"\n  application    http://{app}/login"
        f"\n  its metrics    http://{app}/metrics"
        f"\n  Tocsin's API   {url}"
        f"\n  logs, state    {stage.folder}\n"
        "\nTry in another terminal:\n"
        f"\n  {tocsin} query --url {url} 'increase(login_failures_total[5m])'"
        f"\n  {tocsin} query --url {url} 'ALERTS{{alertstate=\"firing\"}}'"
        f"\n  {tocsin} evidence collect --prometheus {url}"
        f"\n  curl http://{app}/login"
    )


def _failed(missed: Missed, folder: Path) -> None:
    click.echo(
        f"\nThe demo did not do what it should\n\nexpected: {missed.expected}\n"
        f"seen:     {missed.seen}\nlogs:     {folder}\n"
        f"\nhint: {folder}/tocsin.log is the daemon's",
        err=True,
    )


def _command() -> str:
    """How this very command was called."""
    here = Path(sys.argv[0])
    found = shutil.which("tocsin")
    if here.name != "tocsin" or (found and Path(found).resolve() == here.resolve()):
        return "tocsin"
    return os.path.relpath(here)


def _rules() -> Path:
    """The lab's rules, by the shorter of their names."""
    from tocsin.lab.demo import RULES  # noqa: PLC0415 - Flask is an extra

    folder = RULES.parent.resolve()
    near = os.path.relpath(folder)
    return Path(near) if len(near) < len(str(folder)) else folder
