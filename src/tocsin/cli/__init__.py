"""The `tocsin` command: one file a verb, no logic."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import click

from tocsin.cli._exit import ExitCode, code_of
from tocsin.errors import TocsinError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cli", "main"]

_VERBS = (
    "acknowledge", "block", "check", "demo", "drill", "evidence", "explain", "import", "init",
    "offenders", "query", "replay", "routes", "run", "silence", "test", "version", "witness",
)  # fmt: skip
"""Each is in the module of its name."""


class _Verbs(Mapping[str, click.Command]):
    """Imports a verb when it is asked for: the others cost it neither time nor room."""

    def __getitem__(self, name: str) -> click.Command:
        if name not in _VERBS:
            raise KeyError(name)
        module = import_module(f"tocsin.cli._{name}")
        # NOTE: `import` is no name in Python.
        found: click.Command = getattr(module, "import_" if name == "import" else name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_VERBS)

    def __len__(self) -> int:
        return len(_VERBS)


@click.group(commands=_Verbs(), context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Detect intrusions with the rules you have, and prove that the detector was awake.

    Start with `tocsin demo`.
    """


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
