"""Every attack is found, by the command and by the script; what needs an anchor, with one."""

from __future__ import annotations

import hashlib
import random
import shutil

import pytest
from tests.seal.attacks import ATTACKS, DAYS, LAST, NEED_ANCHOR, SCRIPT_IS_BLIND
from tests.seal.chains import (
    COSIGNER,
    ORIGIN,
    allowed_signers,
    anchor_of,
    chain,
    public,
    run_script,
    verify,
)

from tocsin.bundle import read_day_folder
from tocsin.seal import DayFiles, Signer, Trust, Verifier

ARTEFACTS = ("SHA256SUMS", "SHA256SUMS.sig", "checkpoint")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """Seven days, cosigned; and what the auditor has."""
    home = tmp_path_factory.mktemp("sealed")
    root = chain(home / "evidence", 7, attached=True)
    (home / "anchor").write_bytes(anchor_of(root).text)
    allowed_signers(home / "allowed_signers")
    return home


@pytest.fixture
def copy(sealed, tmp_path):
    (tmp_path / "out").mkdir()
    shutil.copytree(sealed / "evidence", tmp_path / "evidence")
    return tmp_path / "evidence"


def by_command(root, anchor):
    """The exit code of `tocsin evidence verify`."""
    anchors = [anchor] if anchor else []
    signers = (Signer(public(), ORIGIN),)
    verdict = verify(root, signers=signers, anchors=anchors, cosigners=(COSIGNER,))
    if not verdict.holds:
        return 1
    return 0 if verdict.anchored else 5


def by_script(sealed, root, *, anchor):
    done = run_script(root, sealed / "allowed_signers", sealed / "anchor" if anchor else "")
    assert done.stderr == "", done.stderr
    # What it is blind to stands in its output, unless there is a fault to tell.
    assert done.returncode == 1 or "not checked here" in done.stdout
    return done.returncode


def test_what_nobody_touched_holds(sealed):
    root = sealed / "evidence"
    assert by_command(root, anchor_of(root)) == by_script(sealed, root, anchor=True) == 0
    assert by_command(root, None) == by_script(sealed, root, anchor=False) == 5


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_found(sealed, copy, name):
    anchor = anchor_of(sealed / "evidence")
    ATTACKS[name](copy, copy.parent / "out")
    alone = 5 if name in NEED_ANCHOR else 1
    assert by_command(copy, None) == alone
    assert by_command(copy, anchor) == 1
    if name in SCRIPT_IS_BLIND:
        assert by_script(sealed, copy, anchor=True) in {0, 1}
    else:
        assert by_script(sealed, copy, anchor=False) == alone
        assert by_script(sealed, copy, anchor=True) == 1


def test_an_unsealed_day_after_the_last_is_told_and_proves_nothing(sealed, copy):
    (copy / "20261204").mkdir()
    (copy / "20261204/logical-access.json").write_text('{"state": "operated"}')
    verdict = verify(copy)
    assert verdict.holds
    assert verdict.notes == ["not sealed, so nothing in it is proven: 20261204"]
    done = run_script(copy, sealed / "allowed_signers")
    assert "not sealed, so nothing in it is proven: 20261204" in done.stdout


def files_of(root):
    return sorted(path for path in root.rglob("*") if path.is_file())


def mutations(data, dice, count):
    """Changed bytes at `count` places (all if None), and changed lengths."""
    places = (
        range(len(data)) if count is None else {dice.randrange(len(data)) for _ in range(count)}
    )
    for at in sorted(places) if data else ():
        yield data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]
    yield data + b"\n"
    yield data + b"x"
    if data:
        yield data[:-1]
        yield data[len(data) // 2 :]
        yield data[1:]
        yield b""


def test_no_byte_of_any_file_can_change_unseen(copy):
    """Three places of each file, and its lengths, on disk."""
    dice, tried, unseen = random.Random(7), 0, []
    for path in files_of(copy):
        data = path.read_bytes()
        path.chmod(0o644)
        for changed in mutations(data, dice, 3):
            path.write_bytes(changed)
            tried += 1
            if by_command(copy, None) != 1:
                unseen.append((path, changed))
        path.write_bytes(data)
    assert by_command(copy, None) == 5
    assert unseen == []
    assert tried > 500


@pytest.mark.slow
def test_every_byte_of_every_file(copy, soak):
    """One bit of each byte, in memory; without --soak of every 97th."""
    days = [read_day_folder(copy, day) for day in DAYS]
    trust = Trust((Signer(public(), ORIGIN),), cosigners=(COSIGNER,))

    def holds(number, day):
        verifier = Verifier(trust)
        for each in (*days[:number], day, *days[number + 1 :]):
            verifier.add(each)
        return verifier.finish().holds

    dice, tried = random.Random(13), 0
    for number, day in enumerate(days):
        assert holds(number, day)
        for name in day.digests:
            data = (copy / day.name / name).read_bytes()
            for at in range(0 if soak else dice.randrange(97), len(data), 1 if soak else 97):
                changed = data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]
                digests = {**day.digests, name: hashlib.sha256(changed).hexdigest()}
                texts = {**day.texts, name: changed} if name in day.texts else day.texts
                assert not holds(number, DayFiles(day.name, digests, texts)), (day.name, name, at)
                tried += 1
    assert tried > (100_000 if soak else 1000)


@pytest.mark.slow
def test_no_byte_can_change_unseen_by_the_script(sealed, copy, soak):
    """But the last cosignature, which the script says it does not check."""
    dice = random.Random(11)
    every = files_of(copy)
    paths = (
        every if soak else [*dice.sample(every, 25), *(copy / LAST / name for name in ARTEFACTS)]
    )
    for path in paths:
        if path == copy / LAST / "checkpoint.cosig":
            continue
        data = path.read_bytes()
        path.chmod(0o644)
        changes = list(mutations(data, dice, 8))
        for changed in changes if soak else dice.sample(changes, 2):
            path.write_bytes(changed)
            assert by_script(sealed, copy, anchor=False) == 1, (path, changed)
        path.write_bytes(data)
    assert by_script(sealed, copy, anchor=True) == 0


@pytest.mark.parametrize("name", ["SHA256SUMS.sig", "checkpoint"])
def test_every_byte_of_the_last_seal(sealed, copy, name, soak):
    """No later day covers it, so that here strictness alone must do."""
    path = copy / LAST / name
    data = path.read_bytes()
    path.chmod(0o644)
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :])
        assert by_command(copy, None) == 1, at
        if soak or at % 23 == 0:
            assert by_script(sealed, copy, anchor=False) == 1, at


def test_faults_are_bounded_and_name_the_place(copy):
    for day in DAYS:
        for number in range(200):
            (copy / day / f"more-{number}").write_text("")
    verdict = verify(copy)
    assert len(verdict.faults) == 1000
    assert str(verdict.faults[0]) == f"{DAYS[0]}/more-0: not in SHA256SUMS"
