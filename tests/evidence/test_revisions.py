"""A change of rules with its commit, author, approver and ticket: from the work tree to the page."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime

import pytest
from tests.engine.daemon import Daemon, wait_for
from tests.engine.git import AUTHOR, Repository, environment, wrapped
from tests.report.days import except_again

from tocsin.control import Entry, LedgerSeen, judge, load_catalogue, period_of

CONTROLS = """
version: "1"
controls:
  - {id: changes, title: Changes, objective: Each change is approved., owner: operations,
     inputs: [{kind: rules-unchanged}, {kind: awake}]}
"""
CONFIG = {
    "scrape": [],
    "storage": {"folder": "state"},
    "evidence": {"folder": "evidence", "controls": ["controls.yaml"]},
}


def rules(limit):
    return {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": f"up > {limit}"}]}]}


def today():
    return datetime.now(UTC).strftime("%Y%m%d")


def changed(daemon, limit, config=CONFIG, commit=None):
    daemon.write(config, rules(limit))
    if commit:
        commit("rules.yml")
    daemon.process.send_signal(1)
    wait_for(lambda: f"up > {limit}" in daemon.get("/api/v1/rules")[1], "the reload")


def judged_whole(found):
    """What a control that makes exceptions of changes says of the whole day."""
    day = datetime.now(UTC).date()
    period = period_of(day, (int(time.time()) + 2 * 86400) * 1_000_000)
    (control,) = load_catalogue(CONTROLS.encode(), "controls.yaml").controls
    seen = LedgerSeen(period.end, (), tuple(Entry(**entry) for entry in found), ())
    answers = {need.name: seen for need in control.needs}
    return [
        each.text for each in judge(control, period, answers).findings if "changed at" in each.text
    ]


def entries(daemon):
    query = "/api/v1/ledger?start=0&end=99999999999&kinds=start,configuration"
    return json.loads(daemon.get(query)[1])["data"]["entries"]


def sealed(tocsin, folder):
    tocsin("seal", today(), "--early", "--folder", "evidence")
    return json.loads((folder / "evidence" / today() / "day.json").read_text())


def rows(folder):
    """The cells of the table of changes, as text."""
    page = (folder / "report.html").read_text()
    table = page[page.index("Changes of rules") : page.index("Alerts and who")]
    for row in re.findall(r"<tr>(<td class=\"time\".*?)</tr>", table):
        yield [
            re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        ]


def test_a_change_has_commit_author_approver_and_ticket(tocsin, tmp_path, monkeypatch):
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    repository = Repository(tmp_path)
    (tmp_path / "controls.yaml").write_text(CONTROLS)
    with Daemon(tmp_path, CONFIG, rules(1)) as daemon:
        wait_for(lambda: daemon.query("vector(1)"), "an answer")
        changed(daemon, 2)
        second = repository.commit("rules.yml", "tocsin.yaml")
        changed(daemon, 3, commit=repository.commit)
        third = repository.git("rev-parse", "HEAD")
        changed(daemon, 4)
        began = entries(daemon)
        begun, *told = [entry["body"] for entry in began]
        tocsin("collect", "--prometheus", daemon.url, "--folder", "evidence")
    assert begun["revisions"]["rules.yml"] == {"remark": "the file is not committed"}
    of_rules = [body["revisions"]["rules.yml"] for body in told]
    assert [each.get("commit") for each in of_rules] == [None, third, third]
    assert [each.get("author") for each in of_rules] == [None, AUTHOR, AUTHOR]
    uncommitted, differs = "the file is not committed", "the file differs from the commit"
    assert [each["remark"] for each in of_rules] == [uncommitted, "", differs]
    assert told[1]["revisions"]["tocsin.yaml"]["commit"] == second
    # What is judged ends with the last full minute, so the day is looked at as a whole here.
    assert [each.partition("UTC: ")[2] for each in judged_whole(began)] == [
        f"rules.yml ({uncommitted})",
        f"rules.yml (commit {third[:12]} by {AUTHOR})",
        f"rules.yml (commit {third[:12]} by {AUTHOR}; {differs})",
    ]
    day = sealed(tocsin, tmp_path)
    assert [each["revisions"]["rules.yml"] for each in day["rules_in_force"]] == [
        begun["revisions"]["rules.yml"], *of_rules,
    ]  # fmt: skip
    tocsin("report", "evidence", "--output", "report.html")
    assert [row[3:] for row in rows(tmp_path)] == [
        [uncommitted, "not told", "NOBODY", "-"],
        [third[:12], AUTHOR.replace("<", "&lt;").replace(">", "&gt;"), "NOBODY", "-"],
        [
            f"{third[:12]}; {differs}",
            AUTHOR.replace("<", "&lt;").replace(">", "&gt;"),
            "NOBODY",
            "-",
        ],
    ]
    tocsin("verify", "evidence", "--key", "evidence.key.pub", code=5)


@pytest.mark.parametrize(
    ("agreed", "shown"),
    [(("--approved-by", "Dana"), "Dana"), ((), "NOBODY (seen by Ada)")],
    ids=["approved", "only seen"],
)
def test_who_approved_stands_beside_the_change(tocsin, tmp_path, agreed, shown):
    told = {"commit": "f00dfeed" * 5, "author": "Grace Hopper", "ticket": "CHG-7"}
    (tmp_path / "controls.yaml").write_text(CONTROLS)
    config = CONFIG | {"revision": told}
    with Daemon(tmp_path, config, rules(1)) as daemon:
        wait_for(lambda: daemon.query("vector(1)"), "an answer")
        changed(daemon, 2, config)
        assert all(entry["body"]["revision"] == told for entry in entries(daemon))
        assert not any("revisions" in entry["body"] for entry in entries(daemon))
        tocsin("collect", "--prometheus", daemon.url, "--folder", "evidence")
    # What is judged ends with the last full minute, before the daemon began.
    except_again(tmp_path / "evidence" / today(), "changes")
    said = ("--outcome", "accepted", "--by", "Ada", "--text", "reviewed", *agreed)
    tocsin("disposition", today(), "changes", *said, "--ticket", "SEC-9")
    day = sealed(tocsin, tmp_path)
    assert [each["revision"] for each in day["rules_in_force"]] == [told, told]
    tocsin("report", "evidence", "--output", "report.html")
    row = ["f00dfeedf00d", "Grace Hopper", shown, "CHG-7, SEC-9"]
    assert [each[3:] for each in rows(tmp_path)] == [row]


def test_a_slow_git_holds_nobody_up_and_what_came_last_is_in_force(tmp_path, monkeypatch):
    repository = Repository(tmp_path)
    (tmp_path / "controls.yaml").write_text(CONTROLS)
    slow, asked = tmp_path / "slow", tmp_path / "asked"
    script = f'[ -e {slow} ] && touch {asked} && sleep 3; exec $REAL "$@"'
    path = wrapped(tmp_path / "bin", script)
    for name, value in environment(PATH=path).items():
        monkeypatch.setenv(name, value)
    with Daemon(tmp_path, CONFIG, rules(1)) as daemon:
        commit = repository.commit("rules.yml")
        slow.touch()
        daemon.write(CONFIG, rules(2))
        daemon.process.send_signal(1)
        started = time.monotonic()
        wait_for(asked.exists, "git was asked")
        slow.unlink()
        daemon.write(CONFIG, rules(3))
        daemon.process.send_signal(1)
        assert daemon.query("vector(1)")
        assert time.monotonic() - started < 3
        (_, second, third) = wait_for(
            lambda: found if len(found := entries(daemon)) == 3 else None, "both reloads"
        )
        assert "up > 3" in daemon.get("/api/v1/rules")[1]
        told = [each["body"]["revisions"]["rules.yml"] for each in (second, third)]
        assert [each["commit"] for each in told] == [commit] * 2
        assert second["body"]["rules"] == third["body"]["before"]["rules"]


def test_a_secret_in_an_author_stays_out_of_the_bundle(tocsin, tmp_path):
    told = {"commit": "1", "author": "Authorization: Bearer abcdefgh12345678"}
    config = CONFIG | {"evidence": {"folder": "evidence"}, "revision": told}
    with Daemon(tmp_path, config, rules(1)) as daemon:
        wait_for(lambda: daemon.query("vector(1)"), "an answer")
    sealed(tocsin, tmp_path)
    for path in (tmp_path / "evidence").rglob("*"):
        assert path.is_dir() or b"abcdefgh12345678" not in path.read_bytes()
