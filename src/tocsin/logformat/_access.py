"""Access logs: common and combined, as Apache and nginx write them.

Source: Apache documentation, "Log Files", sections "Common Log Format", "Combined Log Format"
and "Virtual Hosts" (the name of the virtual host stands in front of the client). Both servers
write a quote inside a field as an escape, so a raw quote ends it, and a user name can't bring
its own time stamp: the stamp is the one before the first raw quote.
"""

from __future__ import annotations

import re

from tocsin.logformat._address import address
from tocsin.logformat._result import Clues, Parsed, Reason, Skipped
from tocsin.logformat._stamp import Memo, read_time

__all__ = ["Combined", "Common"]

_STAMP = r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LINE = re.compile(
    r'(\S+) (\S+) ((?:[^"\\]|\\.)*?) \[(' + _STAMP + r")\] " + _QUOTED + r" (\d{3}) (\d+|-)"
    r"(?: " + _QUOTED + r" " + _QUOTED + r")?",
    re.DOTALL | re.ASCII,
)
_ANY_STAMP = re.compile(r'\S+ \S+ [^"]*? \[(?!' + _STAMP + r'\])[^\]"]{0,64}\] "', re.ASCII)
_NAMES = ("client", "ident", "user", "timestamp", "request", "status", "size", "referer", "agent")
_FORMAT = Skipped(Reason.FORMAT)


class Combined:
    """Combined; what stands behind the user agent, or is cut off in it, changes nothing."""

    name = "combined"

    def __init__(self, clues: Clues) -> None:
        self._time = Memo(lambda stamp: read_time(stamp, clues))

    def parse(self, line: bytes) -> Parsed | Skipped:
        text = line.decode("utf-8", "replace")
        match = _LINE.match(text)
        if match is None:
            return Skipped(Reason.BAD_TIME) if _ANY_STAMP.match(text) else _FORMAT
        groups = match.groups()
        time = self._time(groups[3].encode())
        if isinstance(time, Reason):
            return Skipped(time)
        fields = dict(zip(_NAMES, groups, strict=True))
        if groups[-1] is None:
            del fields["referer"], fields["agent"]
        if address(fields["ident"]) is not None and " " in fields["user"]:
            _with_virtual_host(fields)
        return Parsed(time, fields)

    def is_typical(self, line: bytes) -> bool:
        match = _LINE.match(line.decode("utf-8", "replace"))
        return match is not None and match[9] is not None


def _with_virtual_host(fields: dict[str, str]) -> None:
    """Another word in front: `www.example.com:443 192.0.2.2 - - [...`.

    A virtual host can be named by whoever asks for it, and then look like a client.
    """
    first = fields.pop("client")
    if address(first) is None:
        fields["vhost"], fields["client"] = first, fields["ident"]
        fields["ident"], _, fields["user"] = fields["user"].partition(" ")


class Common(Combined):
    """Common: nothing behind the size."""

    name = "common"

    def is_typical(self, line: bytes) -> bool:
        text = line.decode("utf-8", "replace")
        return _LINE.fullmatch(text) is not None and not line.endswith(b'"')
