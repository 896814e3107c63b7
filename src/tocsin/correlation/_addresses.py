"""What events are counted by: an address of version 6 counts as its /64, long texts are cut.

Rule: one customer's line is a /64, so that an attacker has 2^64 addresses of it for nothing
(RFC 6177, section 2).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network

__all__ = ["LONGEST", "group_value", "shortened"]

LONGEST = 512
"""Characters of a value that is kept, so that a stranger's long text takes no memory."""


def group_value(value: object) -> str:
    """The text of a group-by field's value; of several values, all of them."""
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    text = shortened(value if isinstance(value, str) else str(value))
    return _prefix(text) if ":" in text else text


def shortened(text: str, longest: int = LONGEST) -> str:
    """A text of at most so many characters; of a longer one its beginning, and a digest of it."""
    if len(text) <= longest:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return f"{text[: longest - 32]}... {digest}"


@lru_cache(maxsize=16_384)
def _prefix(text: str) -> str:
    if len(text) > 60:
        return text
    try:
        found = IPv6Address(text.strip("[]"))
    except ValueError:
        return text
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found) >> 64 << 64, 64)))
