"""Four real workers on loopback: the totals are right, whichever worker answers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tocsin_sdk.gunicorn import child_exit, on_starting

APP = """
import os
from flask import Flask
from tocsin_sdk.flask import init_app

app = Flask("workers")
init_app(app)

@app.post("/login")
def login():
    return str(os.getpid()), 401
"""


@contextmanager
def server(folder, *options, **environment):
    (folder / "workers_app.py").write_text(APP)
    (folder / "gunicorn.conf.py").write_text("from tocsin_sdk.gunicorn import *\n")
    command = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "--no-control-socket",
               *options, "workers_app:app"]  # fmt: skip
    path = os.pathsep.join([str(folder), *(p for p in sys.path if p)])
    with subprocess.Popen(
        command,
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    ) as process:
        try:
            for line in process.stderr:
                if found := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line):
                    break
            else:
                pytest.fail("gunicorn ended before it listened")
            # Read on, or the pipe fills and the workers wait for it.
            lines: list[str] = []
            reader = threading.Thread(target=lambda: lines.extend(process.stderr))
            reader.start()
            yield int(found[1]), lines
        finally:
            process.terminate()
            process.wait(timeout=20)
        reader.join()


def ask(port, method, path):
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def total(port, name):
    status, page = ask(port, "GET", "/metrics")
    assert status == 200
    samples = [s for f in text_string_to_metric_families(page) for s in f.samples]
    return sum(s.value for s in samples if s.name == name)


@pytest.mark.slow
@pytest.mark.parametrize("preload", [[], ["--preload"]])
def test_four_workers_give_one_total(tmp_path, preload):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "counter_1.db").write_bytes(b"left by an earlier run")
    with server(tmp_path, "-w", "4", *preload, PROMETHEUS_MULTIPROC_DIR=str(shared)) as (
        port,
        lines,
    ):
        assert total(port, "login_failures_total") == 0
        pids: set[str] = set()
        sent = 0
        with ThreadPoolExecutor(8) as pool:
            while len(pids) < 3 and sent < 800:
                pids |= {
                    text for _, text in pool.map(lambda _: ask(port, "POST", "/login"), range(80))
                }
                sent += 80
                assert total(port, "login_failures_total") == sent
        assert len(pids) >= 2
        # A worker that goes takes nothing with it.
        os.kill(int(pids.pop()), signal.SIGTERM)
        for _ in range(20):
            assert total(port, "login_requests_total") == sent
            assert total(port, "login_latency_seconds_count") == sent
            assert total(port, "security_events_total") == sent
    # Four writers, one pipe: every line is whole.
    written = [json.loads(line) for line in lines if line.startswith("{")]
    assert [line["event"] for line in written] == ["authn_login_fail"] * sent
    assert len({line["request_id"] for line in written}) == sent


def test_the_hooks_do_nothing_without_a_folder_and_clean_up_with_one(tmp_path, monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    on_starting(None)
    child_exit(None, SimpleNamespace(pid=7))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for name in ("gauge_liveall_7.db", "counter_7.db", "keep.txt"):
        (tmp_path / name).touch()
    child_exit(None, SimpleNamespace(pid=7))
    assert {f.name for f in tmp_path.iterdir()} == {"counter_7.db", "keep.txt"}
    on_starting(None)
    assert {f.name for f in tmp_path.iterdir()} == {"keep.txt"}


def test_a_folder_that_is_not_there_is_said_at_start(tmp_path):
    (tmp_path / "workers_app.py").write_text(APP)
    missing = str(tmp_path / "missing")
    done = subprocess.run(
        [sys.executable, "-c", "import workers_app"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *(p for p in sys.path if p)]),
            "PROMETHEUS_MULTIPROC_DIR": missing,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"hint: mkdir -p {missing}" in done.stderr
