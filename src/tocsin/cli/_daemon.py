"""The engine with its HTTP API on one event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn

from tocsin.cli._program import program_sha256
from tocsin.console import LiveView, create_app
from tocsin.engine import Clock, Engine, load_config, with_revisions
from tocsin.errors import ConfigError, StoreError
from tocsin.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.engine import Config

__all__ = ["Daemon"]

_log = logging.getLogger(__name__)


class Daemon:
    """Runs until `stopping` is set."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.stopping = asyncio.Event()
        self.engine: Engine | None = None
        self._reloading: asyncio.Future[None] | None = None
        self._one_by_one = asyncio.Lock()
        self._bound = config.listen

    async def run(self) -> None:
        """Raises StoreError where the state folder can't be used."""
        listener = _listen(*self.config.listen)
        clock = Clock()
        store = open_store(self.config.storage_folder, clock.now())
        try:
            program = await asyncio.to_thread(program_sha256)
            host, port = self._bound = listener.getsockname()[:2]
            # The links in notifications name the port that was really taken.
            self.engine = Engine(
                replace(self.config, listen=self._bound),
                store,
                clock,
                lambda: time.monotonic_ns() // 1000,
                random.random,
            )
            server = _Server(
                uvicorn.Config(
                    create_app(LiveView(self.engine, program), allowed_hosts=_names(self.config)),
                    log_config=None,
                    log_level="warning",
                    access_log=False,
                    lifespan="on",
                    server_header=False,
                    timeout_graceful_shutdown=3,
                )
            )
            self.engine.start()
            serving = asyncio.ensure_future(server.serve([listener]))
            _log.info("watching %s; API on http://%s:%d", _watched(self.engine), host, port)
            await self.stopping.wait()
            _log.info("stopping")
            server.should_exit = True
            await serving
            await self.engine.stop()
        finally:
            listener.close()
            store.close()

    def reload(self) -> None:
        """Take over the configuration on disk; keep the old one if it is bad."""
        if self.engine is None:
            return
        try:
            config = load_config(Path(self.config.path))
        except ConfigError as error:
            _log.error("the configuration is bad, the old one goes on:\n%s", error)
            self.engine.reload_failed(str(error))
            return
        for key in ("listen", "storage_folder"):
            if getattr(config, key) != getattr(self.config, key):
                _log.warning("a change of %s takes a restart", key)
        self.config = config
        self._reloading = asyncio.ensure_future(self._take_over(self.engine, config))

    async def _take_over(self, engine: Engine, config: Config) -> None:
        try:
            # What was asked for last is taken over last, though git may take its time.
            async with self._one_by_one:
                config = await asyncio.to_thread(with_revisions, config, os.environ)
                await engine.reload(replace(config, listen=self._bound))
        except Exception as error:  # noqa: BLE001 - a fault of ours must be told, not lost in a task
            _log.exception("the configuration could not be taken over")
            engine.reload_failed(f"{type(error).__name__}: {error}")
        else:
            _log.info("configuration loaded")


def _watched(engine: Engine) -> str:
    counts = {
        "target": len(engine.targets),
        "rule group": len(engine.groups),
        "log group": len(engine.logs.groups),
        "alarm": len(engine.logs.alarming.run.alarms),
        "Sigma rule": len(engine.config.logs.rules.detections),
        "Sigma correlation": len(engine.config.logs.rules.correlations),
    }
    told = [f"{n} {what}{'' if n == 1 else 's'}" for what, n in counts.items() if n]
    return ", ".join(told) or "nothing"


def _names(config: Config) -> list[str]:
    """What the API may be called by: where it listens, and where people are told it is."""
    outside = urlsplit(config.external_url).hostname
    return [config.listen[0], *([outside] if outside else [])]


class _Server(uvicorn.Server):
    """Leaves the signals to the daemon."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything else, so that a taken port is told at once. Raises StoreError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StoreError(
            f"can't listen on {host}:{port}: {error.strerror}",
            hint="is another daemon running? `listen:` in tocsin.yaml sets the address",
        ) from None
    listener.listen(128)
    listener.setblocking(False)
    return listener
