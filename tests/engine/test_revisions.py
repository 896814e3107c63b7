"""Which commit a file came from: real repositories, among them hostile ones."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.git import AUTHOR, WRITTEN, Repository, environment, wrapped
from tests.engine.test_log_daemon import ALARM, FILTER
from tocsin.engine import load_config, with_revisions
from tocsin.engine._in_force import identity_of
from tocsin.engine._revisions import DIFFERS, SHALLOW, UNCOMMITTED, head_of, revisions_of


def ask(*paths, within=30.0, **more):
    files = [(str(path), path.read_bytes()) for path in paths]
    found = revisions_of(files, environment(**more), within)
    return [found.get(str(path)) for path in paths]


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


def test_the_last_commit_that_touched_the_file_is_named(repository, tmp_path):
    rules, other = repository.write("rules/a.yml", "one"), repository.write("b.yml", "b")
    outside = tmp_path / "outside.yml"
    outside.write_text("x")
    first = repository.commit("rules/a.yml")
    second = repository.commit("b.yml")
    told = {"author": AUTHOR, "committed": WRITTEN, "remark": ""}
    assert ask(rules, other, outside) == [told | {"commit": first}, told | {"commit": second}, None]


def test_what_is_not_committed_is_said_in_words(repository):
    rules, new = repository.write("a.yml", "one"), repository.write("new.yml", "x")
    first = repository.commit("a.yml")
    rules.write_text("two")
    (changed, uncommitted) = ask(rules, new)
    assert (changed["commit"], changed["remark"]) == (first, DIFFERS)
    assert uncommitted == {"remark": UNCOMMITTED}
    repository.git("add", "a.yml", "new.yml")
    assert ask(rules, new) == [changed, uncommitted]
    repository.commit("a.yml", "new.yml")
    repository.git("rm", "-q", "--cached", "new.yml")
    repository.commit("a.yml")
    assert ask(new) == [uncommitted]


def test_the_bytes_that_were_loaded_count_and_not_those_on_the_disk(repository):
    path = repository.write("a.yml", "one")
    repository.commit("a.yml")
    found = revisions_of([(str(path), b"loaded before")], environment())
    assert found[str(path)]["remark"] == DIFFERS


NAMES = st.sampled_from(
    [
        "a.yml",
        "b c.yml",
        "deep/er/a.yml",
        "*.yml",
        "[a].yml",
        ":(top)a.yml",
        "-q",
        "ü\n.yml",
        "a'\".yml",
    ]
)


@settings(max_examples=12)
@given(
    st.lists(st.tuples(NAMES, st.integers(0, 3), st.booleans()), min_size=1, max_size=8),
    st.sampled_from(["sha1", "sha256"]),
)
def test_any_history_is_told_as_it_was(steps, form):
    """A model remembers, for each name, its last commit and what that commit held."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository(Path(folder), f"--object-format={form}")
        repository.commit()
        written, committed = {}, {}
        for name, text, commit in steps:
            repository.write(name, str(text))
            written[name] = text
            if commit:
                made = repository.commit(name)
                before = committed.get(name)
                # A commit that changes nothing of the file did not touch it.
                if before is None or before[1] != text:
                    committed[name] = made, text
        for name, text in written.items():
            (told,) = ask(Path(folder) / name)
            if name not in committed:
                assert told == {"remark": UNCOMMITTED}
                continue
            commit, held = committed[name]
            assert told["commit"] == commit
            assert told["remark"] == ("" if held == text else DIFFERS)


def test_of_a_merge_the_commit_that_made_the_file_what_it_is(repository):
    """One side's version won, both sides' were mixed, or only one side had touched it."""
    names = ("ours.yml", "mixed.yml", "side.yml")
    paths = [repository.write(name, "base") for name in names]
    repository.commit(*names)
    repository.git("checkout", "-q", "-b", "side")
    for name in names:
        repository.write(name, "side")
    side = repository.commit(*names)
    repository.git("checkout", "-q", "main")
    repository.write("ours.yml", "ours")
    repository.write("mixed.yml", "ours")
    ours = repository.commit("ours.yml", "mixed.yml")
    repository.git("merge", "-q", "--no-commit", "-s", "ours", "side")
    repository.write("mixed.yml", "both")
    repository.write("side.yml", "side")
    merge = repository.commit("mixed.yml", "side.yml")
    assert [each["commit"] for each in ask(*paths)] == [ours, merge, side]
    assert [each["remark"] for each in ask(*paths)] == ["", "", ""]


def test_one_walk_is_enough_for_many_files(repository, tmp_path):
    paths = []
    for number in range(1100):
        paths.append(repository.write(f"rules/{number}.yml", f"{number}"))
    first = repository.commit("rules")
    paths[7].write_text("later")
    later = repository.commit("rules/7.yml")
    counted = tmp_path / "asked"
    told = ask(*paths, PATH=wrapped(tmp_path / "bin", f'echo >> {counted}; exec $REAL "$@"'))
    assert [each["commit"] for each in told] == [later if n == 7 else first for n in range(1100)]
    assert len(counted.read_text()) < 12


def test_a_work_tree_and_a_link_lead_to_the_repository(repository, tmp_path):
    repository.write("a.yml", "one")
    commit = repository.commit("a.yml")
    repository.git("worktree", "add", "-q", str(tmp_path / "second"))
    (tmp_path / "current").symlink_to(repository.folder)
    for path in (tmp_path / "second/a.yml", tmp_path / "current/a.yml"):
        (told,) = ask(path)
        assert (told["commit"], told["remark"]) == (commit, "")


def test_a_shallow_clone_says_that_it_is_one(repository, tmp_path):
    repository.write("a.yml", "one")
    repository.commit("a.yml")
    repository.write("b.yml", "b")
    repository.commit("b.yml")
    repository.git(
        "clone", "-q", "--depth", "1", f"file://{repository.folder}", str(tmp_path / "c")
    )
    (told,) = ask(tmp_path / "c/a.yml")
    assert told["remark"] == SHALLOW


def hostile(repository, marker):
    """Everything that a repository can ask git to run, as far as reading goes."""
    program = repository.write("evil", f"#!/bin/sh\necho $0 $* >> {marker}\ncat\n")
    program.chmod(0o755)
    run = str(program)
    repository.write("a.yml", "one")
    repository.commit("a.yml")
    for key, value in {
        "core.fsmonitor": run, "core.hooksPath": str(repository.folder), "core.pager": run,
        "pager.log": run, "pager.ls-tree": run, "core.sshCommand": run, "core.gitProxy": run,
        "core.editor": run, "core.askPass": run, "credential.helper": f"!{run}",
        "filter.evil.clean": run, "filter.evil.smudge": run, "filter.evil.process": run,
        "diff.external": run, "diff.evil.textconv": run, "diff.evil.command": run,
        "log.showSignature": "true", "gpg.program": run, "gpg.ssh.program": run, "log.follow": "true",
        "alias.log": f"!{run}", "alias.ls-tree": f"!{run}", "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{run}", "remote.origin.uploadpack": run,
        "extensions.partialClone": "origin", "protocol.ext.allow": "always",
        "trailer.x.command": run, "uploadpack.packObjectsHook": run,
    }.items():  # fmt: skip
        repository.git("config", key, value)
    repository.write(".git/info/attributes", "* filter=evil diff=evil\n")


def signed(repository):
    """The commit of HEAD again, with something that calls itself a signature; it has that name."""
    plain = repository.git("cat-file", "commit", "HEAD")
    head, _, message = plain.partition("\n\n")
    seal = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ\n -----END PGP SIGNATURE-----"
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"], cwd=repository.folder, check=True,
        input=f"{head}\n{seal}\n\n{message}\n", capture_output=True, text=True, env=environment(),
    ).stdout.strip()  # fmt: skip
    repository.git("-c", "core.hooksPath=/dev/null", "update-ref", "refs/heads/main", made)
    return made


def test_nothing_that_a_repository_configures_is_run(repository, tmp_path):
    marker = tmp_path / "ran"
    hostile(repository, marker)
    commit = signed(repository)
    path = repository.folder / "a.yml"
    os.utime(path, (1, 1))
    marker.unlink(missing_ok=True)
    (told,) = ask(path)
    assert (told["commit"], told["author"], told["remark"]) == (commit, AUTHOR, "")
    assert not marker.exists()
    # And it would have run: what people type runs several of them.
    for words in (("status",), ("log", "-1")):
        subprocess.run(
            ["git", *words], cwd=repository.folder, env=environment(), capture_output=True
        )
        assert marker.exists()
        marker.unlink()


def test_a_missing_object_is_fetched_from_nowhere(repository, tmp_path):
    marker = tmp_path / "ran"
    hostile(repository, marker)
    tree = repository.git("-c", "core.hooksPath=/dev/null", "rev-parse", "HEAD^{tree}")
    (repository.folder / ".git/objects" / tree[:2] / tree[2:]).unlink()
    marker.unlink(missing_ok=True)
    (told,) = ask(repository.folder / "a.yml")
    assert told["remark"].startswith("not told: ")
    assert not marker.exists()


def test_a_repository_of_somebody_else_is_not_told(repository, tmp_path):
    path = repository.write("a.yml", "one")
    repository.commit("a.yml")
    foreign = wrapped(tmp_path / "bin", 'GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec $REAL "$@"')
    (told,) = ask(path, PATH=foreign)
    assert told["remark"].startswith("not told: fatal: detected dubious ownership")
    trusting = tmp_path / "gitconfig"
    trusting.write_text(f"[safe]\n\tdirectory = {repository.folder}\n")
    (told,) = ask(path, PATH=foreign, GIT_CONFIG_GLOBAL=str(trusting))
    assert told["remark"] == ""


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exec sleep 60", "not told: git took too long"),
        ("echo gone wrong >&2; exit 3", "not told: gone wrong"),
        ("exit 3", "not told: git ended with 3"),
        ('case "$*" in *" log "*) printf "\\001x";; *) exec $REAL "$@";; esac', "not told: git knows no commit of it"),
        ('case "$*" in *" log "*) printf "\\001x\\000";; *) exec $REAL "$@";; esac', "not told: git's answer can't be read"),
        ('case "$*" in *" log "*) exec sleep 60;; *) exec $REAL "$@";; esac', "not told: git took too long"),
    ],
)  # fmt: skip
def test_a_git_that_fails_is_told_and_holds_nobody_up(repository, tmp_path, script, why):
    path = repository.write("a.yml", "one")
    repository.commit("a.yml")
    (told,) = ask(path, PATH=wrapped(tmp_path / "bin", script), within=1.0)
    assert told == {"remark": why}


def test_without_git_it_says_so(repository, tmp_path):
    path = repository.write("a.yml", "one")
    assert ask(path, PATH=str(tmp_path)) == [{"remark": "not told: git is not installed"}]


def test_a_repository_without_a_commit_or_without_sense(repository, tmp_path):
    path = repository.write("a.yml", "one")
    assert ask(path) == [{"remark": UNCOMMITTED}]
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/.git").write_text("gitdir: /nowhere\n")
    path = tmp_path / "broken/a.yml"
    path.write_text("x")
    assert ask(path)[0]["remark"].startswith("not told: fatal: ")


def test_a_variable_does_not_lead_to_another_repository(repository, tmp_path):
    path = repository.write("a.yml", "one")
    commit = repository.commit("a.yml")
    other = Repository(tmp_path / "other")
    other.commit()
    (told,) = ask(path, GIT_DIR=str(other.folder / ".git"), GIT_WORK_TREE=str(other.folder))
    assert told["commit"] == commit


def test_hostile_names_stay_within_bounds(repository):
    path = repository.write("a.yml", "one")
    repository.git("add", "a.yml")
    repository.git("commit", "-q", "-m", "x", "--author", f"{'A' * 50_000} <{'m' * 50_000}>")
    (told,) = ask(path)
    assert len(told["author"]) < 500
    repository.git("commit", "-q", "--amend", "-m", "x", GIT_COMMITTER_DATE="@99999999999999 +0000")
    (told,) = ask(path)
    assert "remark" in told


def test_definitions_stand_for_all_their_files(repository):
    names = ("filter.tf", "alarm.tf", "tocsin.yaml")
    repository.write("filter.tf", FILTER)
    repository.write("alarm.tf", ALARM % (10, 60))
    groups = {"log_groups": [{"name": "/web", "paths": ["access.log"]}]}
    path = repository.write("tocsin.yaml", json.dumps({**groups, "definitions": ["*.tf"]}))
    first = repository.commit("filter.tf", "tocsin.yaml")
    config = with_revisions(load_config(path), environment())
    body = identity_of(config)["revisions"]
    assert body[str(path)] == {
        "commit": first,
        "author": AUTHOR,
        "committed": WRITTEN,
        "remark": "",
    }
    alarm = repository.folder / "alarm.tf"
    assert body["definitions"]["commit"] == first
    assert body["definitions"]["remark"] == f"{alarm}: {UNCOMMITTED}"
    repository.commit(*names)
    assert (
        identity_of(with_revisions(config, environment()))["revisions"]["definitions"]["remark"]
        == ""
    )
    # Who does not ask, is not told.
    assert "revisions" not in identity_of(load_config(path))


def test_the_commit_of_a_program_is_of_its_own_work_tree_only(repository, tmp_path):
    own = repository.write("program/main.py", "1")
    installed = repository.write(".venv/program/main.py", "1")
    repository.commit("program/main.py")
    head = repository.commit()
    assert head_of(own, environment()) == head
    assert head_of(installed, environment()) == ""
    assert head_of(tmp_path / "nowhere.py", environment()) == ""
    assert head_of(own, environment(PATH=str(tmp_path))) == ""
