"""Who was behind an alarm or an alert of a replay, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.cli._output import moment, moments
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.correlation import TopOffender
    from tocsin.replay import Behind

__all__ = ["behind_json", "behind_lines", "looked_at", "offender_json", "offender_lines"]


def behind_lines(behind: Behind) -> Iterator[str]:
    """The busiest, each with what is known of it."""
    for each in behind.offenders:
        yield from offender_lines(each)
    if not behind.offenders:
        for client, count in behind.sources:
            yield f"{count:>9}  {printable(client, 60)}"
    if behind.unknown:
        yield f"{behind.unknown:>9}  of no known client"
    if behind.overflowed:
        yield f"{behind.overflowed:>9}  of clients that were not kept: too many"
    if told := looked_at(behind):
        yield told


def offender_lines(each: TopOffender) -> Iterator[str]:
    """An address, or a user that no address is known of, with what is known of it."""
    error = f" (up to {each.error} more)" if each.error else ""
    when = moments(each.first, each.last)
    yield f"{each.events:>9}{error}  {printable(each.name, 60):<15}  {when}"
    if each.others:
        more = ", ..." if each.more else ""
        yield f"           users {printable(', '.join(each.others), 120)}{more}"
    for sample in each.samples:
        yield f"           {printable(sample, 300)}"


def looked_at(behind: Behind) -> str:
    """Of how many events more is known than who it was; empty if of all."""
    if behind.looked_at >= behind.events:
        return ""
    if not behind.looked_at:
        return "users, times and places are not known: the lines could not be read again"
    found, events = behind.looked_at, behind.events
    return f"users, times and places are those of {found} of the {events} events"


def behind_json(behind: Behind) -> dict[str, Any]:
    """What is known of who was behind it."""
    return {
        "events": behind.events,
        "clients": behind.distinct,
        "busiest": [{"client": client, "events": count} for client, count in behind.sources],
        "of_no_known_client": behind.unknown,
        "of_clients_not_kept": behind.overflowed,
        "offenders": [offender_json(each) for each in behind.offenders],
        "events_looked_at": behind.looked_at,
    }


def offender_json(each: TopOffender) -> dict[str, Any]:
    """What is known of an address or a user."""
    return {
        "name": each.name, "events": each.events, "error": each.error, "first": moment(each.first),
        "last": moment(each.last), "users": list(each.others), "more": each.more,
        "samples": list(each.samples),
    }  # fmt: skip
