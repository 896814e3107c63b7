"""Receivers that are told over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx2

import tocsin
from tocsin.alerting import Refused, Retry, Sent
from tocsin.durations import HOUR, SECOND
from tocsin.notify._body import alertmanager_body, sns_body, webhook_body
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tocsin.alerting import Delivery, Notification, NotifiedAlert
    from tocsin.notify._receivers import (
        AlertmanagerReceiver,
        PagerDutyReceiver,
        SlackReceiver,
        WebhookReceiver,
    )

__all__ = [
    "AlertmanagerNotifier",
    "ServiceNotifier",
    "WebhookNotifier",
    "make_client",
    "retry_after",
    "signature",
]

_LONGEST_WAIT = HOUR
_AGAIN = frozenset({408, 429})


def make_client() -> httpx2.AsyncClient:
    """The client for all receivers: nothing from the environment, no redirects, no reuse."""
    return httpx2.AsyncClient(
        timeout=None,
        follow_redirects=False,
        trust_env=False,
        limits=httpx2.Limits(max_keepalive_connections=0, max_connections=None),
        headers={"User-Agent": f"tocsin/{tocsin.__version__}", "Accept-Encoding": "identity"},
    )


class WebhookNotifier:
    """Posts Alertmanager's webhook message, version 4, or CloudWatch's message of an alarm."""

    def __init__(
        self,
        receiver: WebhookReceiver,
        client: httpx2.AsyncClient,
        clock: Callable[[], int],
        external_url: str = "",
    ) -> None:
        self.receiver = receiver
        self._client = client
        self._clock = clock
        self._external_url = external_url

    async def send(self, notification: Notification) -> Delivery:
        to = self.receiver
        if to.body == "sns":
            body = sns_body(notification)
        else:
            body = webhook_body(notification, self._external_url, to.max_alerts)
        headers = {**to.headers, "Idempotency-Key": notification.key}
        if to.secret:
            headers["X-Tocsin-Signature"] = signature(body, to.secret, self._clock())
        return await _post(self._client, to.url, body, headers, to.timeout, self._clock)


def signature(body: bytes, secret: str, now: int) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS.BODY`, so that no old message passes as new."""
    time = str(now // SECOND)
    mac = hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256)
    return f"t={time},v1={mac.hexdigest()}"


class ServiceNotifier:
    """Posts to a service that has messages of its own."""

    def __init__(
        self,
        receiver: SlackReceiver | PagerDutyReceiver,
        body: Callable[[Notification], bytes],
        client: httpx2.AsyncClient,
        clock: Callable[[], int],
    ) -> None:
        self.receiver = receiver
        self._body = body
        self._client = client
        self._clock = clock

    async def send(self, notification: Notification) -> Delivery:
        to = self.receiver
        body = self._body(notification)
        return await _post(self._client, to.url, body, {}, to.timeout, self._clock)


class AlertmanagerNotifier:
    """Posts alerts to an Alertmanager; it deduplicates by label set and start."""

    def __init__(
        self, receiver: AlertmanagerReceiver, client: httpx2.AsyncClient, clock: Callable[[], int]
    ) -> None:
        self.receiver = receiver
        self._client = client
        self._clock = clock

    async def send(self, notification: Notification) -> Delivery:
        return await self._tell(notification.alerts, {"Idempotency-Key": notification.key})

    async def resend(self, alerts: Iterable[NotifiedAlert]) -> Delivery:
        """Keep firing alerts alive; due every `resend_delay`. Not worth a retry: it comes again."""
        return await self._tell(alerts, {})

    async def _tell(self, alerts: Iterable[NotifiedAlert], headers: Mapping[str, str]) -> Delivery:
        to = self.receiver
        body = alertmanager_body(alerts, self._clock(), to.resend_delay)
        url = f"{to.url.rstrip('/')}/api/v2/alerts"
        headers = {**to.headers, **headers}
        return await _post(self._client, url, body, headers, to.timeout, self._clock)


async def _post(
    client: httpx2.AsyncClient,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    allowed: int,
    clock: Callable[[], int],
) -> Delivery:
    """The status alone decides; the answer's body is not read, so it can neither harm nor leak."""
    sent = {**headers, "Content-Type": "application/json"}
    try:
        async with (
            asyncio.timeout(allowed / SECOND),
            client.stream("POST", url, content=body, headers=sent) as response,
        ):
            return _judge(response, clock())
    except TimeoutError:
        return Retry(f"no answer within {allowed / SECOND:g} s")
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
        return Refused(f"the address or a header is wrong ({type(error).__name__})")
    except (httpx2.HTTPError, OSError) as error:
        # The text of other errors may hold the address, and with it a token.
        what = f": {printable(str(error))}" if isinstance(error, httpx2.ConnectError) else ""
        return Retry(f"{type(error).__name__}{what}")


def _judge(response: httpx2.Response, now: int) -> Delivery:
    status = response.status_code
    if 200 <= status < 300:
        return Sent()
    if status in _AGAIN or status >= 500:
        return Retry(f"answered {status}", retry_after(response.headers.get("retry-after"), now))
    if 300 <= status < 400:
        return Refused(f"answered {status}, hint: redirects are not followed, name the last one")
    return Refused(f"answered {status}")


def retry_after(header: str | None, now: int) -> int | None:
    """Microseconds to wait by a Retry-After header, seconds or date, an hour at most."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]) * SECOND, _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(0, int(at * SECOND) - now), _LONGEST_WAIT)
