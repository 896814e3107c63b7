"""A real daemon as a process, a target that the test controls, a webhook that remembers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlencode

import yaml


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(condition, what, seconds=20.0):
    """Poll until the condition holds; a test that waits says for what."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class Target:
    """Serves `metrics()`, a text the test computes for each scrape."""

    def __init__(self, metrics):
        self.metrics = metrics
        self.scrapes = 0


class Webhook:
    """Remembers every message; answers with `status`."""

    def __init__(self):
        self.messages = []
        self.status = 200

    def keys(self):
        return [key for key, _, _ in self.messages]


@contextmanager
def serving(handler_of):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def target(metrics):
    state = Target(metrics)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.scrapes += 1
            body = state.metrics().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            # The scraper may be killed while it listens.
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *args):
            pass

    with serving(Handler) as port:
        state.port = port
        yield state


@contextmanager
def webhook():
    state = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.messages.append((self.headers["Idempotency-Key"], body, time.time()))
            self.send_response(state.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    with serving(Handler) as port:
        state.port = port
        yield state


@contextmanager
def lab_app(event_log):
    """The lab's application; yields a function that tries to log in from an address."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "tocsin.lab.app", "--port", "0", "--slow", "0",
         "--failure-rate", "0", "--event-log", str(event_log)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        port = int(re.fullmatch(r"listening on .*:(\d+)", process.stdout.readline().strip())[1])

        def log_in(client):
            body = urlencode({"user": "user07", "password": "guess"}).encode()
            headers = {"X-Forwarded-For": client}
            request = urllib.request.Request(f"http://127.0.0.1:{port}/login", body, headers)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.status
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        yield log_in
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


class Daemon:
    """`tocsin run` in a folder of its own."""

    def __init__(self, folder, config, rules=None, *, ready=True):
        """`ready`: whether entering waits until it answers."""
        self.folder = folder
        self.ready = ready
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.log = folder / "daemon.log"
        self.write(config, rules or {"groups": []})

    def write(self, config, rules):
        (self.folder / "rules.yml").write_text(yaml.safe_dump(rules, sort_keys=False))
        config = {"rules": ["rules.yml"], "listen": f"127.0.0.1:{self.port}", **config}
        (self.folder / "tocsin.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    @property
    def state(self):
        return self.folder / ".tocsin"

    def start(self, *, ready=True):
        log = self.log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from tocsin.cli import main; main()", "run"],
            cwd=self.folder, stdout=log, stderr=log, env={**os.environ, "PYTHONWARNINGS": ""},
        )  # fmt: skip
        log.close()
        if ready:
            wait_for(self.answers, f"the daemon answers; {self.log.read_text()[-2000:]}")
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended: {self.log.read_text()[-3000:]}")
        try:
            return self.get("/healthz")[0] == 200
        except OSError:
            return False

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def query(self, expr):
        status, text = self.get(f"/api/v1/query?query={quote(expr)}")
        assert status == 200, text
        return json.loads(text)["data"]["result"]

    def alerts(self):
        return json.loads(self.get("/api/v1/alerts")[1])["data"]["alerts"]

    def log_group(self):
        (group,) = json.loads(self.get("/api/v1/log_groups")[1])["data"]["logGroups"]
        return group

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.terminate()
        return self.process.wait(timeout=15)

    def __enter__(self):
        return self.start(ready=self.ready)

    def __exit__(self, *exc):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
