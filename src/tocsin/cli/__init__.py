"""The `tocsin` command: one file a verb, no logic."""

from __future__ import annotations

import sys

import click

from tocsin.cli._acknowledge import acknowledge
from tocsin.cli._block import block
from tocsin.cli._check import check
from tocsin.cli._demo import demo
from tocsin.cli._drill import drill
from tocsin.cli._evidence import evidence
from tocsin.cli._evidence_oscal import oscal
from tocsin.cli._evidence_report import disposition, report
from tocsin.cli._evidence_sample import sample
from tocsin.cli._exit import ExitCode, code_of
from tocsin.cli._explain import explain
from tocsin.cli._import import import_
from tocsin.cli._init import init
from tocsin.cli._offenders import offenders
from tocsin.cli._query import query
from tocsin.cli._replay import replay
from tocsin.cli._routes import routes
from tocsin.cli._run import run
from tocsin.cli._silence import silence
from tocsin.cli._test import test
from tocsin.cli._version import version
from tocsin.cli._witness import witness
from tocsin.errors import TocsinError

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Detect intrusions with the rules you have, and prove that the detector was awake.

    Start with `tocsin demo`.
    """


for command in (
    acknowledge,
    block,
    check,
    demo,
    drill,
    evidence,
    explain,
    import_,
    init,
    offenders,
    query,
    replay,
    routes,
    run,
    silence,
    test,
    version,
    witness,
):
    cli.add_command(command)

for command in (disposition, oscal, report, sample):
    evidence.add_command(command)


def main() -> None:
    """Run a command; errors go to standard error, exit codes come from one table."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except click.ClickException as error:
        error.show()
        code = ExitCode.WRONG
    except click.Abort:
        code = 130
    except BrokenPipeError:
        # Whoever read our output has had enough, as in `tocsin query ... | head`.
        sys.stderr.close()
        code = ExitCode.OK
    except TocsinError as error:
        click.echo(str(error), err=True)
        code = code_of(error)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)
