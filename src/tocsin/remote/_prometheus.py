"""Asking a Prometheus-compatible HTTP API, and keeping what it said byte for byte."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, quote_plus, unquote, urlsplit, urlunsplit

import httpx2

import tocsin
from tocsin.durations import SECOND
from tocsin.errors import ParseError
from tocsin.evidence import Answer
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

__all__ = ["Address", "PrometheusApi", "parse_address"]

_SHORTEST_SECRET = 4
"""Shorter ones would be found by chance in any answer."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an API is, and the password for it."""

    url: str
    """Without user and password, so that it can be shown; no slash at the end."""
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Address({self.url!r})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every form in which the password could show up."""
        if not self.password:
            return ()
        basic = b64encode(f"{self.user}:{self.password}".encode()).decode()
        forms = {
            self.password,
            basic,
            quote(self.password, safe=""),
            quote(self.password),
            quote_plus(self.password),
            json.dumps(self.password)[1:-1],
            json.dumps(self.password, ensure_ascii=False)[1:-1],
        }
        return tuple(sorted(forms, key=len, reverse=True))


def parse_address(text: str) -> Address:
    """Read `http://[user:password@]host:port[/prefix]`. Raises ParseError."""
    hint = "write http://HOST:PORT"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        # The text is not shown: it may hold a password.
        raise ParseError("the address of the API can't be read", hint=hint) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ParseError("the address of the API must begin with http:// or https://", hint=hint)
    if parts.query or parts.fragment:
        raise ParseError("the address of the API must have no ? and no #", hint=hint)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port is None else f"{host}:{port}"
    url = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
    return Address(url, unquote(parts.username or ""), unquote(parts.password or ""))


class PrometheusApi:
    """A client that follows nothing, believes nothing and never raises for what it hears."""

    def __init__(
        self,
        address: Address,
        clock: Callable[[], int],
        *,
        body_limit: int,
        root: str = "/api/v1",
    ) -> None:
        """`root` is where the API is below the address; Alertmanager's is `/api/v2`."""
        self._address = address
        self._root = root
        self._clock = clock
        self._limit = body_limit
        self._client = httpx2.AsyncClient(
            timeout=None,
            follow_redirects=False,
            trust_env=False,
            auth=(address.user, address.password) if address.user or address.password else None,
            headers={
                "User-Agent": f"tocsin/{tocsin.__version__}",
                "Accept": "application/json",
                # What is kept is what was sent, so nothing may be packed on the way.
                "Accept-Encoding": "identity",
            },
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def get(
        self, path: str, params: Iterable[tuple[str, str]] = (), *, within: int = 30 * SECOND
    ) -> Answer:
        """The answer, or as much of it as came `within` microseconds."""
        started = self._clock()
        heard = _Heard()
        try:
            async with asyncio.timeout(within / SECOND):
                await self._hear(
                    heard,
                    f"{self._address.url}{self._root}/{path}",
                    httpx2.QueryParams(list(params)),
                )
        except TimeoutError:
            heard.failure = f"no complete answer within {within / SECOND:.3g} s"
        except Exception as error:  # noqa: BLE001 - no server may take the collector down
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            heard.failure = text
        body, redacted = self._without_secrets(bytes(heard.body))
        failure, _ = self._without_secrets(heard.failure.encode("utf-8", "replace"))
        return Answer(
            started, self._clock(), heard.status, body, printable(failure.decode()), redacted
        )

    async def _hear(self, heard: _Heard, url: str, params: httpx2.QueryParams) -> None:
        async with self._client.stream("GET", url, params=params) as response:
            heard.status = response.status_code
            encoding = response.headers.get("content-encoding", "identity")
            async for chunk in response.aiter_raw():
                room = self._limit - len(heard.body)
                heard.body += chunk[:room]
                if len(chunk) > room:
                    heard.failure = f"the answer is larger than {self._limit:,} bytes"
                    return
            if encoding.strip().lower() not in {"", "identity"}:
                heard.failure = f"content encoding {encoding} was not asked for"

    def _without_secrets(self, text: bytes) -> tuple[bytes, bool]:
        clean = text
        for secret in self._address.secrets:
            if len(secret) >= _SHORTEST_SECRET:
                clean = clean.replace(secret.encode(), b"[redacted]")
        return clean, clean != text


class _Heard:
    """What has come so far."""

    def __init__(self) -> None:
        self.status = 0
        self.body = bytearray()
        self.failure = ""
