"""The offenders that a running daemon knows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec

from tocsin.correlation import TopOffender, is_field_of
from tocsin.durations import SECOND
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


def live_offenders(
    url: str, by: By, window: tuple[int | None, int | None], number: int
) -> list[TopOffender]:
    """The busiest first. Raises SourceError where there is no daemon.

    The daemon knows its latest events one by one, and of all events how many there were of the
    busiest of each correlation. In a window the former are all; else both are put together: the
    larger number, and the users, places and times of the latest.
    """
    latest = _latest(url, by, window, number)
    if window != (None, None):
        return latest
    found = {each.name: each for each in _busiest(url, by)}
    for each in latest:
        known = found.get(each.name)
        if known is None:
            found[each.name] = each
            continue
        most = max(known, each, key=lambda one: one.events)
        found[each.name] = replace(
            each, events=most.events, error=most.error, first=min(each.first, known.first),
            last=max(each.last, known.last), rules=tuple(dict.fromkeys(known.rules + each.rules)),
            titles=tuple(dict.fromkeys(known.titles + each.titles)),
        )  # fmt: skip
    return sorted(found.values(), key=lambda each: (-each.events, each.name))[:number]


def _latest(
    url: str, by: By, window: tuple[int | None, int | None], number: int
) -> list[TopOffender]:
    start, end = window
    asked: dict[str, str | int] = {"by": by, "limit": number}
    if start is not None:
        asked["start"] = f"{start / SECOND:.6f}"
    if end is not None:
        # The end is not in it.
        asked["end"] = f"{(end - 1) / SECOND:.6f}"
    return [
        TopOffender(
            one["name"], one["events"], one["error"], _micros(one["first"]), _micros(one["last"]),
            tuple(one["others"]), one["more"], tuple(one["rules"]), tuple(one["titles"]),
            tuple(one["samples"]),
        )
        for one in _ask(url, "offenders", asked)
    ]  # fmt: skip


def _busiest(url: str, by: By) -> list[TopOffender]:
    """Those of the correlation that has most of them: one event counts in several, so no sum."""
    found: dict[str, _Seen] = {}
    for each in _ask(url, "correlations", {}):
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
    return [
        TopOffender(
            name, seen.events, seen.error, seen.first, seen.last, (), more=False,
            rules=tuple(seen.rules), titles=tuple(dict.fromkeys(seen.rules.values())), samples=(),
        )
        for name, seen in found.items()
    ]  # fmt: skip


def _ask(url: str, what: str, asked: dict[str, str | int]) -> list[dict[str, Any]]:
    try:
        path = f"{url.rstrip('/')}/api/v1/{what}"
        answer = httpx2.get(path, params=asked, timeout=10, trust_env=False)
        found: list[dict[str, Any]] = msgspec.json.decode(answer.content)["data"][what]
    except (httpx2.HTTPError, msgspec.DecodeError, KeyError, TypeError) as error:
        raise SourceError(
            f"no answer from {url}: {error}",
            hint="is `tocsin run` running? --url says where; or name log files",
        ) from None
    return found


def _micros(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
