"""`tocsin replay --rules` and `tocsin test` with Sigma files."""

import json
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from tests.correlation.test_data import RULES

from tests.conftest import ROOT
from tocsin.cli import cli

TEST = """
sigma_files: [rules.yml]
tests:
  - name: five failures, then a login
    format: syslog
    start: 2017-01-01T00:00:00Z
    events:
      - line: 'Mar  1 10:00:00 srv sshd[7]: Failed password for x from 192.0.2.1 port 9 ssh2'
        repeat: 5
        every: 10s
      - line: 'Mar  1 10:02:00 srv sshd[8]: Accepted password for x from 192.0.2.1 port 9 ssh2'
    alerts:
      - {at: '2017-03-01T10:00:40Z', rule: brute, group: {source.ip: 192.0.2.1}, measure: 5}
      - {at: '2017-03-01T10:02:00Z', rule: broken_in, group: {source.ip: 192.0.2.1}}
      - {at: '2017-03-01T10:02:00Z', rule: success}
  - name: four failures
    events:
      - {fields: {program: sshd, event.outcome: failure, client: 192.0.2.1}, repeat: 4, every: 1s}
  - name: five sources
    format: syslog
    start: 2017-01-01T00:00:00Z
    events:
      - {fields: {program: sshd, event.outcome: failure, client: '192.0.2.#'}, repeat: 5, every: 1s, number: '#'}
      - line: 'Mar  1 10:00:00 srv sshd[7]: Failed password for x from 192.0.2.# port 9 ssh2'
        repeat: 5
        number: '#'
"""


def run(*arguments, **more):
    words = [str(each) for each in arguments]
    return CliRunner().invoke(cli, words, standalone_mode=False, **more)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rules.yml").write_bytes(RULES)
    (tmp_path / "rules.test.yml").write_text(TEST)
    return tmp_path


def test_replay(data, folder):
    log = data / "logs/auth.log"
    done = run("replay", "--rules", folder, "--year", 2017, "--format", "json", log)
    assert done.return_value == 0, done.output
    found = json.loads(done.stdout)
    brute = [each for each in found["alerts"] if each["rule"] == "brute"]
    assert len({each["group"]["source.ip"] for each in brute}) == 101
    (broken,) = [each for each in found["alerts"] if each["rule"] == "broken_in"]
    assert broken["group"] == {"source.ip": "24.151.103.17"}
    assert broken["reference"].startswith(f"{log}:")
    accounting = found["accounting"]
    assert accounting["read"] == accounting["counted"] == 7121
    assert found["offenders"]["brute"][0]["error"] == 0


def test_replay_beside_a_pack(data, folder):
    (folder / "web.yml").write_text(
        "title: Not found\nlogsource: {category: webserver}\n"
        "detection: {missing: {sc-status: 404}, condition: missing}\n"
    )
    log = data / "logs/apache_access.log"
    done = run("replay", "--pack", "http", "--rules", folder / "web.yml", "--format", "json", log)
    assert done.return_value == 0, done.output
    found = json.loads(done.stdout)
    assert found["alerts_by_rule"] == {"Not found": 213}
    assert found["too_late"] == 0


def test_replay_for_people(data, folder):
    done = run("replay", "--rules", folder, "--year", 2017, data / "logs/auth.log")
    assert "  Brute force: source.ip 49.4.143.105\n" in done.stdout
    assert "busiest of brute:\n" in done.stdout
    assert done.stdout.endswith("read 7121 = counted 7121 + dropped 0\n")


def test_files_are_merged_by_time(folder):
    line = "Mar  1 10:00:0{} srv sshd[{}]: Failed password for x from 192.0.2.1 port 9 ssh2\n"
    for name, seconds in (("a", (0, 2, 4)), ("b", (1, 3))):
        (folder / f"{name}.log").write_text("".join(line.format(n, n) for n in seconds))
    files = folder / "a.log", folder / "b.log"
    done = run("replay", "--rules", folder, "--year", 2017, "--format", "json", *files)
    (alert,) = json.loads(done.stdout)["alerts"]
    assert alert["time"] == "2017-03-01T10:00:04Z"
    assert alert["reference"] == f"{files[0]}:3"


def test_test(folder):
    done = run("test", folder)
    assert (done.return_value, done.stdout) == (0, f"{folder}/rules.test.yml: passed\n")


@pytest.mark.parametrize(
    ("before", "after", "code", "words"),
    [
        ("rule: broken_in", "rule: brute", 1, "no alert of brute at"),
        ("repeat: 4", "repeat: 5", 1, "an alert of brute that is not expected"),
        ("measure: 5", "measure: 6", 1, "{source.ip: 192.0.2.1} 6"),
        ("[rules.yml]", "[other.yml]", 2, "no Sigma file matches 'other.yml'"),
        ("alerts:", "alarms:", 2, "unknown key 'alarms'"),
        ("repeat: 4", "repeat: x", 2, "must be a whole number"),
        ("Mar  1 10:02", "Mox  1 10:02", 2, "the line is no event"),
        ("every: 10s", "every: 10", 2, "not a duration"),
    ],
)
def test_test_that_fails(folder, before, after, code, words):
    path = folder / "rules.test.yml"
    path.write_text(TEST.replace(before, after, 1))
    done = run("test", path)
    assert done.return_value == code, done.output
    assert words in done.stdout


def test_the_guide(tmp_path, monkeypatch):
    text = (ROOT / "docs/guides/correlations.md").read_text()
    for name, block in re.findall(r"```yaml\n# (\S+)\n(.*?)```", text, re.DOTALL):
        (tmp_path / name).write_text(block)
    monkeypatch.chdir(tmp_path)
    done = run("test", "brute-force.test.yml")
    assert (done.return_value, done.stdout) == (0, "brute-force.test.yml: passed\n")


def test_wrong_use(folder):
    for arguments, words in (
        (("replay", folder / "rules.yml"), "--rules"),
        (("replay", "--rules", folder, "--pack", "http", "-"), "read once"),
    ):
        error = run(*arguments, input="").exception
        assert isinstance(error, click.UsageError)
        assert words in error.message


@pytest.mark.parametrize("command", ["check", "test", "replay", "offenders", "run"])
def test_a_missing_package_is_the_same_mistake_everywhere(folder, command):
    log = folder / "a.log"
    log.write_text('192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 404 1 "-" "-"\n')
    (folder / "tocsin.yaml").write_text(
        "log_groups: [{name: a, push: true}]\ncorrelations: [rules.yml]\n"
    )
    asked = {
        "check": ["rules.yml"], "test": ["rules.test.yml"], "replay": ["--rules", "rules.yml", "a.log"],
        "offenders": ["a.log"], "run": [],
    }[command]  # fmt: skip
    code = "import sys; sys.modules['sigma'] = None; sys.argv[0] = 'tocsin'; from tocsin.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, command, *asked],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "pip install 'tocsin[sigma]'" in done.stdout + done.stderr
