"""Flask: `init_app(app)` and nothing else to do."""

from __future__ import annotations

import os
import re
import threading
import time
from typing import TYPE_CHECKING

from flask import Response, request
from prometheus_client import REGISTRY

from tocsin_sdk.client import Proxies, client_address, trusted, vouched
from tocsin_sdk.metrics import UNMATCHED, Metrics, exposition, multiprocess
from tocsin_sdk.recorder import Call, Caller, Recorder, current, use

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from flask import Flask, Request
    from prometheus_client import CollectorRegistry
    from werkzeug.routing import Rule

__all__ = ["init_app"]

_LOGINS = ("/login",)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def init_app(
    app: Flask,
    *,
    logins: Collection[str] = _LOGINS,
    login_methods: Collection[str] = ("POST",),
    login_failures: Collection[int] = (401, 403),
    trusted_proxies: int | Iterable[str] = 0,
    registry: CollectorRegistry | None = None,
    metrics_path: str | None = "/metrics",
) -> None:
    """Count requests and logins, serve `/metrics`, write security events.

    `logins` names routes ("/login") or endpoints ("auth.login"); a request to one of them by one of
    `login_methods` is a login attempt, and one of the statuses in `login_failures` a failed one.
    `trusted_proxies` is how many proxies stand in front, or their addresses and networks.
    """
    if "tocsin" in app.extensions:
        raise RuntimeError("init_app was called twice for this app\nhint: call it once")
    for name, value in (("logins", logins), ("login_methods", login_methods)):
        if isinstance(value, str):
            raise TypeError(f"{name} is one string, {value!r}\nhint: {name}=[{value!r}]")
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder and not os.path.isdir(folder):  # noqa: PTH112
        raise FileNotFoundError(
            f"PROMETHEUS_MULTIPROC_DIR is {folder!r}, which is not a folder"
            f"\nhint: mkdir -p {folder}"
        )
    chosen = REGISTRY if registry is None else registry
    recorder = Recorder(Metrics.on(chosen))
    hooks = _Hooks(
        app,
        recorder,
        logins=frozenset(logins),
        methods=frozenset(method.upper() for method in login_methods),
        failures=frozenset(login_failures),
        proxies=trusted(trusted_proxies),
    )
    app.extensions["tocsin"] = hooks
    # First in, last out: the clock covers the application's own hooks, and the status counted is
    # the one that leaves.
    app.before_request_funcs.setdefault(None, []).insert(0, hooks.before)
    app.after_request_funcs.setdefault(None, []).insert(0, hooks.after)
    app.teardown_request_funcs.setdefault(None, []).insert(0, hooks.teardown)
    if metrics_path is not None:
        app.add_url_rule(metrics_path, "tocsin_metrics", lambda: hooks.metrics(chosen))
    recorder.prepare_log()
    use(recorder)


class _Hooks:
    def __init__(
        self,
        app: Flask,
        recorder: Recorder,
        *,
        logins: frozenset[str],
        methods: frozenset[str],
        failures: frozenset[int],
        proxies: Proxies,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.recorder = recorder
        self._app = app
        self._logins = logins
        self._methods = methods
        self._failures = failures
        self._proxies = proxies
        self._clock = clock
        self._describe = self._caller
        self._checked = False

    def before(self) -> None:
        try:
            outer = current.get()
            if outer is not None and outer.done:
                # Left by a request that was torn down in another thread; a chain would leak.
                outer = None
            current.set(Call(self.recorder, outer, self._describe, self._clock()))
            if not self._checked:
                self._check()
        except Exception:  # noqa: BLE001 - see guard.py; here and below
            self.recorder.guard.failed("before_request")

    def after(self, response: Response) -> Response:
        try:
            call = current.get()
            if call is not None:
                self._finish(call, response.status_code)
        except Exception:  # noqa: BLE001
            self.recorder.guard.failed("after_request")
        return response

    def teardown(self, _: BaseException | None) -> None:
        try:
            call = current.get()
            # A copied request context is torn down in another thread, where nothing has ended.
            if call is None or call.thread != threading.get_ident():
                return
            current.set(call.outer)
            if not call.done:
                self._finish(call, 500)
        except Exception:  # noqa: BLE001
            self.recorder.guard.failed("teardown")

    def metrics(self, registry: CollectorRegistry) -> Response:
        page = self.recorder.guard.run(
            "metrics", exposition, registry, request.headers.get("Accept")
        )
        if page is None:
            # A scrape that fails must look failed: an empty page would read as "no attack".
            return Response("metrics are unavailable\n", 500, mimetype="text/plain")
        return Response(page[0], headers={"Content-Type": page[1]})

    def _finish(self, call: Call, status: int) -> None:
        call.done = True
        call.status = status
        seconds = self._clock() - call.start
        asked: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
        rule = asked.url_rule
        method = asked.method
        self.recorder.metrics.request(method, rule.rule if rule else None, status, seconds)
        # The explicit word of the application goes before what route and status suggest.
        if call.login is not None or (
            rule is not None and method in self._methods and self._is_login(rule)
        ):
            call.counted = True
            silent = call.login is None
            failed = status in self._failures if silent else not call.login
            self.recorder.metrics.login(failed=failed, seconds=seconds)
            if silent and failed:
                self.recorder.record("authn_login_fail")
        if call.events is not None:
            self.recorder.flush(call, status)

    def _is_login(self, rule: Rule) -> bool:
        return rule.rule in self._logins or rule.endpoint in self._logins

    def _caller(self, call: Call) -> Caller:
        asked: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
        peer = asked.environ.get("REMOTE_ADDR")
        forwarded = asked.environ.get("HTTP_X_FORWARDED_FOR")
        if call.request_id is None:
            given = asked.environ.get("HTTP_X_REQUEST_ID", "")
            known = vouched(peer, self._proxies) and _REQUEST_ID.fullmatch(given)
            call.request_id = given if known else os.urandom(16).hex()
        rule = asked.url_rule
        return Caller(
            client=client_address(peer, forwarded, self._proxies),
            method=asked.method,
            route=UNMATCHED if rule is None else rule.rule,
            request_id=call.request_id,
        )

    def _check(self) -> None:
        """Say once, at the first request, what would make the numbers wrong."""
        self._checked = True
        if request.environ.get("wsgi.multiprocess") and not multiprocess():
            self.recorder.guard.warn(
                "setup",
                "several worker processes run, and each counts alone: /metrics shows one of them\n"
                "hint: set PROMETHEUS_MULTIPROC_DIR to an empty folder before the server starts",
            )
        rules = list(self._app.url_map.iter_rules())
        unknown = self._logins - {r.rule for r in rules} - {r.endpoint for r in rules}
        if unknown and self._logins != frozenset(_LOGINS):
            names = ", ".join(sorted(unknown))
            self.recorder.guard.warn(
                "setup",
                f"no route or endpoint is called {names}: its logins are not counted\n"
                'hint: give the route template, as in logins=["/login"], or the endpoint',
            )
