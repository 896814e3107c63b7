"""The Docker files, checked without Docker: shape, mounts, references, queries."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from tocsin.lab.app import create_app

ROOT = Path(__file__).parents[2]
LAB = ROOT / "examples" / "lab"
COMPOSE = yaml.safe_load((LAB / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]

TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
SCHEMA = {
    "type": "object",
    "required": ["name", "services"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "required": ["image", "cap_drop", "security_opt", "restart"],
                "additionalProperties": False,
                "properties": {
                    # Pinned by tag, and short: no registry's host.
                    "image": {"pattern": "^([a-z0-9-]+/)?[a-z0-9-]+:(?!latest)[a-z0-9.-]+$"},
                    "build": {
                        "type": "object",
                        "required": ["context", "dockerfile"],
                        "additionalProperties": False,
                        "properties": {"context": {"type": "string"}, "dockerfile": {"type": "string"}},
                    },
                    "ports": {
                        "type": "array",
                        "items": {"type": "string", "pattern": r"^127\.0\.0\.1:\d+:\d+$"},
                    },
                    "volumes": {
                        "type": "array",
                        "items": {"type": "string", "pattern": r"^\./[a-z/-]+:/[a-z/-]+:ro$"},
                    },
                    "environment": {"type": "object", "additionalProperties": {"type": "string"}},
                    "depends_on": TEXTS,
                    "command": TEXTS,
                    "entrypoint": TEXTS,
                    "profiles": TEXTS,
                    "user": {"type": "string", "pattern": r"^[1-9]\d*:[1-9]\d*$"},
                    "network_mode": {"type": "string", "pattern": "^service:[a-z]+$"},
                    "restart": {"enum": ["unless-stopped", "no"]},
                    "cap_drop": {"const": ["ALL"]},
                    "security_opt": {"const": ["no-new-privileges:true"]},
                },
            },
        },
    },
}  # fmt: skip


def test_the_compose_file_has_the_shape_we_use():
    errors = [e.message for e in Draft202012Validator(SCHEMA).iter_errors(COMPOSE)]
    assert not errors


def test_every_mount_and_build_file_exists():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            assert any((LAB / volume.split(":")[0]).iterdir()), volume
        if build := service.get("build"):
            context = (LAB / build["context"]).resolve()
            assert context == ROOT
            dockerfile = (context / build["dockerfile"]).read_text()
            for source in re.findall(r"^COPY (\S+)", dockerfile, re.MULTILINE):
                assert (context / source).exists(), source


def test_services_name_services_that_exist():
    named = {n for s in SERVICES.values() for n in s.get("depends_on", [])}
    named |= {s["network_mode"].split(":")[1] for s in SERVICES.values() if "network_mode" in s}
    text = "".join(
        (LAB / name).read_text()
        for name in ("prometheus/prometheus.yml", "alertmanager/alertmanager.yml",
                     "grafana/provisioning/datasources/prometheus.yml")
    )  # fmt: skip
    named |= set(re.findall(r"\b([a-z]+):(?:9090|9093|5000|8080)\b", text))
    assert named == {"app", "alertmanager", "prometheus", "receiver"}
    assert named <= set(SERVICES)


def test_grafana_finds_the_dashboard_and_its_data_source():
    provisioning = LAB / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    (provider,) = yaml.safe_load((provisioning / "dashboards/lab.yml").read_text())["providers"]
    targets = {v.split(":")[1]: v.split(":")[0] for v in SERVICES["grafana"]["volumes"]}
    assert provider["options"]["path"] in targets
    board = json.loads((LAB / "grafana/dashboards/lab.json").read_text())
    assert {p["datasource"]["uid"] for p in board["panels"]} == {source["uid"]}
    assert len({p["id"] for p in board["panels"]}) == len(board["panels"])


def exposed() -> set[str]:
    client = create_app(seed=1).test_client()
    client.get("/login")
    page = client.get("/metrics").text
    return set(re.findall(r"^([a-z_]+)(?:\{| )", page, re.MULTILINE))


WORDS = {"increase", "rate", "sum", "by", "le", "event", "route", "status", "job", "login", "or",
         "histogram_quantile", "absent", "m", "up", "ALERTS"}  # fmt: skip


def expressions() -> list[str]:
    board = json.loads((LAB / "grafana/dashboards/lab.json").read_text())
    rules = yaml.safe_load((LAB / "rules/security.yml").read_text())
    return [t["expr"] for p in board["panels"] for t in p["targets"]] + [
        rule["expr"] for group in rules["groups"] for rule in group["rules"]
    ]


@pytest.mark.parametrize("expr", expressions())
def test_dashboard_and_rules_only_name_metrics_that_the_app_exposes(expr):
    assert set(re.findall(r"[A-Za-z_]+", expr)) - WORDS <= exposed()


def test_the_receiver_prints_a_notification_and_survives_garbage():
    command = [sys.executable, str(LAB / "receiver/receive.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline().rsplit(" ", 1)[1])
            alert = {"status": "firing", "labels": {"alertname": "A\x1b[2J"}, "annotations": {}}
            for body, status in (("{", 400), ("[]", 400), (json.dumps({"alerts": [alert]}), 200)):
                connection = HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("POST", "/", body)
                assert connection.getresponse().status == status
                connection.close()
            assert process.stdout.readline() == "firing   A\\x1b[2J: \n"
        finally:
            process.terminate()
