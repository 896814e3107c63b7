"""Lines of a log to events, with the fields that rules ask for.

What a format's reader finds keeps its name (`client`, `user`, `status`, `message`). Beside it
are the parts of a request (`method`, `uri`, `path`, `query`), JSON objects with dots
(`source.ip`), and for logins and refused requests `event.outcome` and `offence`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from tocsin.correlation._model import Event, Value
from tocsin.correlation._request import access_request, json_request
from tocsin.correlation._sshd import Sessions
from tocsin.correlation._taxonomy import field_names, security_event
from tocsin.correlation._weberror import apache_error, nginx_error
from tocsin.logformat import Parsed, Skipped, pick_client, read_object

if TYPE_CHECKING:
    from tocsin.logformat import Format

__all__ = ["EventReader"]

_SSHD = frozenset({"sshd", "sshd-session", "sshd-auth"})
_WEB = ("nginx", "apache", "httpd")
_DEPTH = 6
_MOST = 500
"""Fields of an event."""


class EventReader:
    """The lines of one log, in their order."""

    def __init__(self, form: Format, sessions: Sessions | None = None) -> None:
        self._form = form
        self._sessions = Sessions() if sessions is None else sessions
        name = form.name
        self._kind = "access" if name in ("common", "combined") else name

    def read(self, line: bytes, reference: str = "", time: int | None = None) -> Event | Skipped:
        """The event of a line without its line end; what came with its time is always one."""
        parsed = self._form.parse(line)
        if isinstance(parsed, Skipped):
            if time is None:
                return parsed
            parsed = _timed(line, time)
        text = (parsed.event or line).decode("utf-8", "replace")
        fields: dict[str, Value] = dict(parsed.fields)
        match self._kind:
            case "access":
                access_request(fields)
            case "json":
                empty = _flatten(fields, line)
                # There and null: an empty value, unless another name of the field has one.
                for name in empty:
                    if not any(each in fields for each in field_names(name)):
                        fields[name] = ()
            case "syslog" | "syslog-5424":
                self._syslog(fields, line)
            case "nginx-error" | "apache-error":
                fields["event.dataset"] = "error"
                fields.pop("client", None)
                found = nginx_error(text) if self._kind == "nginx-error" else apache_error(text)
                _refused(fields, found)
        at = parsed.time if time is None else time
        return Event(at, fields, parsed.repeat, text, reference)

    def _syslog(self, fields: dict[str, Value], line: bytes) -> None:
        fields["event.dataset"] = "syslog"
        program, message = str(fields.get("program", "")), str(fields.get("message", ""))
        if program in _SSHD:
            number = _process(line, program.encode(), new=self._kind == "syslog-5424")
            process = f"{fields.get('host')} {number.decode('ascii', 'replace')}"
            # Without a number nothing tells the message of one connection from that of another.
            login = (self._sessions if number else Sessions()).see(process, message)
            fields.pop("client", None)
            given = {
                "client": login.host, "user": login.user, "event.outcome": login.outcome,
                "offence": login.offence,
            }  # fmt: skip
            fields.update({name: text for name, text in given.items() if text})
            if login.outcome:
                fields["event.category"] = "authentication"
        elif program.startswith(_WEB):
            _refused(fields, nginx_error(message) or apache_error(message))


def _process(line: bytes, program: bytes, *, new: bool) -> bytes:
    """The process number of a line's head; empty if it has none."""
    if new:
        number = line.split(b" ", 5)[4]
        return b"" if number == b"-" else number[:20]
    # It stands in brackets after the program. In the message it would be a stranger's text.
    head, _, rest = line.partition(program + b"[")
    return b"" if b": " in head or program in head else rest.partition(b"]")[0][:20]


def _timed(line: bytes, time: int) -> Parsed:
    """What a format finds no time in, with the time that it came with."""
    found = read_object(line)
    if found is None:
        return Parsed(time, {"message": line.decode("utf-8", "replace")})
    client = pick_client(found)
    return Parsed(time, {"client": client} if client else {})


def _refused(fields: dict[str, Value], found: tuple[str, str] | None) -> None:
    client, offence = found or ("", "")
    if client:
        fields["client"] = client
    if offence:
        fields["offence"] = offence


def _flatten(fields: dict[str, Value], line: bytes) -> list[str]:
    """Objects within objects, by dotted names; the client that the format's reader found stays.

    The outer ones come first, so that a large one does not displace what stands beside it.
    Answers the names of those that are null.
    """
    client, empty = fields.get("client"), list[str]()
    waiting: deque[tuple[str, dict[str, Any], int]] = deque([("", read_object(line) or {}, 0)])
    while waiting:
        prefix, found, depth = waiting.popleft()
        for key, value in found.items():
            if len(fields) + len(empty) >= _MOST:
                break
            name = f"{prefix}.{key}" if prefix else key
            if type(value) is str:
                fields[name] = value
            elif _is_scalar(value):
                fields[name] = _scalar(value)
            elif isinstance(value, dict):
                if depth + 1 < _DEPTH:
                    waiting.append((name, value, depth + 1))
            elif isinstance(value, list):
                fields[name] = tuple(_scalar(each) for each in value[:100] if _is_scalar(each))
            elif name:
                empty.append(name)
    if client:
        fields["client"] = client
    if "eventVersion" in fields and "eventSource" in fields:
        fields["event.dataset"] = "cloudtrail"
        return empty
    said = security_event(str(fields.get("event", "")))
    if said is not None:
        fields.update(said)
        fields["event.dataset"] = "security"
    else:
        json_request(fields)
    return empty


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _scalar(value: Any) -> str | int | float:
    return str(value).lower() if isinstance(value, bool) else value
