"""Receivers that hang, of every kind that blocks, beside one that does not."""

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager

import pytest

from tests.engine.daemon import Daemon, target, wait_for, webhook

pytest.importorskip("apprise")
pytest.importorskip("boto3")

RULES = {"groups": [{"name": "g", "interval": "200ms", "rules": [
    {"alert": f"Many{at}", "expr": "level > 5"} for at in range(8)
]}]}  # fmt: skip


@contextmanager
def silence():
    """A port that is connected to and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


def test_a_receiver_that_hangs_delays_nobody_else(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    level = [0]
    with target(lambda: f"level {level[0]}\n") as scraped, webhook() as team, silence() as port:
        (tmp_path / "chat.url").write_text(f"json://127.0.0.1:{port}/\n")
        os.mkfifo(tmp_path / "pipe")
        mail = {
            "server": f"127.0.0.1:{port}",
            "from": "a@b.example",
            "to": ["c@d.example"],
            "tls": "none",
        }
        topic = {
            "topic_arn": "arn:aws:sns:us-east-1:123456789012:x",
            "endpoint": f"http://127.0.0.1:{port}",
        }
        config = {
            "scrape": [{"job": "j", "targets": [f"127.0.0.1:{scraped.port}"], "interval": "200ms"}],
            "receivers": [
                {"name": "chat", "apprise": {"url_file": "chat.url"}}, {"name": "topic", "sns": topic},
                {"name": "mail", "email": mail}, {"name": "pipe", "file": {"path": "pipe"}},
                {"name": "team", "webhook": {"url": f"http://localhost:{team.port}/"}},
            ],
        }  # fmt: skip
        with Daemon(tmp_path, config, RULES) as daemon:
            wait_for(lambda: daemon.query("level"), "a first scrape")
            level[0] = 9
            changed = time.time()
            wait_for(
                lambda: len(team.messages) == 8, "the one that does not hang is told of all", 10
            )
            assert max(at for _, _, at in team.messages) - changed < 3
            # Nor do they keep the daemon from its end.
            assert daemon.stop() == 0
