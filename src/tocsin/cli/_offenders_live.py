"""The busiest keys of a running daemon's correlations, as offenders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec

from tocsin.correlation import TopOffender, is_field_of
from tocsin.errors import SourceError

if TYPE_CHECKING:
    from tocsin.correlation import By

__all__ = ["live_offenders"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Seen:
    events: int
    error: int
    first: int
    last: int
    rules: dict[str, str] = field(default_factory=dict)
    """Titles by name."""


def live_offenders(url: str, by: By) -> list[TopOffender]:
    """The busiest first. Raises SourceError where there is no daemon.

    One event counts in several correlations, so the events of an address are those of the
    correlation that has most of them, not a sum.
    """
    found: dict[str, _Seen] = {}
    for each in _ask(url):
        for one in each["offenders"]:
            # Keys of several fields are other keys.
            if len(one["group"]) != 1:
                continue
            ((name, value),) = one["group"].items()
            if not is_field_of(name, by):
                continue
            first, last = _micros(one["first"]), _micros(one["last"])
            seen = found.setdefault(value, _Seen(0, 0, first, last))
            if one["events"] > seen.events:
                seen.events, seen.error = one["events"], one["error"]
            seen.first, seen.last = min(seen.first, first), max(seen.last, last)
            seen.rules[each["name"]] = each["title"]
    rows = [
        TopOffender(
            name, seen.events, seen.error, seen.first, seen.last, (), more=False,
            rules=tuple(seen.rules), titles=tuple(dict.fromkeys(seen.rules.values())), samples=(),
        )
        for name, seen in found.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda each: (-each.events, each.name))


def _ask(url: str) -> list[dict[str, Any]]:
    try:
        path = f"{url.rstrip('/')}/api/v1/correlations"
        answer = httpx2.get(path, timeout=10, trust_env=False)
        found: list[dict[str, Any]] = msgspec.json.decode(answer.content)["data"]["correlations"]
    except (httpx2.HTTPError, msgspec.DecodeError, KeyError, TypeError) as error:
        raise SourceError(
            f"no answer from {url}: {error}",
            hint="is `tocsin run` running? --url says where; or name log files",
        ) from None
    return found


def _micros(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
