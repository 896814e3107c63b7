"""The compiled query: a tree of frozen nodes that the evaluator walks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tocsin.labels import Matcher
    from tocsin.promql._functions import Function

__all__ = [
    "Aggregate",
    "At",
    "Binary",
    "Call",
    "Card",
    "Kind",
    "Matching",
    "Negate",
    "Node",
    "Number",
    "Range",
    "Selector",
    "Subquery",
    "Text",
]

At = int | Literal["start", "end"] | None
"""The @ modifier: microseconds, or the start or end of the query."""


class Kind(StrEnum):
    """What an expression yields."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"


class Card(StrEnum):
    """How many elements of each side may share a match group."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "group_left"
    ONE_TO_MANY = "group_right"
    MANY_TO_MANY = "set"


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """An instant selector; the matchers include the one on the metric name."""

    matchers: tuple[Matcher, ...]
    offset: int = 0
    at: At = None

    def __str__(self) -> str:
        """The matchers alone, as a selector is written."""
        return f"{{{','.join(map(str, self.matchers))}}}"


@dataclass(frozen=True, slots=True)
class Range:
    """A range selector."""

    selector: Selector
    width: int


@dataclass(frozen=True, slots=True)
class Subquery:
    inner: Node
    width: int
    step: int | None
    """None: the default step of the options."""
    offset: int = 0
    at: At = None


@dataclass(frozen=True, slots=True)
class Negate:
    """Unary minus."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Matching:
    """Which elements of two vectors belong together."""

    card: Card
    on: bool
    """True for `on`, False for `ignoring` and for no modifier at all."""
    names: frozenset[str]
    include: tuple[str, ...]
    """Labels taken over from the "one" side."""


@dataclass(frozen=True, slots=True)
class Binary:
    op: str
    left: Node
    right: Node
    as_bool: bool
    matching: Matching


@dataclass(frozen=True, slots=True)
class Aggregate:
    op: str
    inner: Node
    param: Node | None
    by: bool
    """True: keep only `names`; False: drop them and the metric name."""
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Call:
    function: Function
    args: tuple[Node, ...]


Node = Number | Text | Selector | Range | Subquery | Negate | Binary | Aggregate | Call


def kind_of(node: Node) -> Kind:
    """What the node yields; the parser has checked that the parts fit."""
    match node:
        case Number():
            return Kind.SCALAR
        case Text():
            return Kind.STRING
        case Range() | Subquery():
            return Kind.MATRIX
        case Call():
            return node.function.returns
        case Negate():
            return kind_of(node.inner)
        case Binary():
            both = {kind_of(node.left), kind_of(node.right)}
            return Kind.SCALAR if both == {Kind.SCALAR} else Kind.VECTOR
        case _:
            return Kind.VECTOR
