"""The demo: an attack on a real application, seen, told and written down, within two minutes."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tocsin.lab._acts import RULES, Settings, Written, play
from tocsin.lab._plain import PlainScreen
from tocsin.lab._stage import Missed, Stage
from tocsin.lab._story import Screen
from tocsin.lab._webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["RULES", "Missed", "PlainScreen", "Screen", "Settings", "Stage", "Written", "run_demo"]

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Told(Exception):  # noqa: N818 - a wish, not a fault
    """Somebody wants it to end."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def run_demo(
    settings: Settings,
    screen: Screen,
    *,
    succeeded: Callable[[str, list[Written], Stage], None],
    failed: Callable[[Missed, Path], None],
    keep: Callable[[str, Stage], None] | None = None,
) -> int:
    """Run it; 0 if all of it happened, 1 if not, 128 and the signal's number if stopped.

    `succeeded` is told the application's address and the evidence; `failed` is told what was
    missed and where the logs are. With `keep` everything goes on until a signal comes.
    """
    folder = Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    code = 1
    try:
        code = asyncio.run(_run(settings, screen, folder, succeeded, keep))
    except Missed as missed:
        failed(missed, folder)
    except _Told as told:
        code = 128 + told.number
    if code != 1:
        shutil.rmtree(folder, ignore_errors=True)
    return code


async def _run(
    settings: Settings,
    screen: Screen,
    folder: Path,
    succeeded: Callable[[str, list[Written], Stage], None],
    keep: Callable[[str, Stage], None] | None,
) -> int:
    with Webhook() as webhook:
        stage = Stage(folder, screen, webhook, settings.alerts, settings.whole)
        try:
            try:
                app, written = await _interruptible(play(stage, settings))
            except Missed:
                stage.story.fail()
                raise
            finally:
                screen.close(stage.story, stage.snapshot)
            succeeded(app, written, stage)
            if keep is not None:
                keep(app, stage)
                with contextlib.suppress(_Told):
                    await _interruptible(_go_on(stage, app))
        finally:
            await stage.close()
    return 0


async def _go_on(stage: Stage, app: str) -> None:
    """Keep visitors coming, whose absence is an alert of its own."""
    while True:
        await asyncio.sleep(1)
        if not stage.children.running("traffic"):
            stage.visit("traffic", app, rate=1, seconds=600)


async def _interruptible(work: Coroutine[None, None, T]) -> T:
    """Do `work` unless a signal comes first. Raises _Told."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    came: list[int] = []

    def end(number: int) -> None:
        came.append(number)
        task.cancel()

    # The handlers stay: a second signal must not cut the cleaning up short.
    for number in _SIGNALS:
        loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not came:
            raise
        raise _Told(came[0]) from None
