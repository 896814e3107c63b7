"""The receivers of tocsin.yaml. What is secret stands in a file or in the environment."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tocsin.durations import SECOND
from tocsin.notify import (
    AlertmanagerReceiver,
    AppriseReceiver,
    EmailReceiver,
    FileReceiver,
    PagerDutyReceiver,
    Receiver,
    SlackReceiver,
    SnsReceiver,
    TerminalReceiver,
    WebhookReceiver,
    apprise_service,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.yamlfile import YamlMapping, YamlNode
    from tocsin.yamlreader import YamlReader

__all__ = ["RECEIVER_KEYS", "ReceiverReader", "is_url"]

RECEIVER_KEYS = {
    "name": "names the receiver",
    "webhook": "a message by POST: {url | url_file, timeout, body, secret_file}; body: "
    "`alertmanager`, its version 4 and the default, or `sns`, what CloudWatch publishes of an "
    "alarm; with `secret_file` each message is signed",
    "alertmanager": "an Alertmanager's v2 API: {url | url_file, timeout}",
    "slack": "an incoming webhook: {url | url_file, timeout}",
    "pagerduty": "Events API v2: {routing_key_file, url, timeout}",
    "email": "{server: host:port, from, to: [...], tls: starttls | tls | none, username, "
    "password_file, timeout}",
    "sns": "a topic of Amazon SNS, in CloudWatch's message shape: {topic_arn, endpoint, timeout}; "
    "needs the extra `aws`, and credentials as the AWS command line finds them",
    "apprise": "any service that the library Apprise knows: {url_file | url: env:NAME, timeout}; "
    "needs the extra `apprise`",
    "file": "a file that gets a JSON line a message: {path}",
    "terminal": "a line on standard error: {}",
    "send_resolved": "with routes: whether it hears that alerts are resolved, default true",
}
_BODIES = {
    "webhook": {"url", "url_file", "timeout", "body", "secret_file"},
    "alertmanager": {"url", "url_file", "timeout"},
    "slack": {"url", "url_file", "timeout"},
    "pagerduty": {"routing_key_file", "url", "timeout"},
    "email": {"server", "from", "to", "tls", "username", "password_file", "timeout"},
    "sns": {"topic_arn", "endpoint", "timeout"},
    "apprise": {"url", "url_file", "timeout"},
    "file": {"path"},
    "terminal": set[str](),
}
# An ARN: partition, service, region, account, name (SNS: up to 256 of these characters).
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,251}(?:\.fifo)?")


class ReceiverReader:
    """Reads receivers; mistakes are noted in the reader of the file."""

    def __init__(
        self, reader: YamlReader, folder: Path, read_bytes: Callable[[Path], bytes]
    ) -> None:
        self._reader = reader
        self._folder = folder
        self._read_bytes = read_bytes

    def read(self, node: YamlNode) -> tuple[Receiver, bool] | None:
        """A receiver, and whether it wants to hear that alerts are resolved."""
        item = self._reader.mapping(node, RECEIVER_KEYS, "a receiver")
        resolved = self._reader.boolean(item, "send_resolved", default=True)
        self._reader.require(item, "name", "a receiver")
        name = self._reader.string(item, "name")
        kinds = [kind for kind in _BODIES if kind in item.items]
        if len(kinds) != 1:
            what = f"receiver {name!r} must have exactly one kind"
            self._reader.error(item.span, what, f"give one of {', '.join(_BODIES)}")
            return None
        body = self._reader.mapping(item.items[kinds[0]], _BODIES[kinds[0]], kinds[0])
        made = self._made(name, kinds[0], body)
        return None if made is None else (made, resolved)

    def _made(self, name: str, kind: str, body: YamlMapping) -> Receiver | None:
        timeout = self._reader.duration(body, "timeout", 10 * SECOND)
        if kind == "terminal":
            return TerminalReceiver(name)
        if kind == "file":
            self._reader.require(body, "path", "file")
            return FileReceiver(name, str(self._folder / self._reader.string(body, "path")))
        if kind == "pagerduty":
            key = self._secret(body, "routing_key_file", kind)
            url = self.url(body, "url") if "url" in body.items else ""
            given = {"url": url} if url else {}
            return PagerDutyReceiver(name, key, timeout=timeout, **given) if key else None
        if kind == "email":
            return self._email(name, body, timeout)
        if kind == "sns":
            return self._sns(name, body, timeout)
        if kind == "apprise":
            return self._apprise(name, body)
        url = self._address(body, kind)
        if not url:
            return None
        if kind == "slack":
            return SlackReceiver(name, url, timeout)
        if kind == "alertmanager":
            return AlertmanagerReceiver(name, url, timeout=timeout)
        return self._webhook(name, url, body, timeout)

    def _webhook(self, name: str, url: str, body: YamlMapping, timeout: int) -> Receiver:
        form = self._reader.string(body, "body", "alertmanager")
        if form not in {"alertmanager", "sns"}:
            span = self._reader.span_of(body, "body")
            self._reader.error(span, "body must be alertmanager or sns")
        secret = self._secret(body, "secret_file", "webhook") if "secret_file" in body.items else ""
        return WebhookReceiver(
            name, url, timeout=timeout, body="sns" if form == "sns" else "alertmanager",
            secret=secret,
        )  # fmt: skip

    def _email(self, name: str, body: YamlMapping, timeout: int) -> Receiver | None:
        reader = self._reader
        required = [reader.require(body, key, "email") for key in ("server", "from", "to")]
        complete = all(required)
        host, _, port = reader.string(body, "server").rpartition(":")
        if complete and (not host or not port.isdigit() or int(port) > 65535):
            reader.error(reader.span_of(body, "server"), "server must be host:port")
            complete = False
        to = reader.strings(body, "to")
        sender = reader.string(body, "from")
        for address in (sender, *to):
            if address.count("@") != 1 or not address.isprintable() or " " in address:
                reader.error(body.span, f"not a mail address: {address[:60]!r}")
                complete = False
        tls = reader.string(body, "tls", "starttls")
        if tls not in {"starttls", "tls", "none"}:
            reader.error(reader.span_of(body, "tls"), "tls must be starttls, tls or none")
            complete = False
        username, password = reader.string(body, "username"), ""
        if "password_file" in body.items:
            password = self._secret(body, "password_file", "email")
            if tls == "none":
                span = reader.span_of(body, "password_file")
                reader.error(span, "a password would go over the wire in the clear")
        if not complete:
            return None
        return EmailReceiver(
            name, (host.strip("[]"), int(port)), sender, to,
            "tls" if tls == "tls" else "none" if tls == "none" else "starttls",
            username, password, timeout,
        )  # fmt: skip

    def _sns(self, name: str, body: YamlMapping, timeout: int) -> Receiver | None:
        reader = self._reader
        if find_spec("boto3") is None:
            reader.error(body.span, "the receiver needs boto3", "pip install 'tocsin[aws]'")
        if not reader.require(body, "topic_arn", "sns"):
            return None
        topic = reader.string(body, "topic_arn")
        found = _TOPIC.fullmatch(topic)
        if found is None:
            span = reader.span_of(body, "topic_arn")
            hint = "write arn:aws:sns:REGION:ACCOUNT:NAME"
            reader.error(span, f"not the ARN of a topic: {topic[:100]!r}", hint)
            return None
        endpoint = self.url(body, "endpoint") if "endpoint" in body.items else ""
        return SnsReceiver(name, topic, found[1], endpoint, timeout)

    def _apprise(self, name: str, body: YamlMapping) -> Receiver | None:
        """Apprise's addresses hold passwords and tokens, so none may stand in the file."""
        reader, what = self._reader, "apprise must have either url_file or url: env:NAME"
        if ("url" in body.items) == ("url_file" in body.items):
            reader.error(body.span, what, "add `url_file:`")
            return None
        if "url_file" in body.items:
            key, url = "url_file", self._secret(body, "url_file", "apprise")
        else:
            key, url = "url", self._environment(body, "url")
        span = reader.span_of(body, key)
        if not url:
            return None
        try:
            known = apprise_service(url) is not None
        except ImportError:
            reader.error(body.span, "the receiver needs Apprise", "pip install 'tocsin[apprise]'")
            return None
        if not known:
            reader.error(span, f"{key} holds no address that Apprise knows", "see its manual")
            return None
        timeout = reader.duration(body, "timeout", 30 * SECOND)
        return AppriseReceiver(name, url, timeout)

    def _environment(self, parent: YamlMapping, key: str) -> str:
        text, span = self._reader.string(parent, key), self._reader.span_of(parent, key)
        if not text.startswith("env:"):
            what = f"{key} is a secret and may not stand here"
            self._reader.error(span, what, "write `url: env:NAME`, or `url_file:`")
            return ""
        found = os.environ.get(text[4:], "")
        if not found:
            what = f"{key}: environment variable {text[4:]!r} is not set"
            self._reader.error(span, what)
        return found

    def _secret(self, body: YamlMapping, key: str, what: str) -> str:
        if not self._reader.require(body, key, what):
            return ""
        file = self._folder / self._reader.string(body, key)
        span = self._reader.span_of(body, key)
        try:
            text = self._read_bytes(file).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            self._reader.error(span, f"can't read {key} {str(file)!r}: {reason}")
            return ""
        if not text:
            self._reader.error(span, f"{key} {str(file)!r} is empty")
        return text

    def _address(self, body: YamlMapping, what: str) -> str:
        """A URL that is often a secret: here, in a file, or in the environment."""
        if ("url" in body.items) == ("url_file" in body.items):
            what = f"{what} must have either url or url_file"
            self._reader.error(body.span, what, "add `url_file:`")
            return ""
        if "url" in body.items:
            return self.url(body, "url")
        url = self._secret(body, "url_file", what)
        if url and not is_url(url):
            span = self._reader.span_of(body, "url_file")
            self._reader.error(span, "url_file holds no http:// or https:// address")
            return ""
        return url

    def url(self, parent: YamlMapping, key: str) -> str:
        """An address, as it stands or out of the environment."""
        text, span = self._reader.string(parent, key), self._reader.span_of(parent, key)
        if text.startswith("env:"):
            text = self._environment(parent, key)
            if not text:
                return ""
        if not is_url(text):
            self._reader.error(span, f"{key} must be an http:// or https:// address")
            return ""
        return text


def is_url(text: str) -> bool:
    """Whether text is an address that can be called."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
