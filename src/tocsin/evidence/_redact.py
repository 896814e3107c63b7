"""Taking secrets out of what is kept, and names of people where that is wanted.

Bytes around a secret stay as they are, so that JSON stays JSON. What was taken out is counted
by its kind, and the count goes into the evidence.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Commitments", "Opening", "Redactor", "commitment"]

_SHORTEST = 6
"""A shorter secret would take half of every text with it."""
_GONE = b"[redacted]"
_WORDS = (
    rb"pass(?:word|wd|phrase)|secret|token|api[_-]?key|access[_-]?key|authorization|credentials?"
)
_PATTERNS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("private key", rb"()-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]+-----END [A-Z ]+-----"),
        ("password in an address", rb"(://)[^/\s:@\"'\\]*:[^/\s@\"'\\]+(?=@)"),
        ("bearer or basic credential", rb"((?:bearer|basic)\s)[a-z0-9._~+/-]{8,}=*"),
        ("value of a secret key", rb"((?:" + _WORDS + rb")\"\s*:\s*\")(?!\[re)(?:[^\"\\]|\\.)+"),
        ("value of a secret key", rb"((?:" + _WORDS + rb")=)(?!\[re)[^\s\"'&,;\\<>]{4,}"),
        ("value of a secret key", rb"((?:" + _WORDS + rb"):[ \t]+)(?!\[re)[^\s\"'&,;\\<>]{8,}"),
        ("access key id", rb"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("signed token", rb"()\beyJ[a-z0-9_-]{8,}\.eyJ[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}"),
        ("webhook address", rb"(https://hooks\.slack\.com/)[a-z0-9/]{8,}"),
        ("service token", rb"()\b(?:xox[abprs]-[a-z0-9-]{10,}|gh[pousr]_[a-z0-9]{20,})"),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opening:
    """What shows that a commitment stands for a value."""

    label: str
    value: str
    salt: str

    @property
    def commitment(self) -> str:
        """`commit:` and the SHA-256 of `salt:label=value`."""
        return commitment(self.label, self.value, self.salt)


def commitment(label: str, value: str, salt: str) -> str:
    return f"commit:{hashlib.sha256(f'{salt}:{label}={value}'.encode()).hexdigest()}"


class Commitments:
    """Replaces the values of some labels; the same value gives the same commitment.

    The salt of a value comes from `secret`, so nobody who lacks it can try out names.
    """

    def __init__(self, labels: Iterable[str], secret: bytes) -> None:
        self._secret = secret
        names = b"|".join(re.escape(label.encode()) for label in labels)
        self._pattern = re.compile(rb'("(' + names + rb')"\s*:\s*")((?:[^"\\]|\\.)+)(?=")')
        self.openings: dict[str, Opening] = {}
        """By commitment, all that were made so far."""

    def replace(self, data: bytes) -> tuple[bytes, int]:
        """Values that stand in JSON as `"label":"value"`."""
        return self._pattern.subn(self._commit, data)

    def _commit(self, match: re.Match[bytes]) -> bytes:
        label, written = match[2].decode(), match[3]
        if written.startswith(b"commit:"):
            return match[0]
        try:
            value = str(json.loads(b'"' + written + b'"'))
            value.encode()
        except ValueError:
            value = written.decode(errors="replace")
        message = f"{label}\0{value}".encode()
        salt = hmac.digest(self._secret, message, "sha256").hex()[:32]
        opening = Opening(label, value, salt)
        self.openings[opening.commitment] = opening
        return match[1] + opening.commitment.encode()


class Redactor:
    """Cuts out known secrets, then whatever looks like one, then people's names."""

    def __init__(self, secrets: Iterable[str] = (), commitments: Commitments | None = None) -> None:
        forms = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                quoted = json.dumps(secret), json.dumps(secret, ensure_ascii=False)
                forms |= {secret, quote(secret, safe=""), *(each[1:-1] for each in quoted)}
        # Long ones first: a secret can be part of another.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._known = (
            re.compile(b"|".join(re.escape(f.encode()) for f in ordered)) if forms else None
        )
        self._commitments = commitments
        self.counts: Counter[str] = Counter()
        """How often what was taken out, over the redactor's life."""

    def clean(self, data: bytes) -> bytes:
        if self._known is not None:
            data, count = self._known.subn(_GONE, data)
            self._count("known secret", count)
        for kind, pattern in _PATTERNS:
            data, count = pattern.subn(rb"\1" + _GONE, data)
            self._count(kind, count)
        if self._commitments is not None:
            data, count = self._commitments.replace(data)
            self._count("commitment", count)
        return data

    def _count(self, kind: str, count: int) -> None:
        if count:
            self.counts[kind] += count
