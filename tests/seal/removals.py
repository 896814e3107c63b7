"""Seven sealed days of which the first three were removed, and what somebody may do to that."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace

from tests.seal.chains import KEY, ORIGIN, OTHER, contents, fill, names, public

from tocsin.bundle import locked, seal_day, survey
from tocsin.custody import (
    add_hold,
    custody_part,
    holds_in_force,
    plan_pruning,
    prune_day,
    release_hold,
)
from tocsin.seal import Signer, Trust, day_after, read_day, read_tombstone, sign

DAYS = names(7)
POLICY = "2d"
NOW = "2026-12-01T06:00:00Z"
"""Four days are sealed then, up to the day before."""


def keep(root, day, policy=POLICY, key=KEY, more=()):
    """Seal a day as the command does: with the custody log, the holds, and the policy."""

    def made(opened):
        before = read_day(opened.before).day if opened.before else ""
        files, facts = custody_part(root, before, opened.before)
        told = contents(opened)
        return replace(told, files={**told.files, **files}, facts={**facts, "retention": policy})

    fill(root, day)
    for name in more:
        (root / day / name).parent.mkdir(parents=True)
        (root / day / name).write_text("{}")
    return seal_day(root, day, key, ORIGIN, made)


TRUST = Trust((Signer(public()),))


def plan(root, now=NOW, policy=POLICY, trust=TRUST):
    return plan_pruning(root, policy, now, holds_in_force(root, now), trust)


def prune(root, now=NOW, policy=POLICY, reason="it was time", key=KEY, trust=TRUST):
    with locked(root):
        found = plan(root, now, policy, trust)
        return [prune_day(root, found, each.day, key, reason, now) for each in found.going]


def pruned(root):
    """Days 1 and 2 of 7 are removed, which day 5 records, and day 3, which day 6 does."""
    for day in DAYS[:4]:
        keep(root, day)
    add_hold(root, "20261130", "20261201", "counsel", "a case", "2026-12-01T05:00:00Z")
    assert [each.day for each in prune(root)] == DAYS[:2]
    assert prune(root, "2026-12-01T23:59:59Z", reason="again") == []
    keep(root, DAYS[4])
    assert [each.day for each in prune(root, "2026-12-02T00:10:00Z")] == DAYS[2:3]
    for day in DAYS[5:]:
        keep(root, day)
    return root


ATTACKS = {}
NEED_KEY = set()


def attack(function):
    ATTACKS[function.__name__.replace("_", " ")] = function
    return function


def write(path, data):
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def stone(root, day=DAYS[0]):
    return read_tombstone((root / day / "tombstone").read_bytes())


def bury(root, made, key=KEY, day=None):
    day = day or made.day
    write(root / day / "tombstone", made.text)
    write(root / day / "tombstone.sig", sign(made.text, key))


def emptied(root, day):
    """The files of a day go, as a removal would have it."""
    stays = {"SHA256SUMS", "SHA256SUMS.sig", "checkpoint", "custody.jsonl", "holds"}
    for path in (root / day).iterdir():
        if path.name not in stays:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def fresh(root, day, log, removed, policy=POLICY):
    """A tombstone by the holder of the key, in its one form."""
    ledger = read_day((root / day / "day.json").read_bytes()).ledger
    made = replace(
        stone(root), day=day, log=log, removed=removed, policy=policy, ledger=ledger,
        manifest=hashlib.sha256((root / day / "SHA256SUMS").read_bytes()).hexdigest(),
    )  # fmt: skip
    emptied(root, day)
    bury(root, made)


@attack
def the_tombstone_goes(root):
    (root / DAYS[0] / "tombstone").unlink()
    (root / DAYS[0] / "tombstone.sig").unlink()


@attack
def the_tombstone_loses_its_signature(root):
    (root / DAYS[0] / "tombstone.sig").unlink()


@attack
def only_the_signature_is_left(root):
    (root / DAYS[0] / "tombstone").unlink()


@attack
def files_go_without_a_tombstone(root):
    emptied(root, DAYS[4])


@attack
def the_last_day_goes_without_a_tombstone(root):
    emptied(root, DAYS[6])


@attack
def a_tombstone_of_another_day(root):
    emptied(root, DAYS[4])
    for name in ("tombstone", "tombstone.sig"):
        shutil.copy(root / DAYS[0] / name, root / DAYS[4] / name)


@attack
def two_tombstones_swap(root):
    for name in ("tombstone", "tombstone.sig"):
        a, b = root / DAYS[0] / name, root / DAYS[1] / name
        a.rename(root / "x"), b.rename(a), (root / "x").rename(b)


@attack
def signed_by_another_key(root):
    bury(root, stone(root), OTHER)


@attack
def an_unsigned_forgery(root):
    write(root / DAYS[0] / "tombstone", replace(stone(root), by="nobody@nowhere").text)


@attack
def another_reason_by_the_holder_of_the_key(root):
    bury(root, replace(stone(root), reason="another"))


@attack
def a_tombstone_on_a_whole_day(root):
    for name in ("tombstone", "tombstone.sig"):
        shutil.copy(root / DAYS[0] / name, root / DAYS[5] / name)


@attack
def a_file_is_still_there(root):
    (root / DAYS[0] / "control-0.json").write_text('{"control": 0, "day": "20261127"}\n')


@attack
def another_file_is_there(root):
    (root / DAYS[0] / "more.json").write_text("{}")


@attack
def an_empty_folder_is_left(root):
    (root / DAYS[0] / "raw").mkdir()


@attack
def a_day_goes_that_is_younger_than_the_policy(root):
    fresh(root, DAYS[5], DAYS[6], "2026-12-04T05:00:00Z")


@attack
def a_shorter_policy_than_the_chain_has(root):
    fresh(root, DAYS[4], day_after(DAYS[6]), "2026-12-04T05:00:00Z", "1d")


@attack
def a_removal_that_the_past_did_not_record(root):
    fresh(root, DAYS[3], DAYS[6], "2026-12-03T05:00:00Z")


@attack
def a_removal_in_the_far_future(root):
    fresh(root, DAYS[5], day_after(DAYS[6]), "2031-12-04T05:00:00Z")


@attack
def recorded_with_a_day_that_is_far_away(root):
    fresh(root, DAYS[4], "20311204", "2031-12-04T05:00:00Z")


@attack
def the_last_day_is_removed(root):
    fresh(root, DAYS[6], day_after(DAYS[6]), "2026-12-05T05:00:00Z", "1d")


@attack
def a_held_day_is_removed(root):
    fresh(root, DAYS[3], day_after(DAYS[6]), "2026-12-04T05:00:00Z")


@attack
def a_held_day_is_removed_as_if_before_the_hold(root):
    fresh(root, DAYS[3], DAYS[4], "2026-12-01T00:00:00Z", "1d")


@attack
def a_line_feed_more(root):
    path = root / DAYS[0] / "tombstone"
    write(path, path.read_bytes() + b"\n")


@attack
def carriage_returns(root):
    made = stone(root).text.replace(b"\n", b"\r\n")
    write(root / DAYS[0] / "tombstone", made)
    write(root / DAYS[0] / "tombstone.sig", sign(made, KEY))


@attack
def the_signature_in_another_spelling(root):
    path = root / DAYS[0] / "tombstone.sig"
    write(path, path.read_bytes() + b"\n")


@attack
def the_tombstone_becomes_a_link(root):
    path = root / DAYS[0] / "tombstone"
    shutil.move(path, root.parent / "stone")
    path.symlink_to(root.parent / "stone")


@attack
def the_manifest_of_a_removed_day_changes(root):
    path = root / DAYS[0] / "SHA256SUMS"
    data = path.read_bytes()
    write(path, data.replace(data[:8], b"00000000", 1))


@attack
def a_removed_day_goes_altogether(root):
    shutil.rmtree(root / DAYS[0])


@attack
def a_removed_day_in_the_middle_goes_altogether(root):
    shutil.rmtree(root / DAYS[1])


@attack
def the_record_of_the_removal_goes(root):
    path = root / DAYS[4] / "custody.jsonl"
    write(path, b"")


@attack
def the_custody_log_of_a_removed_day_goes(root):
    (root / DAYS[0] / "custody.jsonl").unlink()


@attack
def the_custody_log_of_a_removed_day_changes(root):
    write(root / DAYS[0] / "custody.jsonl", b"{}\n")


@attack
def the_holds_of_a_removed_day_go(root):
    (root / DAYS[1] / "holds").unlink()


@attack
def the_holds_go(root):
    write(root / DAYS[6] / "holds", b"")


def release(root, now):
    return release_hold(root, 1, "counsel", "the case is over", now, KEY)


def last(root):
    return survey(root).days[-1]
