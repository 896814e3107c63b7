"""The whole path into a real Alertmanager: fire, stay alive, end."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request

import pytest

from tests.engine.daemon import Daemon, free_port, target, wait_for

RULES = {"groups": [{"name": "g", "rules": [
    {"alert": "Now", "expr": "level > 5", "labels": {"severity": "high"},
     "annotations": {"summary": "{{ $value }} on {{ $labels.instance }}"}},
]}]}  # fmt: skip


@pytest.fixture
def alertmanager(tmp_path):
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        pytest.skip("Alertmanager is not installed: apt-get install prometheus-alertmanager")
    folder = tmp_path / "am"
    folder.mkdir()
    (folder / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binary, "--config.file=am.yml", "--storage.path=data", "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{port}"],
            cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def alerts():
        try:
            with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=5) as answer:
                return json.loads(answer.read())
        except OSError:
            return None

    try:
        wait_for(lambda: alerts() is not None, "Alertmanager answers")
        yield url, alerts
    finally:
        process.terminate()
        process.wait()


def test_an_alert_reaches_alertmanager_and_ends_there(tmp_path, alertmanager):
    url, alerts = alertmanager
    level = [9]
    with target(lambda: f"level {level[0]}\n") as scraped:
        config = {
            "scrape": [
                {"job": "lab", "targets": [f"127.0.0.1:{scraped.port}"], "interval": "200ms"}
            ],
            "receivers": [{"name": "am", "alertmanager": {"url": url}}],
            "external_labels": {"site": "test"},
        }
        with Daemon(tmp_path, config, RULES) as daemon:
            (alert,) = wait_for(alerts, "the alert in Alertmanager")
            assert alert["labels"] == {
                "alertname": "Now", "severity": "high", "job": "lab", "site": "test",
                "instance": f"127.0.0.1:{scraped.port}",
            }  # fmt: skip
            assert alert["annotations"] == {"summary": f"9 on 127.0.0.1:{scraped.port}"}
            # The link leads to an answer.
            path = alert["generatorURL"].removeprefix(daemon.url)
            assert json.loads(daemon.get(path)[1])["data"]["result"]
            level[0] = 0
            wait_for(lambda: alerts() == [], "Alertmanager lists it no more")
            assert daemon.stop() == 0
