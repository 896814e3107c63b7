"""The whole path into a real Alertmanager: fire, stay alive, end."""

from __future__ import annotations

import json
import urllib.request

from tests.engine.daemon import Daemon, target, wait_for
from tests.referees import alertmanager

RULES = {"groups": [{"name": "g", "rules": [
    {"alert": "Now", "expr": "level > 5", "labels": {"severity": "high"},
     "annotations": {"summary": "{{ $value }} on {{ $labels.instance }}"}},
]}]}  # fmt: skip


def test_an_alert_reaches_alertmanager_and_ends_there(tmp_path):
    def alerts():
        with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=5) as answer:
            return json.loads(answer.read())

    level = [9]
    with alertmanager(tmp_path) as url, target(lambda: f"level {level[0]}\n") as scraped:
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
