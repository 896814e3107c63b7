"""What the SDK costs a request: the same Flask app with and without it, call by call in turns."""

from __future__ import annotations

import io
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from flask import Flask
from prometheus_client import CollectorRegistry
from werkzeug.test import EnvironBuilder

from tocsin_sdk import JsonLines
from tocsin_sdk.flask import init_app

if TYPE_CHECKING:
    from collections.abc import Callable

Row = tuple[str, float, str, str, float | None, str]

CALLS = 4000
BUDGET = 20.0


def rows(*, shared: bool = False) -> list[Row]:
    """Measure, and return (name, value, unit, peer, peer_value, note)."""
    events = logging.getLogger("tocsin_sdk.events")
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(JsonLines())
    before = events.handlers[:], events.propagate, events.level
    events.handlers[:], events.propagate = [handler], False
    events.setLevel(logging.INFO)
    try:
        return [
            _row("sdk: ordinary request", "/items/7", "GET", f"bar: {BUDGET:.0f} µs"),
            *([] if shared else [_shared_row()]),
            _row("sdk: login", "/login", "POST", "two counters and a histogram more"),
            _row("sdk: failed login", "/deny", "POST", "the same, and a line in the event log"),
        ]
    finally:
        events.handlers[:], events.propagate = before[:2]
        events.setLevel(before[2])


def _shared_row() -> Row:
    # The client library chooses where its values live when it is imported: a new process.
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, __file__, "--shared"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path),
                 "PROMETHEUS_MULTIPROC_DIR": folder},
            capture_output=True,
            check=True,
        )  # fmt: skip
    _, value, unit, peer, peer_value, _ = json.loads(done.stdout)[0]
    return ("sdk: same, workers sharing", value, unit, peer, peer_value, f"bar: {BUDGET:.0f} µs")


def _row(name: str, path: str, method: str, note: str) -> Row:
    with_sdk, without = _median_pair(_app(sdk=True), _app(sdk=False), path, method)
    return (name, with_sdk - without, "µs added", "same app without", without, note)


def _item(number: int) -> str:
    return str(number)


def _app(*, sdk: bool) -> Flask:
    app = Flask("bench")
    app.add_url_rule("/items/<int:number>", view_func=_item, endpoint="item")
    app.add_url_rule("/login", view_func=lambda: "welcome", methods=["POST"], endpoint="login")
    app.add_url_rule("/deny", view_func=lambda: ("no", 401), methods=["POST"], endpoint="deny")
    if sdk:
        init_app(app, logins=["/login", "/deny"], registry=CollectorRegistry())
    return app


def _median_pair(first: Flask, second: Flask, path: str, method: str) -> tuple[float, float]:
    environ = EnvironBuilder(path=path, method=method).get_environ()
    times: tuple[list[int], list[int]] = ([], [])
    apps = (first.wsgi_app, second.wsgi_app)
    for number in range(CALLS + 200):
        # Turn about, so that neither side always follows the other's cache misses.
        for side in (0, 1) if number % 2 else (1, 0):
            took = _call(apps[side], dict(environ))
            if number >= 200:
                times[side].append(took)
    return statistics.median(times[0]) / 1000, statistics.median(times[1]) / 1000


def _call(app: Callable[..., object], environ: dict[str, object]) -> int:
    start = time.perf_counter_ns()
    body = app(environ, lambda _status, _headers, _error=None: None)
    for _ in body:  # type: ignore[attr-defined]
        pass
    body.close()  # type: ignore[attr-defined]
    return time.perf_counter_ns() - start


def main() -> int:
    """Print the rows; 1 where the ordinary request is over its budget."""
    if sys.argv[1:] == ["--shared"]:
        print(json.dumps(rows(shared=True)[:1]))
        return 0
    measured = rows()
    for name, value, unit, peer, peer_value, note in measured:
        print(f"{name:26} {value:8.1f} {unit}  ({peer}: {peer_value:.1f} µs; {note})")
    return int(max(row[1] for row in measured[:2]) > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
