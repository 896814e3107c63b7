"""Taking log events over HTTP: lines as they are, one event each, and OpenTelemetry's records."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import Response

from tocsin.console._guard import host_allowed
from tocsin.console._params import ApiError
from tocsin.source import OtlpRefusedError, decode_otlp_logs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from starlette.requests import Request

    from tocsin.console._view import View

__all__ = ["push", "push_otlp", "read_body", "refuse_pages"]

MOST = 16 << 20
"""Bytes of one body, after inflating."""
_TIME = 60.0
"""Seconds until it is there."""


async def push(view: View, request: Request, hosts: Collection[str]) -> dict[str, object]:
    """Count the lines of the body; the answer is given once they are on disk.

    Raises ApiError; then nothing was counted, and the same lines may be sent again.
    """
    refuse_pages(request, hosts)
    name = request.path_params["name"]
    done = await view.push(name, await read_body(request, MOST))
    if done is None:
        raise ApiError(
            404, "not_found", f"no log group {name[:60]!r} takes events, hint: say `push: true`"
        )
    return {"read": done.read, "counted": done.counted, "dropped": dict(done.dropped)}


async def push_otlp(view: View, request: Request, hosts: Collection[str]) -> Response:
    """Count log records; what can't be placed is rejected, and the answer says how many and why.

    Raises ApiError.
    """
    refuse_pages(request, hosts)
    kind = request.headers.get("content-type", "")
    try:
        logs = decode_otlp_logs(await read_body(request, MOST), kind)
    except OtlpRefusedError as error:
        raise ApiError(error.status, "bad_data", str(error)) from None
    groups = [each.name for each in view.log_groups() if each.push]
    events: dict[str, list[tuple[int, bytes]]] = {}
    for record in logs.records:
        name = _group(record.resource, groups)
        if name:
            time = view.now() if record.time is None else record.time
            events.setdefault(name, []).append((time, record.text.encode()))
        else:
            logs.rejected += 1
            logs.reason = logs.reason or (
                "no log group that takes events has the name in service.name or aws.log.group.names"
            )
    for name, found in events.items():
        await view.push(name, found)
    return Response(logs.answer(kind), media_type=kind.partition(";")[0])


def _group(resource: Mapping[str, object], groups: Sequence[str]) -> str:
    """The log group that a resource names; the only one there is, if it names none of them."""
    named = resource.get("aws.log.group.names")
    names = [*(named if isinstance(named, list) else [named]), resource.get("service.name")]
    found = next((each for each in names if each in groups), None)
    return str(found) if found is not None else groups[0] if len(groups) == 1 else ""


def refuse_pages(request: Request, hosts: Collection[str]) -> None:
    """A page in somebody's browser may send, but it must not count."""
    origin = request.headers.get("origin", "")
    if origin and not host_allowed(urlsplit(origin).netloc, hosts):
        raise ApiError(403, "forbidden", "not from a page of another origin")


async def read_body(request: Request, most: int) -> bytes:
    """The body, inflated, of `most` bytes. Raises ApiError."""
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding not in {"identity", "gzip"}:
        raise ApiError(415, "bad_data", "Content-Encoding must be gzip or none")
    unzip = zlib.decompressobj(31)
    body = bytearray()
    try:
        async with asyncio.timeout(_TIME):
            async for chunk in request.stream():
                if coding == "gzip":
                    body += unzip.decompress(chunk, most + 1 - len(body))
                else:
                    body += chunk
                if len(body) > most:
                    raise ApiError(413, "bad_data", f"the body is over {most} bytes")
    except zlib.error:
        raise ApiError(400, "bad_data", "the body is no gzip") from None
    except TimeoutError:
        raise ApiError(408, "timeout", "the body did not arrive in time") from None
    if coding == "gzip" and not unzip.eof:
        raise ApiError(400, "bad_data", "the gzip body ends early")
    return bytes(body)
