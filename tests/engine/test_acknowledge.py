"""`tocsin acknowledge` at a real daemon: what waits, and who has seen it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests.engine.daemon import Daemon, target, wait_for
from tocsin.store import read_ledger

RULES = {"groups": [{"name": "g", "interval": "200ms", "rules": [
    {"alert": "High", "expr": "level > 5", "labels": {"team": "shop"}}]}]}  # fmt: skip


def command(daemon, *words):
    done = subprocess.run(
        [sys.executable, "-m", "tocsin.cli", "acknowledge", *words, "--url", daemon.url],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def firing(daemon, count):
    return sum(each["state"] == "firing" for each in daemon.alerts()) == count


def test_an_alert_is_acknowledged_once_and_again_when_it_fires_again(tmp_path):
    level = ["level 1\n"]
    with target(lambda: level[0]) as up:
        config = {
            "scrape": [{"job": "j", "targets": [f"127.0.0.1:{up.port}"], "interval": "200ms"}]
        }
        with Daemon(tmp_path, config, RULES) as daemon:
            code, _, told = command(daemon, "High", "--by", "ann")
            assert (code, "no alert 'High' waits" in told) == (3, True), told
            assert ", hint: `tocsin acknowledge` lists what waits" in told
            level[0] = "level 9\n"
            wait_for(lambda: firing(daemon, 1), "the alert fires")
            assert "High" in command(daemon)[1]
            assert command(daemon, "High", "team=other")[0] == 3
            words = ("High", "team=shop", "--by", "ann", "--ticket", "OPS-1", "--comment", "seen")
            assert command(daemon, *words)[:2] == (0, "acknowledged  High  1 firing\n")
            assert command(daemon)[1] == ""
            daemon.stop()
            daemon.start()
            assert command(daemon)[1] == ""
            level[0] = "level 1\n"
            wait_for(lambda: firing(daemon, 0), "it ends")
            level[0] = "level 9\n"
            wait_for(lambda: firing(daemon, 1), "it fires again")
            (waiting,) = json.loads(command(daemon, "--format", "json")[1])
            assert (waiting["alert"], waiting["labels"]["team"]) == ("High", "shop")
        entries = read_ledger(daemon.state, 0, 2**62).entries
        (found,) = [e.body for e in entries if e.kind == "acknowledgement"]
        assert found == {"alert": "High", "labels": {"team": "shop"}, "by": "ann",
                         "ticket": "OPS-1", "comment": "seen"}  # fmt: skip


def test_what_is_no_acknowledgement_is_refused(tmp_path):
    with Daemon(tmp_path, {"scrape": []}, RULES) as daemon:
        for body, more in (
            (b"{", {}), (b'{"alert": 1, "by": "a"}', {}), (b'{"alert": "A", "by": " "}', {}),
            (b'{"alert": "A", "by": "a"}', {"Origin": "http://elsewhere.example"}),
            (json.dumps({"alert": "A", "by": "a" * 5000}).encode(), {}),
        ):  # fmt: skip
            request = urllib.request.Request(
                f"{daemon.url}/api/v1/acknowledgements", data=body, headers=more, method="POST"
            )
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=10)
            with refused.value as answer:
                assert answer.code in {400, 403}
