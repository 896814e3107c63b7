"""`tocsin witness` as another department runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.engine.daemon import free_port, wait_for


def tocsin(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "tocsin.cli", *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.slow
def test_a_witness_from_its_key_to_a_verdict(tmp_path):
    made = tocsin(tmp_path, "evidence", "key", "--name", "evidence@example.org")
    (tmp_path / "allowed_signers").write_text(made.stdout)
    tocsin(tmp_path, "evidence", "key", "--name", "audit.example.org", "--file", "witness.key")
    assert tocsin(tmp_path, "evidence", "seal", "2026-11-20").returncode == 0
    port = free_port()
    child = subprocess.Popen(
        [sys.executable, "-m", "tocsin.cli", "witness", "--key", "witness.key",
         "--allowed-signers", "allowed_signers", "--listen", f"127.0.0.1:{port}"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        vkey = child.stdout.readline().strip()
        assert vkey.startswith("audit.example.org+")
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: tocsin(tmp_path, "evidence", "attest", "--witness", url).returncode == 0,
                 "the witness answers")  # fmt: skip
    finally:
        child.terminate()
        child.wait(10)
        child.stdout.close()
    done = tocsin(
        tmp_path, "evidence", "verify", "--key", "evidence.key.pub", "--witness-key", vkey
    )
    assert done.returncode == 5
    assert "WITNESSED: up to 20261120" in done.stdout


@pytest.mark.parametrize("listen", ["nothing", "host:", ":1", "host:99999"])
def test_an_address_that_is_none(tmp_path, listen):
    done = tocsin(tmp_path, "witness", "--allowed-signers", "x", "--listen", listen)
    assert done.returncode == 2
    assert "host:port" in done.stderr


def test_a_witness_without_signers(tmp_path):
    done = tocsin(tmp_path, "witness", "--allowed-signers", "nowhere")
    assert done.returncode == 4
    assert "nowhere" in done.stderr
