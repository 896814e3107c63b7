"""The rule file against Prometheus' own tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tocsin.lab.app import create_app

LAB = Path(__file__).parents[2] / "examples" / "lab"

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed (apt install prometheus)"
)
needs_amtool = pytest.mark.skipif(
    not shutil.which("amtool"),
    reason="amtool is not installed (apt install prometheus-alertmanager)",
)


def verdict(*command: str) -> str:
    done = subprocess.run(command, cwd=LAB, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_the_rules():
    assert "SUCCESS: 3 rules found" in verdict("promtool", "check", "rules", "rules/security.yml")


@needs_promtool
def test_the_rules_behave_as_their_tests_say():
    assert "SUCCESS" in verdict("promtool", "test", "rules", "rules/security.test.yml")


@needs_promtool
def test_promtool_accepts_the_configuration_and_finds_the_rules_from_it():
    out = verdict("promtool", "check", "config", "prometheus/prometheus.yml")
    assert "SUCCESS: 3 rules found" in out


@needs_amtool
def test_amtool_accepts_the_routes():
    assert "SUCCESS" in verdict("amtool", "check-config", "alertmanager/alertmanager.yml")


def test_the_first_alert_is_the_one_promised():
    (group,) = yaml.safe_load((LAB / "rules/security.yml").read_text())["groups"]
    assert group["name"] == "security"
    assert group["rules"][0] == {
        "alert": "ExcessiveLoginFailures",
        "expr": "increase(login_failures_total[5m]) > 15",
        "for": "1m",
        "labels": {"severity": "high"},
        "annotations": {
            "summary": "High failed login attempts",
            "description": "More than 15 failed login attempts in 5 minutes.",
        },
    }
    assert [rule["alert"] for rule in group["rules"]] == [
        "ExcessiveLoginFailures",
        "LoginLatencyAboveObjective",
        "LoginTrafficVeryLow",
    ]


@needs_promtool
def test_promtool_finds_no_fault_with_the_metrics_of_the_app():
    client = create_app(seed=1).test_client()
    client.get("/login")
    page = client.get("/metrics").data
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False
    )
    # The client library's own "_created" series are all it may grumble about.
    grumbles = [line for line in done.stderr.decode().splitlines() if "_created" not in line]
    assert not grumbles
