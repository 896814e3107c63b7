"""Log records as OpenTelemetry's protocol carries them over HTTP, to times and texts.

Sources: OpenTelemetry Protocol Specification, sections "OTLP/HTTP" (request, response, partial
success) and "JSON Protobuf Encoding"; Logs Data Model, "Field: Timestamp" and "Field: Body".
A record that can't be used is rejected alone and counted in the answer.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.errors import SourceError
from tocsin.source._otlp_protobuf import protobuf_answer, read_protobuf

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OtlpLogs", "OtlpRecord", "OtlpRefusedError", "decode_otlp_logs"]

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
_DEEPEST = 32
_LONGEST = 1024 * 1024


class _RejectedError(Exception):
    """Why a record can't be used."""


class OtlpRefusedError(SourceError):
    """A request that can't be read as a whole, with the HTTP status that says so."""

    def __init__(self, what: str, status: int, *, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class OtlpRecord:
    """One event."""

    time: int | None
    """Microseconds; None if the sender did not say."""
    text: str
    """The body if it is a string, otherwise the JSON of the body, or of the attributes if there
    is none. It may have line breaks."""
    resource: dict[str, Any] = field(default_factory=dict)
    """Attributes of what sent it, such as `service.name`; shared by its records."""


@dataclass(slots=True)
class OtlpLogs:
    """The records of a request."""

    records: list[OtlpRecord] = field(default_factory=list)
    rejected: int = 0
    reason: str = ""
    """Why the first rejected record was."""
    cut: int = 0
    """Texts cut at the limit."""

    def answer(self, content_type: str) -> bytes:
        """The body of the response, in the encoding of the request; its status is 200."""
        if _media_type(content_type) == PROTOBUF:
            return protobuf_answer(self.rejected, self.reason)
        if not self.rejected:
            return b"{}"
        partial = {"rejectedLogRecords": str(self.rejected), "errorMessage": self.reason}
        return msgspec.json.encode({"partialSuccess": partial})

    def add(self, record: dict[str, Any], resource: dict[str, Any], limit: int) -> None:
        """Take one record in the JSON form, or reject it."""
        try:
            time, text = _time(record), _text(record)
        except _RejectedError as error:
            self.rejected += 1
            self.reason = self.reason or str(error)
            return
        if len(text) > limit:
            text = text[:limit]
            self.cut += 1
        self.records.append(OtlpRecord(time, text, resource))


class _Scope(msgspec.Struct, rename="camel"):
    log_records: list[msgspec.Raw] | None = None


class _Resource(msgspec.Struct):
    attributes: msgspec.Raw = msgspec.Raw(b"[]")


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_logs: list[_Scope] | None = None


class _Request(msgspec.Struct, rename="camel"):
    resource_logs: list[_ResourceLogs] | None = None


def decode_otlp_logs(body: bytes, content_type: str, limit: int = _LONGEST) -> OtlpLogs:
    """The records of a `POST /v1/logs`, whose body is inflated already.

    `limit` is how many characters of a text are kept. Raises OtlpRefusedError.
    """
    logs = OtlpLogs()
    kind = _media_type(content_type)
    if kind == PROTOBUF:
        try:
            for record, pairs in read_protobuf(body):
                logs.add(record, _resource(pairs), limit)
        except ImportError:
            raise OtlpRefusedError(
                "the protobuf encoding is not installed",
                415,
                hint="pip install 'tocsin[otlp]', or send JSON (OTLP protocol http/json)",
            ) from None
        except ValueError as error:
            raise OtlpRefusedError(f"not an OTLP logs request: {error}", 400) from None
        return logs
    if kind != JSON:
        raise OtlpRefusedError(f"not a content type of OTLP: {kind or 'none'}", 415)
    try:
        request = msgspec.json.decode(body, type=_Request)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise OtlpRefusedError(f"not an OTLP logs request: {error}", 400) from None
    for raw, resource in _raw_records(request):
        try:
            record = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            logs.rejected += 1
            logs.reason = logs.reason or f"not a log record: {error}"
        else:
            logs.add(record, resource, limit)
    return logs


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _raw_records(request: _Request) -> Iterator[tuple[msgspec.Raw, dict[str, Any]]]:
    for group in request.resource_logs or ():
        pairs: object = None
        if group.resource is not None:
            with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
                pairs = msgspec.json.decode(group.resource.attributes)
        resource = _resource(pairs)
        for scope in group.scope_logs or ():
            for raw in scope.log_records or ():
                yield raw, resource


def _resource(pairs: object) -> dict[str, Any]:
    """What sent the records; unknown if that can't be read, as the records may be good."""
    try:
        return _attributes(pairs, _DEEPEST)
    except _RejectedError:
        return {}


def _time(record: dict[str, Any]) -> int | None:
    """Microseconds; cut, not rounded, so that no event moves into the next minute."""
    for name in ("timeUnixNano", "observedTimeUnixNano"):
        value = record.get(name)
        if value is None or value in ("", "0", 0):
            continue
        nanos = _integer(value, name)
        if not 0 < nanos < 1 << 64:
            raise _RejectedError(f"{name} is out of range")
        return nanos // 1000
    return None


def _integer(value: object, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    digits = value.removeprefix("-") if isinstance(value, str) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise _RejectedError(f"{name} is not a whole number")
    return int(str(value))


def _text(record: dict[str, Any]) -> str:
    body = record.get("body")
    if body is None or body == {}:
        found: object = _attributes(record.get("attributes"), _DEEPEST)
    else:
        found = _value(body, _DEEPEST)
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()


def _attributes(pairs: object, depth: int) -> dict[str, Any]:
    if pairs is None:
        return {}
    if not isinstance(pairs, list):
        raise _RejectedError("attributes are not a list")
    found = {}
    for pair in pairs:
        if not isinstance(pair, dict) or not isinstance(pair.get("key", ""), str):
            raise _RejectedError("an attribute has no key")
        found[pair.get("key", "")] = _value(pair.get("value"), depth - 1)
    return found


def _value(value: object, depth: int) -> Any:
    """An AnyValue as plain data."""
    if depth < 0:
        raise _RejectedError(f"nested more than {_DEEPEST} deep")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _RejectedError('a value is not an object such as {"stringValue": ...}')
    for kind, inner in value.items():
        match kind, inner:
            case _, None:
                continue
            case ("stringValue", str()) | ("boolValue", bool()):
                return inner
            case "intValue", _:
                return _integer(inner, "intValue")
            case "doubleValue", _:
                return _double(inner)
            case "bytesValue", str():
                return _base64(inner)
            case "arrayValue", dict():
                return _array(inner.get("values"), depth)
            case "kvlistValue", dict():
                return _attributes(inner.get("values"), depth)
            case (("stringValue" | "boolValue" | "bytesValue" | "arrayValue" | "kvlistValue"), _):
                raise _RejectedError(f"{kind} is of another type")
    return None


def _array(values: object, depth: int) -> list[Any]:
    if values is None:
        return []
    if not isinstance(values, list):
        raise _RejectedError("arrayValue has no list of values")
    return [_value(each, depth - 1) for each in values]


def _double(value: object) -> float | str:
    """A number; as text if JSON has no number for it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _RejectedError("doubleValue is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise _RejectedError("doubleValue is not a number") from None
    return number if math.isfinite(number) else str(value)


def _base64(value: str) -> str:
    """Checked and in the standard alphabet; both alphabets are allowed in a request."""
    text = value.translate(str.maketrans("-_", "+/")).rstrip("=")
    text += "=" * (-len(text) % 4)
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _RejectedError("bytesValue is not base64") from None
    return text
