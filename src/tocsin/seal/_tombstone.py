"""What stands in the place of a day's files after they were removed: a short text, signed.

Its lines, in this order: `tocsin-tombstone/1`; `day 20191121`; `manifest` and the SHA-256 of
SHA256SUMS; `ledger`, number and SHA-256 of the last line of the day's ledger; `policy 7y`;
`removed` and when; `by` and who; `log 20261122`, the day whose seal holds the record of the
removal; `reason` and why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.seal._ledger import LedgerEnd
from tocsin.seal._manifest import is_day
from tocsin.seal._retention import may_go_on

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Tombstone", "is_line", "moment_of", "read_tombstone"]

_FORM = "tocsin-tombstone/1"
_NAMES = ("day", "manifest", "ledger", "policy", "removed", "by", "log", "reason")
_HASH = re.compile(r"[0-9a-f]{64}")
_LEDGER = re.compile(r"(0|[1-9][0-9]{0,17}) ([0-9a-f]{64})")
_MOMENT = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_MOST_BYTES = 8 << 10
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Says of one day that its files were removed under the retention policy."""

    day: str
    """`YYYYMMDD`."""
    manifest: str
    """SHA-256 of SHA256SUMS in hex."""
    policy: str
    """`7y` or `90d`."""
    removed: str
    """RFC 3339 to the second, of UTC."""
    by: str
    log: str
    """`YYYYMMDD`: the day whose seal holds the record of the removal."""
    reason: str
    ledger: LedgerEnd = field(default_factory=LedgerEnd)
    """Where the ledger ended with the day, so that the next one's still follows."""

    @property
    def text(self) -> bytes:
        values = (
            self.day, self.manifest, f"{self.ledger.seq} {self.ledger.sha256}", self.policy,
            self.removed, self.by, self.log, self.reason,
        )  # fmt: skip
        lines = [f"{name} {value}" for name, value in zip(_NAMES, values, strict=True)]
        return "\n".join((_FORM, *lines, "")).encode()

    def why_not(self) -> str:
        """What in it can't be, whoever signed it; empty if it holds together."""
        if self.removed[:10].replace("-", "") < may_go_on(self.day, self.policy):
            return f"younger than the policy {self.policy} when it was removed"
        apart = abs((_date(self.log) - _date(self.removed[:10].replace("-", ""))).days)
        if apart > 1:
            return f"removed on {self.removed[:10]}, but recorded with {self.log}"
        if (_date(self.log) - _date(self.day)).days < 2:
            return "removed before a later day was sealed"
        return ""


def _date(day: str) -> datetime:
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)


def is_line(text: str) -> bool:
    """Whether `text` can stand on a line of its own."""
    return 0 < len(text) <= _LONGEST and text.isprintable() and text == text.strip()


def moment_of(text: str) -> int:
    """Microseconds since 1970 UTC of `2026-11-22T06:28:32Z`. Raises ParseError."""
    if _MOMENT.fullmatch(text) is None:
        raise ParseError("not a time to the second, of UTC")
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ParseError("not a time of the calendar") from None
    return round(moment.timestamp()) * 1_000_000


def read_tombstone(data: bytes) -> Tombstone:
    """Raises ParseError for everything but the one spelling."""
    try:
        lines = data[: _MOST_BYTES + 1].decode().split("\n")
    except UnicodeDecodeError:
        lines = []
    if len(lines) != len(_NAMES) + 2:
        raise ParseError("not a tombstone")
    values: Mapping[str, str] = {
        name: line.removeprefix(f"{name} ") for name, line in zip(_NAMES, lines[1:], strict=False)
    }
    ledger = _LEDGER.fullmatch(values["ledger"])
    if ledger is None or not _HASH.fullmatch(values["manifest"]):
        raise ParseError("not a tombstone: a hash is none")
    if not (is_day(values["day"]) and is_day(values["log"])):
        raise ParseError("not a tombstone: a day is none")
    if not (is_line(values["by"]) and is_line(values["reason"])):
        raise ParseError("not a tombstone: it does not say who and why")
    moment_of(values["removed"])
    found = Tombstone(
        values["day"], values["manifest"], values["policy"], values["removed"], values["by"],
        values["log"], values["reason"], LedgerEnd(int(ledger[1]), ledger[2]),
    )  # fmt: skip
    may_go_on(found.day, found.policy)
    if found.text != data:
        raise ParseError("not a tombstone in its one spelling")
    return found
