"""A webhook receiver on loopback: the person who is notified."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Received", "Webhook"]

_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """One alert of a message."""

    at: float
    """Unix seconds at which the message had arrived."""
    name: str
    status: str
    severity: str
    summary: str
    starts_at: float
    """Unix seconds at which the rule fired, as the message says."""
    body: dict[str, Any]
    """The whole message."""


class Webhook:
    """Listens on a free port while it is entered."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                try:
                    size = int(self.headers.get("Content-Length") or 0)
                    body = self.rfile.read(size) if 0 <= size <= _LIMIT else b""
                    received.extend(_alerts(json.loads(body), time.time()))
                except (ValueError, LookupError, TypeError, AttributeError):
                    self.send_error(400)
                    return
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def firing(self, name: str) -> Received | None:
        """The first message that says that the alert fires."""
        found = (r for r in self.received if (r.name, r.status) == (name, "firing"))
        return next(found, None)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _alerts(body: dict[str, Any], at: float) -> list[Received]:
    return [
        Received(
            at,
            alert["labels"]["alertname"],
            alert["status"],
            alert["labels"].get("severity", ""),
            alert["annotations"].get("summary", ""),
            datetime.fromisoformat(alert["startsAt"]).timestamp(),
            body,
        )
        for alert in body["alerts"]
    ]
