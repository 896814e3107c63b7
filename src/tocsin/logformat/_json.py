"""JSON lines: ECS, CloudTrail records, the SDK's events, and any object with a time.

Sources: Elastic Common Schema, `@timestamp`, `client`, `source`; CloudTrail user guide,
"CloudTrail record contents", `eventTime` and `sourceIPAddress`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.logformat._result import Clues, Parsed, Reason, Skipped
from tocsin.logformat._stamp import Memo, read_time

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CLIENTS", "TIMES", "JsonLines", "pick_client", "pick_time", "read_object"]

TIMES = (
    "@timestamp", "eventTime", "timestamp", "time", "ts", "datetime", "time_local", "time_iso8601",
    "msec", "date", "t",
)  # fmt: skip
"""Where the time is looked for, in this order."""
CLIENTS = (
    "client", "client.ip", "client.address", "source.ip", "source.address", "sourceIPAddress",
    "client_ip", "clientIp", "remote_addr", "remote_ip", "remoteIp", "src_ip", "clientip", "ip",
)  # fmt: skip
"""Where the client's address is looked for."""
_LONGEST = 200
_decode = msgspec.json.Decoder().decode
_decode_pieces = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_FORMAT = Skipped(Reason.FORMAT)


class JsonLines:
    name = "json"

    def __init__(self, clues: Clues) -> None:
        self._time = Memo(lambda stamp: read_time(stamp, clues))

    def parse(self, line: bytes) -> Parsed | Skipped:
        found = read_object(line)
        if found is None:
            return _FORMAT
        time = pick_time(found, self._time)
        if isinstance(time, Reason):
            return Skipped(time)
        fields = {
            name: text
            for name, value in found.items()
            if (text := value if type(value) is str else _text(value)) is not None
        }
        client = pick_client(found)
        if client:
            fields["client"] = client
        return Parsed(time, fields)

    def is_typical(self, line: bytes) -> bool:
        return read_object(line) is not None


def pick_time(found: dict[str, Any], read: Memo) -> int | Reason:
    """The time of an object, from the first field that has one."""
    why = Reason.NO_TIME
    for name in TIMES:
        value = found.get(name)
        if value is None or (text := _text(value)) is None:
            continue
        time = read(text.encode("utf-8", "replace")) if len(text) <= 64 else Reason.BAD_TIME
        if isinstance(time, int):
            return time
        why = time
    return why


def pick_client(found: dict[str, Any], names: Sequence[str] = CLIENTS) -> str:
    """Who caused the event, by the first name that says it; empty if none does."""
    for name in names:
        # Few of the names occur, and one without dots is there or it isn't.
        if (name in found or "." in name) and (client := _text(_at(found, name))):
            return client[:_LONGEST]
    return ""


def read_object(line: bytes) -> dict[str, Any] | None:
    """The object that a line is, however odd its bytes and numbers; None if it is none."""
    if line.lstrip()[:1] != b"{":
        return None
    try:
        found = _decode(line)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return _odd_object(line)
    return found if isinstance(found, dict) else None


def _odd_object(line: bytes) -> dict[str, Any] | None:
    """The object with what is no UTF-8 replaced, and without numbers beyond all range."""
    text = line.decode("utf-8", "replace")
    try:
        found = _decode(text)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        try:
            pieces = _decode_pieces(text)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            return None
        found = {}
        for name, piece in pieces.items():
            try:
                found[name] = _decode(piece)
            except (ValueError, RecursionError, msgspec.MsgspecError):
                # As good as any value that is neither a time nor a client.
                found[name] = None
    return found if isinstance(found, dict) else None


def _at(found: dict[str, Any], path: str) -> Any:
    """A field by its dotted path, whether it is nested or has the dots in its name."""
    if path in found:
        return found[path]
    for step in path.split("."):
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    return found


def _text(value: Any) -> str | None:
    """A scalar as text: numbers as they are written, up to the precision of a double."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return str(value) if value.bit_length() < 200 else None
    return f"{value:.6f}" if isinstance(value, float) and abs(value) < 1e18 else None
