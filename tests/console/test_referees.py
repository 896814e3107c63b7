"""Prometheus and promtool as referees of the API."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from urllib.parse import quote

import pytest
import uvicorn
from tests.console.sample_view import SampleView
from tests.engine.daemon import wait_for
from tests.referees import prometheus
from tests.remote.serving import serve_wsgi

from tocsin.console import create_app
from tocsin.durations import SECOND

RULES = """
groups:
- name: g
  rules:
  - alert: Up
    expr: up == 1
    for: 1s
    labels: {severity: high}
    annotations: {summary: "{{ $value }} up"}
  - record: job:up:sum
    expr: sum by (job) (up)
    labels: {a: b}
"""
HOSTED = b"""# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200"} 13
"""
# Label sets: their keys are data.
MAPS = {"metric", "labels", "annotations", "discoveredLabels"}
OURS = {"application", "timeSeriesCount"}


@contextmanager
def tocsin_api():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        view = SampleView(now=time.time_ns() // 1000)
        config = uvicorn.Config(create_app(view), log_config=None, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            wait_for(lambda: server.started, "the start of the API")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def watching(folder):
    def app(_environ, start):
        start("200 OK", [("Content-Type", "text/plain; version=0.0.4")])
        return [HOSTED]

    with serve_wsgi(app) as target:
        (folder / "rules.yml").write_text(RULES)
        jobs = [("web", target.removeprefix("http://")), ("dead", "127.0.0.1:9")]
        scrape = ", ".join(
            f"{{job_name: {job}, static_configs: [{{targets: ['{to}']}}]}}" for job, to in jobs
        )
        config = (
            "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
            f"rule_files: [rules.yml]\nscrape_configs: [{scrape}]\n"
        )
        with prometheus(folder, config) as url:
            wait_for(lambda: alerts_fire(url), "a firing alert in Prometheus")
            yield url


def alerts_fire(url):
    try:
        alerts = ask(url, "/api/v1/alerts")[1]["data"]["alerts"]
    except (OSError, ValueError):
        return False  # Not up yet, or up and saying so in plain text.
    return any(alert["state"] == "firing" for alert in alerts)


def ask(url: str, path: str):
    try:
        with urllib.request.urlopen(url + path, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def shape(value, key=""):
    """Types instead of values; a list is the set of the shapes in it."""
    if isinstance(value, dict):
        if key in MAPS:
            return "map"
        return {name: shape(each, name) for name, each in sorted(value.items()) if name not in OURS}
    if isinstance(value, list):
        if key in ("value", "result") and value and not isinstance(value[0], dict):
            return [shape(each) for each in value]
        return sorted({json.dumps(shape(each), default=sorted, sort_keys=True) for each in value})
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


def test_answers_have_the_shape_of_prometheus(tmp_path):
    selected = "&match[]=up"
    paths = [
        "query?query=up", "query?query=1", "query?query=%22x%22", "query?query=up[10s]",
        "query?query=absent(up)", "query?query=up%2B", "query?query=", "query?query=up&time=x",
        "query?query=up*on()group_left(){job!=%22%22}", "query?query=1e6", "query?query=-1e-7",
        "query?query=0/0", "query?query=-1/0", "query_range?query=up&start={now}&end={now}&step=1",
        "query_range?query=1&start=0&end=2&step=0.5", "query_range?query=up&start=0&end=100000&step=1",
        "query_range?query=up&start=5&end=1&step=1", "query_range?query=up&start=0&end=1&step=0",
        "query_range?query=up[1m]&start=0&end=1&step=1", f"series?{selected}", "series",
        "series?match[]={a=~%22.*%22}", f"series?{selected}&end=1", "labels", f"labels?{selected}",
        "label/job/values", "label/nothing/values", "rules", "rules?type=alert", "rules?type=record",
        "rules?type=x", "alerts", "targets", "targets?state=active", "targets?state=dropped",
        "metadata", "metadata?metric=nothing", "status/buildinfo", "status/runtimeinfo",
    ]  # fmt: skip
    with watching(tmp_path) as theirs, tocsin_api() as ours:
        now = time.time_ns() // SECOND // 1000
        for path in paths:
            path = "/api/v1/" + path.format(now=now) if "{now}" in path else f"/api/v1/{path}"  # noqa: PLW2901
            path = quote(path, safe="/?&=%[]!*(){}.,~-")  # noqa: PLW2901
            wanted, found = ask(theirs, path), ask(ours, path)
            if path.startswith("/api/v1/metadata"):
                for _, body in (wanted, found):  # Its keys are names of metrics.
                    body["data"] = [each for said in body["data"].values() for each in said]
            assert found[0] == wanted[0], (path, found, wanted)
            assert shape(found[1]) == shape(wanted[1]), (path, found[1], wanted[1])
            if wanted[1]["status"] == "error":
                assert found[1]["errorType"] == wanted[1]["errorType"], (path, found[1], wanted[1])
            elif path.startswith(
                ("/api/v1/query?query=-1", "/api/v1/query?query=1", "/api/v1/query?query=0")
            ):
                assert found[1]["data"]["result"][1] == wanted[1]["data"]["result"][1], path


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool on this machine")
def test_promtool_queries_tocsin():
    def promtool(*arguments):
        done = subprocess.run(
            ["promtool", "query", *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    with tocsin_api() as url:
        now = int(time.time())
        assert 'up{instance="127.0.0.1:5000", job="web"} => 1 @' in promtool("instant", url, "up")
        assert "scalar: 1000000" in promtool("instant", url, "1e6")
        told = promtool(
            "range", f"--start={now - 60}", f"--end={now}", "--step=30s", url, "requests_total"
        )
        assert told.count("@[") >= 2
        told = promtool(
            "series", "--match=requests_total", f"--start={now - 300}", f"--end={now}", url
        )
        assert (
            told.strip()
            == '{__name__="requests_total", code="200", instance="127.0.0.1:5000", job="web"}'
        )
        assert promtool("labels", url, "job").split() == ["web"]
        done = subprocess.run(
            ["promtool", "query", "instant", url, "up +"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode != 0
        assert "bad_data" in done.stderr
