"""allowed_signers: whom we take, ssh-keygen takes, and nobody else."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.seal.chains import KEY, ORIGIN, OTHER, allowed_signers, chain, public, run_script

from tocsin.errors import FileErrors
from tocsin.seal import (
    last_second,
    public_key_line,
    read_allowed_signers,
    sign,
    why_not_trusted,
)

MINE, THEIRS = public_key_line(public()), public_key_line(public(OTHER))
DAY = "20261127"


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """What we and ssh-keygen say of a file; ours is None where the file is refused."""
    folder = tmp_path_factory.mktemp("signers")
    (folder / "sig").write_bytes(sign(b"text", KEY))

    def judge(data):
        (folder / "allowed").write_bytes(data)
        done = subprocess.run(
            ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", ORIGIN, "-n", "tocsin-evidence",
             "-s", "sig", "-O", f"verify-time={DAY}235959Z"],
            input=b"text", cwd=folder, capture_output=True,
        )  # fmt: skip
        try:
            signers = read_allowed_signers(data, "allowed")
        except FileErrors:
            return None, done.returncode == 0
        return not why_not_trusted(signers, public(), ORIGIN, last_second(DAY)), not done.returncode

    return judge


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Keys of other kinds, one a line, as other people have them."""
    folder = tmp_path_factory.mktemp("keys")
    for kind in ("rsa", "ecdsa"):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", folder / kind], check=True)
    return [(folder / f"{kind}.pub").read_text().strip() for kind in ("rsa", "ecdsa")]


@pytest.mark.parametrize(("line", "holds"), [
    (f"{ORIGIN}\t{MINE}", True),
    (f"\t {ORIGIN} \t {MINE.replace(' ', chr(9))}\r", True),
    (f'"a@b,{ORIGIN}" namespaces="git,tocsin-*" {MINE}', True),
    (f"# {ORIGIN} {MINE}", None),
    (f"# all well\r{ORIGIN} {MINE}", None),
    (f"# all well\u2028{ORIGIN} {MINE}", None),
    (f"# all well\x0c{ORIGIN} {MINE}", None),
    (f"# all well\x85{ORIGIN} {MINE}", None),
    (f"a@b {THEIRS}\x0b{ORIGIN} {MINE}", None),
    (f"a@b {THEIRS}\x1d{ORIGIN} {MINE}", None),
    (f"\ufeff{ORIGIN} {MINE}", None),
    (f'{ORIGIN} namespaces="git",namespaces="tocsin-evidence" {MINE}', None),
    (f'{ORIGIN} valid-before="20200101",valid-before="20300101" {MINE}', None),
    (f'{ORIGIN} valid-after="19700101" {MINE}', None),
    (f'{ORIGIN} namespaces="tocsin-evidence\\"" {MINE}', None),
    (f"{ORIGIN} cert-authority {MINE}", None),
    (f"!{ORIGIN},* {MINE}", False),
    (f"a@b {MINE}", False),
])  # fmt: skip
def test_a_line_means_what_it_means_to_ssh_keygen(judged, line, holds):
    assert judged(f"{line}\n".encode()) == (holds, bool(holds))


def test_keys_of_other_people_and_kinds_are_no_mistake(judged, others):
    for other in (*others, f"cert-authority {THEIRS}"):
        for lines in ((f"a@b {other}", f"{ORIGIN} {MINE}"), (f"{ORIGIN} {MINE}", f"a@b {other}")):
            assert judged("\n".join(lines).encode()) == (True, True)
    with pytest.raises(FileErrors, match="no Ed25519 key"):
        read_allowed_signers(f"{ORIGIN} {others[0]}\n".encode(), "allowed")


GAPS = st.sampled_from([" ", "  ", "\t", " \t", "\u00a0", "\x0c"])
NAMES = st.sampled_from([ORIGIN, "*", "!*", "a@b", "evidence@*", f"!{ORIGIN}", "?*", "", "[e]*"])
TIMES = st.sampled_from(["20200101", "20261127", "202611272359", "20261127235959Z", "20261127Z",
                         "20270101000000", "20261301", "2026", ""])  # fmt: skip
OPTIONS = st.one_of(
    st.sampled_from(["tocsin-evidence", "git", "*", "tocsin-*,git", "!tocsin-*,*", ""]).map(
        'namespaces="{}"'.format
    ),
    TIMES.map('valid-after="{}"'.format),
    TIMES.map('Valid-Before="{}"'.format),
    st.sampled_from(["cert-authority", "no-such-option", "namespaces=git", 'x="y"']),
)
LINES = st.builds(
    lambda lead, names, quote, a, options, b, key, end: "".join(
        [lead, quote + ",".join(names) + quote, a, *([",".join(options), b] if options else []),
         key, end]
    ),
    st.sampled_from(["", " ", "\t", "#", "# "]), st.lists(NAMES, min_size=1, max_size=3),
    st.sampled_from(["", '"']), GAPS, st.lists(OPTIONS, max_size=2), GAPS,
    st.sampled_from([MINE, MINE, THEIRS, MINE[:-4], "ssh-rsa AAAA"]),
    st.sampled_from(["", " a comment", "\r", " \r", "\x85"]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(LINES, min_size=1, max_size=3), st.sampled_from(["\n", "\n", "\r\n", "\r", "\u2029"])
)
def test_nobody_is_trusted_whom_ssh_keygen_would_not_trust(judged, lines, end):
    """And where we take the file at all, nobody is refused whom ssh-keygen trusts."""
    ours, theirs = judged((end.join(lines) + "\n").encode())
    assert ours is None or ours is theirs


def test_the_script_does_not_call_evidence_altered_where_it_was_given_no_key(tmp_path):
    root = chain(tmp_path / "evidence", 1)
    good = allowed_signers(tmp_path / "signers").read_text()
    for text in ("", "# nothing\n", f"#{good}", "a@b ssh-rsa AAAA\n"):
        (tmp_path / "empty").write_text(text)
        done = run_script(root, tmp_path / "empty")
        assert (done.returncode, done.stdout) == (2, "")
        assert "no Ed25519 key" in done.stderr
    (tmp_path / "two").write_text(f"# old\n\n{good}")
    assert run_script(root, tmp_path / "two").returncode == 5
