"""The reference pages that are made from the code: `python -m tests.docs` writes them anew."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
import typing
from pathlib import Path

import click

from tocsin.cli import cli
from tocsin.cli._exit import ExitCode
from tocsin.control import CATALOGUE_KEYS, INPUT_KINDS
from tocsin.engine import CONFIG_KEYS
from tocsin.engine._metrics import Metrics
from tocsin.pattern import Settings
from tocsin.rules._template_functions import FUNCTIONS

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def cli_page() -> str:
    parts = [
        "# The command",
        "Data goes to standard output, talk to standard error. Exit codes: "
        "[one table](exit-codes.md) for all commands.",
    ]
    top = click.Context(cli, info_name="tocsin", terminal_width=80, **cli.context_settings)
    for path, command in _commands(cli, ("tocsin",)):
        parent = None if command is cli else top
        context = (
            top
            if parent is None
            else click.Context(command, parent=parent, info_name=" ".join(path[1:]))
        )
        text = command.get_help(context)
        parts.append(f"## {' '.join(path)}\n\n```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def _commands(command, path):
    yield path, command
    for name, each in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(each, (*path, name))


def exit_code_page() -> str:
    rows = "\n".join(f"| {code.value} | {code.meaning} |" for code in ExitCode)
    return f"# Exit codes\n\nThe same for every command.\n\n| code | meaning |\n| --- | --- |\n{rows}\n"


def configuration_page() -> str:
    parts = [
        "# tocsin.yaml",
        "Paths are relative to the file. Durations are Prometheus' (`5s`, `1h30m`), sizes are "
        "bytes with a unit (`16MiB`). An address that is a secret can stand in a file "
        "(`url_file:`) or in the environment (`url: env:NAME`). `tocsin check tocsin.yaml` "
        "tells every mistake at once; SIGHUP loads the file anew and keeps the old "
        "configuration if the new one is bad.",
    ]
    for section, keys in CONFIG_KEYS.items():
        rows = "\n".join(f"| `{key}` | {text} |" for key, text in keys.items() if text)
        title = f"## {section}" if section else "## Top level"
        parts.append(f"{title}\n\n| key | meaning |\n| --- | --- |\n{rows}")
        if section == "cloudwatch":
            parts += settings_table()
    return "\n\n".join(parts) + "\n"


def settings_table() -> list[str]:
    """What AWS leaves undecided: each choice, its values with the default first, what it means."""
    source = ast.parse(inspect.getsource(Settings))
    texts = {
        field.target.id: " ".join(text.value.value.split())
        for field, text in itertools.pairwise(source.body[0].body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    }
    kinds = typing.get_type_hints(Settings)
    rows = []
    for each in dataclasses.fields(Settings):
        values = [str(value) for value in typing.get_args(kinds[each.name])] or ["true", "false"]
        default = str(each.default).lower() if isinstance(each.default, bool) else each.default
        values.sort(key=lambda value: value != default)
        named = ", ".join(f"`{value}`" for value in values)
        rows.append(f"| `{each.name}` | {named} | {texts[each.name]} |")
    head = "Each choice with its values, the default first:"
    return [head, "\n".join(["| key | values | meaning |", "| --- | --- | --- |", *rows])]


def metrics_page() -> str:
    rows = []
    for family in Metrics().registry.collect():
        if family.name.startswith("tocsin"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            rows.append(f"| `{name}` | {family.type} | {family.documentation} |")
    head = "# Metrics of the daemon\n\nOn `/metrics`, beside those of the process.\n\n"
    return head + "| metric | type | meaning |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"


def rules_page() -> str:
    """Written by hand but for the list of functions."""
    text = (REFERENCE / "rules.md").read_text()
    before, rest = text.split("<!-- functions:begin -->")
    after = rest.split("<!-- functions:end -->")[1]
    names = ", ".join(f"`{name}`" for name in sorted(FUNCTIONS, key=str.lower))
    listed = textwrap.fill(names, 100, break_long_words=False, break_on_hyphens=False)
    return f"{before}<!-- functions:begin -->\n{listed}\n<!-- functions:end -->{after}"


def controls_page() -> str:
    """Catalogues of controls: keys, kinds of inputs, frameworks."""
    parts = [
        "# Catalogues of controls",
        "A YAML file named in `evidence: {controls: [...]}`. `tocsin check FILE` tells every mistake at "
        "once; [a guide](../guides/controls.md) has an example.",
    ]
    for section, keys in CATALOGUE_KEYS.items():
        rows = "\n".join(f"| `{key}` | {text} |" for key, text in keys.items())
        title = "A control" if section else "Top level"
        parts.append(f"## {title}\n\n| key | meaning |\n| --- | --- |\n{rows}")
    rows = []
    for kind, (_, keys, text) in INPUT_KINDS.items():
        named = "; ".join(f"`{key}`: {what}" for key, what in keys.items())
        rows.append(f"| `{kind}` | {text} | {named} |")
    table = "\n".join(["| kind | what must be there | keys |", "| --- | --- | --- |", *rows])
    head = "Each has a `kind` and may have a `name`, which is the kind if it is left out."
    parts.append(f"## Inputs\n\n{head}\n\n{table}")
    return "\n\n".join(parts) + "\n"


PAGES = {
    "cli.md": cli_page,
    "exit-codes.md": exit_code_page,
    "configuration.md": configuration_page,
    "metrics.md": metrics_page,
    "rules.md": rules_page,
    "controls.md": controls_page,
}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())
        print(f"wrote docs/reference/{name}")
