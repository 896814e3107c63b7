"""The pages say what the code does. `python -m tests.pattern.test_docs` writes the table anew."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from tocsin.cli import cli
from tocsin.pattern import DEFAULTS, LINTS, parse

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "reference/filter-patterns.md"
CONSOLE = re.compile(r"```console\n\$ (.*?)\n(.*?)```", re.DOTALL)


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def with_lints(page: str) -> str:
    before, rest = page.split("<!-- lints:begin -->")
    after = rest.split("<!-- lints:end -->")[1]
    rows = "".join(
        f"| `{each.name}` | {cell(each.meaning)} | `{cell(each.example)}` |\n" for each in LINTS
    )
    return f"{before}<!-- lints:begin -->\n{rows}<!-- lints:end -->{after}"


def test_every_lint_is_on_the_page():
    assert with_lints(PAGE.read_text()) == PAGE.read_text()


def test_every_setting_is_on_the_page():
    section = PAGE.read_text().split("## Settings")[1].split("## Warnings")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", section, re.MULTILINE)
    assert rows == [(each.name, str(getattr(DEFAULTS, each.name))) for each in fields(DEFAULTS)]


@pytest.mark.parametrize("page", ["reference/filter-patterns.md", "guides/explain.md"])
def test_examples_print_what_the_page_shows(page, capsys):
    found = CONSOLE.findall((DOCS / page).read_text())
    assert found
    for command, shown in found:
        _, *arguments = shlex.split(command)
        run = CliRunner().invoke(cli, arguments, standalone_mode=False)
        output = run.stdout or run.stderr + f"{run.exception}\n"
        assert output == shown, command


def test_the_warning_in_the_guide():
    text = (DOCS / "guides/explain.md").read_text()
    command = CONSOLE.findall(text)[0][0]
    run = CliRunner().invoke(cli, shlex.split(command)[1:], standalone_mode=False)
    assert run.stderr.strip() in text


def test_patterns_on_the_page_are_read():
    text = PAGE.read_text()
    for pattern in re.findall(r"^`([\[{].*)`$", text, re.MULTILINE):
        parse(pattern)
    for row in re.findall(r"^\| (`\$\..*?) \| holds|^\| (`\$\.[^|]*) \|", text, re.MULTILINE):
        for pattern in re.findall(r"`(\$[^`]*)`", "".join(row)):
            if not pattern.endswith("..."):
                parse(f"{{ {pattern} }}")


if __name__ == "__main__":
    PAGE.write_text(with_lints(PAGE.read_text()))
