"""The host never pays: one guard round every hook."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import Counter

__all__ = ["Guard"]

P = ParamSpec("P")
T = TypeVar("T")

LOG_EVERY = 60.0
_log = logging.getLogger("tocsin_sdk")


class Guard:
    """Runs hooks; a hook that fails is counted, logged at most once a minute, and forgotten."""

    def __init__(
        self,
        errors: Counter,
        *,
        clock: Callable[[], float] = time.monotonic,
        log: logging.Logger = _log,
    ) -> None:
        self._errors = errors
        self._clock = clock
        self._log = log
        self._lock = threading.Lock()
        self._next = float("-inf")

    def run(
        self, hook: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """Call the function; None instead of an exception."""
        try:
            return function(*args, **kwargs)
        except Exception:  # noqa: BLE001 - whatever fails in here is ours, never the host's
            self.failed(hook)
            return None

    def failed(self, hook: str) -> None:
        """Count the exception being handled and perhaps log it. Never raises, never blocks."""
        self._swallow(lambda: self._errors.labels(hook).inc())
        if self._due():
            self._swallow(
                lambda: self._log.warning(
                    "the %s hook failed; the response is unchanged", hook, exc_info=True
                )
            )

    def warn(self, hook: str, message: str) -> None:
        """Count and log a condition that is not an exception."""
        self._swallow(lambda: self._errors.labels(hook).inc())
        self._swallow(lambda: self._log.warning("%s", message))

    def _swallow(self, function: Callable[[], object]) -> None:
        # The last line of defence has nobody left to tell.
        with suppress(Exception):
            function()

    def _due(self) -> bool:
        # Non-blocking, so a lock that a fork copied while held costs log lines, never a request.
        if not self._lock.acquire(blocking=False):
            return False
        due = False
        try:
            now = self._clock()
            due = now >= self._next
            if due:
                self._next = now + LOG_EVERY
        except Exception:  # noqa: BLE001
            due = False
        finally:
            self._lock.release()
        return due
