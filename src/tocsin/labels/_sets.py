"""The label set: what makes a series itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["EMPTY", "METRIC_NAME", "Labels"]

METRIC_NAME = "__name__"
_PLAIN_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*").fullmatch
_PLAIN_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*").fullmatch


class Labels:
    """An immutable label set, sorted by name; a label with an empty value is absent.

    Equal sets are equal and hash alike. Derived sets are computed once and kept,
    because the evaluator asks for the same ones at every step.
    """

    __slots__ = ("_hash", "_kept", "_nameless", "pairs")

    pairs: tuple[tuple[str, str], ...]
    """(name, value), sorted by name."""

    def __init__(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        items = dict(pairs)
        self.pairs = tuple(sorted(item for item in items.items() if item[1]))
        self._hash = hash(self.pairs)
        self._nameless: Labels | None = None
        self._kept: dict[tuple[bool, frozenset[str]], Labels] | None = None

    @classmethod
    def _of(cls, pairs: tuple[tuple[str, str], ...]) -> Labels:
        """Make a set of pairs that are already sorted and free of empty values."""
        made = cls.__new__(cls)
        made.pairs = pairs
        made._hash = hash(pairs)
        made._nameless = None
        made._kept = None
        return made

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Labels) and self._hash == other._hash and self.pairs == other.pairs
        )

    def __lt__(self, other: Labels) -> bool:
        return self.pairs < other.pairs

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, name: str) -> str:
        """The value, or the empty string for an absent label."""
        for key, value in self.pairs:
            if key == name:
                return value
        return ""

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self.pairs)

    def to_dict(self) -> dict[str, str]:
        return dict(self.pairs)

    @property
    def name(self) -> str:
        """The metric name, or the empty string."""
        return self[METRIC_NAME]

    def without_name(self) -> Labels:
        if self._nameless is None:
            self._nameless = (
                Labels._of(tuple(p for p in self.pairs if p[0] != METRIC_NAME))
                if METRIC_NAME in self
                else self
            )
        return self._nameless

    def keep(self, names: frozenset[str]) -> Labels:
        """Only the labels named (`by`, `on`)."""
        return self._derived(True, names)

    def drop(self, names: frozenset[str]) -> Labels:
        """All but the labels named."""
        return self._derived(False, names)

    def _derived(self, wanted: bool, names: frozenset[str]) -> Labels:
        key = (wanted, names)
        if self._kept is None:
            self._kept = {}
        found = self._kept.get(key)
        if found is None:
            found = Labels._of(tuple(p for p in self.pairs if (p[0] in names) is wanted))
            # A series lives as long as its target; queries come and go.
            if len(self._kept) >= 8:
                self._kept.clear()
            self._kept[key] = found
        return found

    def merged(self, changes: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
        """The set with labels set, or removed where the new value is empty."""
        return Labels(dict(self.pairs) | dict(changes))

    def __str__(self) -> str:
        """Prometheus' notation: `up{job="web"}`; quoted where a name is not plain."""
        name = self.name
        body = [
            f"{key if _PLAIN_LABEL(key) else _quote(key)}={_quote(value)}"
            for key, value in self.pairs
            if key != METRIC_NAME
        ]
        if name and not _PLAIN_METRIC(name):
            return "{" + ", ".join([_quote(name), *body]) + "}"
        return f"{name}{{{', '.join(body)}}}" if body or not name else name

    def __repr__(self) -> str:
        return f"Labels({self})"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


EMPTY = Labels()
