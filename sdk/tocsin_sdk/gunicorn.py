"""Gunicorn's side of right totals: `from tocsin_sdk.gunicorn import *` in gunicorn.conf.py."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from prometheus_client import multiprocess

__all__ = ["child_exit", "on_starting"]


class _Worker(Protocol):
    pid: int


def on_starting(server: object) -> None:  # noqa: ARG001 - gunicorn's signature
    """Start from zero: drop what an earlier run of the server left."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        for file in Path(folder).glob("*.db"):
            file.unlink(missing_ok=True)


def child_exit(server: object, worker: _Worker) -> None:  # noqa: ARG001
    """Retire the live gauges of a worker that ended; its counts stay, as they must."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
