"""The endpoints that read samples; they work in threads, a few at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.console._format import instant_data, range_data
from tocsin.console._params import FOREVER, ApiError, bad_data
from tocsin.console._status import LEDGER_KINDS, ledger_data
from tocsin.durations import MILLISECOND, SECOND
from tocsin.errors import ParseError
from tocsin.promql import Kind, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tocsin.console._params import Params
    from tocsin.console._view import View
    from tocsin.promql import Query

__all__ = ["Queries", "success"]

_POINTS = 11_000
_WAITING = 64


def success(data: object, warnings: list[str] | None = None) -> bytes:
    answer: dict[str, object] = {"status": "success", "data": data}
    if warnings:
        answer["warnings"] = warnings
    return msgspec.json.encode(answer)


class Queries:
    """Runs what takes time beside the event loop, each within a timeout.

    A thread cannot be stopped, so a query that timed out keeps its place until it ends,
    and the limit on places is what bounds the load.
    """

    def __init__(self, view: View, *, places: int, timeout: int) -> None:
        self._view = view
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(places, thread_name_prefix="query")
        self._waiting = 0

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def query(self, params: Params) -> bytes:
        now = self._view.now() // MILLISECOND * MILLISECOND
        text, time = params.text("query"), params.time("time", now)

        def work() -> bytes:
            _checked(text)
            return success(instant_data(self._view.query(text, time), time))

        return await self._run(params, work)

    async def query_range(self, params: Params) -> bytes:
        start, end = params.time("start"), params.time("end")
        step, text = params.duration("step"), params.text("query")
        if end < start:
            raise bad_data('invalid parameter "end": end timestamp must not be before start time')
        if step <= 0:
            raise bad_data(
                'invalid parameter "step": zero or negative query resolution step widths are '
                "not accepted. Try a positive integer"
            )
        if (end - start) // step > _POINTS:
            raise bad_data(
                "exceeded maximum resolution of 11,000 points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )

        def work() -> bytes:
            kind = _checked(text).kind
            if kind is Kind.MATRIX or kind is Kind.STRING:
                name = "range vector" if kind is Kind.MATRIX else "string"
                raise bad_data(
                    f'invalid expression type "{name}" for range query, '
                    "must be Scalar or instant Vector"
                )
            return success(range_data(self._view.query_range(text, start, end, step), start, step))

        return await self._run(params, work)

    async def series(self, params: Params) -> bytes:
        selectors = params.selectors()
        if not selectors:
            raise bad_data("no match[] parameter provided")
        start, end = _span(params)
        limit = params.limit()
        return await self._run(
            params,
            lambda: _limited(
                sorted(self._view.series(selectors, start, end)), limit, lambda each: each.to_dict()
            ),
        )

    async def label_names(self, params: Params) -> bytes:
        selectors, (start, end), limit = params.selectors(), _span(params), params.limit()
        return await self._run(
            params,
            lambda: _limited(sorted(self._view.label_names(selectors, start, end)), limit),
        )

    async def label_values(self, name: str, params: Params) -> bytes:
        selectors, (start, end), limit = params.selectors(), _span(params), params.limit()
        return await self._run(
            params,
            lambda: _limited(sorted(self._view.label_values(name, selectors, start, end)), limit),
        )

    async def ledger(self, params: Params) -> bytes:
        start, end = params.time("start"), params.time("end")
        kinds = params.text("kinds").split(",")
        if not set(kinds) <= LEDGER_KINDS:
            raise bad_data('invalid parameter "kinds": not supported')
        asked = self._view.now()
        return await self._run(
            params, lambda: success(ledger_data(self._view.ledger(start, end, kinds), asked))
        )

    async def _run(self, params: Params, work: Callable[[], bytes]) -> bytes:
        timeout = min(params.duration("timeout", self._timeout), self._timeout)
        if self._waiting >= _WAITING:
            raise ApiError(503, "unavailable", "too many queries are waiting")
        self._waiting += 1
        try:
            async with asyncio.timeout(max(timeout, 0) / SECOND):
                return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except TimeoutError:
            raise ApiError(503, "timeout", "query timed out in expression evaluation") from None
        finally:
            self._waiting -= 1


def _checked(text: str) -> Query:
    """Tell a query that cannot be read from one that fails on the data."""
    try:
        return parse(text)
    except ParseError as error:
        raise bad_data(f'invalid parameter "query": {error}') from None


def _span(params: Params) -> tuple[int, int]:
    return params.time("start", -FOREVER), params.time("end", FOREVER)


def _limited(
    found: Iterable[Any], limit: int | None, shown: Callable[[Any], object] = lambda each: each
) -> bytes:
    data = [shown(each) for each in found]
    if limit is not None and len(data) > limit:
        return success(data[:limit], ["results truncated due to limit"])
    return success(data)
