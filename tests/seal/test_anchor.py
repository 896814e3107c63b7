"""Anchors of any day, of another chain, and several at once."""

from __future__ import annotations

import shutil

import pytest
from tests.seal.chains import (
    ORIGIN,
    OTHER,
    allowed_signers,
    chain,
    names,
    public,
    run_script,
    verify,
)
from tests.seal.test_verify_script import SHELLS

from tocsin.errors import FileErrors
from tocsin.seal import Checkpoint, Signer, read_anchor, read_checkpoint

DAYS = names(9)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    chain(home / "evidence", 9)
    allowed_signers(home / "allowed_signers")
    return home


def kept(home, day):
    return read_checkpoint((home / "evidence" / day / "checkpoint").read_bytes())


def by_script(home, root, anchor):
    (home / "anchor").write_bytes(anchor.text)
    return run_script(root, home / "allowed_signers", home / "anchor")


@pytest.mark.parametrize("size", range(1, 10))
def test_an_anchor_of_each_day(home, tmp_path, size):
    root, day = home / "evidence", DAYS[size - 1]
    anchor = kept(home, day)
    assert verify(root, anchors=[anchor]).anchored == day
    assert by_script(home, root, anchor).stdout.endswith(f"ANCHORED: up to {day}\n")
    cut = tmp_path / "cut"
    shutil.copytree(root, cut)
    for each in DAYS[size - 1 :] if size > 1 else ():
        shutil.rmtree(cut / each)
    if size > 1:
        (fault,) = verify(cut, anchors=[anchor]).faults
        assert (
            fault.what
            == f"the anchor knows {size} days, but here are {size - 1}: the end is missing"
        )
        assert by_script(home, cut, anchor).returncode == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda a: Checkpoint("evidence@elsewhere", a.size, a.root),
        lambda a: Checkpoint(a.origin, a.size - 1, a.root),
        lambda a: Checkpoint(a.origin, a.size + 1, a.root),
        lambda a: Checkpoint(a.origin, 0, a.root),
        lambda a: Checkpoint(a.origin, a.size, bytes(32)),
    ],
)
def test_an_anchor_of_something_else(home, change):
    root, anchor = home / "evidence", change(kept(home, DAYS[6]))
    assert len(verify(root, anchors=[anchor]).faults) == 1
    assert by_script(home, root, anchor).returncode == 1


def test_the_latest_of_several_counts_and_one_bad_one_spoils_it(home):
    root = home / "evidence"
    anchors = [kept(home, day) for day in (DAYS[4], DAYS[7], DAYS[1])]
    assert verify(root, anchors=anchors).anchored == DAYS[7]
    assert verify(root, anchors=[*anchors, Checkpoint(ORIGIN, 3, bytes(32))]).faults


def test_the_whole_note_is_an_anchor_too(home, tmp_path):
    note = (home / "evidence" / DAYS[5] / "checkpoint").read_bytes()
    assert read_checkpoint(note) == kept(home, DAYS[5])
    (tmp_path / "anchor").write_bytes(note)
    done = run_script(home / "evidence", home / "allowed_signers", tmp_path / "anchor")
    assert done.returncode == 0


@pytest.mark.parametrize(("change", "taken"), [
    (lambda text: text.replace(b"\n", b"\r\n"), True),
    (lambda text: b"\xef\xbb\xbf" + text, True),
    (lambda text: text.rstrip(b"\n"), True),
    (lambda text: text.replace(b"\n", b" \t\n") + b"\n-- \nJane\n", True),
    (lambda text: b"", False),
    (lambda text: b"\n" + text, False),
    (lambda text: b"> " + text.replace(b"\n", b"\n> "), False),
    (lambda text: text.replace(b"\n9\n", b"\n09\n"), False),
    (lambda text: text.replace(b"\n9\n", b"\n9999999999\n"), False),
    (lambda text: text.replace(b"=\n", b"\n"), False),
    (lambda text: b"\xff\xfe" + text.decode().encode("utf-16-le"), False),
])  # fmt: skip
def test_an_anchor_that_came_by_mail(home, tmp_path, change, taken):
    """What is no anchor is a wrong call: nothing is said to be altered."""
    data = change(kept(home, DAYS[8]).text)
    (tmp_path / "anchor").write_bytes(data)
    for shell in SHELLS:
        if shutil.which(shell[0]):
            done = run_script(
                home / "evidence", home / "allowed_signers", tmp_path / "anchor", under=shell
            )
            assert done.returncode == (0 if taken else 2), done.stdout + done.stderr
            assert taken or ("nothing was checked" in done.stderr and not done.stdout)
    if taken:
        assert read_anchor(data, "anchor") == kept(home, DAYS[8])
    else:
        with pytest.raises(FileErrors, match="anchor: not a checkpoint"):
            read_anchor(data, "anchor")


def test_an_anchor_does_not_stand_in_for_the_key(home):
    root = home / "evidence"
    signers = (Signer(public(OTHER)),)
    assert verify(root, signers=signers, anchors=[kept(home, DAYS[8])]).faults
