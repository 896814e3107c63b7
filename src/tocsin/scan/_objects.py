"""A block of JSON lines as objects, of which only some properties are read.

All lines are decoded in one call. What a property holds that nobody asked for is checked to be
JSON, and skipped. Of the properties asked for most occur in no line; the decoder refuses those
that were never seen, so that nobody has to look whether they are there, and then learns them.

The decoder takes white space between values for what it likes. That each line is one value
follows from three facts: each line begins with `{` and ends with `}`, which no line inside of
a value does whose neighbour does so, too; there are as many values as lines; all are objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from operator import attrgetter, is_not
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tocsin.scan._columns import Ints
    from tocsin.scan._lines import Lines

__all__ = ["CODES", "ObjectReader", "Objects", "Path", "is_plain_name"]

Path = tuple[str, ...]
"""The names that lead to a property, the outermost first."""

_PARTS = 16
"""A block that can't be decoded as a whole is tried in so many parts, and these again."""
_LONG = 800
_DEEPEST = 400
"""Brackets of a line. The decoder recurses, so how many it takes depends on who calls it."""

CODES = 1000
_Code = Annotated[int, msgspec.Meta(ge=0, lt=CODES)]
_Impossible = Annotated[int, msgspec.Meta(gt=1, lt=0)]
"""What no value is."""


def is_plain_name(name: str) -> bool:
    """Whether a property can be looked up by the bytes of its name."""
    return name.isascii() and name.isprintable() and '"' not in name and "\\" not in name


@dataclass(frozen=True, slots=True)
class Objects:
    """The lines of a block that are objects."""

    sure: Ints
    """Which lines are objects, in order; the others were not decoded."""
    found: list[Any]
    """The object of each sure line."""


class ObjectReader:
    """Decodes the lines of blocks."""

    def __init__(self, always: Sequence[Path], ranked: Sequence[str]) -> None:
        """The properties to look up, whose names have to be plain ones.

        Of those that are ranked the first one that holds something is all that matters.
        """
        self._always = tuple(dict.fromkeys(path[0] for path in always))
        self._ranked = tuple(ranked)
        self._inner = {
            name: _Inner([path[1:] for path in always if path[0] == name and len(path) > 1])
            for name in dict.fromkeys(path[0] for path in always if len(path) > 1)
        }
        self._settled: bool | None = None
        self._codes: frozenset[str] = frozenset()
        self._take(self._ranked, ())

    def _take(self, ranked: Sequence[str], present: Collection[str]) -> None:
        # In this order a property has the same field, however many are taken.
        self._names = tuple(dict.fromkeys((*self._always, *ranked)))
        self._all = _Shape(self._names, self._names, (), self._inner)
        self._shape = _Shape(self._names, present, self._codes, self._inner)

    @property
    def is_narrow(self) -> bool:
        """Whether some of the ranked properties are not looked up."""
        return self._settled is True

    def settle(self, *, enough: bool) -> None:
        """Once a block had enough in the ranked properties it has, leave out those behind them.

        Where that turns out not to be enough, all are looked up again, for good.
        """
        known = self._shape.values
        last = max((at for at, each in enumerate(self._ranked) if each in known), default=-1)
        if enough and self._settled is None and last >= 0:
            self._settled = True
            self._take(self._ranked[: last + 1], known)
        elif not enough and self._settled is not False:
            if self._settled:
                self._take(self._ranked, known)
            self._settled = False

    @property
    def values(self) -> dict[str, Callable[[Any], Any]]:
        """How to look up the properties that occur; UNSET where an object has none.

        It can grow with each block.
        """
        return self._shape.values

    def occurs(self, path: Path) -> bool:
        """Whether an object may have something there; its outermost name did occur if so."""
        return path[0] in self._shape.values

    def column(self, path: Path, found: Sequence[Any]) -> list[Any]:
        """What each object has at the end of a path that occurs; UNSET where that is nothing."""
        value = self._shape.values[path[0]]
        if len(path) == 1:
            return list(map(value, found))
        return self._inner[path[0]].column(path[1:], list(map(value, found)))

    def codes(self, path: Path, found: Sequence[Any]) -> Ints | None:
        """What a property holds, if in all objects so far that is a number from 0 to 999.

        Such are status codes. None if it is not, or if an object lacks it.
        """
        if len(path) > 1 or path[0] not in self._codes:
            return None
        try:
            return np.fromiter(map(self._shape.values[path[0]], found), np.int64, len(found))
        except TypeError:
            return None

    def __call__(self, lines: Lines) -> Objects:
        block, starts, ends = lines.block, lines.starts, lines.ends
        data = np.frombuffer(block, np.uint8)
        last = ends - 1
        last -= data[last] == 13
        plain = (data[starts] == 123) & (data[last] == 125) & (last > starts)
        for at in np.flatnonzero(ends - starts >= _LONG).tolist():
            line = block[starts[at] : ends[at]]
            if line.count(b"{") + line.count(b"[") > _DEEPEST:
                plain[at] = False
        if bool(plain.all()):
            found = self._try(block, len(starts))
            if found is not None:
                return Objects(np.arange(len(starts)), found)
        sure = np.flatnonzero(plain)
        cuts = zip(starts[sure].tolist(), ends[sure].tolist(), strict=True)
        read = self.lines([block[start:end] for start, end in cuts])
        kept = np.fromiter((each is not None for each in read), np.bool_, len(read))
        return Objects(sure[kept], [each for each in read if each is not None])

    def lines(self, lines: list[bytes]) -> list[Any]:
        """The objects of lines that begin with `{` and end with `}`; None for what is none."""
        if not lines:
            return []
        found = self._try(b"\n".join(lines), len(lines))
        if found is not None:
            return found
        if len(lines) == 1:
            return [None]
        size = -(-len(lines) // _PARTS)
        return [
            each
            for begin in range(0, len(lines), size)
            for each in self.lines(lines[begin : begin + size])
        ]

    def _try(self, text: bytes, count: int) -> list[Any] | None:
        found = self._shape.decode(text)
        if found is not None:
            return found if len(found) == count else None
        # Some value is not JSON, or a property was not there before, or held another kind.
        found = self._all.decode(text)
        if found is None or len(found) != count:
            return None
        known = self._shape.values
        fresh = []
        codes = set(self._codes)
        for name, value in self._all.values.items():
            if name in known and name not in codes:
                continue
            if name not in known and any(map(_is_set, map(value, found))):
                fresh.append(name)
                if name in self._always and name not in self._inner:
                    codes.add(name)
            if name in codes and not all(map(_may_be_code, map(value, found))):
                codes.discard(name)
        if fresh or codes != self._codes:
            self._codes = frozenset(codes)
            self._shape = _Shape(self._names, (*known, *fresh), self._codes, self._inner)
        return found


_is_set = partial(is_not, msgspec.UNSET)


def _may_be_code(value: Any) -> bool:
    return value is msgspec.UNSET or (type(value) is int and 0 <= value < CODES)


class _Inner:
    """The properties to look up of an object inside of another one; all others are skipped."""

    def __init__(self, paths: Sequence[Path]) -> None:
        names = dict.fromkeys(path[0] for path in paths)
        self._inner = {
            name: _Inner(deeper)
            for name in names
            if (deeper := [path[1:] for path in paths if path[0] == name and len(path) > 1])
        }
        fields = {name: f"p{at}" for at, name in enumerate(names)}
        self._values = {name: attrgetter(field) for name, field in fields.items()}
        self._record = msgspec.defstruct(
            "Inner",
            [
                (
                    field,
                    self._inner[name].kind if name in self._inner else Any,
                    msgspec.field(default=msgspec.UNSET, name=name),
                )
                for name, field in fields.items()
            ],
            gc=False,
        )
        self.kind: Any = self._record | str | int | float | bool | list[Any] | None
        """The type of a value there, which need not be an object."""

    def column(self, path: Path, within: list[Any]) -> list[Any]:
        """What those of some values that are objects have at the end of a path."""
        record, value = self._record, self._values[path[0]]
        found = [value(each) if type(each) is record else msgspec.UNSET for each in within]
        return self._inner[path[0]].column(path[1:], found) if len(path) > 1 else found


class _Shape:
    """A decoder for some properties.

    An object that has others of the names is refused, and one whose codes are none.
    """

    def __init__(
        self,
        names: Sequence[str],
        present: Collection[str],
        codes: Collection[str],
        inner: Mapping[str, _Inner],
    ) -> None:
        fields = {name: f"p{at}" for at, name in enumerate(names)}
        self.values: dict[str, Callable[[Any], Any]] = {
            name: attrgetter(field) for name, field in fields.items() if name in present
        }
        record = msgspec.defstruct(
            "Record",
            [
                (
                    field,
                    _Impossible
                    if name not in present
                    else inner[name].kind
                    if name in inner
                    else _Code
                    if name in codes
                    else Any,
                    msgspec.field(default=msgspec.UNSET, name=name),
                )
                for name, field in fields.items()
            ],
            gc=False,
        )
        self._decode = msgspec.json.Decoder(record).decode_lines

    def decode(self, text: bytes) -> list[Any] | None:
        try:
            found: list[Any] = self._decode(text)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            return None
        return found
