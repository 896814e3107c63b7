"""What the commands print, and the codes they end with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tocsin
from tests.engine.daemon import Daemon, free_port, target, wait_for


def run(*arguments, cwd=None):
    done = subprocess.run(
        [sys.executable, "-m", "tocsin.cli", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_version():
    assert run("version") == (0, f"{tocsin.__version__}\n", "")


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root becomes another user"
)
@pytest.mark.parametrize("arguments", [
    ("silence", "add", "alertname=x", "--for", "2h", "--comment", "c"), ("acknowledge", "X"),
])  # fmt: skip
def test_who_it_was_is_asked_of_the_system_also_where_the_user_has_no_name(arguments):
    """As in a container that runs under a number of its own."""
    url = f"http://127.0.0.1:{free_port()}"
    done = subprocess.run(
        [shutil.which("setpriv"), "--reuid", "12345", sys.executable, "-m", "tocsin.cli",
         *arguments, "--url", url],
        capture_output=True, text=True, timeout=60, env={}, cwd="/",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.startswith(f"no answer from {url}")


def test_the_digest_of_the_program_is_what_sha256sum_says():
    by_hand = (
        "find tocsin -type f ! -path '*/__pycache__/*' | LC_ALL=C sort"
        " | xargs sha256sum | sha256sum | cut -d' ' -f1"
    )
    above = Path(tocsin.__file__).parents[1]
    said = subprocess.run(by_hand, shell=True, cwd=above, capture_output=True, text=True)  # noqa: S602
    assert run("version", "--digest") == (0, said.stdout, "")


def test_a_mistyped_command_is_told_with_a_hint():
    code, out, err = run("chekc")
    assert (code, out) == (2, "")
    assert "check" in err


def test_check_counts_what_is_there_and_warnings_change_nothing(tmp_path):
    (tmp_path / "rules.yml").write_text(
        "groups: [{name: g, rules: [{alert: A, expr: 'increase(x[5m]) > 15'}, {record: r, expr: x}]}]"
    )
    code, out, err = run("check", "rules.yml", cwd=tmp_path)
    assert (code, err) == (0, "")
    first, last = out.splitlines()
    assert first.startswith("rules.yml:1:45: warning: the threshold > 15 is within increase()'s")
    assert last == ("1 file: 1 rule group, 1 alerting rule, 1 recording rule; 0 errors, 1 warning")


def test_check_tells_all_files_mistakes(tmp_path):
    (tmp_path / "a.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: 'rate(x)'}]}]")
    (tmp_path / "b.yml").write_text("groups: nothing")
    code, out, _ = run("check", "--format", "json", "a.yml", "b.yml", "none.yml", cwd=tmp_path)
    report = json.loads(out)
    assert code == 2
    assert [(p["path"], p["line"]) for p in report["problems"]] == [
        ("a.yml", 1), ("b.yml", 1), ("none.yml", 0),
    ]  # fmt: skip
    assert report["errors"] == 3


def test_check_of_a_folder_reads_all_that_is_in_it(data):
    code, out, _ = run("check", data / "rules")
    assert code == 0
    assert out.splitlines()[-1].startswith("41 files: ")
    assert " 318 alerting rules, " in out.splitlines()[-1]


def test_check_of_a_configuration_scrapes_its_targets(tmp_path):
    rules = {"groups": [{"name": "g", "rules": [
        {"alert": "A", "expr": "level > 1"}, {"alert": "B", "expr": "levle > 1"},
    ]}]}  # fmt: skip
    with target(lambda: "level 1\n") as up:
        config = {"scrape": [{"job": "j", "targets": [f"127.0.0.1:{up.port}"]}]}
        Daemon(tmp_path, config, rules)
        code, out, _ = run("check", "tocsin.yaml", cwd=tmp_path)
    assert code == 0
    assert "rule 'B' reads 'levle', which no target exposes" in out
    assert "'level'" not in out
    assert out.endswith("1 target, 1 rule group, 2 alerting rules, "
                        "0 recording rules; 0 errors, 1 warning\n")  # fmt: skip
    code, out, _ = run("check", "tocsin.yaml", cwd=tmp_path)
    assert code == 0
    assert "does not answer" in out


def test_query_prints_what_the_daemon_answers(tmp_path):
    with target(lambda: 'level{a="b"} 1.5\n') as up:
        config = {
            "scrape": [{"job": "j", "targets": [f"127.0.0.1:{up.port}"], "interval": "200ms"}]
        }
        with Daemon(tmp_path, config, {"groups": []}) as daemon:
            wait_for(lambda: daemon.query("level"), "a sample")
            assert run("query", "sum by (a) (level)", "--url", daemon.url) == (
                0, '{a="b"} 1.5\n', "",
            )  # fmt: skip
            assert run("query", "1 + 1", "--url", daemon.url)[1] == "2\n"
            code, out, _ = run("query", "level", "--url", daemon.url, "--format", "json")
            assert json.loads(out)["result"][0]["value"][1] == "1.5"
            code, _, err = run("query", "rate(level)", "--url", daemon.url)
            assert code == 2
            assert "range" in err


@pytest.mark.parametrize("command", [["query", "up"]])
def test_nobody_there_is_code_3(command):
    code, out, err = run(*command, "--url", f"http://127.0.0.1:{free_port()}")
    assert (code, out) == (3, "")
    assert "hint:" in err


def test_run_without_a_configuration_says_what_to_do(tmp_path):
    code, out, err = run("run", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "tocsin.yaml: can't read it" in err
    assert "hint: `tocsin init` writes one" in err
