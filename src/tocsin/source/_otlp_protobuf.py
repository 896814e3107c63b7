"""The protobuf encoding of OTLP, by the published schema; needs the extra `otlp`.

Records come in the form that the JSON encoding has, so that both are judged by the same rules.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["protobuf_answer", "read_protobuf"]


def read_protobuf(body: bytes) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """Each record with its resource's attributes. Raises ValueError, ImportError."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - an extra
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
        ExportLogsServiceRequest,
    )

    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    for group in request.resource_logs:
        resource = _pairs(group.resource.attributes)
        for scope in group.scope_logs:
            for record in scope.log_records:
                yield (
                    {
                        "timeUnixNano": record.time_unix_nano,
                        "observedTimeUnixNano": record.observed_time_unix_nano,
                        "body": _value(record.body),
                        "attributes": _pairs(record.attributes),
                    },
                    resource,
                )


def protobuf_answer(rejected: int, reason: str) -> bytes:
    """An ExportLogsServiceResponse. Raises ImportError."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
        ExportLogsServiceResponse,
    )

    response = ExportLogsServiceResponse()
    if rejected:
        response.partial_success.rejected_log_records = rejected
        response.partial_success.error_message = reason
    return bytes(response.SerializeToString())


def _pairs(attributes: Any) -> list[Any]:
    return [{"key": each.key, "value": _value(each.value)} for each in attributes]


def _value(value: Any) -> dict[str, Any]:
    """An AnyValue in its JSON form; its depth is what the protobuf parser allows."""
    match value.WhichOneof("value"):
        case None:
            return {}
        case "array_value":
            return {"arrayValue": {"values": [_value(each) for each in value.array_value.values]}}
        case "kvlist_value":
            return {"kvlistValue": {"values": _pairs(value.kvlist_value.values)}}
        case "bytes_value":
            return {"bytesValue": base64.b64encode(value.bytes_value).decode()}
        case "string_value":
            return {"stringValue": value.string_value}
        case "bool_value":
            return {"boolValue": value.bool_value}
        case "int_value":
            return {"intValue": value.int_value}
        case "double_value":
            return {"doubleValue": value.double_value}
        case _:
            return {}
