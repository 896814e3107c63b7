"""Debian's Prometheus and Alertmanager on loopback, as referees."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from contextlib import contextmanager

import pytest

from tests.engine.daemon import free_port, wait_for

NO_PROMETHEUS = "Debian's package prometheus is not installed"


@contextmanager
def prometheus(folder, config, *flags, port=None):
    """With a configuration as text; yields its URL once it is ready."""
    with _server("prometheus", folder, config, port, "--storage.tsdb.path=data", *flags) as url:
        yield url


@contextmanager
def alertmanager(folder, config="route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"):
    """With a configuration as text; yields its URL once it is ready."""
    flags = "--storage.path=told", "--cluster.listen-address="
    with _server("prometheus-alertmanager", folder, config, None, *flags) as url:
        yield url


@contextmanager
def _server(name, folder, config, port, *flags):
    if shutil.which(name) is None:
        pytest.skip(f"Debian's package {name} is not installed")
    port = port or free_port()
    (folder / f"{name}.yml").write_text(config)
    log = folder / f"{name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [name, f"--config.file={name}.yml", f"--web.listen-address=127.0.0.1:{port}", *flags],
            cwd=folder, stdout=file, stderr=file,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def is_ready():
        assert process.poll() is None, f"{name} ended: {log.read_text()[-2000:]}"
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    try:
        wait_for(is_ready, f"{name} is ready", 60)
        yield url
    finally:
        process.terminate()
        process.wait(20)
