"""`tocsin evidence attest`: a witness, and a time-stamp authority of openssl."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager

import pytest
from tests.evidence.answering import answering
from tests.seal.chains import COSIGNER, run_script
from tests.witness.test_service import serving

from tocsin.seal import read_key_file


def test_a_witness_vouches_for_the_end(tocsin, tmp_path):
    tocsin("seal", "2026-11-01")
    (tmp_path / "w").mkdir()
    with serving_for(tmp_path) as url:
        tocsin("attest", "--witness", url)
        assert "has its checkpoint.cosig already" in tocsin("attest", "--witness", url, code=1)
        tocsin("seal", "2026-11-02")
        tocsin("attest", "--witness", url)
        told = tocsin("verify", "--key", "evidence.key.pub", "--witness-key", COSIGNER.vkey, code=5)
        assert "WITNESSED: up to 20261102" in told
        assert "not checked: 20261102/checkpoint.cosig" in tocsin(
            "verify", "--key", "evidence.key.pub", code=5
        )


@contextmanager
def serving_for(tmp_path):
    (signer,) = read_key_file((tmp_path / "evidence.key.pub").read_bytes(), "key")
    with serving(tmp_path / "w", (signer,)) as url:
        yield url


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A time-stamp authority of openssl, for tests only."""
    home = tmp_path_factory.mktemp("tsa")
    (home / "tsa.cnf").write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=v3\n[dn]\n[v3]\nextendedKeyUsage=critical,timeStamping\n"
        "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\ncrypto_device=builtin\nsigner_cert=cert.pem\n"
        "certs=cert.pem\nsigner_key=key.pem\nsigner_digest=sha256\ndefault_policy=1.2.3.4\n"
        "digests=sha256,sha384,sha512\naccuracy=secs:1\ness_cert_id_alg=sha256\n"
    )
    (home / "serial").write_text("01\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
         "-days", "30", "-subj", "/CN=Test TSA", "-config", "tsa.cnf"],
        cwd=home, check=True, capture_output=True,
    )  # fmt: skip

    def stamp(posted):
        (home / "query").write_bytes(posted)
        subprocess.run(
            ["openssl", "ts", "-reply", "-queryfile", "query", "-out", "reply", "-config", "tsa.cnf"],
            cwd=home, check=True, capture_output=True,
        )  # fmt: skip
        return (home / "reply").read_bytes()

    with answering(stamp) as url:
        yield url, home / "cert.pem"


def test_an_authority_stamps_the_checkpoint(tocsin, tmp_path, authority):
    pytest.importorskip("rfc3161_client")
    url, root = authority
    tocsin("seal", "2026-11-01")
    tocsin("attest", "--timestamp", url)
    told = tocsin("verify", "--key", "evidence.key.pub", "--tsa", root, code=5)
    assert "STAMPED: 20261101" in told
    assert "not checked: 20261101/checkpoint.tsr" in tocsin(
        "verify", "--key", "evidence.key.pub", code=5
    )
    limits = ("verify", "--key", "evidence.key.pub", "--tsa", root, "--stamped-within")
    # Its day was over before the authority of this test began.
    assert "UNSTAMPED: no trusted time that early: 20261101" in tocsin(*limits, "1s", code=1)
    assert "UNSTAMPED" not in tocsin(*limits, "100y", code=5)
    (tmp_path / "anchor").write_text(tocsin("anchor"))
    done = run_script(tmp_path / "evidence", "../allowed_signers", "../anchor", more=(root,))
    assert (done.returncode, "not checked: " in done.stdout) == (0, False), done.stdout
    token = tmp_path / "evidence/20261101/checkpoint.tsr"
    data = token.read_bytes()
    token.chmod(0o644)
    token.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    assert "checkpoint.tsr" in tocsin("verify", "--key", "evidence.key.pub", "--tsa", root, code=1)
    done = run_script(tmp_path / "evidence", "../allowed_signers", "../anchor", more=(root,))
    assert done.returncode == 1
    token.write_bytes(data)
    tocsin("seal", "2026-11-02")
    token.write_bytes(data[:-1])
    assert "not the one that 20261102 follows" in tocsin(
        "verify", "--key", "evidence.key.pub", code=1
    )


def test_nobody_to_stamp(tocsin):
    pytest.importorskip("rfc3161_client")
    tocsin("seal", "2026-11-01")
    assert "can't be asked" in tocsin("attest", "--timestamp", "http://127.0.0.1:1", code=3)
