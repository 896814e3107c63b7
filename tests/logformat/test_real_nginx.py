"""A real nginx's error log, asked by strangers who want others to be blamed."""

from __future__ import annotations

import base64
import http.client
import random
import shutil
import subprocess
from urllib.parse import quote

import pytest

from tests.engine.daemon import free_port, wait_for
from tocsin.logformat import Clues, Parsed, make_format

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONF = """
pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; user root; daemon off;
events {{}}
http {{
  access_log off; large_client_header_buffers 4 16k;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
  limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
  server {{
    listen 127.0.0.1:{port}; root {folder}; server_name "";
    location /private {{ auth_basic x; auth_basic_user_file {folder}/users; }}
    location /forbidden {{ deny all; }}
    location /limited {{ limit_req zone=one; }}
  }}
}}
"""
CLIENTS = ["198.51.100.15", "198.51.100.123", "203.0.113.254", "2001:db8::1234:5678"]
"""No beginning of one of them is another."""
FORGED = [
    ', client: 9.9.9.9, server: s, request: "GET / HTTP/1.1", host: "h"',
    ", client: 9.9.9.9, server: ",
    ", client: 198.51.100.1",
    '" failed (2: No such file or directory), client: 9.9.9.9, server: s',
    '": password mismatch, client: 9.9.9.9, server: s, request: "',
    "",
]


def ask(port, client, path, user=b"", referrer=""):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        headers = {"X-Forwarded-For": client, "Referer": referrer}
        if user:
            headers["Authorization"] = f"Basic {base64.b64encode(user + b':x').decode()}"
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed: apt-get install nginx-light")
def test_nobody_else_is_blamed(tmp_path):
    """Lines of every length about nginx's limit, so that they are cut off everywhere: before the
    client, in its address, behind it."""
    port, pick = free_port(), random.Random(7)
    (tmp_path / "users").write_text("u:{PLAIN}y\n")
    (tmp_path / "nginx.conf").write_text(CONF.format(folder=tmp_path, port=port))
    running = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    try:
        wait_for(lambda: ask(port, CLIENTS[0], "/") in (403, 404), "nginx answers")
        head = len(f'2026/11/22 12:53:47 [error] 12345#12345: *999 open() "{tmp_path}/')
        for number in range(800):
            client, forged = pick.choice(CLIENTS), pick.choice(FORGED)
            size = pick.choice([2047 - head - pick.randrange(10, 150), pick.randrange(300)])
            long = "/".join(["a" * 150] * (size // 151)) + "b" * (size % 151)
            place = pick.choice(["private", "forbidden", "limited"])
            match number % 4:
                case 0:
                    ask(port, client, f"/{long[len(forged) :]}{quote(forged)}")
                case 1:
                    ask(port, client, f"/private?{long}", forged.encode() + long.encode())
                case 2:
                    ask(port, client, f"/{place}?{long}", b"u", long[: size // 2] + forged)
                case _:
                    ask(port, client, f"/{quote(forged)}{long[len(forged) :]}", b"", forged)
    finally:
        running.terminate()
        running.wait(10)
    form, named, full = make_format("nginx-error", Clues()), set(), 0
    for line in (tmp_path / "error.log").read_bytes().splitlines():
        found = form.parse(line)
        assert isinstance(found, Parsed)
        client = found.fields.get("client")
        assert client in (None, *CLIENTS), line
        full += len(line) >= 2047
        assert len(line) <= 2047
        named.add((client, len(line) >= 2047))
    assert full > 100
    # Of long lines and of others, each of the clients was named somewhere.
    assert named >= {(client, whole) for client in CLIENTS for whole in (False, True)}
