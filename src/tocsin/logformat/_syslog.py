"""Syslog: RFC 3164 and the files that daemons write like it, and RFC 5424.

Sources: RFC 3164, section 4; RFC 5424, section 6; rsyslog documentation, legacy directive
`RepeatedMsgReduction` (`message repeated N times: [...]` tells of N further messages).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.logformat._address import sshd_client
from tocsin.logformat._result import Clues, Parsed, Reason, Skipped
from tocsin.logformat._stamp import Memo, read_time

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Syslog3164", "Syslog5424"]

_PRIORITY = rb"(?:<(\d{1,3})>)?"
_BSD = re.compile(
    _PRIORITY + rb"([A-Z][a-z]{2} [ \d]?\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?|"
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^\s]{0,24}):? "
    # Some daemons leave the host out: what could be no host is the program then.
    rb"(?:(?:([\w.-]{1,64})\[\d{1,10}\]:|\[([\w.-]{1,64})\]:?) |"
    rb"(\S+) (?:([^\s:\[\]]{1,64})(?:\[[^\]\s]{0,32}\])?: ?)?)"
    # The message identifier of Solaris, which its daemon writes.
    rb"(?:\[ID \d{1,10} [a-z0-9]{1,16}\.[a-z]{1,16}\] )?(.*)",
    re.DOTALL,
)
_STRUCTURED = rb'(-|(?:\[[^\]"]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^\]"]*)*\])+)'
_NEW = re.compile(
    _PRIORITY + rb"1 (\S{1,40}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) "
    + _STRUCTURED + rb"(?: (?:\xef\xbb\xbf)?(.*))?",
    re.DOTALL,
)  # fmt: skip
# No more than six digits: anybody with `logger` can write such a line.
_REPEATED = re.compile(rb"message repeated ([1-9]\d{0,5}) times: \[ ?(.*)\]", re.DOTALL)
_FORMAT = Skipped(Reason.FORMAT)


class Syslog3164:
    name = "syslog"

    def __init__(self, clues: Clues) -> None:
        self._time = Memo(lambda stamp: read_time(stamp, clues))

    def parse(self, line: bytes) -> Parsed | Skipped:
        match = _BSD.fullmatch(line)
        if match is None:
            return _FORMAT
        time = self._time(match[2])
        if isinstance(time, Reason):
            return Skipped(time)
        program = match[3] or match[4] or match[6] or b""
        return _event(time, line, match.start(7), match[5] or b"", program, match[7])

    def is_typical(self, line: bytes) -> bool:
        return _BSD.fullmatch(line) is not None


class Syslog5424:
    name = "syslog-5424"

    def __init__(self, clues: Clues) -> None:
        self._time = Memo(lambda stamp: read_time(stamp, clues))

    def parse(self, line: bytes) -> Parsed | Skipped:
        match = _NEW.fullmatch(line)
        if match is None:
            return _FORMAT
        if match[2] == b"-":
            return Skipped(Reason.NO_TIME)
        time = self._time(match[2])
        if isinstance(time, Reason):
            return Skipped(time)
        start = match.start(8) if match[8] is not None else len(line)
        return _event(time, line, start, match[3], match[4], match[8] or b"")

    def is_typical(self, line: bytes) -> bool:
        return _NEW.fullmatch(line) is not None


def _event(
    time: int, line: bytes, start: int, host: bytes, program: bytes, message: bytes
) -> Parsed:
    repeat, event = 1, None
    repeated = _REPEATED.fullmatch(message)
    if repeated is not None:
        repeat, message = int(repeated[1]), repeated[2]
        event = line[:start] + message
    return Parsed(time, dict(_fields(host, program, message)), repeat, event)


def _fields(host: bytes, program: bytes, message: bytes) -> Iterator[tuple[str, str]]:
    if host:
        yield "host", host.decode("utf-8", "replace")
    yield "program", program.decode("utf-8", "replace")
    yield "message", message.decode("utf-8", "replace")
    client = sshd_client(message) if program in (b"sshd", b"sshd-session", b"sshd-auth") else None
    if client is not None:
        yield "client", client
