"""The commands, in a folder with a key, a policy and four days, the last of them yesterday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from tests.seal.chains import ORIGIN
from tocsin.cli import cli
from tocsin.cli._exit import code_of
from tocsin.errors import TocsinError


@pytest.fixture
def tocsin(tmp_path, monkeypatch):
    """Runs `tocsin evidence WORDS`, checks the exit code, and gives standard output and error."""
    monkeypatch.chdir(tmp_path)

    def run(*words, code=0):
        done = CliRunner().invoke(cli, ["evidence", *map(str, words)], standalone_mode=False)
        error = done.exception
        if error is not None and not isinstance(error, TocsinError):
            raise error
        told = done.stdout + done.stderr + (str(error) if error else "")
        assert (code_of(error) if error else done.return_value or 0) == code, told
        return told

    (tmp_path / "tocsin.yaml").write_text(
        "evidence: {folder: evidence, key_file: evidence.key, retention: 2d}\n"
    )
    made = run("key", "--name", ORIGIN)
    (tmp_path / "allowed_signers").write_text(made.splitlines()[0] + "\n")
    return run


@pytest.fixture
def days(tocsin):
    today = datetime.now(UTC).date()
    found = [f"{today - timedelta(days=n):%Y%m%d}" for n in (4, 3, 2, 1)]
    for day in found:
        tocsin("collect", "--prometheus", "http://127.0.0.1:1", "--day", dashed(day), code=3)
        tocsin("seal", day)
    return found


def dashed(day):
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"
