"""Error logs of nginx and of Apache. Their stamps are local time and say no zone.

Sources: Apache documentation, `ErrorLogFormat`; nginx documentation, "Core functionality",
`error_log`.
"""

from __future__ import annotations

import re

from tocsin.logformat._address import NGINX_FULL, address, nginx_client, peer_address
from tocsin.logformat._result import Clues, Parsed, Reason, Skipped
from tocsin.logformat._stamp import Memo, fraction, read_time

__all__ = ["ApacheError", "NginxError"]

_NGINX = re.compile(
    rb"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] (\d+)#(\d+): (?:\*(\d+) )?(.*)", re.DOTALL
)
_APACHE = re.compile(
    rb"\[(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))? (\d{4})\] "
    rb"\[(?:([\w-]*):)?(\w+)\] (?:\[pid (\d+)(?::tid \d+)?\] )?(?:\S+\.c\(\d+\): )?"
    rb"(?:\(\d+\)[^\[\]]{1,80}: )?(?:\[(?:client|remote) (\[[^\s\]]+\]:\d+|[^\s\]]+)\] ?)?(.*)",
    re.DOTALL,
)
_FORMAT = Skipped(Reason.FORMAT)


class NginxError:
    name = "nginx-error"

    def __init__(self, clues: Clues) -> None:
        self._time = Memo(lambda stamp: read_time(stamp, clues))

    def parse(self, line: bytes) -> Parsed | Skipped:
        match = _NGINX.match(line)
        if match is None:
            return _FORMAT
        time = self._time(match[1])
        if isinstance(time, Reason):
            return Skipped(time)
        client = nginx_client(match[6], full=len(line) >= NGINX_FULL)
        fields = {
            "level": match[2].decode("utf-8", "replace"),
            "message": match[6].decode("utf-8", "replace"),
        }
        return Parsed(time, fields if client is None else {**fields, "client": client})

    def is_typical(self, line: bytes) -> bool:
        return _NGINX.match(line) is not None


class ApacheError:
    name = "apache-error"

    def __init__(self, clues: Clues) -> None:
        self._time = Memo(lambda stamp: read_time(stamp, clues))

    def parse(self, line: bytes) -> Parsed | Skipped:
        match = _APACHE.match(line)
        if match is None:
            return _FORMAT
        time = self._time(match[1] + b" " + match[3])
        if isinstance(time, Reason):
            return Skipped(time)
        fields = {
            "level": match[5].decode("utf-8", "replace"),
            "message": match[8].decode("utf-8", "replace"),
        }
        # A module before the level is Apache 2.4, which writes a port behind the address.
        read = address if match[4] is None else peer_address
        client = read(match[7].decode("ascii", "replace")) if match[7] else None
        if client is not None:
            fields["client"] = client
        return Parsed(time + fraction(match[2]), fields)

    def is_typical(self, line: bytes) -> bool:
        return _APACHE.match(line) is not None
