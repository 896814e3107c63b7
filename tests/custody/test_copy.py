"""A second copy in a folder of another party: never written over, read back, whole or not there."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from tests.seal.chains import (
    COSIGNER,
    KEY,
    ORIGIN,
    WITNESS,
    chain,
    contents,
    fill,
    names,
    public,
    verify,
)
from tests.seal.removals import keep, prune
from tests.seal.test_kill import left, run_killed
from tocsin.bundle import SEALING, attach, locked, seal_day
from tocsin.custody import FolderDestination, copy_days
from tocsin.errors import EvidenceError, ParseError, StoreError
from tocsin.seal import Signer, Trust, cosign, read_checkpoint

DAYS = names(6)
TRUST = Trust((Signer(public()),))


def put(root, to, begun=None):
    with FolderDestination.opened(to, root) as destination:
        told = begun if begun is not None else {}
        return copy_days(root, destination, TRUST, told.update, lambda _done, _of: None)


def files_of(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def writable(root):
    return [
        p
        for p in root.rglob("*")
        if p.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    ]


def more(root, count):
    for day in names(count):
        if not (root / day).exists():
            fill(root, day)
            seal_day(root, day, KEY, ORIGIN, contents)


@pytest.fixture
def root(tmp_path):
    return chain(tmp_path / "evidence", 4)


def test_what_is_lacking_is_copied_and_nothing_else(root, tmp_path):
    to, begun = tmp_path / "copy", {}
    done = put(root, to, begun)
    assert (done.copied, done.same, done.differing) == (DAYS[:4], 0, [])
    assert list(begun) == DAYS[:4]
    assert done.there.faults == []
    assert files_of(to) == files_of(root)
    assert writable(to) == []
    assert verify(to).faults == []
    more(root, 6)
    before = {p: p.stat().st_mtime_ns for p in to.rglob("*")}
    begun = {}
    done = put(root, to, begun)
    assert (done.copied, done.same, list(begun)) == (DAYS[4:], 4, DAYS[4:])
    assert {p: p.stat().st_mtime_ns for p in before} == before
    again = {}
    assert (put(root, to, again).same, again) == (6, {})


def test_what_came_after_sealing_follows(root, tmp_path):
    to = tmp_path / "copy"
    put(root, to)
    line = cosign(
        read_checkpoint((root / DAYS[3] / "checkpoint").read_bytes()), COSIGNER.name, WITNESS, 1
    )
    with locked(root):
        attach(root, DAYS[3], "checkpoint.cosig", line)
    done = put(root, to)
    assert done.added == [f"{DAYS[3]}/checkpoint.cosig"]
    assert done.differing == []
    assert files_of(to) == files_of(root)
    assert writable(to) == []


def test_a_chain_that_does_not_hold_is_not_copied(root, tmp_path):
    path = root / DAYS[1] / "control-0.json"
    path.chmod(0o644)
    path.write_text("{}")
    done = put(root, tmp_path / "copy")
    assert [str(fault) for fault in done.broken] == [
        f"{DAYS[1]}/control-0.json: altered: its SHA-256 is not that of SHA256SUMS"
    ]
    assert files_of(tmp_path / "copy") == {}


@pytest.mark.parametrize("name", ["control-0.json", "SHA256SUMS", "checkpoint", "day.json"])
@pytest.mark.parametrize("change", ["bytes", "gone", "more"])
def test_what_differs_is_named_with_both_hashes_and_stays(root, tmp_path, name, change):
    to = tmp_path / "copy"
    put(root, to)
    more(root, 5)
    folder = to / DAYS[1]
    folder.chmod(0o755)
    path = folder / name
    if change == "bytes":
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b" ")
    elif change == "gone":
        path.unlink()
    else:
        path = folder / "more"
        path.write_text("x")
    before = files_of(to)
    done = put(root, to)
    assert done.differing
    place, _, hashes = done.differing[0].partition(": ")
    assert place == f"{DAYS[1]}/{path.name}"
    assert hashes.startswith("here ")
    assert ", at the destination " in hashes
    assert done.copied == []
    assert files_of(to) == before


def test_a_day_that_is_gone_here_is_told(root, tmp_path):
    to = tmp_path / "copy"
    put(root, to)
    shutil.rmtree(root / DAYS[3])
    done = put(root, to)
    assert done.differing == [f"{DAYS[3]}: is at {to}, but not here; is the end missing here?"]


def opened(path):
    for folder in (path, *(p for p in path.rglob("*") if p.is_dir())):
        folder.chmod(0o755)


@pytest.mark.parametrize("gone", [DAYS[:1], DAYS[1:3]])
def test_days_that_somebody_removed_from_the_copy_are_told(root, tmp_path, gone):
    to = tmp_path / "copy"
    put(root, to)
    for day in gone:
        opened(to / day)
        shutil.rmtree(to / day)
    more(root, 5)
    done = put(root, to)
    assert (done.copied, done.again, done.same) == ([*gone, DAYS[4]], gone, 4 - len(gone))
    assert done.there.faults == []
    assert files_of(to) == files_of(root)
    assert put(root, to).again == []


def test_a_source_that_changes_after_it_was_verified_is_not_copied(tmp_path):
    """Pruned between the two: what is copied is what was verified, or nothing."""
    root, to = tmp_path / "evidence", tmp_path / "copy"
    for day in DAYS[:4]:
        keep(root, day)
    with FolderDestination.opened(to, root) as destination:
        with pytest.raises(EvidenceError, match=f"{DAYS[0]} changed after it was verified"):
            copy_days(root, destination, TRUST, lambda _: prune(root), lambda _done, _of: None)
    assert files_of(to) == {}
    assert put(root, to).there.faults == []


def test_the_days_here_are_read_once_where_the_copy_has_them(root, tmp_path):
    to = tmp_path / "copy"
    put(root, to)
    seen = []

    class Slow(FolderDestination):
        def read(self, day):
            # The file here changes after it was verified: the copy is held against what was.
            path = root / day / "control-0.json"
            path.chmod(0o644)
            path.write_bytes(b"changed")
            seen.append(day)
            return super().read(day)

    with Slow.opened(to, root) as destination:
        done = copy_days(root, destination, TRUST, lambda _: None, lambda _done, _of: None)
    assert (done.same, done.differing, seen) == (4, [], DAYS[:4])


def test_a_removed_day_stays_in_the_copy(tmp_path):
    root, to = tmp_path / "evidence", tmp_path / "copy"
    for day in DAYS[:4]:
        keep(root, day)
    put(root, to)
    prune(root)
    keep(root, DAYS[4])
    done = put(root, to)
    assert (done.differing, done.copied) == ([], DAYS[4:5])
    assert (to / DAYS[0] / "control-0.json").exists()
    assert done.there.faults == []
    # One who begins now has the hashes.
    late = put(root, tmp_path / "late")
    assert late.there.faults == []
    assert [each.tombstone.day for each in late.there.removed] == DAYS[:2]


def test_a_copy_has_a_folder_of_its_own(root, tmp_path):
    for to in (root, root / "copy", tmp_path):
        with pytest.raises(ParseError, match="not another folder"):
            put(root, to)
    with pytest.raises(ParseError, match="mounted"):
        put(root, tmp_path / "nowhere" / "copy")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "notes.txt").write_text("mine")
    with pytest.raises(EvidenceError, match=r"notes.txt"):
        put(root, tmp_path / "copy")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        put(root, tmp_path / "file")


def test_a_kill_at_any_step_leaves_nothing_that_only_looks_whole(tmp_path):
    """What is left decides all that follows, so each is looked at once: most steps only read."""
    template = chain(tmp_path / "evidence", 2, files=1)
    step, seen, known = 0, set(), set()
    killed = True
    while killed:
        step += 1
        to = tmp_path / "copies" / str(step) / "evidence"
        to.parent.mkdir(parents=True)
        killed = run_killed(step, lambda: put(template, to))  # noqa: B023
        rest = left(to.parent)
        if rest in known:
            continue
        known.add(rest)
        if to.exists():
            for day in set(os.listdir(to)) - {SEALING}:  # noqa: PTH208
                assert files_of(to / day) == files_of(template / day)
                seen.add(day)
        done = put(template, to)
        assert done.there.faults == []
        assert done.differing == []
        assert files_of(to) == files_of(template)
        assert writable(to) == []
    assert step > 40
    assert len(known) > 20
    assert seen == set(DAYS[:2])
