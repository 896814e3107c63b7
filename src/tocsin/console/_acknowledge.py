"""Acknowledging alerts: who has seen which, and when, for the ledger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.console._params import ApiError
from tocsin.console._push import read_body, refuse_pages
from tocsin.control import firings_of
from tocsin.durations import DAY
from tocsin.notify import rfc3339

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request

    from tocsin.console._view import View
    from tocsin.control import Firing
    from tocsin.store import LedgerEntry

__all__ = ["acknowledge", "waiting_data"]

_BACK = 31 * DAY
_MOST = 4000


class _Posted(msgspec.Struct):
    alert: str
    by: str
    comment: str = ""
    ticket: str = ""
    labels: dict[str, str] = {}


async def waiting_data(view: View) -> list[dict[str, Any]]:
    """Each alert of the last 31 days that nobody has acknowledged."""
    return [
        {"alert": each.name, "labels": dict(each.labels), "firedAt": rfc3339(each.time)}
        for each in await _waiting(view)
    ]


async def acknowledge(view: View, request: Request, hosts: Collection[str]) -> dict[str, Any]:
    """Write down that somebody has seen an alert; it must be one that waits for it.

    Raises ApiError.
    """
    refuse_pages(request, hosts)
    try:
        posted = msgspec.json.decode(await read_body(request, 1 << 16), type=_Posted)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ApiError(400, "bad_data", f"not an acknowledgement: {error}") from None
    if not posted.alert or not posted.by.strip():
        raise ApiError(400, "bad_data", "an acknowledgement needs alert and by")
    if len(posted.by) + len(posted.comment) + len(posted.ticket) > _MOST:
        raise ApiError(400, "bad_data", f"an acknowledgement has at most {_MOST} characters")
    wanted = set(posted.labels.items())
    mine = [e for e in await _waiting(view) if e.name == posted.alert and wanted <= {*e.labels}]
    if not mine:
        name = posted.alert[:60]
        raise ApiError(404, "not_found", f"no alert {name!r} waits for an acknowledgement")
    view.acknowledge(msgspec.to_builtins(posted))
    return {"acknowledged": len(mine)}


async def _waiting(view: View) -> list[Firing[LedgerEntry]]:
    now = view.now()
    kinds = ("acknowledgement", "transition")
    period = await asyncio.to_thread(view.ledger, max(now - _BACK, 0), now + 1, kinds)
    return [each for each in firings_of(period.entries) if each.answer is None]
