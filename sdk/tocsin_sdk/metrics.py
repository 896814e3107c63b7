"""The metric families, on a registry that is passed in.

Everything that can exist at zero does so from the start: a counter whose first sample is already 40
has no increase, and Prometheus would miss exactly the first attack.
"""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from tocsin_sdk.events import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin_sdk.events import EventName

__all__ = ["HOOKS", "OVERFLOW", "UNMATCHED", "Metrics", "exposition", "multiprocess"]

UNMATCHED = "(unmatched)"
"""The route of every request that no route matched: a scanner cannot make series."""

OVERFLOW = "(overflow)"
"""The route of requests beyond MAX_SERIES label sets."""

MAX_SERIES = 2000
HOOKS = ("before_request", "after_request", "teardown", "event", "log", "metrics", "setup")

METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)

Observe = tuple["Callable[[], None]", "Callable[[float], None]"]


class Metrics:
    """All that the SDK counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "http_requests_total",
            "Requests answered, by method, route template and status.",
            ("method", "route", "status"),
            registry=registry,
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Time from the first hook to the response, by method and route template.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.login_requests = Counter(
            "login_requests_total", "Login attempts, whatever their outcome.", registry=registry
        )
        self.login_failures = Counter(
            "login_failures_total", "Login attempts that failed.", registry=registry
        )
        self.login_latency = Histogram(
            "login_latency_seconds",
            "Time to answer a login attempt.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.events = Counter(
            "security_events_total", "Security events, by name.", ("event",), registry=registry
        )
        self.errors = Counter(
            "tocsin_sdk_errors_total",
            "Hooks of the SDK that failed, by hook; the application was not disturbed.",
            ("hook",),
            registry=registry,
        )
        self.event = {name: self.events.labels(name) for name in LEVELS}
        for hook in HOOKS:
            self.errors.labels(hook)
        self._known: dict[tuple[str, str, int], Observe] = {}

    @classmethod
    def on(cls, registry: CollectorRegistry) -> Metrics:
        """Return the one set of families of a registry, so that app factories can run twice."""
        metrics = _by_registry.get(registry)
        if metrics is None:
            metrics = _by_registry[registry] = cls(registry)
        return metrics

    def request(self, method: str, route: str | None, status: int, seconds: float | None) -> None:
        """Count one request."""
        key = (
            method if method in METHODS else "OTHER",
            route or UNMATCHED,
            status if 100 <= status <= 599 else 0,
        )
        known = self._known.get(key) or self._series(key)
        known[0]()
        if seconds is not None:
            known[1](seconds)

    def login(self, *, failed: bool, seconds: float | None = None) -> None:
        """Count one login attempt."""
        self.login_requests.inc()
        if failed:
            self.login_failures.inc()
        if seconds is not None:
            self.login_latency.observe(seconds)

    def security_event(self, name: EventName) -> None:
        """Count one security event."""
        self.event[name].inc()

    def _series(self, key: tuple[str, str, int]) -> Observe:
        method, route, status = key
        full = len(self._known) >= MAX_SERIES
        if full:
            method, route = "OTHER", OVERFLOW
        known: Observe = (
            self.requests.labels(method, route, str(status) if status else "other").inc,
            self.duration.labels(method, route).observe,
        )
        if not full:
            self._known[key] = known
        return known


# Times 2 ms: how long a scrape waits for a worker that is starting.
_PATIENCE = 100

_by_registry: WeakKeyDictionary[CollectorRegistry, Metrics] = WeakKeyDictionary()


def multiprocess() -> bool:
    """Say whether values go to files that all workers share."""
    return bool(getattr(values.ValueClass, "_multiprocess", False))


def exposition(registry: CollectorRegistry, accept: str | None) -> tuple[bytes, str]:
    """Return the body and content type of /metrics, over all workers where there are several."""
    if multiprocess():
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"PROMETHEUS_MULTIPROC_DIR {folder!r} is not a folder")
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    encoder, content_type = choose_encoder(accept or "")
    for _ in range(_PATIENCE):
        try:
            return encoder(registry), content_type
        except struct.error:
            # A worker is starting: for a moment its file exists and is empty.
            time.sleep(0.002)
    return encoder(registry), content_type
