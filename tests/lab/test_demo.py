"""The demo, for real: once from beginning to end, and what happens when a step does not."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tocsin.engine import load_config
from tocsin.lab.demo import RULES, PlainScreen, Settings, run_demo

DEMO = [sys.executable, "-m", "tocsin.cli", "demo"]
EVENTS = ("tocsin.lab.app", "tocsin.lab.attackers", "tocsin.cli")


def processes_of(folder):
    """Processes whose arguments or environment name `folder`, found in /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                arguments = (entry / "cmdline").read_bytes().decode(errors="replace")
                environment = (entry / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(folder) in arguments + environment:
                found.append(arguments.replace("\0", " "))
    return found


@pytest.fixture
def environment(tmp_path):
    """The demo's folder below `tmp_path`, by which its processes are found."""
    (tmp_path / "t").mkdir()
    return {**os.environ, "TMPDIR": str(tmp_path / "t")}


def test_the_rules_are_those_of_the_examples():
    assert RULES.resolve() == Path(__file__).parents[2] / "examples/lab/rules/security.yml"


def test_the_configuration_for_ones_own_try_holds_together():
    config = load_config(Path(__file__).parents[2] / "examples/lab/tocsin.yaml")
    assert [target.url for target in config.targets] == ["http://127.0.0.1:5000/metrics"]
    assert len(config.receivers) == 2
    assert len(config.rule_files) == 1


@pytest.mark.slow
def test_the_whole_demo(tmp_path, environment):
    begun = time.monotonic()
    done = subprocess.run(
        DEMO, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - begun < 120
    out = done.stdout
    for alert in ("ExcessiveLoginFailures", "LoginLatencyAboveObjective"):
        assert f"{alert} pending, fires in " in out
        late = re.search(
            rf"webhook received: firing {alert}: ([0-9.]+) s after the rule, (\d+) s", out
        )
        assert float(late[1]) < 5
        assert 60 <= int(late[2]) < 90
    records = sorted((tmp_path / "evidence").rglob("*.json"))
    assert len(records) == 4
    assert "A copy of the day, sealed with a throwaway key, and verified:" in out
    assert "files: nothing is altered" in out
    # The copy was sealed, not the day: nobody's chain begins with the demo.
    assert not list((tmp_path / "evidence").rglob("SHA256SUMS*"))
    for path in records:
        data = path.read_bytes()
        record = json.loads(data)
        assert hashlib.sha256(data).hexdigest() in out
        assert f"{record['state']:<9}  {path.relative_to(tmp_path)}" in out
        assert record["source"]["program"] == "Tocsin"
        assert record["state"] != "not-run"
    rules = json.loads(next(p for p in records if p.stem == "security-monitoring").read_bytes())
    assert rules["state"] == "exception"
    assert len({rule["definition_sha256"] for rule in rules["rules"]}) == 3
    assert not processes_of(tmp_path / "t")
    assert not list((tmp_path / "t").iterdir())
    for line in out.split("Try next:\n")[1].split("\n"):
        if line and "--keep" not in line:
            words = [
                str(path) if "*" in word else word
                for word in shlex.split(line)
                for path in (tmp_path.glob(word) if "*" in word else [word])
            ]
            if words[0] == "tocsin":
                words[:1] = [sys.executable, "-m", "tocsin.cli"]
            subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)


def failing(settings, capsys):
    """The exit code, what was missed, and the folder of the logs."""
    told = []
    code = run_demo(
        settings,
        PlainScreen(print),
        succeeded=lambda *_: told.append("succeeded"),
        failed=lambda missed, folder: told.append((missed, folder)),
    )
    return code, told, capsys.readouterr().out


@pytest.mark.slow
def test_a_rule_that_never_fires_fails_the_demo(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    never = tmp_path / "never.yml"
    never.write_text(RULES.read_text().replace("> 15", "> 15000"))
    settings = Settings(rules=never, evidence=tmp_path / "evidence", calm=0, pending=4)
    code, [(missed, folder)], out = failing(settings, capsys)
    assert code == 1
    assert missed.expected == "ExcessiveLoginFailures is pending, within 4 s"
    assert "ExcessiveLoginFailures inactive" in missed.seen
    assert " failed logins in 5 minutes; 0 notifications" in missed.seen
    assert "Attack: " in out
    assert "API on http://" in (folder / "tocsin.log").read_text()
    assert '"authn_login_fail"' in (folder / "events.jsonl").read_text()
    assert not (tmp_path / "evidence").exists()
    assert not processes_of(folder)


def test_a_rule_file_that_is_wrong_fails_the_demo(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(RULES.read_text().replace("increase(", "increase(("))
    settings = Settings(rules=wrong, evidence=tmp_path / "evidence")
    code, [(missed, folder)], _ = failing(settings, capsys)
    assert code == 1
    assert missed.seen == "tocsin ended with exit code 2"
    assert "wrong.yml:5:15: " in (folder / "tocsin.log").read_text()
    assert not processes_of(folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(number, tmp_path, environment):
    out = tmp_path / "out"
    with out.open("wb") as file:
        demo = subprocess.Popen(DEMO, cwd=tmp_path, env=environment, stdout=file, stderr=file)
        try:
            deadline = time.monotonic() + 60
            while "targets up 1 of 1" not in out.read_text() and time.monotonic() < deadline:
                time.sleep(0.05)
            running = processes_of(tmp_path / "t")
            assert {name for name in EVENTS if any(name in each for each in running)} == set(EVENTS)
            demo.send_signal(number)
            demo.send_signal(number)
            assert demo.wait(30) == 128 + number
        finally:
            demo.kill()
            demo.wait()
    assert not processes_of(tmp_path / "t")
    assert not list((tmp_path / "t").iterdir())
    assert not (tmp_path / "evidence").exists()
