"""`tocsin import`: definitions of any form as one file in which everything is resolved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli._exit import ExitCode
from tocsin.cli._output import format_option, write_json, write_whole
from tocsin.cli._parameters import parameter_option
from tocsin.definitions import load_definitions, write_definitions

if TYPE_CHECKING:
    from tocsin.definitions import Definitions

__all__ = ["import_"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=_FILE)
@parameter_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the file. Default: standard output.",
)
@click.option("--dry-run", is_flag=True, help="Only say what the files hold.")
@format_option
def import_(
    files: tuple[Path, ...],
    parameters: dict[str, str],
    output: Path | None,
    dry_run: bool,
    form: str,
) -> int:  # fmt: skip
    """Write the metric filters and alarms of FILES as one JSON file, resolved.

    FILES are of any form that `tocsin check` reads. The file has the form of what `aws logs
    describe-metric-filters` and `aws cloudwatch describe-alarms` print, in one document. What
    is unresolved is listed and left out. Exit code 2: there are mistakes, and nothing was
    written.
    """
    if output is not None and output.exists() and any(output.samefile(each) for each in files):
        raise click.BadParameter("it is one of the files to read", param_hint="-o")
    loaded = load_definitions([(str(path), path.read_bytes()) for path in files], parameters)
    if form == "text":
        for problem in loaded.problems:
            click.echo(str(problem), err=True)
        click.echo(loaded.holds, err=True)
    written = not loaded.errors and not dry_run
    if written and output is not None:
        write_whole(output, write_definitions(loaded))
    if form == "json":
        write_json(_as_json(loaded, str(output) if written and output else None))
    elif written and output is None:
        click.echo(write_definitions(loaded), nl=False)
    return ExitCode.WRONG if loaded.errors else ExitCode.OK


def _as_json(loaded: Definitions, path: str | None) -> dict[str, object]:
    return {
        "holds": loaded.counts,
        "problems": [
            {
                "path": each.span.path,
                "line": each.span.line,
                "column": each.span.column,
                "severity": each.severity,
                "what": each.what,
                "hint": each.hint,
            }
            for each in loaded.problems
        ],
        "written": path,
    }
