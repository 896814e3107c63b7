"""From a real nginx's log to a block that it enforces, and what its refusals lead to: nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from tests.drill.test_daemon import tocsin
from tests.engine.daemon import Daemon, free_port, wait_for
from tests.engine.test_log_daemon import ALARM, FILTER, alarm_of
from tests.engine.test_responding import went_well
from tocsin.store import BlockRecord

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONF = """
pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; user root;
events {{}}
http {{
  access_log {folder}/access.log combined;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
  server {{
    listen 127.0.0.1:{port};
    include {folder}/deny*.conf;
    root {folder}/www;
  }}
}}
"""


@contextmanager
def nginx(folder):
    """Answers a function that asks for a path as a client, and one that gives nginx a command."""
    port = free_port()
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("hello\n")
    (folder / "nginx.conf").write_text(CONF.format(folder=folder, port=port))
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    running = subprocess.Popen([*command, "-g", "daemon off;"])

    def ask(client, path):
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", headers={"X-Forwarded-For": client}
        )
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    try:
        wait_for(lambda: ask("198.51.100.1", "/") == 200, "nginx answers")
        yield ask, command
    finally:
        running.terminate()
        running.wait(10)


@pytest.mark.slow
@pytest.mark.skipif(NGINX is None, reason="nginx is not installed: apt-get install nginx-light")
def test_a_block_is_enforced_and_its_refusals_renew_nothing(tmp_path):
    # Whatever is no page, refused or not there, counts.
    (tmp_path / "main.tf").write_text(
        FILTER.replace("status = 404", "status = 40*") + ALARM % (10, 10)
    )
    config = {
        "log_groups": [{"name": "/web", "paths": ["access.log"], "lateness": "1s"}],
        "definitions": ["main.tf"], "respond": {"automatic": ["burst"]},
    }  # fmt: skip
    (tmp_path / "access.log").write_text(went_well(200))
    (tmp_path / "access.log").chmod(0o666)
    deny = tmp_path / "deny.conf"
    with nginx(tmp_path) as (ask, command), Daemon(tmp_path, config, {"groups": []}) as daemon:
        assert {ask("203.0.113.9", f"/{n}.php") for n in range(25)} == {404}
        wait_for(lambda: daemon.get("/api/v1/blocklist")[1] == "203.0.113.9/32\n", "it is blocked")
        done = tocsin(
            tmp_path, "block", "export", "nginx-deny", "--output", str(deny),
            "--check", " ".join([*command, "-t"]),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        subprocess.run([*command, "-s", "reload"], check=True)
        # For a moment the worker from before the reload answers, too.
        wait_for(lambda: {ask("203.0.113.9", "/") for _ in range(9)} == {403}, "it is kept out")
        assert ask("198.51.100.1", "/") == 200
        wait_for(lambda: not alarm_of(daemon)["firing"], "the alarm is over", 130)
        assert {ask("203.0.113.9", f"/{n}.php") for n in range(30)} == {403}
        wait_for(lambda: alarm_of(daemon)["firing"], "its refusals set off the alarm again")
        known = 'tocsin_blocks_not_proposed_total{reason="known"} 1.0'
        wait_for(lambda: known in daemon.get("/metrics")[1], "it was thought of, and left at that")
        events = BlockRecord(tmp_path / ".tocsin" / "blocks.jsonl").events()
        assert [each.kind for each in events] == ["propose", "approve"]
        (shown,) = json.loads(tocsin(tmp_path, "block", "list", "--format", "json").stdout)
        assert (shown["network"], shown["times"]) == ("203.0.113.9/32", 1)
