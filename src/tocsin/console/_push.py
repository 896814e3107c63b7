"""Taking log events over HTTP: lines as they are, one event each."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tocsin.console._guard import host_allowed
from tocsin.console._params import ApiError

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request

    from tocsin.console._view import View

__all__ = ["push"]

MOST = 16 << 20
"""Bytes of one body, after inflating."""
_TIME = 60.0
"""Seconds until it is there."""


async def push(view: View, request: Request, hosts: Collection[str]) -> dict[str, object]:
    """Count the lines of the body; the answer is given once they are on disk.

    Raises ApiError; then nothing was counted, and the same lines may be sent again.
    """
    origin = request.headers.get("origin", "")
    if origin and not host_allowed(urlsplit(origin).netloc, hosts):
        # A page in somebody's browser may send, but it must not count.
        raise ApiError(403, "forbidden", "not from a page of another origin")
    name = request.path_params["name"]
    done = await view.push(name, await _body(request))
    if done is None:
        raise ApiError(
            404, "not_found", f"no log group {name[:60]!r} takes events, hint: say `push: true`"
        )
    return {"read": done.read, "counted": done.counted, "dropped": dict(done.dropped)}


async def _body(request: Request) -> bytes:
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding not in {"identity", "gzip"}:
        raise ApiError(415, "bad_data", "Content-Encoding must be gzip or none")
    unzip = zlib.decompressobj(31)
    body = bytearray()
    try:
        async with asyncio.timeout(_TIME):
            async for chunk in request.stream():
                if coding == "gzip":
                    body += unzip.decompress(chunk, MOST + 1 - len(body))
                else:
                    body += chunk
                if len(body) > MOST:
                    raise ApiError(413, "bad_data", f"the body is over {MOST} bytes")
    except zlib.error:
        raise ApiError(400, "bad_data", "the body is no gzip") from None
    except TimeoutError:
        raise ApiError(408, "timeout", "the body did not arrive in time") from None
    if coding == "gzip" and not unzip.eof:
        raise ApiError(400, "bad_data", "the gzip body ends early")
    return bytes(body)
