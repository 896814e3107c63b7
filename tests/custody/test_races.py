"""Commands that run at once, and disks that take no more: each day is whole, removed, or not there."""

from __future__ import annotations

import os
import resource
import shutil

import pytest

from tests.custody.test_copy import TRUST, files_of
from tests.seal.chains import names, verify
from tests.seal.removals import NOW, keep, prune
from tocsin.bundle import SEALING, survey
from tocsin.custody import FolderDestination, add_hold, copy_days, holds_now, log_path
from tocsin.errors import EvidenceError, StoreError

DAYS = names(6)
FINE, TOLD, WRONG = 0, 3, 9


def apart(*works):
    """Run each in a process of its own, at once; what each said of itself."""
    pids = []
    for work in works:
        pid = os.fork()
        if pid == 0:
            try:
                work()
                os._exit(FINE)
            except (StoreError, EvidenceError):
                os._exit(TOLD)
            finally:
                os._exit(WRONG)
        pids.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def put(root, to):
    with FolderDestination.opened(to, root) as destination:
        return copy_days(root, destination, TRUST, lambda _: None, lambda _done, _of: None)


def test_two_prunings_a_seal_a_hold_and_a_copy_at_once(tmp_path):
    template = tmp_path / "template"
    for day in DAYS[:4]:
        keep(template, day)
    seen = set()
    for number in range(12):
        root, to = tmp_path / str(number) / "evidence", tmp_path / str(number) / "copy"
        shutil.copytree(template, root)
        works = [
            lambda: prune(root),  # noqa: B023
            lambda: keep(root, DAYS[4]),  # noqa: B023
            lambda: prune(root),  # noqa: B023
            lambda: put(root, to),  # noqa: B023
            lambda: add_hold(root, DAYS[0], DAYS[0], "counsel", "a case", NOW),  # noqa: B023
        ]
        told = apart(*works[number % 5 :], *works[: number % 5])
        assert set(told) <= {FINE, TOLD}, told
        assert not (root / SEALING).exists()
        if survey(root).days[-1] != DAYS[4]:
            keep(root, DAYS[4])
        verdict = verify(root)
        assert verdict.faults == []
        gone = [each.tombstone.day for each in verdict.removed]
        # Who came first won: a held day is whole, or went before the hold.
        assert gone in ([], DAYS[:1], DAYS[1:2], DAYS[:2])
        seen.add(tuple(gone))
        assert [hold.number for hold in holds_now(root)] in ([], [1])
        done = put(root, to)
        assert done.there.faults == []
        assert done.differing == []
    assert len(seen) > 1


@pytest.mark.parametrize("work", ["prune", "copy"])
def test_a_disk_that_takes_no_more(tmp_path, work):
    """At any size: what was there is there, and with room again it is done."""
    template = tmp_path / "template"
    for day in DAYS[:4]:
        keep(template, day)
    largest = max(len(data) for data in files_of(template).values())
    ended = set()
    for limit in (0, 1, 100, 250, 290, 310, 380, 420, 600, 900, 1500, 3000, largest + 1):
        root, to = tmp_path / f"{work}{limit}" / "evidence", tmp_path / f"{work}{limit}" / "copy"
        shutil.copytree(template, root)
        before = files_of(root)

        def limited(root=root, to=to, limit=limit):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            if work == "prune":
                prune(root)
            else:
                put(root, to)

        (code,) = apart(limited)
        assert code in {FINE, TOLD}, limit
        ended.add(code)
        if code == TOLD:
            left = {n: d for n, d in files_of(root).items() if not n.startswith(SEALING)}
            # The first day may be gone, and whole is what did not go.
            assert left == before or (work == "prune" and f"{DAYS[0]}/tombstone" in left)
        prune(root)
        if survey(root).days[-1] != DAYS[4]:
            keep(root, DAYS[4])
        verdict = verify(root)
        assert verdict.faults == []
        assert [each.tombstone.day for each in verdict.removed] == DAYS[:2]
        assert put(root, to).there.faults == []
        assert log_path(root).read_bytes().endswith(b"\n")
    assert ended == {FINE, TOLD}
