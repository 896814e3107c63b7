"""The demo's processes: each in a group of its own, so that none outlives the demo."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Child", "Children"]

_PATIENCE = 8.0
"""Seconds that a process has for ending by itself."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process and what it prints."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path
    log: Path

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def said(self, pattern: str) -> str:
        """The first group of `pattern` in what it printed so far, or nothing."""
        for path in (self.output, self.log):
            match = re.search(pattern, path.read_text(errors="replace"))
            if match:
                return match[1]
        return ""


class Children:
    """Starts processes and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children: list[Child] = []

    def start(self, name: str, module: str, *arguments: str) -> Child:
        """Run a Python module; what it prints goes to files in the folder."""
        output, log = self.folder / f"{name}.out", self.folder / f"{name}.log"
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        # The lab's app is one process: a shared folder of metrics is somebody else's.
        environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
        with output.open("wb") as out, log.open("wb") as err:
            process = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                start_new_session=True,
            )
        child = Child(name, process, output, log)
        self._children.append(child)
        return child

    def running(self, name: str) -> bool:
        return any(child.name == name and not child.ended for child in self._children)

    def stop(self) -> None:
        """End what still runs, last started first, and wait until it is gone."""
        running = [child for child in reversed(self._children) if not child.ended]
        for child in running:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE
        for child in running:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.process.wait()
        self._children.clear()


def _signal(child: Child, number: signal.Signals) -> None:
    # The process leads its group, and its number is not given away before we wait for it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, number)
