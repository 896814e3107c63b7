"""Calls that block: their answers, their errors, and what hangs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tocsin.durations import MILLISECOND, SECOND
from tocsin.notify._threads import Threads


def test_answers_and_errors_come_back():
    async def run():
        threads = Threads()
        assert await threads.call(lambda: 3, SECOND) == 3
        with pytest.raises(ZeroDivisionError):
            await threads.call(lambda: 1 // 0, SECOND)

    asyncio.run(run())


def test_what_hangs_delays_nobody_else_and_is_bounded():
    let_go = threading.Event()

    async def run():
        stuck, other = Threads(), Threads()
        waiting = [stuck.call(let_go.wait, 200 * MILLISECOND) for _ in range(10)]
        hung, answer = await asyncio.gather(
            asyncio.gather(*waiting, return_exceptions=True), other.call(lambda: "told", SECOND)
        )
        assert answer == "told"
        assert all(isinstance(each, TimeoutError) for each in hung)
        assert sum("still hang" in str(each) for each in hung) == 6
        with pytest.raises(TimeoutError, match="still hang"):
            await stuck.call(lambda: "too early", SECOND)
        # Once they end, there is room again.
        let_go.set()
        async with asyncio.timeout(10):
            while True:
                try:
                    return await stuck.call(lambda: "again", SECOND)
                except TimeoutError:
                    await asyncio.sleep(0.01)

    try:
        assert asyncio.run(run()) == "again"
    finally:
        let_go.set()
