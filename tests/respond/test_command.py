"""`tocsin block`: decided, exported, put back; two at once, and a record that was cut off."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from click.testing import CliRunner

from tocsin.cli import cli
from tocsin.errors import ParseError, StoreError
from tocsin.respond import Blocks, Safeguards
from tocsin.store import BlockRecord

NOW = 1_800_000_000 * 1_000_000


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tocsin.yaml").write_text(
        yaml.safe_dump({"respond": {"allow": {"proxy": "198.51.100.7"}}})
    )
    return lambda *arguments: CliRunner().invoke(
        cli, ["block", *arguments], standalone_mode=False, catch_exceptions=False
    )


def test_added_listed_exported_and_removed(run, tmp_path):
    assert run("add", "203.0.113.9", "2001:db8:2::1", "--reason", "scans").return_value == 0
    assert [line.split()[:2] for line in run("list").output.splitlines()] == [
        ["2001:db8:2::/64", "blocked"], ["203.0.113.9/32", "blocked"],
    ]  # fmt: skip
    out = tmp_path / "deny.conf"
    assert run("export", "nginx-deny", "--output", str(out), "--check", "true").return_value == 0
    assert out.read_text() == "deny 203.0.113.9/32;\ndeny 2001:db8:2::/64;\n"
    assert run("remove", "203.0.113.9", "--reason", "mistake").return_value == 0
    shown = run("export", "nginx-deny", "--output", str(out), "--dry-run").output
    assert shown.splitlines()[-1] == "-deny 203.0.113.9/32;"
    assert "203" in out.read_text()
    # A check that fails puts back what was there.
    assert run("export", "nginx-deny", "--output", str(out), "--check", "false").return_value == 1
    assert "203" in out.read_text()
    assert run("export", "plain").output == "2001:db8:2::/64\n"
    assert run("list", "--all").output.count("over") == 1


def test_what_is_protected_is_refused_and_nothing_is_written(run, tmp_path):
    for address in ("198.51.100.7", "127.0.0.1", "198.51.100.0/24"):
        with pytest.raises(ParseError, match="not to be blocked"):
            run("add", address, "--reason", "x")
    assert run("add", "203.0.113.9", "--reason", "x", "--dry-run").output.startswith("would block")
    assert run("list").output == ""


WRITE = """
import pathlib, sys
from tocsin.respond import Blocks, Safeguards
from tocsin.store import BlockRecord
record = BlockRecord(pathlib.Path(sys.argv[1]))
for n in range(40):
    text = f"203.0.{sys.argv[2]}.{n}"
    record.decide(lambda events: Blocks(Safeguards(), events).approve(text, 1800000000000000, by="x"))
"""


def test_two_writers_lose_nothing(tmp_path):
    path = tmp_path / "blocks.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, str(path), str(n)]) for n in (1, 2)]
    assert [each.wait() for each in writers] == [0, 0]
    assert len({event.network for event in BlockRecord(path).events()}) == 80


def test_a_line_that_was_cut_off_is_no_event_and_the_next_one_is_whole(tmp_path):
    record = BlockRecord(tmp_path / "blocks.jsonl")
    blocks = Blocks(Safeguards())
    record.decide(lambda _: blocks.approve("203.0.113.9", NOW, by="me"))
    whole = record.path.read_bytes()
    for cut in range(1, len(whole)):
        record.path.write_bytes(whole + whole[:cut])
        assert len(record.events()) == 1
    record.decide(lambda _: blocks.approve("203.0.113.10", NOW, by="me"))
    assert [event.network for event in record.events()] == ["203.0.113.9/32", "203.0.113.10/32"]
    record.path.write_bytes(b"garbage\n" + whole)
    with pytest.raises(StoreError, match=r"blocks\.jsonl:1: damaged"):
        record.events()
