"""Custody as people run it: hold, prune, copy, and the log of what was handed out."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.custody.conftest import dashed
from tests.seal.chains import run_script
from tocsin.custody import log_path


def log_of(folder):
    lines = log_path(folder / "evidence").read_bytes().splitlines()
    return [json.loads(line) for line in lines if line.startswith(b"{")]


def today():
    return f"{datetime.now(UTC):%Y%m%d}"


def test_days_go_when_the_policy_says_so_and_nobody_holds_them(tocsin, days, tmp_path):
    (tmp_path / "evidence.openings").mkdir()
    (tmp_path / "evidence.openings" / f"{days[0]}.jsonl").write_text("")
    before = sorted((tmp_path / "evidence" / days[0]).rglob("*"))
    told = tocsin("prune", "evidence")
    assert f"would remove  {days[0]}/control-slo.json" in told
    assert f"would remove  {days[1]}/day.json" in told
    assert f"would remove  {days[2]}" not in told
    assert told.count("evidence.openings") == 1
    assert "nothing" not in told
    assert "2 days" in told
    assert "--yes" in told
    assert sorted((tmp_path / "evidence" / days[0]).rglob("*")) == before
    assert not log_path(tmp_path / "evidence").exists()

    held = tocsin("hold", "add", "--from", dashed(days[1]), "--to", dashed(days[1]),
                  "--by", "Jane Doe", "--reason", "case 7")  # fmt: skip
    assert held.startswith(f"1  {days[1]} to {days[1]}  added ")
    assert "Jane Doe: case 7" in tocsin("hold", "list")
    told = tocsin("prune", "evidence", "--yes", "--reason", "the policy")
    assert f"held  {days[1]}  by hold 1" in told
    assert f"removed  {days[0]}/control-slo.json" in told
    left = sorted(path.name for path in (tmp_path / "evidence" / days[0]).iterdir())
    assert left == [
        "SHA256SUMS", "SHA256SUMS.sig", "checkpoint", "custody.jsonl", "holds", "tombstone",
        "tombstone.sig",
    ]  # fmt: skip
    assert not (tmp_path / "evidence.openings" / f"{days[0]}.jsonl").exists()
    assert "not sealed yet" in tocsin("verify", "--allowed-signers", "allowed_signers", code=5)

    tocsin("seal", today(), "--early")
    (tmp_path / "anchor").write_text(tocsin("anchor").split("\nhint")[0])
    told = tocsin("verify", "--allowed-signers", "allowed_signers", "--anchor", "anchor")
    assert f"REMOVED  {days[0]}: under the policy 2d on " in told
    assert "the policy; the hashes of" in told
    assert f"4 days, {days[0]} to {today()}" in told
    as_data = json.loads(tocsin("verify", "--allowed-signers", "allowed_signers", "--anchor",
                                "anchor", "--format", "json"))  # fmt: skip
    assert [each["day"] for each in as_data["removed"]] == [days[0]]
    done = run_script(tmp_path / "evidence", "../allowed_signers", "../anchor")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    kinds = [line["command"] for line in log_of(tmp_path)]
    assert kinds == ["evidence hold add", "evidence prune"]
    sealed = (tmp_path / "evidence" / today() / "custody.jsonl").read_bytes()
    assert sealed == log_path(tmp_path / "evidence").read_bytes()
    assert b"Jane Doe" in (tmp_path / "evidence" / today() / "holds").read_bytes()


def test_a_removed_day_in_everything_that_is_handed_out(tocsin, days, tmp_path):
    tocsin("prune", "--yes")
    tocsin("seal", today(), "--early")
    span = ("--from", dashed(days[0]), "--to", today())
    tocsin("report", *span, "--output", "r.html")
    page = (tmp_path / "r.html").read_text()
    # Above, and in one case for all controls, to which their cells in the calendar lead.
    assert page.count("were removed under the retention policy 2d") == 2
    assert set(re.findall('href="#(c-[^"]*)"', page)) <= set(re.findall('id="([^"]*)"', page))
    tocsin("report", *span, "--output", "again.html", "--key", "evidence.key.pub")
    tocsin("report", *span, "--output", "r2.html")
    assert (tmp_path / "r2.html").read_text() == page
    tocsin("oscal", *span, "--output", "o")
    results = json.loads((tmp_path / "o/assessment-results.json").read_text())
    first = results["assessment-results"]["results"][0]
    assert "removed under the retention policy" in first["description"]
    states = {
        prop["value"] for each in first["observations"] for prop in each["props"]
        if prop["name"] == "state"
    }  # fmt: skip
    assert states == {"no-data"}
    told = tocsin("sample", *span, "--seed", "1", "-n", "5", "--output", "s")
    assert f"{days[0]}  REMOVED under the retention policy" in told
    done = subprocess.run(["sh", "check.sh", "../allowed_signers"], cwd=tmp_path / "s",
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 5, done.stdout + done.stderr
    assert f"only their hashes are here: {days[0]} {days[1]}" in done.stdout
    assert "3 of 5 days drawn" in done.stdout
    (tmp_path / "s" / days[0] / "tombstone").write_text("x")
    done = subprocess.run(["sh", "check.sh", "../allowed_signers"], cwd=tmp_path / "s",
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 1
    told = tocsin("reperform", days[0], code=1)
    assert "removed under the retention policy" in told
    tocsin("reperform", days[3])


def test_what_is_handed_out_is_written_down_and_sealed(tocsin, days, tmp_path):
    tocsin("report", "--output", "r.html")
    tocsin("oscal", "--output", "o")
    tocsin("sample", "--seed", "s", "-n", "2", "--output", "s")
    tocsin("reperform", days[1])
    tocsin("copy", "--to", "elsewhere")
    tocsin("copy", "--to", "elsewhere")
    found = log_of(tmp_path)
    assert [line["command"].removeprefix("evidence ") for line in found] == [
        "report", "oscal", "sample", "reperform", "copy",
    ]  # fmt: skip
    report, oscal, sample, again, copy = found
    assert report["days"] == f"{days[0]}-{days[3]}"
    assert report["output"] == {
        "r.html": hashlib.sha256((tmp_path / "r.html").read_bytes()).hexdigest()
    }
    assert "@" in report["by"]
    assert log_path(tmp_path / "evidence").stat().st_mode & 0o007 == 0
    assert datetime.fromisoformat(report["time"]).tzinfo is not None
    plan = hashlib.sha256((tmp_path / "o/assessment-plan.json").read_bytes()).hexdigest()
    assert oscal["output"]["assessment-plan.json"] == plan
    script = "find . -type f | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    listed = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path / "s", capture_output=True, text=True
    )
    assert sample["output"] == {"s": listed.stdout[:64]}
    assert again["days"] == days[1]
    assert copy["to"] == "elsewhere"
    tocsin("seal", today(), "--early")
    sealed = (tmp_path / "evidence" / today() / "custody.jsonl").read_bytes()
    assert sealed.count(b"\n") == 5
    assert "evidence.custody" not in tocsin("verify", "--key", "evidence.key.pub", code=5)


def test_a_line_that_a_kill_cut_is_told_and_not_lost(tocsin, days, tmp_path):
    path = log_path(tmp_path / "evidence")
    path.write_text('{"by":"somebody","comm')
    tocsin("report", "--output", "r.html")
    assert path.read_bytes().startswith(b'{"by":"somebody","comm\n{"by":')
    tocsin("seal", today(), "--early")
    told = tocsin("verify", "--key", "evidence.key.pub", code=5)
    assert f"note: {today()}/custody.jsonl:1: a line that was cut off" in told
    assert (tmp_path / "evidence" / today() / "custody.jsonl").read_bytes() == path.read_bytes()


def test_a_cut_line_that_nothing_follows_is_sealed_too(tocsin, days, tmp_path):
    path = log_path(tmp_path / "evidence")
    path.write_text('{"by":"somebody","comm')
    tocsin("seal", today(), "--early")
    assert (tmp_path / "evidence" / today() / "custody.jsonl").read_bytes() == path.read_bytes()
    assert path.read_bytes() == b'{"by":"somebody","comm\n'
    assert "custody.jsonl:1: a line" in tocsin("verify", "--key", "evidence.key.pub", code=5)


def test_a_flooded_log_stops_no_seal_and_is_told_with_the_way_out(tocsin, days, tmp_path):
    path = log_path(tmp_path / "evidence")
    with path.open("wb") as log:
        log.truncate(2 << 30)
    told = tocsin("hold", "add", "--from", days[0], "--by", "a", "--reason", "b", code=4)
    assert "custody.jsonl is larger than 1 GiB" in told
    assert "hint: who wrote so much? Move it aside" in told
    told = tocsin("seal", today(), "--early")
    assert f"warning: {today()} is sealed without a part of the custody log: all of it" in told
    assert f"hint: who wrote so much? All of it is in {path}" in told
    told = tocsin("verify", "--key", "evidence.key.pub", code=5)
    assert f"{today()}: sealed without a part of the custody log" in told
    tocsin("verify", "--key", "evidence.key.pub", "--format", "json", code=5)


def test_where_the_log_can_not_be_written_it_is_handed_out_all_the_same(tocsin, days, tmp_path):
    log_path(tmp_path / "evidence").mkdir()
    told = tocsin("report", "--output", "r.html")
    assert "not written down in the custody log: can't write" in told
    assert (tmp_path / "r.html").exists()
    assert "the custody log" in tocsin("prune", "--yes", code=4)
    hold = ("hold", "add", "--from", days[0], "--by", "a", "--reason", "b")
    assert "custody log" in tocsin(*hold, code=4)


def test_copy_says_what_it_did_and_what_differs(tocsin, days, tmp_path):
    told = tocsin("copy", "--to", "elsewhere")
    assert f"copied  {days[0]}-{days[3]}\n4 days at elsewhere, each file read back" in told
    told = tocsin("copy", "evidence", "--to", "elsewhere", "--allowed-signers", "allowed_signers")
    assert "4 days there already, the same" in told
    tocsin("verify", "elsewhere", "--key", "evidence.key.pub", code=5)
    path = tmp_path / "elsewhere" / days[1] / "control-slo.json"
    path.chmod(0o644)
    path.write_text("{}")
    told = tocsin("copy", "--to", "elsewhere", code=1)
    ours = hashlib.sha256((tmp_path / "evidence" / days[1] / "control-slo.json").read_bytes())
    theirs = hashlib.sha256(b"{}")
    assert (
        f"DIFFERS  {days[1]}/control-slo.json: here {ours.hexdigest()}, at the destination {theirs.hexdigest()}"
        in told
    )
    shutil.rmtree(tmp_path / "elsewhere" / days[1])
    told = tocsin("copy", "--to", "elsewhere", code=1)
    assert f"copied  {days[1]}\n" in told
    assert f"GONE  {days[1]}: was not at elsewhere any more, though" in told
    assert "--retain" in tocsin("copy", "--to", "s3://bucket/x", code=2)
    assert "--retain is for S3" in tocsin("copy", "--to", "other", "--retain", "7y", code=2)
    path = tmp_path / "evidence" / days[1] / "control-slo.json"
    path.chmod(0o644)
    path.write_text("{}")
    assert "NOT COPIED" in tocsin("copy", "--to", "other", code=1)


def test_without_a_policy_nothing_is_removed(tocsin, days, tmp_path):
    (tmp_path / "tocsin.yaml").write_text("evidence: {folder: evidence}\n")
    assert "no retention policy" in tocsin("prune", code=2)
    (tmp_path / "tocsin.yaml").write_text("evidence: {folder: evidence, retention: 7 years}\n")
    assert "not a time to keep evidence" in tocsin("prune", code=2)
    (tmp_path / "tocsin.yaml").write_text("evidence: {folder: evidence, retention: 7y}\n")
    assert "was sealed under 2d" in tocsin("prune", code=1)


def test_holds_are_added_released_and_never_forgotten(tocsin, days, tmp_path):
    add = ("hold", "add", "--from", days[0], "--by", "counsel", "--reason", "a case")
    assert "to no end" in tocsin(*add)
    assert tocsin(*add).startswith("2  ")
    assert "there is no hold 3" in tocsin(
        "hold", "release", "3", "--by", "c", "--reason", "r", code=1
    )
    assert "released 2" in tocsin("hold", "release", "1", "--by", "c", "--reason", "over")
    assert "was released at" in tocsin("hold", "release", "1", "--by", "c", "--reason", "r", code=1)
    tocsin("seal", today(), "--early")
    listed = json.loads(tocsin("hold", "list", "--format", "json"))
    assert [(each["number"], bool(each["released"])) for each in listed] == [(1, True), (2, False)]
    assert "is before" in tocsin("hold", "add", "--from", days[1], "--to", days[0], "--by", "c",
                                 "--reason", "r", code=2)  # fmt: skip
    assert "one line" in tocsin(
        "hold", "add", "--from", days[1], "--by", "c", "--reason", "a\nb", code=2
    )


def test_an_auditor_who_may_only_read_gets_it_all_the_same(tocsin, days, tmp_path):
    tocsin("report", "--output", "first.html")  # Everything is imported by now.
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(tmp_path / "evidence", home / "evidence")
        (home / "out").mkdir()
        (home / "out").chmod(0o777)
        home.chmod(0o555)
        pid = os.fork()
        if pid == 0:
            try:
                os.chdir(home)
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setresgid(65534, 65534, 65534)
                    os.setresuid(65534, 65534, 65534)
                told = tocsin("report", "evidence", "--output", "out/r.html")
                (home / "out/told").write_text(told)
                os._exit(0)
            finally:
                os._exit(9)
        _, status = os.waitpid(pid, 0)
        home.chmod(0o755)
        assert os.waitstatus_to_exitcode(status) == 0
        told = (home / "out/told").read_text()
        assert "not written down in the custody log: can't write" in told
        assert "Permission denied" in told
        assert (home / "out/r.html").read_bytes() == (tmp_path / "first.html").read_bytes()


def test_a_secret_in_a_reason_is_cut_out(tocsin, days, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", "canary-7f3a9c1e")
    tocsin(
        "hold", "add", "--from", days[3], "--by", "J", "--reason", "password canary-7f3a9c1e leaked"
    )
    tocsin("prune", "--yes", "--reason", "canary-7f3a9c1e")
    tocsin("seal", today(), "--early")
    for path in (log_path(tmp_path / "evidence"), *(tmp_path / "evidence").rglob("*")):
        assert path.is_dir() or b"canary-7f3a9c1e" not in path.read_bytes(), path
    assert "[redacted]" in tocsin("hold", "list")


def test_the_environment_does_not_say_who_it_was(tocsin, days, tmp_path, monkeypatch):
    """Who collected, sealed and took out is the word of the operating system."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    day = dashed(today())
    tocsin("collect", "--prometheus", "http://127.0.0.1:1", "--day", day, code=3)
    tocsin("seal", today(), "--early")
    tocsin("report", "--output", "r.html")
    name = pwd.getpwuid(os.getuid()).pw_name
    sealed = tmp_path / "evidence" / today()
    assert json.loads((sealed / "day.json").read_text())["user"] == name
    record = json.loads((sealed / "control-slo.json").read_text())
    assert record["collector"]["user"] == name
    assert log_of(tmp_path)[-1]["by"].startswith(f"{name}@")
