"""verify.sh under every shell there is."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from tests.seal.chains import (
    SCRIPT,
    allowed_signers,
    anchor_of,
    chain,
    full_disk,
    run_script,
    verify,
)

SHELLS = [("dash",), ("busybox", "sh"), ("bash", "--posix")]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_a_whole_bundle(tmp_path, shell, count):
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    root = chain(tmp_path / "evidence", count)
    signers = allowed_signers(tmp_path / "allowed_signers")
    done = run_script(root, signers, under=shell)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "UNANCHORED" in done.stdout
    assert (root / "20261127/verify.sh").read_bytes() == SCRIPT.read_bytes()
    (tmp_path / "anchor").write_bytes(anchor_of(root).text)
    done = run_script(root, signers, tmp_path / "anchor", under=shell)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    verdict = verify(root, anchors=[anchor_of(root)])
    assert verdict.faults == []


@pytest.mark.parametrize("lacking", ["awk", "openssl", "ssh-keygen"])
def test_a_tool_that_is_missing_is_named(tmp_path, lacking):
    root = chain(tmp_path / "evidence", 1)
    signers = allowed_signers(tmp_path / "allowed_signers")
    (tmp_path / "bin").mkdir()
    script = SCRIPT.read_text()
    needed = script[script.index("for each in sha256sum") : script.index("; do\n  command -v")]
    for name in needed.replace("\\\n", " ").split()[3:]:
        if name != lacking:
            (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    done = run_script(root, signers, under=(shutil.which("sh"),), env={"PATH": f"{tmp_path}/bin"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{lacking} is missing: nothing was checked\n"


def test_with_the_small_tools_of_busybox(tmp_path):
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is not installed")
    tools = tmp_path / "bin"
    tools.mkdir()
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        (tools / name).symlink_to(busybox)
    for name in ("ssh-keygen", "openssl"):
        (tools / name).unlink(missing_ok=True)
        (tools / name).symlink_to(shutil.which(name))
    root = chain(tmp_path / "evidence", 5, attached=True)
    signers = allowed_signers(tmp_path / "allowed_signers")
    (tmp_path / "anchor").write_bytes(anchor_of(root).text)
    done = run_script(root, signers, tmp_path / "anchor", (busybox, "sh"), env={"PATH": str(tools)})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    (root / "20261128/control-1.json").chmod(0o644)
    (root / "20261128/control-1.json").write_text("{}")
    done = run_script(root, signers, tmp_path / "anchor", (busybox, "sh"), env={"PATH": str(tools)})
    assert done.returncode == 1
    assert "20261128/control-1.json" in done.stdout


def test_without_a_tool_nothing_is_said_to_be_well(tmp_path):
    root = chain(tmp_path / "evidence", 2)
    signers = allowed_signers(tmp_path / "allowed_signers")
    done = run_script(root, signers, under=(shutil.which("sh"),), env={"PATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing was checked" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["nowhere"], ["a", "b", "c", "d"]])
def test_a_wrong_call(tmp_path, arguments):
    root = chain(tmp_path / "evidence", 1)
    done = subprocess.run(["sh", SCRIPT, *arguments], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_a_full_disk_does_not_look_like_evidence_without_a_fault(tmp_path):
    root = chain(tmp_path / "evidence", 3)
    signers = allowed_signers(tmp_path / "allowed_signers")
    (root / "20261128/control-1.json").chmod(0o644)
    (root / "20261128/control-1.json").write_text("{}")
    assert run_script(root, signers).returncode == 1
    done = run_script(root, signers, env=full_disk(tmp_path))
    assert (done.returncode, "nothing was checked" in done.stderr) == (2, True), done.stdout
