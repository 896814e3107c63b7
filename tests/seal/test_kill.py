"""SIGKILL at every step of sealing: the day is as it was, or sealed whole."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time

import pytest
from tests.seal.chains import KEY, ORIGIN, WITNESS, chain, contents, fill, names, verify

from tocsin.bundle import SEALING, attach, locked, seal_day, survey
from tocsin.errors import EvidenceError
from tocsin.seal import cosign, read_checkpoint

DAYS = names(4)
DAY = DAYS[3]
STEPS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "shutil.rmtree")


def die_at(step):
    """Just before the `step`th call that touches the disk."""
    left = [step]

    def hook(event, _arguments):
        if event in STEPS:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def run_killed(step, work):
    """Whether `work` was killed before its end."""
    pid = os.fork()
    if pid == 0:
        try:
            die_at(step)
            work()
            os._exit(0)
        finally:
            os._exit(9)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, -signal.SIGKILL}
    return code != 0


def state(root):
    """Each file's bytes."""
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


def left(root):
    """All that a kill can leave: each folder, each file with its bytes, and who may write."""
    return tuple(
        (str(p.relative_to(root)), p.lstat().st_mode, p.read_bytes() if p.is_file() else None)
        for p in sorted(root.rglob("*"))
    )


def recovered(root, before):
    """After a kill: the whole day or none of it; another run ends in the same place."""
    try:
        seal_day(root, DAY, KEY, ORIGIN, contents)
        sealed_before = False
    except EvidenceError:
        sealed_before = True
    assert not (root / SEALING).exists()
    verdict = verify(root)
    assert verdict.faults == []
    assert verdict.days == DAYS
    after = state(root)
    assert {name: after.get(name) for name in before} == before
    return sealed_before


def prepared(tmp_path, number):
    """Three sealed days and one that waits."""
    template, root = tmp_path / "template", tmp_path / str(number)
    if not template.exists():
        chain(template, 3)
        fill(template, DAY)
        (template / DAY / "late/20261120").mkdir(parents=True)
        (template / DAY / "late/20261120/x.json").write_text("{}")
    shutil.copytree(template, root)
    return root


def test_a_kill_at_any_step_of_sealing(tmp_path):
    step, outcomes = 1, set()
    while True:
        root = prepared(tmp_path, step)
        before = state(root)
        killed = run_killed(step, lambda: seal_day(root, DAY, KEY, ORIGIN, contents))  # noqa: B023
        held = verify(root)
        assert held.days in (DAYS[:3], DAYS)
        assert {f.file for f in held.faults} <= {SEALING}
        outcomes.add((killed, recovered(root, before)))
        if not killed:
            break
        step += 1
    assert step > 40
    # Some kills came before the day took its place, some after.
    assert outcomes == {(True, False), (True, True), (False, True)}


def test_a_kill_at_any_step_of_attaching(tmp_path):
    step = 1
    while True:
        root = prepared(tmp_path, step)
        line = cosign(
            read_checkpoint((root / DAYS[2] / "checkpoint").read_bytes()), "w", WITNESS, 1
        )

        def work(root=root, line=line):
            with locked(root):
                attach(root, DAYS[2], "checkpoint.cosig", line)

        killed = run_killed(step, work)
        seal_day(root, DAY, KEY, ORIGIN, contents)
        verdict = verify(root)
        assert verdict.faults == []
        path = root / DAYS[2] / "checkpoint.cosig"
        assert not path.exists() or path.read_bytes() == line
        if not killed:
            assert path.exists()
            return
        step += 1


def test_kills_at_any_moment(tmp_path, soak):
    """Not only between steps: a clock decides."""
    dice = random.Random(3)
    for number in range(1000 if soak else 30):
        root = prepared(tmp_path, number)
        before = state(root)
        moment = dice.uniform(0.0002, 0.03)
        pid = os.fork()
        if pid == 0:
            try:
                signal.setitimer(signal.ITIMER_REAL, moment)
                signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
                seal_day(root, DAY, KEY, ORIGIN, contents)
                os._exit(0)
            finally:
                os._exit(9)
        os.waitpid(pid, 0)
        recovered(root, before)


def test_a_sealed_day_is_not_sealed_again(tmp_path):
    root = chain(tmp_path / "evidence", 2)
    before = state(root)
    with pytest.raises(EvidenceError, match="sealed already"):
        seal_day(root, DAYS[1], KEY, ORIGIN, contents)
    assert state(root) == before


@pytest.mark.parametrize(("day", "what"), [(DAYS[3], "does not follow"), ("20261101", "is before")])
def test_days_are_sealed_in_order(tmp_path, day, what):
    root = chain(tmp_path / "evidence", 2)
    with pytest.raises(EvidenceError, match=what):
        seal_day(root, day, KEY, ORIGIN, contents)


def test_two_seals_at_once_make_one_day(tmp_path):
    root = prepared(tmp_path, 0)
    before = state(root)
    pids = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            code = 9
            try:
                seal_day(root, DAY, KEY, ORIGIN, contents)
                code = 0
            except EvidenceError:
                code = 1
            finally:
                os._exit(code)
        pids.append(pid)
    codes = sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)
    assert codes == [0, 1, 1, 1]
    assert recovered(root, before)


def test_what_no_bundle_may_hold_is_named_and_nothing_is_sealed(tmp_path):
    root = prepared(tmp_path, 0)
    (root / DAY / ".hidden").write_text("")
    (root / DAY / "a b").write_text("")
    (root / DAY / "link.json").symlink_to("/etc/passwd")
    (root / DAY / "folder").symlink_to("/etc")
    (root / DAY / "day.json").write_text("{}")
    os.mkfifo(root / DAY / "pipe")
    before = survey(root)
    with pytest.raises(EvidenceError) as error:
        seal_day(root, DAY, KEY, ORIGIN, contents)
    for name in (".hidden", "a b", "link.json", "folder", "day.json", "pipe"):
        assert name in str(error.value)
    assert survey(root) == before


def test_drafts_of_a_killed_collection_are_left_out(tmp_path):
    root = prepared(tmp_path, 0)
    (root / DAY / ".control-slo.0123456789abcdef.tmp").write_text("half")
    seal_day(root, DAY, KEY, ORIGIN, contents)
    assert verify(root).faults == []


def test_nothing_is_sealed_upon_a_chain_that_does_not_hold(tmp_path):
    root = prepared(tmp_path, 0)
    path = root / DAYS[1] / "SHA256SUMS"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(EvidenceError, match="evidence verify"):
        seal_day(root, DAY, KEY, ORIGIN, contents)


def test_sealing_waits_for_nobody_for_ever(tmp_path):
    root = prepared(tmp_path, 0)
    start = time.monotonic()
    with locked(root), pytest.raises(Exception, match="another command"):
        seal_day(root, DAY, KEY, ORIGIN, contents)
    assert time.monotonic() - start < 30
