"""`tocsin run`: the daemon."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

import click
from prometheus_client import disable_created_metrics

from tocsin.cli._daemon import Daemon
from tocsin.engine import load_config, with_revisions

__all__ = ["run"]


@click.command()
@click.option(
    "--config",
    "path",
    type=Path,
    default=Path("tocsin.yaml"),
    show_default=True,
    help="The configuration.",
)
def run(path: Path) -> None:
    """Scrape, evaluate, notify and record until SIGTERM; SIGHUP loads the configuration anew."""
    # One `_created` beside each counter says nothing that the start of the process does not.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    config = with_revisions(load_config(path), os.environ)
    for warning in config.warnings:
        click.echo(str(warning), err=True)

    async def serve() -> None:
        daemon = Daemon(config)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, daemon.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, daemon.reload)
        await daemon.run()

    asyncio.run(serve())
