"""The block list as plain text, for what fetches it every few seconds.

Source: RFC 9110, section 8.8.3 (ETag), 13.1.2 (If-None-Match: weak comparison), 15.4.5 (304).
"""

from __future__ import annotations

import asyncio
import re
from hashlib import sha256
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

    from tocsin.console._view import View

__all__ = ["blocklist"]

_TAGS = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


async def blocklist(view: View, request: Request) -> Response:
    """A network a line, IPv4 before IPv6; 304 for who has it already. Raises StoreError."""
    networks = await asyncio.to_thread(view.blocked)
    body = "".join(f"{each}\n" for each in networks).encode()
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    held = ", ".join(request.headers.getlist("if-none-match"))
    if held.strip() == "*" or tag in _TAGS.findall(held):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="text/plain")
