"""Events that matched, as plain lists and back: what waits is kept so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.correlation._model import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Matched", "pack_event", "unpack_event"]

Matched = tuple[Event, tuple[int, ...]]
"""An event with the fields that correlations ask for, and the places of its detections."""


def pack_event(event: Event, matched: Sequence[int]) -> list[Any]:
    """For msgpack."""
    return [event.time, dict(event.fields), event.count, event.reference, list(matched)]


def unpack_event(packed: Sequence[Any], places: Sequence[int | None]) -> Matched | None:
    """The event again, None if no rule that it matched is still there.

    `places` has for each detection of then where it is now.
    """
    time, fields, count, reference, matched = packed
    still = tuple(place for each in matched if (place := places[each]) is not None)
    if not still:
        return None
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
    return Event(time, values, count, "", reference), still
