"""Trees, signatures, checkpoints, manifests: against their specifications and other programs."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.seal.chains import KEY, ORIGIN, OTHER, allowed_signers, public

from tocsin.errors import FileErrors, ParseError
from tocsin.seal import (
    Checkpoint,
    Cosigner,
    LedgerEnd,
    Manifest,
    chain_ledger,
    check_ledger,
    check_origin,
    consistency_proof,
    cosign,
    cosigned_at,
    is_consistent,
    is_day,
    is_file_name,
    is_signed,
    private_key_text,
    public_key_line,
    read_allowed_signers,
    read_checkpoint,
    read_cosigner,
    read_key_file,
    read_manifest,
    read_private_key,
    root_of,
    sign,
    sign_checkpoint,
    signed_by,
    write_manifest,
)

# Certificate Transparency's leaves and roots, which everybody's trees are held to.
LEAVES = [bytes.fromhex(x) for x in ("", "00", "10", "2021", "3031", "40414243",
          "5051525354555657", "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaf(data):
    return hashlib.sha256(b"\x00" + data).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_rfc_6962(size):
    assert root_of([leaf(data) for data in LEAVES[:size]]).hex() == ROOTS[size - 1]


def test_the_empty_tree():
    assert root_of([]) == hashlib.sha256(b"").digest()


@settings(max_examples=300)
@given(st.integers(1, 80), st.data())
def test_a_consistency_proof_holds_for_its_trees_and_for_no_other(size, data):
    leaves = [leaf(bytes([n])) for n in range(size)]
    old = data.draw(st.integers(0, size))
    proof = consistency_proof(leaves, old)
    roots = root_of(leaves[:old]), root_of(leaves)
    assert is_consistent(old, roots[0], size, roots[1], proof)
    changed = list(leaves)
    changed[data.draw(st.integers(0, size - 1))] = leaf(b"forged")
    forged = root_of(changed[:old]), root_of(changed)
    if old and forged[0] != roots[0]:
        assert not is_consistent(old, roots[0], size, forged[1], consistency_proof(changed, old))
    if old and proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        for bad in (proof[:at] + proof[at + 1 :], [*proof, proof[0]],
                    [*proof[:at], leaf(b""), *proof[at + 1 :]]):  # fmt: skip
            assert not is_consistent(old, roots[0], size, roots[1], bad)


@settings(max_examples=10)
@given(st.binary(max_size=300))
def test_ssh_keygen_takes_our_signatures(tmp_path_factory, message):
    folder = tmp_path_factory.mktemp("keys")
    (folder / "sig").write_bytes(sign(message, KEY))
    allowed_signers(folder / "allowed")
    command = ["ssh-keygen", "-Y", "verify", "-f", folder / "allowed", "-I", ORIGIN,
               "-n", "tocsin-evidence", "-s", folder / "sig"]  # fmt: skip
    assert subprocess.run(command, input=message, capture_output=True).returncode == 0
    assert subprocess.run(command, input=message + b"x", capture_output=True).returncode == 255


def test_we_take_the_signatures_and_keys_of_ssh_keygen(tmp_path):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True
    )
    (tmp_path / "text").write_bytes(b"a manifest")
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-f", tmp_path / "key", "-n", "tocsin-evidence",
         tmp_path / "text"], check=True, capture_output=True,
    )  # fmt: skip
    (signer,) = read_key_file((tmp_path / "key.pub").read_bytes(), "key.pub")
    assert signed_by((tmp_path / "text.sig").read_bytes(), b"a manifest") == signer.public
    mine = read_private_key((tmp_path / "key").read_bytes())
    assert sign(b"a manifest", mine) == (tmp_path / "text.sig").read_bytes()


def test_our_private_keys_are_those_of_ssh_keygen(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(private_key_text(KEY))
    path.chmod(0o600)
    done = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True)
    assert done.stdout.split()[:2] == public_key_line(public()).split()


def test_no_byte_of_a_signature_can_change_unseen():
    good = sign(b"text", KEY)
    assert signed_by(good, b"text") == public()
    for at in range(len(good)):
        for flip in (1, 0x20, 0x80):
            bad = good[:at] + bytes([good[at] ^ flip]) + good[at + 1 :]
            with pytest.raises(ParseError):
                signed_by(bad, b"text")
    for bad in (good[:-1], good + b"\n", good.replace(b"\n", b"\r\n"), b"", b"\n" + good):
        with pytest.raises(ParseError):
            signed_by(bad, b"text")


@pytest.mark.parametrize(
    "data",
    [b"", b"-----BEGIN OPENSSH PRIVATE KEY-----\n", b"\xff\x00", private_key_text(KEY)[:-60]],
)
def test_a_key_that_is_none(data):
    with pytest.raises(ParseError):
        read_private_key(data)


def test_a_key_of_another_kind(tmp_path):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", tmp_path / "key"], check=True
    )
    with pytest.raises(ParseError, match="Ed25519"):
        read_private_key((tmp_path / "key").read_bytes())
    with pytest.raises(FileErrors, match=r"key\.pub:1: not an Ed25519 key"):
        read_key_file((tmp_path / "key.pub").read_bytes(), "key.pub")


def test_a_key_with_a_passphrase_is_told(tmp_path):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", tmp_path / "key"], check=True
    )
    with pytest.raises(ParseError):
        read_private_key((tmp_path / "key").read_bytes())


def checkpoint(size=7):
    return Checkpoint(ORIGIN, size, hashlib.sha256(b"root").digest())


def test_the_checkpoint_of_the_specification_is_read():
    text = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = read_checkpoint(text)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert found.text == text


def test_openssl_takes_the_signature_of_a_checkpoint(tmp_path):
    note = sign_checkpoint(checkpoint(), KEY)
    head, line = note.split(b"\n\n")
    (tmp_path / "text").write_bytes(head + b"\n")
    (tmp_path / "sig").write_bytes(base64.b64decode(line.split(b" ")[2])[4:])
    (tmp_path / "key").write_bytes(bytes.fromhex("302a300506032b6570032100") + public())
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey",
               "key", "-sigfile", "sig", "-in", "text"]  # fmt: skip
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0


def test_no_byte_of_a_checkpoint_can_change_unseen():
    good = sign_checkpoint(checkpoint(), KEY)
    assert is_signed(good, public())
    assert not is_signed(good, public(OTHER))

    def refused(note):
        try:
            return not is_signed(note, public())
        except ParseError:
            return True

    assert all(
        refused(good[:at] + bytes([good[at] ^ flip]) + good[at + 1 :])
        for at in range(len(good))
        for flip in (1, 0x20, 0x80)
    )
    line = good.split(b"\n\n")[1]
    for bad in (
        good[:-1],
        good + b"\n",
        good + line,
        good.replace(b"\n", b"\r\n"),
        b"",
        b"\n\n\n\n",
    ):
        assert refused(bad)


def test_a_cosignature_opens_with_the_key_of_its_witness_only():
    lines = cosign(checkpoint(), "witness.example", OTHER, 1_800_000_000)
    witness = Cosigner("witness.example", public(OTHER))
    assert cosigned_at(checkpoint(), lines, witness) == 1_800_000_000
    assert cosigned_at(checkpoint(8), lines, witness) is None
    assert cosigned_at(checkpoint(), lines, Cosigner("witness.example", public())) is None
    assert cosigned_at(checkpoint(), lines, Cosigner("other.example", public(OTHER))) is None
    assert read_cosigner(witness.vkey) == witness
    for at in range(len(witness.vkey)):
        bad = witness.vkey[:at] + ("A" if witness.vkey[at] != "A" else "B") + witness.vkey[at + 1 :]
        with pytest.raises(ParseError):
            read_cosigner(bad)


def test_the_key_of_a_witness_as_the_specification_has_it():
    vkey = Cosigner("a.example", public()).vkey.split("+", 2)
    assert base64.b64decode(vkey[2]) == b"\x04" + public()
    assert vkey[1] == hashlib.sha256(b"a.example\n\x04" + public()).hexdigest()[:8]


HASH = st.binary(min_size=32, max_size=32).map(bytes.hex)
NAME = st.from_regex(
    r"[A-Za-z0-9_][A-Za-z0-9._-]{0,8}(/[a-z0-9_][a-z0-9.]{0,5}){0,3}", fullmatch=True
)


@settings(max_examples=200)
@given(st.dictionaries(NAME.filter(is_file_name), HASH, max_size=8), st.booleans())
def test_a_manifest_is_read_as_it_was_written(files, chained):
    files = {name: files[name] for name in {n.lower(): n for n in files}.values()}
    before = {"SHA256SUMS": "0" * 64, "checkpoint.tsr": "1" * 64} if chained else None
    manifest = Manifest(files, "20261130" if chained else "", before)
    data = write_manifest(manifest)
    assert read_manifest(data) == manifest
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1 :]
        with pytest.raises(ParseError):
            read_manifest(changed)


LINE = "a" * 64 + "  "


@pytest.mark.parametrize(
    "text",
    [
        LINE + "/etc/passwd\n", LINE + "../../etc/passwd\n", LINE + "a/../b\n", LINE + "./a\n",
        LINE + ".hidden\n", LINE + "a b\n", LINE + "a\r\n", LINE + "a", LINE + "-rf\n",
        LINE + "b\n" + LINE + "a\n", LINE + "a\n" + LINE + "a\n", LINE + "A\n" + LINE + "a\n",
        "A" * 64 + "  a\n", "a" * 63 + "  a\n", "a" * 64 + " *a\n", "a" * 64 + " a\n", "\n",
        "\\" + LINE + "a\n", LINE + "é\n", LINE + "a/b/c/d/e\n", LINE + "a//b\n", LINE + "a/\n",
        LINE + "../20261130/day.json\n", LINE + "SHA256SUMS\n", LINE + "checkpoint\n", LINE + "a\x00\n",
        LINE + "../20261129/SHA256SUMS\n" + LINE + "../20261130/SHA256SUMS\n", LINE + "a\x0b\n",
    ],
)  # fmt: skip
def test_a_manifest_that_is_not_ours_is_refused(text):
    with pytest.raises(ParseError):
        read_manifest(text.encode())


def test_days_are_days_of_the_calendar():
    assert is_day("20280229")
    assert not any(map(is_day, ("20270229", "20261131", "2026113", "202611301", "٢0261130", "")))


BODY = st.dictionaries(
    st.text(max_size=5), st.text(max_size=9) | st.integers() | st.floats(-9, 9), max_size=3
)


@given(st.lists(BODY, min_size=1, max_size=6), st.data())
def test_a_ledger_is_whole_or_refused(bodies, data):
    entries = [(n, n * 10, "gap", body) for n, body in enumerate(bodies, 8)]
    begin = LedgerEnd(7, "f" * 64)
    text, end = chain_ledger(entries, begin)
    assert check_ledger(text, begin) == end
    lines = text.splitlines(keepends=True)
    gone = data.draw(st.integers(0, len(lines) - 1))
    cut = b"".join(lines[:gone] + lines[gone + 1 :])
    with contextlib.suppress(ParseError):
        assert check_ledger(cut, begin) != end
    with pytest.raises(ParseError):
        check_ledger(text, LedgerEnd(6, "f" * 64))
    with pytest.raises(ParseError):
        check_ledger(text[:-1], begin)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("a@b verify-required ssh-ed25519 AAAA", "option that is not known"),
        ('a@b valid-after="soon" ssh-ed25519 AAAA', "not a"),
        ("a@b", "not a line"),
        ("a@b ssh-ed25519 AAAA", "whole"),
    ],
)
def test_all_mistakes_of_allowed_signers_are_told(line, what):
    with pytest.raises(FileErrors) as error:
        read_allowed_signers(f"# keys\n{line}\n{line}\n".encode(), "keys")
    assert [problem.span.line for problem in error.value.problems] == [2, 3]
    assert what in str(error.value)


def test_allowed_signers_without_a_key():
    with pytest.raises(FileErrors, match="no Ed25519 key"):
        read_allowed_signers(b"# none\n", "keys")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "-a", "a\n", "é", "a" * 200])
def test_names_that_no_key_has(name):
    with pytest.raises(ParseError):
        check_origin(name)


def test_a_new_key_is_another_one():
    assert private_key_text(Ed25519PrivateKey.generate()) != private_key_text(
        Ed25519PrivateKey.generate()
    )
