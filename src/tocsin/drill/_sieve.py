"""A drill's lines in a log, put apart from all others.

Each carries an HMAC of itself under a secret of the daemon. So they are known whoever hands them
over and whenever, after a crash too; nobody who lacks the secret can write a line that is put
apart, and a copy of one is that line again.
"""

from __future__ import annotations

import hashlib
import hmac
import re

__all__ = ["Sieve"]

_BEGIN = b"tocsin-drill-"
_MARK = re.compile(_BEGIN + rb"([0-9a-f]{16})-([0-9a-f]{32})")
_OPEN = b"0" * 32
"""In the place of the HMAC while it is computed."""
_LONGEST = 32 << 10
"""Bytes of a line: ours are shorter, and whoever writes into a log must not make us busy."""


class Sieve:
    """Marks lines, and finds those that it marked."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def mark(self, line: str, id_: str) -> bytes:
        """A line without its end, its `$id` filled in; `id_` has 16 digits of base 16."""
        mark = _BEGIN + id_.encode() + b"-"
        before, _, after = line.partition("$id")
        head, tail = before.encode() + mark, after.encode()
        return head + self._digest(head + _OPEN + tail) + tail

    def sift(self, data: bytes) -> tuple[list[tuple[int, bytes]], list[tuple[str, bytes]]]:
        """What is left of whole lines, and each line of a drill with the drill's id.

        What is left are pieces, each with the place where it begins.
        """
        if _BEGIN not in data:
            return [(0, data)], []
        kept: list[tuple[int, bytes]] = []
        found: list[tuple[str, bytes]] = []
        begin = at = 0
        for line in data.split(b"\n"):
            id_ = self.id_of(line)
            if id_:
                found.append((id_, line.removesuffix(b"\r")))
                if at > begin:
                    kept.append((begin, data[begin:at]))
                begin = at + len(line) + 1
            at += len(line) + 1
        if begin < len(data):
            kept.append((begin, data[begin:]))
        return kept, found

    def id_of(self, line: bytes) -> str:
        """Of the drill that a line belongs to; empty for any other line."""
        line = line.removesuffix(b"\r")
        match = _MARK.search(line) if len(line) <= _LONGEST else None
        if match is None:
            return ""
        start, end = match.span(2)
        digest = self._digest(line[:start] + _OPEN + line[end:])
        return match[1].decode() if hmac.compare_digest(digest, match[2]) else ""

    def _digest(self, line: bytes) -> bytes:
        return hmac.digest(self._secret, line, hashlib.sha256).hex()[:32].encode()
