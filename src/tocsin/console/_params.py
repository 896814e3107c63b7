"""What a request asks for: parameters from the address or a form, checked by name."""

from __future__ import annotations

import asyncio
import math
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tocsin.durations import SECOND, parse_duration
from tocsin.errors import ParseError
from tocsin.promql import Selector, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from tocsin.labels import Matcher

__all__ = ["FOREVER", "ApiError", "Params", "bad_data"]

FOREVER = 1 << 62
"""Times and durations stay below, so that sums of two fit 64 bits."""

_BODY_LIMIT = 1 << 20
_BODY_TIME = 10
_FIELDS = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class ApiError(Exception):
    """An answer that is an error, as the Prometheus API names it."""

    def __init__(self, status: int, kind: str, text: str) -> None:
        self.status = status
        self.kind = kind
        """`bad_data`, `execution`, `timeout`, `unavailable`, `not_found` or `internal`."""
        self.text = text
        super().__init__(text)


def bad_data(text: str) -> ApiError:
    return ApiError(400, "bad_data", text)


class Params:
    """The parameters of one request; every reader raises ApiError that names the parameter."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs

    @classmethod
    async def of(cls, request: Request) -> Params:
        """Of the form first, then of the address."""
        pairs = request.query_params.multi_items()
        if request.method == "POST":
            pairs = [*_fields(await _body(request)), *pairs]
        return cls(pairs)

    def text(self, name: str, default: str = "") -> str:
        return next((value for key, value in self._pairs if key == name), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        value = self.text(name, default) or default
        if value not in allowed:
            raise bad_data(f'invalid parameter "{name}": not supported value "{value[:40]}"')
        return value

    def time(self, name: str, default: int | None = None) -> int:
        """Unix seconds or RFC 3339, in microseconds."""
        text = self.text(name)
        if not text and default is not None:
            return default
        try:
            return _time(text)
        except (ValueError, OverflowError):
            raise bad_data(
                f'invalid parameter "{name}": cannot parse "{text[:40]}" to a valid timestamp'
            ) from None

    def duration(self, name: str, default: int | None = None) -> int:
        """Seconds or Prometheus' notation, in microseconds."""
        text = self.text(name)
        if not text and default is not None:
            return default
        try:
            return _micros(float(text)) if _FLOAT.fullmatch(text) else parse_duration(text)
        except (ParseError, ValueError, OverflowError):
            raise bad_data(
                f'invalid parameter "{name}": cannot parse "{text[:40]}" to a valid duration'
            ) from None

    def limit(self) -> int | None:
        text = self.text("limit")
        if not text:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise bad_data('invalid parameter "limit": limit must be a number of 0 or more')
        return int(text) or None

    def selectors(self) -> list[tuple[Matcher, ...]]:
        """The matchers of every `match[]`."""
        found = []
        for text in self.all("match[]"):
            try:
                node = parse(text).node
            except ParseError as error:
                raise bad_data(f'invalid parameter "match[]": {error}') from None
            if not isinstance(node, Selector) or node.offset or node.at is not None:
                raise bad_data(f'invalid parameter "match[]": not a selector: {text[:60]}')
            found.append(tuple(node.matchers))
        return found


def _time(text: str) -> int:
    if _FLOAT.fullmatch(text):
        return _micros(float(text))
    if not _RFC3339.fullmatch(text):
        raise ValueError(text)
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


def _micros(seconds: float) -> int:
    if not math.isfinite(seconds) or abs(micros := round(seconds * SECOND)) >= FOREVER:
        raise ValueError(seconds)
    return micros


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").split(";", maxsplit=1)[0].strip().lower()
    if kind not in ("", "application/x-www-form-urlencoded"):
        raise ApiError(415, "bad_data", "send parameters as application/x-www-form-urlencoded")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIME):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _BODY_LIMIT:
                    raise ApiError(413, "bad_data", f"the body is over {_BODY_LIMIT} bytes")
    except TimeoutError:
        raise ApiError(408, "timeout", "the body did not arrive in time") from None
    return bytes(body)


def _fields(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode()
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError:
        raise bad_data("the body is not a form in UTF-8 with few fields") from None
