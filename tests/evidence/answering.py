"""A source that answers every request alike."""

from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.engine.daemon import serving


@contextmanager
def answering(answer):
    """`answer` is given what was posted and says what goes back; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *_arguments):
            pass

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"
