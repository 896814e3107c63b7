"""What is kept of an event that matched: the fields that correlations ask for, cut to a length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.correlation._addresses import LONGEST, group_value, shortened
from tocsin.correlation._matcher import Shapes
from tocsin.correlation._model import Event
from tocsin.correlation._taxonomy import field_names

if TYPE_CHECKING:
    from tocsin.correlation._model import RuleSet, Value

__all__ = ["Slimming"]


class Slimming:
    """Knows the fields that some rules' correlations need."""

    def __init__(self, rules: RuleSet) -> None:
        self._needed = {
            name
            for each in rules.correlations
            for names in (*(n for keys in each.keys for n in keys), *each.value)
            for name in names
        }
        # Who it was, for alerts that do not group by it.
        self._needed |= {*field_names("source.ip"), *field_names("user.name")}
        self._shapes = Shapes[tuple[str, ...]]()

    def slim(self, event: Event) -> Event:
        """The event with those fields alone, and without its text."""
        fields = event.fields
        shape = tuple(fields)
        names = self._shapes.get(shape)
        if names is None:
            names = tuple(each for each in shape if each in self._needed)
            self._shapes.keep(shape, names)
        kept: dict[str, Value] = {}
        for name in names:
            value = fields[name]
            if type(value) is not str or len(value) > LONGEST:
                value = _short(value)
            kept[name] = value
        return Event(event.time, kept, event.count, "", event.reference)


def _short(value: Value) -> Value:
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, tuple):
        kept = tuple(shortened(each) if isinstance(each, str) else each for each in value)
        # Of many long texts what they are counted by is enough.
        return kept if sum(len(str(each)) for each in kept) <= LONGEST else (group_value(kept),)
    return value
