"""One scrape: ask a target for its metrics, within a time and a size."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

import tocsin
from tocsin.durations import SECOND
from tocsin.errors import ParseError
from tocsin.printable import printable
from tocsin.series import Exposition, Failed, FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.remote._reader import Reader
    from tocsin.series import Target

__all__ = ["Scraped", "fetch", "make_client"]

_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=1.0.0;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,"
    "*/*;q=0.1"
)
_GZIP_WINDOW = 31
_MEMBERS = 1_000
_INLINE = 256 << 10
"""Bytes that are parsed on the event loop, in about 10 ms; more goes to a thread."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """What a scrape brought and what it took."""

    outcome: Exposition | Failed
    duration: int
    """Microseconds from the first byte out to the last byte in."""
    size: int = 0
    """Bytes of the body, decompressed."""


class _Failure(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, reason: FailureReason, detail: str) -> None:
        self.failed = Failed(reason, detail)
        super().__init__(detail)


def make_client() -> httpx2.AsyncClient:
    """The client for all targets: nothing from the environment, no redirects, no reuse.

    A connection a scrape costs little, while a target whose idle timeout is close to the
    scrape interval would reset kept ones at random and look down.
    """
    return httpx2.AsyncClient(
        timeout=None,
        follow_redirects=False,
        trust_env=False,
        limits=httpx2.Limits(max_keepalive_connections=0, max_connections=None),
        headers={
            "User-Agent": f"tocsin/{tocsin.__version__}",
            "Accept": _ACCEPT,
            "Accept-Encoding": "gzip",
        },
    )


async def fetch(
    client: httpx2.AsyncClient, target: Target, reader: Reader, monotonic: Callable[[], int]
) -> Scraped:
    """Scrape a target once; never raises for what a target does.

    Redirects are not followed: a target that can send the scraper to an address of its
    choice could read the network through it. `monotonic` counts microseconds.
    """
    begun = monotonic()
    try:
        async with asyncio.timeout(target.timeout / SECOND):
            body, content_type = await _get(client, target)
    except TimeoutError:
        detail = f"no complete answer within {target.timeout / SECOND:g} s"
        return Scraped(Failed(FailureReason.TIMEOUT, detail), monotonic() - begun)
    except _Failure as failure:
        return Scraped(failure.failed, monotonic() - begun)
    except Exception as error:  # noqa: BLE001 - no target may take the scraper down
        detail = printable(
            f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        )
        return Scraped(Failed(FailureReason.CONNECTION, detail), monotonic() - begun)
    duration = monotonic() - begun
    try:
        if len(body) <= _INLINE:
            outcome = reader.read(body, content_type)
        else:
            outcome = await asyncio.to_thread(reader.read, body, content_type)
    except ParseError as error:
        where = f"line {error.span.line}: " if error.span and error.span.line else ""
        hint = f", hint: {error.hint}" if error.hint else ""
        failed = Failed(FailureReason.UNPARSABLE, printable(f"{where}{error.what}{hint}"))
        return Scraped(failed, duration, len(body))
    return Scraped(outcome, duration, len(body))


async def _get(client: httpx2.AsyncClient, target: Target) -> tuple[bytes, str]:
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": f"{target.timeout / SECOND:g}"}
    async with client.stream("GET", target.url, headers=headers) as response:
        status = response.status_code
        if 300 <= status < 400:
            to = printable(response.headers.get("location", "elsewhere"))
            raise _Failure(
                FailureReason.REDIRECT,
                f"answered {status} and points to {to}, hint: name the final address as target",
            )
        if status != 200:
            raise _Failure(FailureReason.STATUS, f"answered {status}")
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            what = printable(encoding)
            raise _Failure(FailureReason.ENCODING, f"content encoding {what} was not asked for")
        body = _Body(target.body_limit, gzip="gzip" in encoding)
        async for chunk in response.aiter_raw():
            body.feed(chunk)
        return body.finish(), response.headers.get("content-type", "")


class _Body:
    """A body as it arrives, inflated no further than its limit."""

    def __init__(self, limit: int, *, gzip: bool) -> None:
        self._limit = limit
        self._made = bytearray()
        self._taken = 0
        self._inflate = zlib.decompressobj(_GZIP_WINDOW) if gzip else None
        self._members = 1

    def feed(self, chunk: bytes) -> None:
        # Input is bounded too: a gzip stream may go on for ever without any output.
        self._taken += len(chunk)
        if self._taken > self._limit:
            raise self._too_large()
        if self._inflate is None:
            self._made += chunk
            return
        while chunk:
            if self._inflate.eof:
                self._members += 1
                if self._members > _MEMBERS:
                    raise _Failure(FailureReason.ENCODING, "too many gzip members")
                self._inflate = zlib.decompressobj(_GZIP_WINDOW)
            room = self._limit - len(self._made)
            try:
                self._made += self._inflate.decompress(chunk, room + 1)
            except zlib.error:
                raise _Failure(FailureReason.ENCODING, "the gzip stream is damaged") from None
            if len(self._made) > self._limit:
                raise self._too_large()
            chunk = self._inflate.unused_data

    def finish(self) -> bytes:
        if self._inflate is not None and self._taken and not self._inflate.eof:
            raise _Failure(FailureReason.ENCODING, "the gzip stream is cut off")
        return bytes(self._made)

    def _too_large(self) -> _Failure:
        detail = f"the body is over {self._limit} bytes, hint: raise body_limit or expose less"
        return _Failure(FailureReason.TOO_LARGE, detail)
