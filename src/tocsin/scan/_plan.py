"""How each filter can be decided without looking at each line, and what it says of a status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from tocsin.pattern import DEFAULTS, Contribution, contribute, field_use, literals, match
from tocsin.scan._columns import FIELDS, LEAST_FIELDS, STATUS, Bools, Ints

if TYPE_CHECKING:
    from tocsin.pattern import MetricFilter, Settings

__all__ = ["Plan", "Way", "needed_texts"]

Way = Literal["status", "some", "texts", "all"]
"""`status`: the status decides. `some`: the status rules lines out, the matcher decides of the
others. `texts`: lines with certain texts go to the matcher. `all`: every line does."""

_STATUSES = 1000
_RARE = 5
"""Texts of so many letters rule out more lines than a status does."""
_ESCAPE = b"\\u"
"""Stands for letters of JSON that are spelled as their numbers. That is rare."""
_UNASKED, _NO, _YES = 0, 1, 2
_LINE = '1 - - [09/Sep/2001:01:46:40 +0000] "GET" {:03} 1 "-" "-"'


class Plan:
    """One filter over the sure lines of an access log."""

    def __init__(self, metric_filter: MetricFilter, settings: Settings = DEFAULTS) -> None:
        self.filter = metric_filter
        self.texts = needed_texts(metric_filter, settings)
        self._settings = settings
        self._use = field_use(metric_filter.pattern, STATUS, LEAST_FIELDS, FIELDS, settings)
        self._table = np.zeros(_STATUSES, np.uint8)
        self.way: Way = self._way()

    def _way(self) -> Way:
        if self._use is not None:
            if self._use.alone and self.is_constant:
                return "status"
            return "texts" if self.has_rare_texts else "some"
        return "all" if self.texts is None else "texts"

    @property
    def has_rare_texts(self) -> bool:
        """Whether few lines have one of its texts by accident."""
        return min((len(each) for each in self.texts or () if each != _ESCAPE), default=0) >= _RARE

    @property
    def is_constant(self) -> bool:
        """Whether all matching events add the same."""
        return isinstance(self.filter.value, float) and not self.filter.dimensions

    @property
    def always(self) -> Contribution:
        """What each matching event adds, where all add the same."""
        value = self.filter.value
        return Contribution(value if isinstance(value, float) else 0.0)

    @property
    def plain_tail(self) -> bool:
        """Whether it can be said only of lines with a known number of fields."""
        return self._use is not None and self._use.exact and self.way != "texts"

    def matches(self, status: int) -> bool:
        """Whether each line with a status matches, where the status decides."""
        return contribute(self.filter, _LINE.format(status), self._settings) is not None

    def wanted(self, statuses: Ints) -> Bools:
        """Which lines can match, by their status, where it rules lines out."""
        answers = self._table[statuses]
        unasked = statuses[answers == _UNASKED]
        if len(unasked):
            for status in np.flatnonzero(np.bincount(unasked, minlength=1)).tolist():
                self._table[status] = _YES if self._can_match(status) else _NO
            answers = self._table[statuses]
        chosen: Bools = answers == _YES
        return chosen

    def _can_match(self, status: int) -> bool:
        part = self._use.part if self._use else self.filter.pattern
        return match(part, f"{status:03}", self._settings).matched


def needed_texts(metric_filter: MetricFilter, settings: Settings) -> tuple[bytes, ...] | None:
    """Bytes of which every matching line has some; None if nothing is known."""
    found = literals(metric_filter.pattern, settings)
    # A replacement character stands for bytes that are no UTF-8: it is not itself in the line.
    if found is None or any("\ufffd" in each or not each.isprintable() for each in found):
        return None
    return tuple(sorted(each.encode() for each in found)) if "" not in found else None
