"""The pages say what the code does."""

from __future__ import annotations

import re
import shlex

from click.testing import CliRunner

from tests.conftest import ROOT
from tocsin.cli import cli
from tocsin.logformat import FORMATS, Reason
from tocsin.logformat._json import CLIENTS, TIMES

PAGE = (ROOT / "docs/reference/log-formats.md").read_text()
GUIDE = (ROOT / "docs/guides/replay.md").read_text()
TEXTS = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)


def test_the_page_names_each_format_field_and_reason():
    assert tuple(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE, re.MULTILINE)) == FORMATS
    reasons = PAGE.split("## Dropped lines")[1].split("## Limits")[0]
    assert re.findall(r"^\| (.+?) \|", reasons, re.MULTILINE)[2:] == [str(each) for each in Reason]
    for names in (TIMES, CLIENTS):
        assert ", ".join(f"`{name}`" for name in names) in PAGE.replace("\n", " ")


def test_the_guide_shows_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (definitions,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    log, _ = TEXTS
    (tmp_path / "definitions.json").write_text(definitions)
    (tmp_path / "access.log").write_text(log)
    for command, shown in re.findall(r"```console\n\$ tocsin (.*?)\n(.*?)```", GUIDE, re.DOTALL):
        run = CliRunner().invoke(cli, shlex.split(command), standalone_mode=False)
        assert run.exception is None
        whole = not shown.startswith("...\n")
        assert run.stdout.endswith(shown.removeprefix("...\n"))
        assert not whole or run.stdout == shown


def test_the_guide_shows_who_was_behind_an_alert(data, monkeypatch):
    monkeypatch.chdir(data / "logs")
    command = ["replay", "--pack", "appsec", "--year", "2024", "auth.log"]
    run = CliRunner().invoke(cli, command, standalone_mode=False)
    assert run.exception is None
    assert TEXTS[1] in run.stdout
