"""The application under attack: small, real, and failing on purpose.

`python -m tocsin.lab.app --port 0` serves it under waitress and prints `listening on HOST:PORT`.
"""

from __future__ import annotations

import argparse
import hmac
import logging
import random
import signal
import sys
import threading
from hashlib import pbkdf2_hmac
from typing import TYPE_CHECKING

from flask import Flask, request
from prometheus_client import CollectorRegistry
from waitress.server import create_server

from tocsin_sdk import JsonLines, security_event
from tocsin_sdk.flask import init_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["MAX_PASSWORD", "USERS", "create_app", "main", "password_of", "serve"]

USERS = tuple(f"user{number:02}" for number in range(20))
MAX_PASSWORD = 4096
SLOW_AT_ONCE = 8
THREADS = 16

Answer = tuple[dict[str, str], int]


def password_of(user: str) -> str:
    """Return the right password of a lab user."""
    return f"correct-horse-{user}"


def create_app(
    *,
    failure_rate: float = 0.05,
    slow: float = 0.6,
    seed: int | None = None,
    registry: CollectorRegistry | None = None,
) -> Flask:
    """Make the app.

    A share `failure_rate` of right logins fails; the longest password takes `slow` seconds.
    """
    if not 0 <= failure_rate <= 1:
        raise ValueError(
            f"failure_rate must be from 0 to 1, got {failure_rate}\nhint: 0.05 is one in twenty"
        )
    if not 0 <= slow <= 5:
        raise ValueError(
            f"slow must be from 0 to 5 seconds, got {slow}\nhint: 0.6 is twice the lab's limit"
        )
    app = Flask("tocsin-lab")
    app.config["MAX_CONTENT_LENGTH"] = 4 * MAX_PASSWORD
    init_app(
        app,
        login_methods=("GET", "POST"),
        # The attackers come from many addresses; on loopback only this header can say so.
        trusted_proxies=["127.0.0.1", "::1"],
        registry=CollectorRegistry() if registry is None else registry,
    )
    checker = _Checker(failure_rate, slow, seed)

    @app.get("/healthz")
    def healthz() -> Answer:
        return {"status": "ok"}, 200

    @app.route("/login", methods=["GET", "POST"])
    def login() -> Answer:
        # GET is a visit by somebody who only has curl at hand: a known user, the right password.
        user = request.form.get("user", "") if request.method == "POST" else USERS[0]
        password = request.form.get("password", "") if request.method == "POST" else None
        return checker.answer(user, password_of(user) if password is None else password)

    return app


class _Checker:
    def __init__(self, failure_rate: float, slow: float, seed: int | None) -> None:
        self._failure_rate = failure_rate
        self._slow = slow
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._turns = threading.BoundedSemaphore(SLOW_AT_ONCE)
        self._never = threading.Event()

    def answer(self, user: str, password: str) -> Answer:
        if not user or len(user) > 64 or len(password) > MAX_PASSWORD:
            security_event("input_validation_fail", user=user[:64])
            return {"error": "a user and a password, please"}, 400
        if not self._turns.acquire(blocking=False):
            security_event("excess_rate_limit_exceeded", user=user)
            return {"error": "too many at once"}, 429
        try:
            right = self._check(user, password)
        finally:
            self._turns.release()
        if right and self._random.random() >= self._failure_rate:
            security_event("authn_login_success", user=user)
            return {"welcome": user}, 200
        security_event("authn_login_fail", user=user)
        return {"error": "no"}, 401

    def _check(self, user: str, password: str) -> bool:
        """Compare, taking longer for a longer password: the flaw that the slow-down uses."""
        # NOTE: it waits instead of hashing 4,096 characters for real, so that the demonstration
        # does not need the processor of the machine it is shown on.
        self._never.wait(self._slow * len(password) / MAX_PASSWORD)
        # Blanks at the end are forgiven, so a slow attempt need not be a failed one.
        given = _digest(password.rstrip(" "))
        return hmac.compare_digest(given, _digest(password_of(user))) and user in USERS


def _digest(password: str) -> bytes:
    return pbkdf2_hmac("sha256", password.encode("utf-8", "replace"), b"lab", 10)


def serve(
    app: Flask,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str, int], None] | None = None,
) -> int:
    """Serve under waitress until SIGTERM or Ctrl-C; return the port that was bound.

    `ready` is told host and port as soon as connections are accepted; port 0 takes a free one.
    """
    # waitress drops X-Forwarded-For from peers it does not know; the SDK is to judge it here.
    server = create_server(
        app, host=host, port=port, threads=THREADS, clear_untrusted_proxy_headers=False
    )
    bound = int(server.effective_port)
    if ready is not None:
        ready(host, bound)
    server.run()
    return bound


def _announce(host: str, port: int) -> None:
    sys.stdout.write(f"listening on {host}:{port}\n")
    sys.stdout.flush()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main(arguments: list[str] | None = None) -> int:
    """Run the app as a process."""
    parser = argparse.ArgumentParser(prog="tocsin.lab.app", description="The app under attack.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=5000, help="port, 0 for a free one")
    parser.add_argument("--failure-rate", type=float, default=0.05, help="share of right logins")
    parser.add_argument("--slow", type=float, default=0.6, help="seconds for the longest password")
    parser.add_argument("--seed", type=int, help="make the failures the same in every run")
    parser.add_argument("--event-log", help="file for the security events, instead of stderr")
    options = parser.parse_args(arguments)
    if options.event_log:
        handler = logging.FileHandler(options.event_log, encoding="ascii")
        handler.setFormatter(JsonLines())
        events = logging.getLogger("tocsin_sdk.events")
        events.addHandler(handler)
        events.setLevel(logging.INFO)
        events.propagate = False
    signal.signal(signal.SIGTERM, _stop)
    try:
        app = create_app(failure_rate=options.failure_rate, slow=options.slow, seed=options.seed)
    except ValueError as error:
        parser.error(str(error))
    serve(app, host=options.host, port=options.port, ready=_announce)
    return 0


if __name__ == "__main__":
    sys.exit(main())
