"""Which source answered: told by real ones, by doubles of others, and not told by the rest."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import urllib.request
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.daemon import Daemon, free_port, serving
from tests.engine.git import environment
from tests.referees import prometheus

from tests.conftest import ROOT
from tocsin.cli._program import program_sha256
from tocsin.evidence import OWN_STATUS, STATUS, Answer, Redactor, source_told

SECRET = "hunter2hunter2hunter2"
CONTROL = """
version: "1"
controls:
  - {id: there, title: There, objective: It answers., owner: operations,
     inputs: [{kind: source}, {kind: targets-now}]}
"""


def record(tocsin, folder, url, *more):
    (folder / "there.yaml").write_text(CONTROL)
    (folder / "collect.yaml").write_text("evidence: {folder: evidence, controls: [there.yaml]}\n")
    told = tocsin("collect", "--prometheus", url, "--config", "collect.yaml", "--folder", "evidence",
                  "--format", "json", *more)  # fmt: skip
    (each,) = json.loads(told)
    return json.loads(Path(folder / each["file"]).read_text())


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


CONFIGURED = {
    "global": {"external_labels": {"replica": "a", "note": "two\nlines", "api_token": SECRET}},
    "scrape_configs": [
        {"job_name": "billing-of-customers", "static_configs": [{"targets": ["127.0.0.1:1"]}]}
    ],
}


def test_a_prometheus_tells_what_it_is_keeps_and_how_it_is_configured(tocsin, tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    with prometheus(folder, json.dumps(CONFIGURED), "--storage.tsdb.retention.time=9d") as url:
        text = get(f"{url}/api/v1/status/config")["yaml"]
        flags = get(f"{url}/api/v1/status/flags")
        found = record(tocsin, tmp_path, url)
    source = found["source"]
    assert (source["program"], source["retention"]) == ("Prometheus", "9d")
    assert source["version"].startswith("2.")
    assert source["revision"]
    assert datetime.fromisoformat(source["started"]).tzinfo is not None
    assert source["config_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    labels = {"api_token": "[redacted]", "note": "two\nlines", "replica": "a"}
    assert source["external_labels"] == labels
    assert source["flags"]["web.enable-admin-api"] == flags["web.enable-admin-api"] == "false"
    assert source["flags"]["storage.tsdb.retention.time"] == "9d"
    # 2.x has no name for itself but its labels.
    assert source["instance"] == "not told"
    assert "lacking" not in source
    data = b"".join(path.read_bytes() for path in (tmp_path / "evidence").rglob("*.json"))
    assert SECRET.encode() not in data
    assert b"scrape_configs" not in data
    # The targets are an input and name the job; the configuration brings nothing.
    assert b"billing" not in json.dumps(source).encode()


def test_a_daemon_tells_its_instance_over_restarts(tocsin, tmp_path):
    config = {"scrape": [], "external_labels": {"site": "eu"}, "storage": {"retention": "3d"}}
    with Daemon(tmp_path, config, {"groups": []}) as daemon:
        first = record(tocsin, tmp_path, daemon.url)["source"]
        daemon.kill()
        daemon.start()
        second = record(tocsin, tmp_path, daemon.url)["source"]
    text = (tmp_path / "tocsin.yaml").read_bytes()
    host, _, number = first["instance"].partition("/")
    assert host == socket.gethostname()
    assert len(bytes.fromhex(number)) == 16
    assert first["config_sha256"] == hashlib.sha256(text).hexdigest()
    assert first["external_labels"] == {"site": "eu"}
    assert first["program_sha256"] == program_sha256()
    assert (first["program"], first["retention"]) == ("Tocsin", "3d")
    assert "lacking" not in first
    assert second["started"] > first["started"]
    assert second | {"started": ""} == first | {"started": ""}
    (tmp_path / "other").mkdir()
    with Daemon(tmp_path / "other", config, {"groups": []}) as daemon:
        other = record(tocsin, tmp_path, daemon.url)["source"]
    assert other["instance"] != first["instance"]


BUILD = {"version": "3.5.0", "revision": "8be3a9560fbdd18a94dedec4b747c35178177202"}
TARGETS = {"activeTargets": [{"labels": {"job": "j"}, "health": "up"}]}
RUNTIME = {"startTime": "2026-11-01T00:00:00Z", "storageRetention": "15d", "CWD": "/prometheus"}


@contextmanager
def double(**answers):
    """A server that knows some paths, with `/` as `_`; 404 for the rest."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.partition("?")[0].removeprefix("/api/v1/").replace("/", "_")
            data = answers.get(name)
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_prometheus_3_tells_its_host(tocsin, tmp_path):
    config = {"yaml": "global:\n  scrape_interval: 15s\nscrape_configs: []\n"}
    runtime = RUNTIME | {"hostname": "prom-0", "serverTime": "2026-11-22T00:00:00Z"}
    with double(status_buildinfo=BUILD, targets=TARGETS, status_runtimeinfo=runtime,
                status_config=config, status_flags={"web.enable-admin-api": "true"}) as url:  # fmt: skip
        found = record(tocsin, tmp_path, url)
    source = found["source"]
    assert (source["instance"], source["external_labels"]) == ("prom-0", "none")
    assert source["flags"] == {"web.enable-admin-api": "true"}
    assert found["state"] == "operated"


@pytest.mark.parametrize(
    ("known", "lacking"),
    [
        ({}, {STATUS[1]: "HTTP status 404", STATUS[2]: "HTTP status 404", STATUS[3]: "HTTP status 404"}),
        ({"status_config": {"yaml": ""}, "status_flags": {}, "status_runtimeinfo": {"storageRetention": ""}},
         {STATUS[2]: "the configuration is empty", STATUS[3]: "there are no flags"}),
        ({"status_config": [1], "status_flags": "x", "status_runtimeinfo": {"startTime": 5}}, None),
    ],
    ids=["it knows none of it", "it answers with nothing", "it answers with nonsense"],
)  # fmt: skip
def test_what_is_not_told_is_said_and_is_no_exception(tocsin, tmp_path, known, lacking):
    with double(status_buildinfo=BUILD, targets=TARGETS, **known) as url:
        found = record(tocsin, tmp_path, url)
    assert found["state"] == "operated"
    source = found["source"]
    for name in ("instance", "started", "retention", "external_labels", "config_sha256"):
        assert source[name] == "not told"
    assert source["version"] == "3.5.0"
    assert set(source["lacking"]) == set(lacking or STATUS[1:])
    assert lacking is None or source["lacking"] == lacking


def test_a_source_that_is_not_there_is_not_told_either(tocsin, tmp_path):
    told = tocsin(
        "collect", "--prometheus", f"http://127.0.0.1:{free_port()}", "--folder", "e", code=3
    )
    assert "not-run" in told
    (path, *_) = (tmp_path / "e").rglob("*.json")
    source = json.loads(path.read_text())["source"]
    assert source["program"] == source["config_sha256"] == "not told"
    assert "onnect" in source["lacking"]["all"]


def answer(body):
    return Answer(0, 0, 200, body)


LINE = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | LINE,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(LINE, each, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from([*STATUS, OWN_STATUS]), st.binary(max_size=40) | JSON))
def test_no_answer_can_make_it_fail(bodies):
    made = {
        path: answer(b if isinstance(b, bytes) else json.dumps({"status": "success", "data": b}).encode())
        for path, b in bodies.items()
    }  # fmt: skip
    told = source_told(made, Redactor().clean)
    assert told["external_labels"]
    json.dumps(told)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["global:", "  external_labels:", "    a: 'b'", "  - x: &a [*a]", "rule_files:",
                                 "- canary", "  canary: canary", "scrape_configs: canary", "", "# x", "\t", "!!x"])))  # fmt: skip
def test_nothing_of_the_configuration_comes_through_but_external_labels(lines):
    data = {"status": "success", "data": {"yaml": "\n".join(lines)}}
    told = source_told({STATUS[2]: answer(json.dumps(data).encode())}, Redactor().clean)
    assert "canary" not in json.dumps(told)


def test_the_collector_says_which_attempt_it_is_and_whether_it_came_later(tocsin, tmp_path):
    with double(status_buildinfo=BUILD, targets=TARGETS) as url:
        found = [record(tocsin, tmp_path, url)["collector"] for _ in range(2)]
        past = record(tocsin, tmp_path, url, "--day", "2026-11-01")["collector"]
    assert [each["attempt"] for each in (*found, past)] == [1, 2, 1]
    assert [each["backfill"] for each in (*found, past)] == [False, False, True]
    assert len({each["run"] for each in (*found, past)}) == 3
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True,
                          env=environment(HOME=os.environ.get("HOME", "")))  # fmt: skip
    assert past["revision"] == (head.stdout.strip() or "not told")


def test_aws_says_as_whom_it_was_asked(tocsin, tmp_path, monkeypatch):
    moto = pytest.importorskip("moto.server")
    (tmp_path / "aws.yaml").write_text(
        CONTROL.replace("[{kind: source}, {kind: targets-now}]", "[{kind: cloudwatch-alarms}]")
    )
    (tmp_path / "collect.yaml").write_text("evidence: {folder: evidence, controls: [aws.yaml]}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        sources = []
        for service in ("STS", "STS", "STS_ELSEWHERE"):
            monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", f"http://{host}:{port}")
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{free_port()}")
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://{host}:{port}")
            told = tocsin("collect", "--config", "collect.yaml", "--cloudwatch", "eu-central-1",
                          "--prometheus", "http://127.0.0.1:9", "--folder", "evidence", "--format", "json")  # fmt: skip
            (each,) = json.loads(told)
            sources.append(
                json.loads((tmp_path / each["file"]).read_text())["source"]["cloudwatch"]
            )
    finally:
        server.stop()
    assert sources[0] == sources[1]
    assert (sources[0]["region"], sources[0]["account"]) == ("eu-central-1", "123456789012")
    assert sources[0]["principal"].startswith("arn:aws:sts::123456789012:")
    assert sources[2]["region"] == "eu-central-1"
    assert sources[2]["account"].startswith("not told: EndpointConnectionError")
