"""The real daemon on real log files: killed, reloaded, sent lines, kept waiting."""

from __future__ import annotations

import json
import random
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest

from tests.engine.daemon import Daemon, wait_for, webhook
from tocsin.store import BlockRecord

FILTER = """
resource "aws_cloudwatch_log_metric_filter" "failures" {
  name           = "failures"
  log_group_name = "/web"
  pattern        = "[ip, id, user, timestamp, request, status = 404, size, ...]"
  metric_transformation {
    name      = "Failures"
    namespace = "Web"
    value     = "1"
  }
}
"""
ALARM = """
resource "aws_cloudwatch_metric_alarm" "burst" {
  alarm_name          = "burst"
  namespace           = "Web"
  metric_name         = "Failures"
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = %d
  period              = %d
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
}
"""


def line(number, status=404):
    stamp = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'203.0.113.9 - - [{stamp}] "GET /{number} HTTP/1.1" {status} 12 "-" "probe"\n'


def daemon(folder, hook, *, threshold=10, period=60, ready=True, **group):
    (folder / "main.tf").write_text(FILTER + ALARM % (threshold, period))
    entry = {"name": "/web", "paths": ["access.log*"], **group}
    config = {
        "log_groups": [entry],
        "definitions": ["main.tf"],
        "receivers": [{"name": "team", "webhook": {"url": f"http://127.0.0.1:{hook.port}/"}}],
    }
    return Daemon(folder, config, ready=ready)


def alarm_of(running):
    (alarm,) = json.loads(running.get("/api/v1/alarms")[1])["data"]["alarms"]
    return alarm


@pytest.mark.parametrize("period", [10, 60, 300])
def test_a_line_is_told_before_its_period_is_over(tmp_path, period):
    with webhook() as hook, daemon(tmp_path, hook, period=period) as running:
        log = tmp_path / "access.log"
        log.write_text("".join(line(n) for n in range(11)))
        (_, body, _) = wait_for(lambda: hook.messages, "the alarm is told")[0]
        assert body["alerts"][0]["labels"]["alertname"] == "burst"
        assert body["alerts"][0]["annotations"]["sources"] == "203.0.113.9 (11)"
        assert alarm_of(running)["firing"]
        (alert,) = running.alerts()
        assert (alert["labels"]["alertname"], alert["state"]) == ("burst", "firing")
        assert alert["value"] == "NaN"
        assert running.log_group()["read"] == 11
        # Who alone would have made it go off is put before those who decide.
        (event,) = BlockRecord(tmp_path / ".tocsin" / "blocks.jsonl").events()
        assert (event.kind, event.network, event.by) == ("propose", "203.0.113.9/32", "alarm burst")


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_no_line_and_counts_none_twice(tmp_path, soak):
    """A writer goes on, rotates its file now and then, and never looks back."""
    chance, kills = random.Random(7), 40 if soak else 5
    written, stop = [0], threading.Event()

    def write():
        log, rotated = tmp_path / "access.log", 0
        while not stop.is_set():
            with log.open("a") as file:
                for _ in range(20):
                    text = "".join(line(written[0] + n) for n in range(25))
                    cut = chance.randrange(len(text))
                    file.write(text[:cut])
                    file.flush()
                    file.write(text[cut:])
                    file.flush()
                    written[0] += 25
                    stop.wait(0.005)
            rotated += 1
            log.rename(tmp_path / f"access.log.{rotated}")

    with webhook() as hook, daemon(tmp_path, hook, threshold=10**9) as running:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(kills):
                stop.wait(chance.uniform(0.05, 0.6))
                running.kill()
                running.start()
        finally:
            stop.set()
            writer.join()
        wait_for(lambda: running.log_group()["read"] >= written[0], "all is read")
        found = running.log_group()
        assert (found["read"], found["counted"], found["dropped"]) == (written[0], written[0], {})
        assert running.stop() == 0


def test_lines_over_http(tmp_path):
    def send(path, body, **headers):
        request = urllib.request.Request(running.url + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    with webhook() as hook, daemon(tmp_path, hook, push=True) as running:
        body = "".join(line(n) for n in range(12)).encode() + b"garbage\n"
        status, answer = send("/api/v1/logs//web", body)
        assert (status, answer["data"]) == (
            200, {"read": 13, "counted": 12, "dropped": {"not a line of the format": 1}},
        )  # fmt: skip
        wait_for(lambda: hook.messages, "the alarm is told")
        assert send("/api/v1/logs/nowhere", b"x\n")[0] == 404
        assert send("/api/v1/logs//web", b"x\n", Origin="http://evil.example")[0] == 403
        assert send("/api/v1/logs//web", b"no gzip", **{"Content-Encoding": "gzip"})[0] == 400
        assert send("/api/v1/logs//web", b"x" * (17 << 20))[0] == 413
        assert running.log_group()["read"] == 13


def test_a_file_that_cannot_be_read_is_told_and_read_once_it_can(tmp_path):
    log = tmp_path / "access.log"
    log.symlink_to(log)
    with webhook() as hook, daemon(tmp_path, hook) as running:
        wait_for(lambda: running.get("/readyz")[0] == 503, "it is told")
        assert "log group /web" in running.get("/readyz")[1]
        log.unlink()
        log.write_text(line(1))
        wait_for(lambda: running.log_group()["read"] == 1, "it is read")
        wait_for(lambda: running.get("/readyz")[0] == 200, "all is well")


def test_a_reload_keeps_counts_and_takes_the_new_threshold(tmp_path):
    with webhook() as hook, daemon(tmp_path, hook, threshold=1000) as running:
        (tmp_path / "access.log").write_text("".join(line(n) for n in range(30)))
        wait_for(lambda: running.log_group()["read"] == 30, "all is read")
        (tmp_path / "main.tf").write_text(FILTER + ALARM % (20, 60))
        running.process.send_signal(1)
        wait_for(lambda: "configuration loaded" in running.log.read_text(), "it is loaded")
        with (tmp_path / "access.log").open("a") as file:
            file.write(line(31))
        wait_for(lambda: hook.messages, "the alarm is told")
        assert running.log_group()["read"] == 31
