"""`security_event` and what a request remembers until its status is known."""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tocsin_sdk.events import LEVELS, EventName, FieldValue, Level, SecurityEvent
from tocsin_sdk.guard import Guard
from tocsin_sdk.logs import JsonLines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin_sdk.metrics import Metrics

__all__ = ["Call", "Recorder", "current", "security_event", "use"]

# Beyond this many events in one request the oldest are written without waiting for the status.
MAX_PENDING = 32

_log = logging.getLogger("tocsin_sdk")
_events = logging.getLogger("tocsin_sdk.events")


@dataclass(frozen=True, slots=True)
class Caller:
    """What a framework knows about the request behind an event."""

    client: str | None
    method: str
    route: str | None
    request_id: str


class Call:
    """One request under way."""

    __slots__ = (
        *("counted", "describe", "done", "events", "login", "outer", "recorder"),
        *("request_id", "start", "status", "thread"),
    )

    def __init__(
        self,
        recorder: Recorder,
        outer: Call | None,
        describe: Callable[[Call], Caller],
        start: float,
    ) -> None:
        self.recorder = recorder
        self.outer = outer
        self.describe = describe
        self.start = start
        self.thread = threading.get_ident()
        self.request_id: str | None = None
        self.events: list[SecurityEvent] | None = None
        # None: the application said nothing; then route and status decide.
        self.login: bool | None = None
        self.counted = False
        self.done = False
        self.status: int | None = None


current: ContextVar[Call | None] = ContextVar("tocsin_sdk_call", default=None)


class Recorder:
    """Counts events and writes them to the log `tocsin_sdk.events`."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        guard: Guard | None = None,
        now: Callable[[], float] = time.time,
        log: logging.Logger = _events,
    ) -> None:
        self.metrics = metrics
        self.guard = guard or Guard(metrics.errors)
        self._now = now
        self._log = log
        self._writing = threading.local()

    def record(
        self,
        name: EventName,
        *,
        level: Level | None = None,
        user: str | None = None,
        description: str | None = None,
        fields: Mapping[str, FieldValue] | None = None,
    ) -> None:
        """Count the event at once; write it when the request's status is known."""
        # NOTE: the name is checked before anything is counted or remembered.
        event = SecurityEvent(
            time=self._now(),
            event=name,
            level=level or LEVELS.get(name, Level.WARN),
            user=user,
            description=description,
            fields=dict(fields or {}),
        )
        self.metrics.security_event(name)
        call = current.get()
        if call is None or call.recorder is not self:
            if name in _LOGIN:
                self.metrics.login(failed=not _LOGIN[name])
            self.write(event)
            return
        if name in _LOGIN and not call.counted:
            # A failure stands, whatever the application says later in the same request.
            call.login = _LOGIN[name] and call.login is not False
            if call.done:
                call.counted = True
                self.metrics.login(failed=not call.login)
        if call.events is None:
            call.events = []
        call.events.append(event)
        if call.done or len(call.events) >= MAX_PENDING:
            self.flush(call, call.status)

    def flush(self, call: Call, status: int | None) -> None:
        """Write the events that wait, now with the caller and the status."""
        events, call.events = call.events, None
        if not events:
            return
        caller = self.guard.run("event", call.describe, call)
        for event in events:
            known = event
            if caller is not None:
                known = replace(
                    event,
                    client=caller.client,
                    method=caller.method,
                    route=caller.route,
                    request_id=caller.request_id,
                    status=status,
                )
            self.guard.run("log", self.write, known)

    def write(self, event: SecurityEvent) -> None:
        """Write one line, unless this very thread is writing one already."""
        if getattr(self._writing, "now", False):
            return
        self._writing.now = True
        try:
            if self._log.isEnabledFor(event.level):
                # Not log.log(): it walks the stack for a file and line that no reader wants.
                record = self._log.makeRecord(
                    self._log.name, event.level, "", 0, event.event, (), None
                )
                record.security_event = event
                self._log.handle(record)
        finally:
            self._writing.now = False

    def prepare_log(self) -> None:
        """Write JSON lines to stderr, unless the application has set up the log itself."""
        if self._log.handlers:
            return
        self._log.addHandler(_Stderr(self.guard))
        self._log.propagate = False
        if self._log.level == logging.NOTSET:
            self._log.setLevel(logging.INFO)


_LOGIN: dict[str, bool] = {
    "authn_login_success": True,
    "authn_login_successafterfail": True,
    "authn_login_fail": False,
}

_default: list[Recorder] = []


def use(recorder: Recorder) -> None:
    """Make this the recorder of events that happen outside any request."""
    _default[:] = [recorder]


def security_event(
    event: EventName,
    *,
    user: str | None = None,
    description: str | None = None,
    level: Level | None = None,
    fields: Mapping[str, FieldValue] | None = None,
) -> None:
    """Record that something security-relevant happened. Never raises.

    Inside a request the line carries the client address, route, status and request id. A login
    event also decides whether the request counts in `login_requests_total` and
    `login_failures_total`, once a request.
    """
    call = current.get()
    recorder = call.recorder if call else next(iter(_default), None)
    if recorder is None:
        _log.warning(
            "security event %r was not recorded: the SDK is not set up\n"
            "hint: call tocsin_sdk.flask.init_app(app) first",
            event,
        )
        return
    recorder.guard.run(
        "event",
        recorder.record,
        event,
        level=level,
        user=user,
        description=description,
        fields=fields,
    )


class _Stderr(logging.Handler):
    """Writes to whatever `sys.stderr` is now; a failed write is counted, not printed."""

    def __init__(self, guard: Guard) -> None:
        super().__init__()
        self._guard = guard
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001
            self._guard.failed("log")
