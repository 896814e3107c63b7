"""Asking for the samples behind the answers, so that anybody can compute these again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.durations import HOUR, MINUTE, SECOND
from tocsin.errors import ParseError
from tocsin.evidence import SampleBook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.evidence import SampleSpan
    from tocsin.remote import PrometheusApi

__all__ = ["Fetched", "fetch_samples"]

_PIECE = 4 * HOUR
_ALL = 300 * SECOND
_MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """Samples of all selectors, as far as they came."""

    book: SampleBook
    lacking: str = ""
    """Why they are not whole; empty where they are."""


async def fetch_samples(
    api: PrometheusApi, spans: Sequence[SampleSpan], clean: Callable[[bytes], bytes]
) -> Fetched:
    """Piece by piece; a piece that is too large is asked for in halves."""
    book, size = SampleBook(), 0
    deadline = time.monotonic() + _ALL / SECOND
    for span in spans:
        start, piece = span.start // SECOND * SECOND - SECOND, _PIECE
        while start < span.end:
            left = round((deadline - time.monotonic()) * SECOND)
            if left <= 0 or size > _MOST_BYTES:
                return Fetched(book, f"there are too many samples of {span.selector}")
            end = min(start + piece, -(-span.end // SECOND) * SECOND)
            # One second more on the left: windows of Prometheus 2 hold both their ends.
            query = f"{span.selector}[{(end - start) // SECOND + 1}s]"
            params = (("query", query), ("time", str(end // SECOND)))
            answer = await api.get("query", params, within=min(left, 30 * SECOND))
            size += len(answer.body)
            if answer.failure or answer.status != 200:
                if piece > 10 * MINUTE and (answer.status in {200, 422}):
                    piece = max(piece // 4 // MINUTE * MINUTE, 10 * MINUTE)
                    continue
                why = answer.failure or f"HTTP status {answer.status}"
                return Fetched(book, f"no samples of {span.selector}: {why}")
            try:
                book.add(clean(answer.body))
            except ParseError as error:
                return Fetched(book, f"no samples of {span.selector}: {error.what}")
            start = end
    return Fetched(book)
