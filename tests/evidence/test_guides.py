"""The commands of the guides, run as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from tests.report.days import record

from tests.conftest import ROOT

BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.fixture
def shell(tmp_path):
    """Runs a guide's commands in one shell, in an empty folder with `tocsin` on the path."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/tocsin"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tocsin.cli "$@"\n')
    command.chmod(0o755)
    (tmp_path / "work").mkdir()

    def run(page):
        text = (ROOT / page).read_text()
        script = "set -ex\n" + "".join(BLOCK.findall(text))
        environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        return subprocess.run(
            ["bash", "-c", script], cwd=tmp_path / "work", env=environment,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run


def names_what_is_there(text):
    """The README of a bundle."""
    for command in (
        "ssh-keygen -Y verify",
        "sha256sum -c --strict",
        "openssl ts -verify",
        "verify.sh",
        "awk",
    ):
        assert command in text
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.slow
def test_sealing_and_then_auditing(shell, tmp_path):
    done = shell("docs/guides/seal.md")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ANCHORED: up to 20261120"
    names_what_is_there((tmp_path / "work/evidence/20261120/README.txt").read_text())
    done = shell("docs/guides/audit.md")
    assert done.returncode == 0, done.stdout + done.stderr
    out = done.stdout.splitlines()
    assert out[0].startswith(
        'Good "tocsin-evidence" signature for evidence@example.org with ED25519'
    )
    assert out[1:4] == ["SHA256SUMS", "SHA256SUMS.sig", "checkpoint"]
    assert any(line.startswith("FAULT  20261120/README.txt") for line in out)


@pytest.mark.slow
def test_a_report_a_sample_and_oscal_of_the_sealed_day(shell, tmp_path):
    # The guide answers an exception: one was found before the day was collected again.
    day = tmp_path / "work/evidence/20261120"
    day.mkdir(parents=True)
    (day / "logical-access.json").write_bytes(record("logical-access", "20261120", "exception"))
    done = shell("docs/guides/seal.md")
    assert done.returncode == 0, done.stdout + done.stderr
    done = shell("docs/guides/report.md")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 days drawn of 1 are the days that were sealed" in done.stdout
    work = tmp_path / "work"
    page = (work / "report.html").read_text()
    assert "Anchored up to 2026-11-20" in re.sub(r"<[^<>]*>", "", page)
    assert list((work / "evidence/20261121/dispositions").iterdir())
    assert (work / "oscal/assessment-results.json").exists()
