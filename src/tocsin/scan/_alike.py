"""Texts that some filters can't tell apart: one of them stands for all.

Clients write what they like into a path or the name of an agent; what filters ask of it has few
different answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LONGEST", "Alike"]

LONGEST = 200
"""Letters of values that are remembered."""
_KEPT = 8192
_MOST = 64
"""Tests. Where there are more, texts may have too many answers."""


class Alike:
    """Puts in place of each text one that has the same answers."""

    def __init__(self, tests: Sequence[Callable[[str], bool]]) -> None:
        self._known = _Known(tests) if len(tests) <= _MOST else None

    def __call__(self, values: list[Any]) -> list[Any]:
        """The values, which can be keys, with such texts; what is no text stays."""
        return values if self._known is None else list(map(self._known.__getitem__, values))


class _Known(dict[Any, Any]):
    def __init__(self, tests: Sequence[Callable[[str], bool]]) -> None:
        self._tests = tests
        self._first: dict[tuple[bool, ...], str] = {}

    def __missing__(self, value: Any) -> Any:
        found = value
        if type(value) is str:
            answers = tuple(test(value) for test in self._tests)
            found = self._first.get(answers, value)
            if len(value) > LONGEST:
                return found
            if len(self._first) >= _KEPT:
                self._first.clear()
            self._first.setdefault(answers, value)
        if len(self) >= _KEPT:
            self.clear()
        self[value] = found
        return found
