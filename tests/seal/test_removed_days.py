"""Days whose files were removed under the policy: told, never checked, and nothing else goes."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pytest
from tests.seal.chains import (
    KEY,
    ORIGIN,
    OTHER,
    allowed_signers,
    anchor_of,
    public,
    run_script,
    verify,
)
from tests.seal.removals import (
    ATTACKS,
    DAYS,
    bury,
    keep,
    last,
    plan,
    prune,
    pruned,
    release,
    stone,
)
from tests.seal.test_kill import left, run_killed
from tests.seal.test_verify_script import SHELLS

from tocsin.bundle import SEALING, leaves_of
from tocsin.custody import add_hold, log_path
from tocsin.errors import EvidenceError, StoreError
from tocsin.seal import (
    Checkpoint,
    Signer,
    Trust,
    consistency_proof,
    is_consistent,
    public_key_line,
    read_allowed_signers,
    root_of,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("pruned")
    root = pruned(home / "evidence")
    (home / "anchor").write_bytes(anchor_of(root).text)
    allowed_signers(home / "allowed_signers")
    return home


@pytest.fixture
def copy(made, tmp_path):
    shutil.copytree(made / "evidence", tmp_path / "evidence")
    shutil.copy(log_path(made / "evidence"), log_path(tmp_path / "evidence"))
    return tmp_path / "evidence"


def by_script(made, root, under=("sh",)):
    done = run_script(root, made / "allowed_signers", made / "anchor", under)
    assert done.stderr == "", done.stderr
    return done


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_removed_days_are_named_and_do_not_count(made, shell):
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    root = made / "evidence"
    verdict = verify(root, anchors=[anchor_of(root)])
    assert verdict.faults == []
    assert verdict.notes == []
    assert (verdict.days, verdict.anchored) == (DAYS, DAYS[6])
    told = [(each.tombstone.day, each.tombstone.reason) for each in verdict.removed]
    assert told == [(DAYS[0], "it was time"), (DAYS[1], "it was time"), (DAYS[2], "it was time")]
    assert sorted(p.name for p in (root / DAYS[0]).iterdir()) == [
        "SHA256SUMS", "SHA256SUMS.sig", "checkpoint", "custody.jsonl", "holds", "tombstone",
        "tombstone.sig",
    ]  # fmt: skip
    done = by_script(made, root, shell)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("REMOVED  ") == 3
    assert f"REMOVED  {DAYS[0]}: under the policy 2d on 2026-12-01T06:00:00Z by " in done.stdout
    assert "4 days, 20261127 to 20261203" in done.stdout
    # The files of four days.
    assert verdict.files == sum(len([p for p in (root / d).rglob("*") if p.is_file()])
                                for d in DAYS[3:])  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_what_somebody_may_do_is_found(made, copy, name):
    ATTACKS[name](copy)
    anchor = anchor_of(made / "evidence")
    assert verify(copy, anchors=[anchor]).faults
    assert verify(copy).faults
    done = by_script(made, copy)
    assert done.returncode == 1, done.stdout


def test_every_byte_of_a_tombstone(made, copy, soak):
    for day in DAYS[:2]:
        for name in ("tombstone", "tombstone.sig"):
            path = copy / day / name
            data = path.read_bytes()
            path.chmod(0o644)
            for at in range(len(data)):
                path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
                assert verify(copy).faults, (day, name, at)
                if soak or at % 97 == 5:
                    assert by_script(made, copy).returncode == 1, (day, name, at)
            path.write_bytes(data)
    assert verify(copy).faults == []


def test_a_removal_that_is_not_sealed_yet_is_told(made, copy):
    release(copy, "2026-12-04T00:00:10Z")
    assert prune(copy, "2026-12-04T06:00:00Z") == []
    keep(copy, "20261204")
    assert [each.day for each in prune(copy, "2026-12-05T06:00:00Z")] == DAYS[3:6]
    verdict = verify(copy)
    assert verdict.faults == []
    told = f"removed, but the record of it is not sealed yet: {', '.join(DAYS[3:6])}"
    assert verdict.notes == [told]
    done = by_script(made, copy)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("not sealed yet") == 3
    keep(copy, "20261205")
    assert verify(copy).notes == []
    assert by_script(made, copy).returncode == 0


def test_a_day_that_recorded_removals_can_be_removed_itself(made, copy):
    release(copy, "2026-12-04T00:00:10Z")
    for day in ("20261204", "20261205", "20261206", "20261207"):
        keep(copy, day)
    gone = [each.day for each in prune(copy, "2026-12-08T06:00:00Z")]
    assert gone == [*DAYS[3:], "20261204", "20261205"]
    keep(copy, "20261208")
    verdict = verify(copy, anchors=[anchor_of(made / "evidence")])
    assert verdict.faults == []
    assert len(verdict.removed) == 9
    done = by_script(made, copy)
    assert done.returncode == 0, done.stdout
    # What they recorded outlives them: no removal can be told anew, even by the holder of the key.
    for changes in ({"reason": "another"}, {"log": DAYS[5], "removed": "2026-12-02T05:00:00Z"}):
        bury(copy, replace(stone(copy), **changes))
        assert "does not record the removal" in str(verify(copy).faults)
        assert "does not record the removal" in by_script(made, copy).stdout


def test_a_hold_that_was_released_still_forbids_what_was_removed_before(made, copy):
    ATTACKS["a held day is removed"](copy)
    release(copy, "2026-12-04T05:30:00Z")
    keep(copy, "20261204")
    assert "hold 1 was in force" in str(verify(copy).faults)
    done = by_script(made, copy)
    assert "hold 1 was in force" in done.stdout


def test_days_that_are_held_or_hold_something_of_a_held_day_stay(tmp_path):
    root = tmp_path / "evidence"
    for day in DAYS[:5]:
        keep(root, day, more=[f"late/{DAYS[0]}/x.json"] if day == DAYS[2] else ())
    add_hold(root, DAYS[0], DAYS[0], "counsel", "a case", "2026-12-02T04:00:00Z")
    now = "2026-12-02T06:00:00Z"
    found = plan(root, now)
    assert [each.day for each in found.going] == [DAYS[1]]
    assert found.held == ((DAYS[0], 1), (DAYS[2], 1))


def test_the_policy_must_be_sealed_before_it_counts(tmp_path):
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day, policy="7y")
    with pytest.raises(EvidenceError, match="was sealed under 7y"):
        plan(root, "2026-12-01T06:00:00Z")
    keep(root, DAYS[4])
    assert [each.day for each in plan(root, "2026-12-02T06:00:00Z").going] == DAYS[:3]


def test_nothing_is_removed_when_no_seal_would_record_it_soon(tmp_path):
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    with pytest.raises(EvidenceError, match="seal the days up to yesterday"):
        plan(root, "2027-12-01T06:00:00Z")


def test_nothing_is_removed_from_a_day_that_is_not_what_was_sealed(tmp_path):
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    (root / DAYS[0] / "control-0.json").unlink()
    with pytest.raises(EvidenceError, match=r"control-0\.json: missing"):
        prune(root)


def test_nothing_is_removed_that_can_not_be_written_down(tmp_path):
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    log_path(root).mkdir()
    with pytest.raises(StoreError, match="custody log"):
        prune(root)
    assert not (root / DAYS[0] / "tombstone").exists()


@pytest.mark.slow
def test_a_kill_at_any_step_of_removing(made, tmp_path):
    """The days are whole, removed, or neither, which the verifier says; another run ends it.

    What is left decides all that follows, so each is looked at once: most steps only read.
    """
    template = tmp_path / "template"
    for day in DAYS[:4]:
        keep(template, day)
    step, seen, known = 0, set(), set()
    killed = True
    while killed:
        step += 1
        root = tmp_path / str(step) / "evidence"
        shutil.copytree(template, root)
        killed = run_killed(step, lambda: prune(root))  # noqa: B023
        rest = left(root)
        if rest in known:
            continue
        known.add(rest)
        verdict = verify(root)
        if (root / SEALING).exists():
            assert verdict.faults[0].file == SEALING
            seen.add("told")
        else:
            assert verdict.faults == []
            seen.add("removed" if verdict.removed else "whole")
        code = run_script(root, made / "allowed_signers").returncode
        assert code == (1 if verdict.faults else 5)
        prune(root)
        keep(root, DAYS[4])
        after = verify(root)
        assert after.faults == []
        assert [each.tombstone.day for each in after.removed] == DAYS[:2]
        assert stone(root).log == last(root)
    assert step > 20
    assert len(known) > 20
    assert seen == {"told", "removed", "whole"}


BY_HAND = """
set -e
cd {day}
ssh-keygen -Y verify -f {signers} -I evidence@example.org -n tocsin-evidence -s SHA256SUMS.sig < SHA256SUMS
cat tombstone
ssh-keygen -Y verify -f {signers} -I evidence@example.org -n tocsin-evidence -s tombstone.sig < tombstone
sha256sum SHA256SUMS
grep -E '  (\\.\\./.*|custody\\.jsonl|holds)$' SHA256SUMS | sha256sum -c --strict --quiet
find . -type f | sort
grep "$(sha256sum < tombstone | cut -c 1-64)" ../{log}/custody.jsonl
grep '"retention"' ../{before}/day.json
cat ../{last}/holds
diff ../{before}/holds ../{log}/holds || [ $? = 1 ]
"""


def test_a_removed_day_by_hand_as_the_readme_says(made, copy):
    readme = (copy / DAYS[6] / "README.txt").read_text()
    where = {"day": DAYS[0], "signers": made / "allowed_signers", "log": DAYS[4],
             "before": DAYS[3], "last": DAYS[6]}  # fmt: skip
    for line in BY_HAND.splitlines():
        if line.startswith(("grep", "cat", "ssh-keygen", "find")):
            known = line.replace(" -I evidence@example.org", " -I NAME").replace(" | sort", "")
            for name, word in (("signers", "allowed_signers"), ("log", "LOG"),
                               ("before", "BEFORE"), ("last", "LAST")):  # fmt: skip
                known = known.replace(f"{{{name}}}", word)
            assert " ".join(known.split()) in " ".join(readme.replace("\\\n", " ").split())
    done = subprocess.run(
        ["sh", "-c", BY_HAND.format(**where)], cwd=copy, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    out = done.stdout.splitlines()
    assert out[0].startswith("Good")
    assert out[10].startswith("Good")
    assert out[3].split()[1] == out[11].split()[0]
    assert '"command":"evidence prune"' in done.stdout
    assert '"retention": "2d"' in done.stdout
    assert "counsel\ta case" in done.stdout


@pytest.mark.parametrize(("by", "holds"), [(KEY, False), (OTHER, True)])
def test_a_tombstone_is_signed_with_the_key_of_its_time(tmp_path, by, holds):
    """The key was replaced; the old one may not let its days go any more."""
    root = tmp_path / "evidence"
    for day, key in zip(DAYS[:4], (KEY, KEY, KEY, OTHER), strict=True):
        keep(root, day, key=key)
    text = (
        f'{ORIGIN} valid-before="20261129235959Z" {public_key_line(public())}\n'
        f'{ORIGIN} valid-after="20261130Z" {public_key_line(public(OTHER))}\n'
    )
    (tmp_path / "signers").write_text(text)
    signers = read_allowed_signers(text.encode(), "signers")
    if holds:
        with pytest.raises(EvidenceError, match="the chain does not hold"):
            prune(root, key=by)
        assert prune(root, key=by, trust=Trust(signers))
    else:
        with pytest.raises(EvidenceError, match="would not count"):
            prune(root, key=by, trust=Trust(signers))
        assert not (root / DAYS[0] / "tombstone").exists()
        always = (Signer(public()), Signer(public(OTHER)))
        assert prune(root, key=by, trust=Trust(always))  # With a program of one's own.
    keep(root, DAYS[4], key=OTHER)
    verdict = verify(root, signers=signers)
    assert verdict.holds is holds
    assert run_script(root, tmp_path / "signers").returncode == (5 if holds else 1)


def test_proofs_of_other_days_lead_past_a_removed_one(made):
    """Inclusion, and consistency with an anchor that is older than the removal."""
    root = made / "evidence"
    leaves = leaves_of(root)
    for size in range(1, 8):
        anchor = Checkpoint(ORIGIN, size, root_of(leaves[:size]))
        verdict = verify(root, anchors=[anchor])
        assert (verdict.faults, verdict.anchored) == ([], DAYS[size - 1])
        proof = consistency_proof(leaves, size)
        assert is_consistent(size, root_of(leaves[:size]), 7, root_of(leaves), proof)
        (made / "older").write_bytes(anchor.text)
        assert run_script(root, made / "allowed_signers", made / "older").returncode == 0
