"""Print each notification that Alertmanager sends: `docker compose logs -f receiver`."""  # noqa: INP001

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

MAX_BODY = 1 << 20


class Receiver(BaseHTTPRequestHandler):
    """Answers 200 to a notification and 400 to anything else."""

    def do_POST(self) -> None:
        try:
            length = min(int(self.headers.get("Content-Length", "0")), MAX_BODY)
            alerts = json.loads(self.rfile.read(length))["alerts"]
            lines = [
                f"{alert['status']:9}{alert['labels']['alertname']}: "
                f"{alert['annotations'].get('summary', '')}"
                for alert in alerts
            ]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.send_error(400, "not an Alertmanager notification")
            return
        for line in lines:
            # Shown as an escape, so that an alert's text cannot drive the terminal.
            sys.stdout.write(line.encode("unicode_escape").decode() + "\n")
        sys.stdout.flush()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Only notifications are worth a line."""


def main() -> None:
    """Serve until stopped: `receive.py [PORT [HOST]]`, by default 8080 on loopback."""
    port, host = (*sys.argv[1:], *("8080", "127.0.0.1")[len(sys.argv[1:]) :])[:2]
    server = HTTPServer((host, int(port)), Receiver)
    sys.stdout.write(f"waiting on port {server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
