"""`tocsin evidence key, collect, seal, verify, anchor, open` as people run them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess

import pytest
from tests.engine.daemon import Daemon, target, wait_for
from tests.evidence.answering import answering
from tests.seal.chains import ORIGIN, SCRIPT, run_script

NOWHERE = "http://127.0.0.1:1"


def collect(tocsin, day):
    tocsin("collect", "--prometheus", NOWHERE, "--day", day, code=3)


def test_the_way_from_a_key_to_a_verdict(tocsin, tmp_path):
    collect(tocsin, "2026-11-01")
    assert tocsin("seal", "2026-11-01") == "sealed  evidence/20261101  16 files\n"
    # The days in between are sealed too, though nobody collected anything.
    assert tocsin("seal", "20261103").count("sealed") == 2
    anchor = tocsin("anchor")
    assert re.fullmatch(rf"{ORIGIN}\n3\n[A-Za-z0-9+/]{{43}}=\n", anchor)
    (tmp_path / "anchor").write_text(anchor)
    assert "UNANCHORED" in tocsin("verify", "--key", "evidence.key.pub", code=5)
    told = tocsin("verify", "--allowed-signers", "allowed_signers", "--anchor", "anchor")
    assert told.endswith("nothing is altered\nANCHORED: up to 20261103\n")
    done = run_script(tmp_path / "evidence", "../allowed_signers", "../anchor")
    assert (done.returncode, done.stderr) == (0, "")
    day = json.loads((tmp_path / "evidence/20261102/day.json").read_text())
    assert (day["records"], day["number"], day["previous"]["day"]) == ([], 2, "20261101")
    report = json.loads(
        tocsin("verify", "--key", "evidence.key.pub", "--format", "json", "--anchor", "anchor")
    )
    assert report["holds"]
    assert report["anchored"] == "20261103"


def test_an_alteration_is_told_with_its_place(tocsin, tmp_path):
    collect(tocsin, "2026-11-01")
    tocsin("seal", "2026-11-01")
    path = tmp_path / "evidence/20261101/control-slo.json"
    path.chmod(0o644)
    path.write_text(path.read_text().replace("not-run", "operated"))
    told = tocsin("verify", "--key", "evidence.key.pub", code=1)
    assert "FAULT  20261101/control-slo.json: altered" in told
    assert "ALTERED" in told


def test_what_comes_late_goes_into_a_later_day(tocsin, tmp_path):
    collect(tocsin, "2026-11-01")
    tocsin("seal", "2026-11-01")
    before = {p: p.read_bytes() for p in (tmp_path / "evidence/20261101").rglob("*") if p.is_file()}
    collect(tocsin, "2026-11-01")
    assert {
        p: p.read_bytes() for p in (tmp_path / "evidence/20261101").rglob("*") if p.is_file()
    } == before
    assert (tmp_path / "evidence/20261102/late/20261101/control-slo.json").exists()
    assert "not sealed" in tocsin("verify", "--key", "evidence.key.pub", code=5)
    tocsin("seal", "2026-11-02")
    day = json.loads((tmp_path / "evidence/20261102/day.json").read_text())
    assert {(line["state"], line["day"], line["says"]) for line in day["late"]} == {
        ("late", "2026-11-01", "not-run")
    }
    assert len(day["late"]) == 4
    tocsin("verify", "--key", "evidence.key.pub", code=5)


def test_answers_lie_beside_the_records_byte_for_byte(tocsin, tmp_path):
    body = b'{"status":"error","errorType":"x","error":"\xff"}'

    with answering(lambda _posted: body) as url:
        tocsin("collect", "--prometheus", url, "--day", "2026-11-01")
    tocsin("seal", "2026-11-01")
    digest = hashlib.sha256(body).hexdigest()
    assert (tmp_path / f"evidence/20261101/raw/{digest}").read_bytes() == body


def test_refusals_say_what_to_do(tocsin, tmp_path):
    assert "is sealed already" not in tocsin("seal", "2026-11-01")
    assert "sealed already, hint:" in tocsin("seal", "2026-11-01", code=1)
    assert "is before 20261101" in tocsin("seal", "2026-10-31", code=1)
    assert "not begun" in tocsin("seal", "2999-01-01", code=2)
    assert "not a day" in tocsin("seal", "2026-11-31", code=2)
    assert "not a day" in tocsin("seal", "2026-1101", code=2)
    assert "either --key or --allowed-signers" in tocsin("verify", code=2)
    assert "can't read" in tocsin("verify", "--key", "nothing.pub", code=2)
    assert "not one public key" in tocsin("verify", "--key", "evidence.key", code=2)
    assert "not a checkpoint" in tocsin(
        "verify", "--key", "evidence.key.pub", "--anchor", "allowed_signers", code=2
    )
    assert "old key is never" in tocsin("key", code=4)
    assert "no sealed day" in tocsin("anchor", tmp_path, code=1)
    assert "can't read" in tocsin("verify", "nowhere", "--key", "evidence.key.pub", code=4)
    assert "whom to ask" in tocsin("attest", code=2)
    (tmp_path / "evidence.key").chmod(0o644)
    assert "others can read" in tocsin("seal", "2026-11-02", code=4)


def test_today_is_sealed_early_only_when_asked(tocsin, tmp_path):
    today = subprocess.run(["date", "-u", "+%F"], capture_output=True, text=True).stdout.strip()
    assert "is not over" in tocsin("seal", today, code=1)
    tocsin("seal", today, "--early")
    day = json.loads((tmp_path / "evidence" / today.replace("-", "") / "day.json").read_text())
    assert day["period"]["over"] is False


def test_another_key_is_told_from_the_pinned_one(tocsin, tmp_path):
    tocsin("seal", "2026-11-01")
    tocsin("key", "--file", "other.key")
    told = tocsin("verify", "--key", "other.key.pub", code=1)
    assert "not among those given" in told


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ('valid-after="20261101Z",valid-before="20261103Z"', 5),
        ('valid-after="20261102Z"', 1), ('valid-before="20261101Z"', 1),
        ('namespaces="tocsin-evidence,git"', 5), ('namespaces="git"', 1), ('namespaces="tocsin-*"', 5),
    ],
)  # fmt: skip
def test_allowed_signers_mean_what_they_mean_to_ssh_keygen(tocsin, tmp_path, options, code):
    tocsin("seal", "2026-11-01")
    key = (tmp_path / "evidence.key.pub").read_text()
    (tmp_path / "signers").write_text(f"# who\nevidence@*,!other@x {options} {key}")
    tocsin("verify", "--allowed-signers", "signers", code=code)
    assert run_script(tmp_path / "evidence", "../signers").returncode == code


def test_the_ledger_of_the_daemon_is_in_the_bundle_whole(tocsin, tmp_path):
    with target(lambda: "level 1\n") as up:
        config = {
            "scrape": [{"job": "j", "targets": [f"127.0.0.1:{up.port}"], "interval": "200ms"}]
        }
        rules = {"groups": [{"name": "g", "interval": "200ms", "rules": [
            {"alert": "A", "expr": "level > 0"}]}]}  # fmt: skip
        with Daemon(tmp_path, config, rules) as daemon:
            wait_for(lambda: daemon.query('ALERTS{alertstate="firing"}'), "an alert")
            # While it runs.
            today = subprocess.run(
                ["date", "-u", "+%Y%m%d"], capture_output=True, text=True
            ).stdout.strip()
            tocsin("seal", today, "--early", "--folder", "evidence")
    folder = tmp_path / "evidence" / today
    lines = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert {"start", "transition"} <= {line["kind"] for line in lines}
    day = json.loads((folder / "day.json").read_text())
    assert day["ledger"]["last"] == len(lines)
    (segment,) = day["rules_in_force"]
    (rule,) = segment["rules"]
    assert rule["kept"] == "whole"
    data = (folder / f"rules/{rule['sha256']}.yml").read_bytes()
    assert hashlib.sha256(data).hexdigest() == rule["sha256"]
    tocsin("verify", "--key", "evidence.key.pub", "evidence", code=5)


def test_a_kill_while_openings_are_written_stops_no_seal(tocsin, tmp_path):
    answer = json.dumps({"status": "success", "data": {"alerts": [
        {"labels": {"alertname": "A", "user": "alice"}, "state": "firing", "activeAt": "2026-11-01T00:00:00Z"}
    ]}}).encode()  # fmt: skip
    path = tmp_path / "evidence.openings/20261101.jsonl"
    with answering(lambda _posted: answer) as url:
        words = ("collect", "--prometheus", url, "--day", "2026-11-01", "--commit", "user")
        tocsin(*words)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        tocsin(*words)
    tocsin("seal", "2026-11-01", "--commit", "user")
    (made,) = {
        m for p in (tmp_path / "evidence").rglob("*") if p.is_file()
        for m in re.findall(rb"commit:[0-9a-f]{64}", p.read_bytes())
    }  # fmt: skip
    assert tocsin("open", made.decode()).startswith("user  alice\n")


@pytest.mark.parametrize("left", ["", "00ff", "no hex"])
def test_half_a_secret_commits_nothing(tocsin, tmp_path, left):
    """With an empty one everybody could try out names."""
    (tmp_path / "evidence.openings").mkdir()
    (tmp_path / "evidence.openings/secret").write_text(left)
    assert "secret of the commitments" in tocsin("seal", "2026-11-01", "--commit", "user", code=4)
    assert not (tmp_path / "evidence/20261101").exists()


def test_openings_lie_beside_the_days_whatever_link_leads_there(tocsin, tmp_path, monkeypatch):
    (tmp_path / "elsewhere/days").mkdir(parents=True)
    (tmp_path / "evidence").symlink_to(tmp_path / "elsewhere/days")
    tocsin("seal", "2026-11-01", "--commit", "user")
    monkeypatch.chdir(tmp_path / "elsewhere/days")
    tocsin("seal", "2026-11-02", "--commit", "user", "--folder", ".", "--key", "../../evidence.key")
    assert sorted(p.name for p in (tmp_path / "elsewhere").iterdir()) == ["days", "days.openings"]
    assert [p.name for p in (tmp_path / "elsewhere/days.openings").iterdir()] == ["secret"]


def test_the_script_in_the_bundle_is_the_one_of_the_package(tocsin, tmp_path):
    tocsin("seal", "2026-11-01")
    assert (tmp_path / "evidence/20261101/verify.sh").read_bytes() == SCRIPT.read_bytes()


def test_names_are_replaced_and_one_can_be_opened(tocsin, tmp_path):
    answer = json.dumps({"status": "success", "data": {"alerts": [
        {"labels": {"alertname": "A", "user": "alice"}, "state": "firing", "activeAt": "2026-11-01T00:00:00Z"}
    ]}}).encode()  # fmt: skip

    with answering(lambda _posted: answer) as url:
        tocsin("collect", "--prometheus", url, "--day", "2026-11-01", "--commit", "user")
    tocsin("seal", "2026-11-01", "--commit", "user")
    texts = [p.read_bytes() for p in (tmp_path / "evidence").rglob("*") if p.is_file()]
    assert not any(b"alice" in text for text in texts)
    (made,) = {m for text in texts for m in re.findall(rb"commit:[0-9a-f]{64}", text)}
    told = tocsin("open", made.decode())
    assert told.startswith("user  alice\nsalt  ")
    check = told.splitlines()[-1].removeprefix("check: ")
    done = subprocess.run(["sh", "-c", check], capture_output=True, text=True)
    assert f"commit:{done.stdout[:64]}" == made.decode()
    assert "nothing opens" in tocsin("open", "commit:00", code=1)
    assert (tmp_path / "evidence.openings/secret").stat().st_mode & 0o077 == 0
    tocsin("verify", "--key", "evidence.key.pub", code=5)
