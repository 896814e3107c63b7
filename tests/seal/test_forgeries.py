"""What somebody may do who has the key, the clock or the folder: the command and verify.sh agree."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import pytest
from tests.seal.chains import (
    KEY,
    ORIGIN,
    OTHER,
    allowed_signers,
    chain,
    contents,
    fill,
    public,
    run_script,
    verify,
)
from tests.seal.removals import DAYS, bury, emptied, keep, plan, prune, release
from tests.seal.test_verify_script import SHELLS

from tocsin.bundle import SEALING, last_day, leaves_of, locked, seal_day
from tocsin.custody import (
    add_hold,
    holds_in_force,
    holds_now,
    log_path,
    release_hold,
    write_line,
)
from tocsin.custody._orders import release_text
from tocsin.errors import EvidenceError
from tocsin.seal import (
    MOST_HOLDS,
    Checkpoint,
    LedgerEnd,
    Signer,
    Tombstone,
    Trust,
    leaf_hash,
    read_day,
    read_manifest,
    root_of,
    sign,
    sign_checkpoint,
    write_holds,
    write_manifest,
)

UNDER = [each for each in SHELLS if shutil.which(each[0])]


def both(root, under=UNDER):
    """What is wrong, for the command; every shell must say the same."""
    faults = verify(root).faults
    signers = allowed_signers(root.parent / "allowed_signers")
    for shell in under:
        done = run_script(root, signers, under=shell)
        assert done.stderr == "", done.stderr
        assert done.returncode == (1 if faults else 5), (shell, faults, done.stdout)
    return faults


def buried(root, day, log, removed, changes=None):
    """The key's holder removes a day, and writes it down as `prune` would."""
    manifest = hashlib.sha256((root / day / "SHA256SUMS").read_bytes()).hexdigest()
    ledger = read_day((root / day / "day.json").read_bytes()).ledger
    made = Tombstone(day, manifest, "2d", removed, "me@here", log, "why", ledger)
    made = replace(made, **(changes or {}))
    emptied(root, day)
    bury(root, made, day=day)
    write_line(root, {"tombstone": hashlib.sha256(made.text).hexdigest()})


@pytest.mark.parametrize(("changes", "holds"), [
    ({}, True),
    ({"reason": "Prüfung 7, gemäß Plan", "by": "jörg@büro"}, True),
    ({"reason": ""}, False),
    ({"by": ""}, False),
    ({"reason": "a "}, False),
    ({"reason": "\x1b[2J"}, False),
    ({"by": "a\tlog 20261201"}, False),
    ({"removed": "2026-11-31T06:00:00Z"}, False),
    ({"removed": "2026-12-01T24:00:00Z"}, False),
    ({"policy": "02d"}, False),
    ({"policy": "x$(id)"}, False),
    ({"ledger": LedgerEnd(-1, "0" * 64)}, False),
    ({"ledger": LedgerEnd(1, "0")}, False),
    ({"manifest": ""}, False),
    ({"log": "20261131"}, False),
])  # fmt: skip
def test_a_tombstone_in_another_form(tmp_path, changes, holds):
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    buried(root, DAYS[0], DAYS[4], "2026-12-01T06:00:00Z", changes)
    keep(root, DAYS[4])
    assert (both(root) == []) is holds


def test_a_clock_that_is_set_back_does_not_end_a_hold(tmp_path):
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    add_hold(root, DAYS[0], DAYS[0], "counsel", "a case", "2026-12-02T05:00:00Z")
    before = "2026-12-01T04:00:00Z"
    assert [hold.number for hold in holds_in_force(root, before)] == [1]
    keep(root, DAYS[4])
    assert [hold.number for hold in holds_in_force(root, before)] == [1]
    assert plan(root, "2026-12-02T04:00:00Z").held == ((DAYS[0], 1),)
    buried(root, DAYS[0], DAYS[5], "2026-12-02T04:00:00Z")
    assert "hold 1 was in force" in str(both(root))
    keep(root, DAYS[5])
    assert "hold 1 was in force" in str(both(root))


@pytest.mark.parametrize("at", ["2026-12-01T05:59:58Z", "2026-12-01T06:00:00Z"])
def test_a_hold_that_waited_for_a_removal_to_end_does_not_speak_against_it(tmp_path, at):
    """It asked for the time before it had the folder; the removal was there first."""
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    assert len(prune(root, "2026-12-01T06:00:00Z")) == 2
    hold = add_hold(root, DAYS[0], "", "counsel", "a case", at)
    assert hold.added == "2026-12-01T06:00:01Z"
    assert [each.number for each in holds_in_force(root, at)] == [1]
    keep(root, DAYS[4])
    assert both(root) == []
    later = add_hold(root, DAYS[2], "", "counsel", "a case", at)
    assert later.added == at


def test_a_hold_that_a_stranger_dates_back_does_not_spoil_the_chain(tmp_path):
    """Whoever may append to the log could otherwise make an honest removal a fault for ever."""
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    back = {"first": DAYS[0], "last": DAYS[6], "added": "2026-11-20T00:00:00Z"}
    prune(root, "2026-12-01T06:00:00Z")
    write_line(root, told(1, **back))
    keep(root, DAYS[4])
    write_line(root, told(2, **back))
    keep(root, DAYS[5])
    assert both(root) == []
    assert [hold.added for hold in holds_now(root)] == ["2026-12-01T06:00:01Z"] * 2
    # But what was written down before the removal counts as it says, whoever removed it.
    write_line(root, told(3, first=DAYS[2], last=DAYS[2], added="2026-12-03T04:00:00Z"))
    buried(root, DAYS[2], DAYS[6], "2026-12-03T05:00:00Z")
    keep(root, DAYS[6])
    assert "removed while hold 1 was in force" in str(both(root))
    assert holds_now(root)[2].added == "2026-12-03T04:00:00Z"


@pytest.mark.parametrize("change", [
    {}, {"signature": ""}, {"signature": 7}, {"signature": "x"}, {"by": "another"}, {"reason": "another"},
    {"released": "2026-12-01T04:00:00Z"}, {"number": 2}, "of another chain", "of another hold", "by another key",
])  # fmt: skip
def test_a_release_is_signed_or_it_is_none(tmp_path, change):
    """Whoever may append to the log has no key, and ends no hold."""
    root, other = tmp_path / "evidence", tmp_path / "other/evidence"
    for each in (root, other):
        for day in DAYS[:3]:
            keep(each, day)
        by = "another counsel" if each == other and change == "of another hold" else "counsel"
        add_hold(each, DAYS[0], DAYS[0], by, "a case", "2026-11-30T05:00:00Z")
        add_hold(each, DAYS[1], DAYS[1], by, "a case", "2026-11-30T05:00:00Z")
    key, told_of = (OTHER, root) if change == "by another key" else (KEY, other)
    origin = "evidence@elsewhere.org" if change == "of another chain" else ORIGIN
    now, hold = "2026-11-30T06:00:00Z", holds_now(told_of)[0]
    text = release_text(origin, hold, now, "counsel", "over")
    line = {"number": 1, "released": now, "by": "counsel", "reason": "over",
            "signature": sign(text, key).decode()}  # fmt: skip
    write_line(root, {"hold": {**line, **(change if isinstance(change, dict) else {})}})
    keep(root, DAYS[3])
    ended = [hold.number for hold in holds_now(root) if hold.released != "-"]
    assert ended == ([1] if change == {} else [])


def test_the_key_that_ends_a_hold_is_the_one_that_sealed_the_last_day(tmp_path):
    root = tmp_path / "evidence"
    add_hold(root, DAYS[0], DAYS[0], "counsel", "a case", "2026-11-27T05:00:00Z")
    with pytest.raises(EvidenceError, match="no day is sealed"):
        release(root, "2026-11-27T06:00:00Z")
    keep(root, DAYS[0])
    with pytest.raises(EvidenceError, match="not the one that sealed"):
        release_hold(root, 1, "counsel", "over", "2026-11-28T06:00:00Z", OTHER)
    assert release(root, "2026-11-28T06:00:00Z").released == "2026-11-28T06:00:00Z"
    assert holds_now(root)[0].released == "2026-11-28T06:00:00Z"


def test_a_release_that_was_not_sealed_yet_frees_nothing(tmp_path):
    root = tmp_path / "evidence"
    for day in DAYS[:3]:
        keep(root, day)
    add_hold(root, DAYS[0], DAYS[0], "counsel", "a case", "2026-11-30T05:00:00Z")
    keep(root, DAYS[3])
    release(root, "2026-12-01T05:00:00Z")
    buried(root, DAYS[0], DAYS[4], "2026-12-01T06:00:00Z")
    keep(root, DAYS[4])
    assert "hold 1 was in force" in str(both(root))


def test_a_hold_that_came_later_does_not_speak_against_what_was_removed_before(tmp_path):
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    buried(root, DAYS[0], DAYS[4], "2026-12-01T06:00:00Z")
    add_hold(root, DAYS[0], DAYS[6], "counsel", "a case", "2026-12-01T07:00:00Z")
    for day in DAYS[4:6]:
        keep(root, day)
    assert both(root) == []


def sealed_with_holds(root, day, data):
    fill(root, day)

    def made(opened):
        told = contents(opened)
        return replace(told, files={**told.files, "holds": data}, facts={"retention": "2d"})

    seal_day(root, day, KEY, ORIGIN, made)


HOLD = b"1 20261127 20261128 2026-12-01T05:00:00Z -\tcounsel\ta case\n"


@pytest.mark.parametrize(("data", "holds"), [
    (HOLD, True),
    (HOLD[:-1], False),
    (HOLD + b"\n", False),
    (HOLD.replace(b"\t", b" "), False),
    (HOLD.replace(b"1 2", b"01 2", 1), False),
    (HOLD.replace(b"T05", b"T25"), False),
    (HOLD.replace(b"a case", b"a \x1bcase"), False),
    (HOLD.replace(b"a case", b"a \0case"), False),
    (HOLD.replace(b"20261128", b"20261399"), False),
    (HOLD.replace(b"20261127", b"20261131"), False),
    (HOLD.replace(b"2026-12-01", b"2026-02-31"), False),
    (HOLD.replace(b"Z -", b"Z 2026-02-31T00:00:00Z"), False),
    (HOLD + HOLD.replace(b"a case", b"another"), False),
    (HOLD + HOLD.replace(b"1 2", b"2 2", 1), True),
    (b"".join(HOLD.replace(b"1 2", b"%d 2" % n, 1) for n in range(1, 1002)), False),
])  # fmt: skip
def test_holds_in_another_form(tmp_path, data, holds):
    root = tmp_path / "evidence"
    sealed_with_holds(root, DAYS[0], data)
    sealed_with_holds(root, DAYS[1], data)
    assert (both(root) == []) is holds


RELEASED = HOLD.replace(b"Z -", b"Z 2026-12-03T05:00:00Z")
SECOND = HOLD.replace(b"1 2", b"2 2", 1)


@pytest.mark.parametrize(("earlier", "later", "holds"), [
    (b"", HOLD, True),
    (None, HOLD, True),
    (b"", None, True),
    (HOLD, HOLD + SECOND, True),
    (HOLD, RELEASED, True),
    (HOLD + SECOND, SECOND + HOLD, True),
    (HOLD, b"", False),
    (HOLD, None, False),
    (HOLD, SECOND, False),
    (RELEASED, HOLD, False),
    (RELEASED, RELEASED.replace(b"03T", b"02T"), False),
    (HOLD, HOLD.replace(b"20261128", b"20261127"), False),
    (HOLD, HOLD.replace(b"T05", b"T06"), False),
    (HOLD, HOLD.replace(b"a case", b"a -\tcase"), False),
    (HOLD, RELEASED.replace(b"a case", b"another"), False),
    (HOLD.replace(b"counsel", b"counsel -"), RELEASED.replace(b"counsel", b"counsel -"), True),
])  # fmt: skip
@pytest.mark.parametrize("count", [3, 2])
def test_a_hold_goes_from_day_to_day_or_it_is_told(tmp_path, earlier, later, holds, count):
    """Dropped or told otherwise, by the holder of the key, in the last day or before it."""
    root = tmp_path / "evidence"
    for day, data in zip(DAYS[:count], (earlier, later, later), strict=False):
        if data is None:
            fill(root, day)
            seal_day(root, day, KEY, ORIGIN, contents)
        else:
            sealed_with_holds(root, day, data)
    assert (both(root) == []) is holds


@pytest.mark.parametrize("more", [b"\0garbage\n", b"\xff\xfe\x00\n", b'"tombstone":"x\n', b"cut"])
def test_what_a_stranger_writes_into_the_custody_log_spoils_nothing(tmp_path, more):
    """Whoever may append to the log has no key: the record of a removal beside it still counts."""
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    for _ in range(2):
        with log_path(root).open("ab") as log:
            log.write(more)
        prune(root)
    keep(root, DAYS[4])
    assert both(root) == []
    assert len(verify(root).removed) == 2


def test_the_earliest_release_counts_in_whatever_order_the_lines_are(tmp_path):
    """The key's holder tells two stories of one hold, to have it end later or never begin."""
    root = tmp_path / "evidence"
    early = HOLD.replace(b"Z -", b"Z 2026-12-02T05:00:00Z")
    late = b"1 20261126 20261128 2026-11-30T05:00:00Z 2026-12-09T05:00:00Z\tcounsel\tx\n"
    for day, data in zip(DAYS, (b"", b"", b"", HOLD, early, late), strict=False):
        sealed_with_holds(root, day, data)
    buried(root, DAYS[0], DAYS[6], "2026-12-03T06:00:00Z")
    assert "hold 1 was in force" in str(both(root))


def test_folders_whose_names_hold_a_line_feed(tmp_path):
    """To a tool that reads lines each of these is two names that belong here, or is there twice."""
    root = chain(tmp_path / "evidence", 3)
    for above in (f"{DAYS[0]}/day.json\n.", f"{DAYS[1]}/day.json\n."):
        below = root / above / DAYS[0]
        below.mkdir(parents=True)
        (below / "ledger.jsonl").write_text("{}")
    for name in (".\n.", ".\n.x"):
        (root / name / DAYS[0]).mkdir(parents=True)
    assert both(root)


def test_a_line_feed_in_a_folder_that_is_not_sealed_yet(tmp_path):
    root = chain(tmp_path / "evidence", 2)
    fill(root, DAYS[2])
    (root / DAYS[2] / "a\nb").write_text("")
    assert both(root) == []


@pytest.mark.parametrize("name", ["20261332", "20270229"])
def test_a_folder_of_no_day_of_the_calendar(tmp_path, name):
    root = chain(tmp_path / "evidence", 2)
    (root / name).mkdir()
    assert both(root)


@pytest.mark.parametrize(("name", "holds"), [
    ("x" * 128, True), ("x" * 129, False), ("checkpoint.cosig", False), ("tombstone.sig", False),
    ("raw/tombstone", True),
])  # fmt: skip
def test_names_that_no_bundle_has_listed_by_the_holder_of_the_key(tmp_path, name, holds):
    root = chain(tmp_path / "evidence", 2)
    day = root / DAYS[1]
    (day / name).write_bytes(b"x")
    manifest = read_manifest((day / "SHA256SUMS").read_bytes())
    files = {**manifest.files, name: hashlib.sha256(b"x").hexdigest()}
    text = write_manifest(replace(manifest, files=files))
    leaves = [*leaves_of(root)[:1], leaf_hash(DAYS[1], text)]
    checkpoint = sign_checkpoint(Checkpoint(ORIGIN, 2, root_of(leaves)), KEY)
    for each, data in (("SHA256SUMS", text), ("SHA256SUMS.sig", sign(text, KEY)),
                       ("checkpoint", checkpoint)):  # fmt: skip
        (day / each).unlink()
        (day / each).write_bytes(data)
    assert (both(root) == []) is holds


def told(number, **more):
    return {"hold": {"number": number, "first": DAYS[0], "last": DAYS[0], "by": "x", "reason": "x",
                     "added": "2026-11-20T00:00:00Z", **more}}  # fmt: skip


def test_a_line_with_the_greatest_number_does_not_make_holds_vanish(tmp_path):
    root = chain(tmp_path / "evidence", 2)
    for number in (999_999_999, 1, 10**9, 1e300, -1, None, "2"):
        write_line(root, told(number))
    added = add_hold(root, DAYS[0], "", "counsel", "a case", "2026-11-30T05:00:00Z")
    assert added in holds_now(root)
    assert added in holds_in_force(root, "2026-11-30T05:00:00Z")


def test_a_flood_of_holds_neither_spoils_a_sealed_day_nor_is_silent(tmp_path):
    """Whoever can write to the custody log has no key, and must not be able to break the chain."""
    root = tmp_path / "evidence"
    keep(root, DAYS[0])
    wide = "\N{MUSICAL SYMBOL G CLEF}" * 400
    lines = (json.dumps(told(n, by=wide, reason=wide)) for n in range(1, MOST_HOLDS + 500))
    with log_path(root).open("a") as log:
        log.writelines(f"{line}\n" for line in lines)
    with pytest.raises(EvidenceError, match="this one would not count"):
        add_hold(root, DAYS[0], "", "counsel", "a case", "2026-11-30T05:00:00Z")
    keep(root, DAYS[1])
    assert verify(root).faults == []
    assert len(holds_now(root)) == MOST_HOLDS
    assert len(write_holds(holds_now(root))) > 1 << 20


def test_nothing_is_removed_from_a_chain_that_an_intruder_made_fit(tmp_path):
    """File and manifest were altered alike; removing them would remove the proof of it."""
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    file, manifest = root / DAYS[0] / "control-0.json", root / DAYS[0] / "SHA256SUMS"
    old = hashlib.sha256(file.read_bytes()).hexdigest()
    for path in (file, manifest):
        path.chmod(0o644)
    file.write_text("{}")
    new = hashlib.sha256(b"{}").hexdigest()
    manifest.write_text(manifest.read_text().replace(old, new))
    with pytest.raises(EvidenceError, match="the chain does not hold"):
        prune(root)
    assert file.exists()
    assert not log_path(root).exists()


@pytest.mark.parametrize("where", ["elsewhere", "nowhere"])
def test_a_link_in_the_place_of_the_draft_is_not_followed(tmp_path, where):
    root = chain(tmp_path / "evidence", 2)
    (tmp_path / "elsewhere/unsealed/20990101").mkdir(parents=True)
    (root / SEALING).symlink_to(tmp_path / where)
    with locked(root):
        assert not (root / SEALING).is_symlink()
    assert (tmp_path / "elsewhere/unsealed/20990101").is_dir()
    assert last_day(root).name == DAYS[1]
    assert verify(root, signers=(Signer(public()),)).faults == []


def test_a_trust_that_does_not_know_the_key_removes_nothing(tmp_path):
    root = tmp_path / "evidence"
    for day in DAYS[:4]:
        keep(root, day)
    with pytest.raises(EvidenceError, match="the chain does not hold"):
        prune(root, trust=Trust((Signer(b"x" * 32),)))


@pytest.mark.parametrize(("files", "why"), [
    ({f"raw/{n}": b"" for n in range(50_001)}, "more than 50,000"),
    ({"raw/x": b"x" * ((256 << 20) + 1)}, "larger than 256 MiB"),
    ({f"{n:0128}/{0:0128}/{0:0128}/{0:0128}": b"" for n in range(30_000)}, "larger than 16 MiB"),
    ({"raw/a": b"", "raw/A": b""}, "differ by case"),
], ids=["many", "large", "wide", "case"])  # fmt: skip
def test_nothing_is_sealed_that_no_verifier_would_take(tmp_path, files, why):
    root = chain(tmp_path / "evidence", 1)
    with pytest.raises(EvidenceError, match=why):
        seal_day(root, DAYS[1], KEY, ORIGIN, lambda opened: replace(contents(opened), files=files))
    assert not (root / DAYS[1]).exists()
    assert verify(root).faults == []
