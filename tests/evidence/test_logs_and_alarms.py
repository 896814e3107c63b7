"""Log groups and alarms of a real daemon as inputs of a control."""

from __future__ import annotations

import json
import os

from click.testing import CliRunner
from tests.engine.daemon import wait_for, webhook
from tests.engine.test_log_daemon import alarm_of, daemon, line

from tocsin.cli import cli

CONTROLS = """
version: "1"
controls:
  - id: web-logs
    title: The web server's log is watched
    objective: Every line of the log is read, and a burst of failures raises an alarm.
    owner: security
    inputs:
      - {kind: awake}
      - {kind: logs-read}
      - {kind: log-groups-now, log_groups: [/web]}
      - {kind: alarms-now, alarms: [burst]}
      - {kind: alarms-held}
      - {kind: notifications}
"""


def collect(running):
    words = ["collect", "--config", str(running.folder / "tocsin.yaml"), "--prometheus", running.url,
             "--folder", str(running.folder / "evidence"), "--format", "json"]  # fmt: skip
    done = CliRunner().invoke(cli, ["evidence", *words], standalone_mode=False)
    assert done.exception is None, done.exception
    (told,) = json.loads(done.stdout)
    record = json.loads((running.folder / told["file"]).read_bytes())
    kinds = {}
    for finding in record["findings"]:
        kinds.setdefault(finding["input"], set()).add(finding["kind"])
    return record, kinds


def test_a_log_that_is_read_and_an_alarm_that_goes_off(tmp_path):
    (tmp_path / "controls.yaml").write_text(CONTROLS)
    with webhook() as hook, daemon(tmp_path, hook, period=10) as running:
        config = running.folder / "tocsin.yaml"
        config.write_text(config.read_text() + "evidence: {controls: [controls.yaml]}\n")
        log = tmp_path / "access.log"
        log.write_text("".join(line(n) for n in range(11)))
        wait_for(lambda: hook.messages, "the alarm is told")
        wait_for(lambda: alarm_of(running)["firing"], "it fires")
        record, kinds = collect(running)
        # The day is judged from its first minute, when no daemon ran yet.
        assert kinds["awake"] == {"lacking"}
        assert kinds["log-groups-now"] == {"met"}, record["reasons"]
        assert record["control"]["owner"] == "security"
        assert record["clock"]["kernel"] in {"synchronised", "not synchronised", "unknown"}
        # Both run on this machine.
        assert abs(int(record["clock"]["source_ahead"])) < 60_000_000
        inputs = {one["name"]: one for one in record["inputs"]}
        assert inputs["alarms-now"]["request"]["endpoint"] == "/api/v1/alarms"
        assert all("failure" not in one["answer"] for one in record["inputs"])
        assert running.log_group()["read"] == 11
        log.unlink()
        os.mkfifo(log)
        wait_for(lambda: running.log_group()["problems"], "the log can't be read")
        record, kinds = collect(running)
        assert kinds["log-groups-now"] == {"lacking"}
        log.unlink()
        log.write_text(line(12))
        wait_for(lambda: not running.log_group()["problems"], "the log can be read again")
        url = "/api/v1/ledger?start=0&end=9999999999&kinds=gap"
        entries = json.loads(running.get(url)[1])["data"]["entries"]
        states = [
            e["body"]["state"]
            for e in entries
            if "path" not in e["body"] and e["body"]["what"] == "log"
        ]
        assert states == ["open", "closed"], entries
