"""Many holds and removed days: verify.sh says what the command says, and does not take ages for it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.seal.chains import KEY, ORIGIN, allowed_signers, contents, fill, run_script
from tests.seal.removals import DAYS
from tests.seal.test_forgeries import UNDER, both, buried

from tocsin.bundle import seal_day
from tocsin.custody import custody_part
from tocsin.seal import Hold, read_day, write_holds

TOOLS = ("awk", "cat", "cut", "grep", "head", "sed", "sha256sum", "sort", "tr", "uniq", "wc")


def sealed(root, day, holds):
    """A day with the custody log and the policy that `prune` asks for, and with these holds."""

    def made(opened):
        before = read_day(opened.before).day if opened.before else ""
        files, facts = custody_part(root, before, opened.before)
        told = contents(opened)
        more = {**files, "holds": write_holds(tuple(holds))}
        return replace(told, files={**told.files, **more}, facts={**facts, "retention": "2d"})

    fill(root, day, 1)
    seal_day(root, day, KEY, ORIGIN, made)


def counted(folder):
    """The environment of a script of which every tool that it starts is written down."""
    tools = folder / "tools"
    tools.mkdir()
    for name in TOOLS:
        shim = tools / name
        shim.write_text(
            f'#!/bin/sh\necho {name} >>{folder}/started\nexec {shutil.which(name)} "$@"\n'
        )
        shim.chmod(0o755)
    return {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}


def started(folder, holds, removed):
    """How often each tool is started for a chain of so many holds and removed days."""
    folder.mkdir()
    root = folder / "evidence"
    held = [
        Hold(n, DAYS[0], DAYS[6], "2026-11-26T01:00:00Z", "counsel", f"case {n}",
             "2026-11-27T00:00:00Z" if n % 2 else "2026-11-28T00:00:00Z")
        for n in range(1, holds + 1)
    ]  # fmt: skip
    for day in DAYS[:4]:
        sealed(root, day, held)
    for day in DAYS[:removed]:
        buried(root, day, DAYS[4], "2026-12-01T06:00:00Z")
    for day in DAYS[4:]:
        sealed(root, day, held)
    signers = allowed_signers(folder / "allowed_signers")
    done = run_script(root, signers, env=counted(folder))
    assert (done.returncode, done.stderr) == (5, ""), done.stdout
    return Counter((folder / "started").read_text().split())


def test_no_tool_is_started_for_each_hold_or_each_removed_day(tmp_path):
    few = started(tmp_path / "few", 2, 1)
    assert started(tmp_path / "holds", 200, 1) == few
    assert started(tmp_path / "removed", 2, 2) == few


TIMES = st.sampled_from(
    ["2026-11-26T00:00:00Z", "2026-11-30T23:59:59Z", "2026-12-01T06:00:00Z", "2026-12-01T06:00:01Z",
     "2026-12-02T05:00:00Z"]
)  # fmt: skip
HOLDS = st.builds(
    Hold, st.integers(1, 12), st.sampled_from(DAYS), st.sampled_from(DAYS), TIMES,
    st.sampled_from(["counsel", "counsel -"]), st.just("a case"), st.just("-") | TIMES,
)  # fmt: skip


@st.composite
def tables(draw):
    """The holds of six days, most of them carried from day to day, some dropped or told otherwise."""
    found, days = {}, []
    for _ in DAYS[:6]:
        for hold in draw(st.lists(HOLDS, max_size=2)):
            found.setdefault(hold.number, hold)
        for number in list(found):
            what = draw(st.sampled_from(["keep"] * 12 + ["release"] * 3 + ["drop", "change"]))
            if what == "drop" or (what == "change" and draw(st.booleans())):
                del found[number]
            elif what == "change":
                found[number] = replace(found[number], reason="another")
            elif what == "release":
                found[number] = replace(found[number], released=draw(TIMES))
        days.append(tuple(found.values()))
    return days


@settings(max_examples=15, deadline=None)
@given(tables(), st.sampled_from([0, 1]))
def test_the_script_says_of_any_holds_what_the_command_says(tmp_path_factory, table, which):
    root = tmp_path_factory.mktemp("held") / "evidence"
    for day, holds in zip(DAYS[:4], table, strict=False):
        sealed(root, day, holds)
    buried(root, DAYS[which], DAYS[4], "2026-12-01T06:00:00Z")
    for day, holds in zip(DAYS[4:6], table[4:], strict=True):
        sealed(root, day, holds)
    both(root, UNDER[:2])


def test_an_awk_that_fails_is_told(tmp_path):
    root = tmp_path / "evidence"
    sealed(root, DAYS[0], ())
    environment = counted(tmp_path)
    (tmp_path / "tools/awk").write_text("#!/bin/sh\nexit 2\n")
    done = run_script(root, allowed_signers(tmp_path / "allowed_signers"), env=environment)
    assert done.returncode == 1, done.stdout
    assert "awk failed" in done.stdout
