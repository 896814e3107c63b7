"""One JSON object a line, whatever the text.

Lines are ASCII, at most 4,000 bytes (so that one write to a pipe shared by several workers stays in
one piece) and valid for strict parsers: no NaN, no lone surrogates, no raw control characters.
"""

from __future__ import annotations

import json
import logging
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin_sdk.events import FieldValue, SecurityEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_LINE", "JsonLines", "event_line"]

MAX_LINE = 4000
MAX_TEXT = 512
MAX_FIELDS = 16
MAX_NAME = 64
_SAFE_INT = 2**53

_OWN = frozenset(
    {
        *("time", "level", "event", "client", "user", "method", "route", "status"),
        *("request_id", "description", "truncated"),
    }
)


# Made once: json.dumps with these settings would build an encoder for each line.
_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


class JsonLines(logging.Formatter):
    """Formats security events, and any other log record, as JSON lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without its line end."""
        event = getattr(record, "security_event", None)
        if isinstance(event, SecurityEvent):
            return event_line(event)
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - wrong arguments in a log call must not lose the record
            message = str(record.msg)
        head: dict[str, FieldValue] = {
            "time": _utc(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        if record.exc_info and record.exc_info[0] is not None:
            head["exception"] = self.formatException(record.exc_info)
        return _line(head, {})


def event_line(event: SecurityEvent) -> str:
    """Return the event as one line of JSON."""
    head: dict[str, FieldValue] = {
        "time": _utc(event.time),
        "level": event.level.name,
        "event": event.event,
        "client": event.client,
        "user": event.user,
        "method": event.method,
        "route": event.route,
        "status": event.status,
        "request_id": event.request_id,
    }
    if event.description is not None:
        head["description"] = event.description
    return _line(head, event.fields)


def _line(head: Mapping[str, FieldValue], fields: Mapping[str, FieldValue]) -> str:
    cap = MAX_TEXT
    while True:
        cut = False
        out: dict[str, FieldValue] = {}
        for name, value in head.items():
            out[name], short = _value(value, cap)
            cut |= short
        for name, value in list(fields.items())[:MAX_FIELDS]:
            key = _text(str(name)[:MAX_NAME])
            # An application's field never overwrites one of ours: that would be a forged line.
            if key in _OWN:
                key = f"field_{key}"
            out[key], short = _value(value, cap)
            cut |= short
        if cut or len(fields) > MAX_FIELDS:
            out["truncated"] = True
        line = _encode(out).replace("\x7f", "\\u007f")
        if len(line) <= MAX_LINE:
            return line
        if cap <= 16:
            fields = {}
        cap = max(cap // 4, 16)


def _value(value: object, cap: int) -> tuple[FieldValue, bool]:
    if value is None or isinstance(value, bool):
        return value, False
    if isinstance(value, int):
        # Beyond 2^53 readers disagree about the digits; hex also has no length limit in Python.
        return (int(value), False) if abs(value) <= _SAFE_INT else _capped(hex(value), cap)
    if isinstance(value, float):
        return (float(value), False) if math.isfinite(value) else (str(float(value)), False)
    return _capped(str(value), cap)


def _capped(text: str, cap: int) -> tuple[str, bool]:
    return _text(text[:cap]), len(text) > cap


def _text(text: str) -> str:
    """Show lone surrogates as escapes instead of dropping them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _utc(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}Z"
