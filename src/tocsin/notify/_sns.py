"""Amazon SNS, told what CloudWatch tells a topic.

Sources: Amazon SNS API Reference, "Publish" (a subject is ASCII of at most 100 characters, a
message 256 KiB with its attributes) and "Common Errors"; Developer Guide, "FIFO topics".
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any

from tocsin.alerting import Refused, Retry, Sent
from tocsin.durations import SECOND
from tocsin.notify._body import sns_body
from tocsin.notify._messages import headline
from tocsin.notify._threads import Threads
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.alerting import Delivery, Notification
    from tocsin.notify._receivers import SnsReceiver

__all__ = ["SnsNotifier", "sns_client", "sns_subject"]

_SUBJECT = 100
_MESSAGE = 255_000
"""Bytes; the attributes count too."""
_AGAIN = frozenset({
    "ExpiredToken", "ExpiredTokenException", "InternalError", "InternalFailure", "RequestExpired",
    "RequestLimitExceeded", "RequestTimeout", "ServiceUnavailable", "TooManyRequestsException",
})  # fmt: skip


def sns_client(receiver: SnsReceiver) -> Any:
    """A client with the credentials that the AWS command line would use; it tries once a call.

    Raises ImportError without boto3, and what boto3 raises.
    """
    import boto3  # noqa: PLC0415 - an extra
    from botocore.config import Config  # noqa: PLC0415 - an extra

    seconds = receiver.timeout / SECOND
    once = Config(
        connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1}
    )  # fmt: skip
    # A session of its own: the shared one must not be used by several threads.
    return boto3.session.Session().client(
        "sns", region_name=receiver.region, endpoint_url=receiver.endpoint or None, config=once
    )


class SnsNotifier:
    """Publishes to a topic."""

    def __init__(
        self, receiver: SnsReceiver, make_client: Callable[[SnsReceiver], Any] = sns_client
    ) -> None:
        self.receiver = receiver
        self._make_client = make_client
        self._client: Any = None
        self._making = threading.Lock()
        self._threads = Threads()

    async def send(self, notification: Notification) -> Delivery:
        request = publish_request(notification, self.receiver.topic)
        try:
            await self._threads.call(lambda: self._publish(request), self.receiver.timeout)
        except TimeoutError as error:
            why = str(error) or f"no answer within {self.receiver.timeout / SECOND:g} s"
            return Retry(why)
        except Exception as error:  # noqa: BLE001 - boto3's errors are known only with boto3
            return _judge(error)
        return Sent()

    def _publish(self, request: dict[str, Any]) -> None:
        # The client is made here: it may ask the network for credentials.
        with self._making:
            self._client = self._client or self._make_client(self.receiver)
        self._client.publish(**request)


def publish_request(notification: Notification, topic: str) -> dict[str, Any]:
    """The parameters of `Publish`; the key is an attribute, so that copies are known."""
    key = {"DataType": "String", "StringValue": notification.key}
    request: dict[str, Any] = {
        "TopicArn": topic,
        "Subject": sns_subject(notification),
        "Message": sns_body(notification, _MESSAGE).decode(),
        "MessageAttributes": {"IdempotencyKey": key},
    }
    if topic.endswith(".fifo"):
        group = hashlib.sha256(notification.group_key.encode()).hexdigest()
        request["MessageGroupId"] = group
        request["MessageDeduplicationId"] = hashlib.sha256(notification.key.encode()).hexdigest()
    return request


def sns_subject(notification: Notification) -> str:
    """`ALARM: "name" in US East (N. Virginia)` as CloudWatch's, or the headline; cut to fit."""
    message = notification.alerts[0].message
    if message and len(notification.alerts) == 1:
        text = f'{message["NewStateValue"]}: "{message["AlarmName"]}" in {message["Region"]}'
        text = printable(text, _SUBJECT + 1)
    else:
        text = headline(notification)
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= _SUBJECT else f"{text[: _SUBJECT - 3]}..."


def _judge(error: Exception) -> Delivery:
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict):
        # No credentials, no connection: either can come back.
        wrong = type(error).__name__ == "ParamValidationError"
        why = f"{type(error).__name__}: {printable(str(error), 200)}"
        return Refused(why) if wrong else Retry(why)
    code = str(answer.get("Error", {}).get("Code", ""))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    why = f"SNS answered {printable(str(error), 200)}"
    if status >= 500 or status in {408, 429} or "Throttl" in code or code in _AGAIN:
        return Retry(why)
    return Refused(why)
