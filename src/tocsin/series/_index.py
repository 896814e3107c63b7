"""Which series satisfy a list of matchers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.labels import MatchOp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.labels import Labels, Matcher

__all__ = ["LabelIndex"]


class LabelIndex:
    """Series numbers by label name and value."""

    def __init__(self) -> None:
        self.labels: dict[int, Labels] = {}
        self.numbers: dict[Labels, int] = {}
        self._postings: dict[str, dict[str, set[int]]] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, labels: Labels) -> int:
        number = self._next
        self._next += 1
        self.labels[number] = labels
        self.numbers[labels] = number
        for name, value in labels:
            self._postings.setdefault(name, {}).setdefault(value, set()).add(number)
        return number

    def remove(self, number: int) -> None:
        labels = self.labels.pop(number)
        del self.numbers[labels]
        for name, value in labels:
            values = self._postings[name]
            values[value].discard(number)
            if not values[value]:
                del values[value]
                if not values:
                    del self._postings[name]

    def find(self, matchers: Sequence[Matcher]) -> list[int]:
        """Numbers of the matching series, in the order they were added."""
        found: set[int] | None = None
        # Equality on a value first: it cuts the most for the least work.
        for matcher in sorted(matchers, key=lambda m: (m.matches_empty, m.op is not MatchOp.EQUAL)):
            if found is not None and not found:
                break
            found = self._apply(matcher, found)
        return sorted(self.labels if found is None else found)

    def _apply(self, matcher: Matcher, found: set[int] | None) -> set[int]:
        values = self._postings.get(matcher.name, {})
        if not matcher.matches_empty:
            if matcher.op is MatchOp.EQUAL:
                kept = values.get(matcher.value, set())
                return set(kept) if found is None else found & kept
            kept = set().union(*(s for value, s in values.items() if matcher.matches(value)))
            return kept if found is None else found & kept
        # It lets an absent label through, so take away what has a wrong value.
        wrong: set[int] = set()
        wrong = wrong.union(*(s for value, s in values.items() if not matcher.matches(value)))
        return (set(self.labels) if found is None else found) - wrong
