"""The commands of `tocsin evidence` as people run them."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from tests.seal.chains import ORIGIN

from tocsin.cli import cli
from tocsin.cli._exit import code_of
from tocsin.errors import TocsinError


@pytest.fixture
def tocsin(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0, **environment):
        words = [str(argument) for argument in arguments]
        done = CliRunner().invoke(cli, ["evidence", *words], standalone_mode=False, env=environment)
        error = done.exception
        if error is not None and not isinstance(error, TocsinError):
            raise error
        told = done.stdout + done.stderr + (str(error) if error else "")
        assert (code_of(error) if error else done.return_value or 0) == code, told
        return told if code else done.stdout

    (tmp_path / "allowed_signers").write_text(run("key", "--name", ORIGIN))
    return run


def collected(folder, address, *more):
    """What `collect` says of a Prometheus."""
    words = ["--prometheus", address, "--folder", str(folder), "--format", "json", *more]
    done = CliRunner().invoke(cli, ["evidence", "collect", *words], standalone_mode=False)
    assert done.exception is None, done.exception
    return done
