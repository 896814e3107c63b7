"""Calls that block, kept away from everybody else.

The event loop's own threads are few and shared, with name lookups too: a receiver that hangs
there would delay the others. So each receiver that blocks has a bounded number of its own.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from tocsin.durations import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Threads"]

_MOST = 4
T = TypeVar("T")


class Threads:
    """The threads of one receiver. To be used on one event loop."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(_MOST)

    async def call(self, function: Callable[[], T], allowed: int) -> T:
        """What the function answers, within `allowed` microseconds. Raises TimeoutError.

        A call that is late is left to itself; it may still do what it was asked for. While as
        many as there are threads hang, no other is begun.
        """
        if not self._free.acquire(blocking=False):
            raise TimeoutError("earlier attempts still hang")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def answer(value: T | None, error: BaseException | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(value)  # type: ignore[arg-type]

        def work() -> None:
            value, failed = None, None
            try:
                value = function()
            except BaseException as error:  # noqa: BLE001 - raised where it was called
                failed = error
            finally:
                self._free.release()
            with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
                loop.call_soon_threadsafe(answer, value, failed)

        # A daemon thread: one that hangs must not keep the process from its end.
        threading.Thread(target=work, daemon=True, name="receiver").start()
        async with asyncio.timeout(allowed / SECOND):
            return await done
