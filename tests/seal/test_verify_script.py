"""verify.sh under every shell there is."""

from __future__ import annotations

import shutil

import pytest
from tests.seal.chains import allowed_signers, anchor_of, chain, run_script, verify

SHELLS = [("dash",), ("busybox", "sh"), ("bash", "--posix")]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_a_whole_bundle(tmp_path, shell, count):
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    root = chain(tmp_path / "evidence", count)
    signers = allowed_signers(tmp_path / "allowed_signers")
    script = root / "20261127/verify.sh"
    done = run_script(script, signers, shell=shell)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "UNANCHORED" in done.stdout
    (tmp_path / "anchor").write_bytes(anchor_of(root).text)
    done = run_script(script, signers, tmp_path / "anchor", shell=shell)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    verdict = verify(root, anchors=[anchor_of(root)])
    assert verdict.faults == []
