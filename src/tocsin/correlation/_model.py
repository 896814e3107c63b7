"""What a Sigma file says, compiled: detections, correlations, and the alerts that they give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.errors import Problem, Span

__all__ = [
    "Alert",
    "Atom",
    "Correlation",
    "Detection",
    "Event",
    "Expression",
    "Key",
    "Kind",
    "RuleSet",
    "Test",
    "Value",
]

Value = str | int | float | tuple[str | int | float, ...]
"""What a field of an event holds; an empty tuple is there and null."""
Key = str | tuple[str, ...]
"""The values of the group-by fields; a lone one stands for itself."""
Kind = Literal[
    "event_count", "value_count", "temporal", "temporal_ordered",
    "value_sum", "value_avg", "value_percentile", "value_median",
]  # fmt: skip
Expression = tuple[Any, ...]
"""`("and", ...)`, `("or", ...)`, `("not", x)`, `("atom", n)`."""


@dataclass(slots=True)
class Event:
    """Something that happened."""

    time: int
    """Microseconds since 1970 UTC."""
    fields: Mapping[str, Value]
    count: int = 1
    """How often it happened, all at this time."""
    text: str = ""
    """The line it was read from; keywords are looked for in it."""
    reference: str = ""
    """Where that line is: `path:line`."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One question about an event."""

    names: tuple[str, ...]
    """The field's names; the first that the event has counts. Empty: about the whole event."""
    judge: Callable[[Any], bool]
    """Of the field's value, None if it is not there; or of the event."""
    what: str
    """Tells it from others; two atoms with the same text are the same question."""
    pattern: str = ""
    """A regex that is found in just the texts that are judged so; empty if there is none."""
    needs: str = ""
    """A regex that is found in ASCII texts that are judged so, and in any longer text, with
    whatever before and behind; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A Sigma rule."""

    name: str
    title: str
    level: str
    tags: tuple[str, ...]
    alone: bool
    """Whether each match is an alert: no correlation refers to it, or one says `generate`."""
    atoms: tuple[Atom, ...]
    expression: Expression
    """Over the places of its atoms."""
    span: Span


@dataclass(frozen=True, slots=True)
class Test:
    """When a correlation holds."""

    op: Literal["lt", "lte", "gt", "gte", "eq", "neq"]
    number: float
    percentile: int = 50
    below: Test | None = None
    """The upper end of a range; it must hold too."""
    most: int = field(init=False, repr=False, compare=False)
    """What exceeds this is all the same to the condition."""

    def __post_init__(self) -> None:
        below = int(self.below.number) if self.below else 0
        object.__setattr__(self, "most", max(int(self.number), below))

    def __call__(self, measure: float) -> bool:
        if self.below is not None and not self.below(measure):
            return False
        match self.op:
            case "gte":
                return measure >= self.number
            case "gt":
                return measure > self.number
            case "lte":
                return measure <= self.number
            case "lt":
                return measure < self.number
            case "eq":
                return measure == self.number
        return measure != self.number


@dataclass(frozen=True, slots=True)
class Correlation:
    """A Sigma correlation rule."""

    name: str
    title: str
    level: str
    tags: tuple[str, ...]
    alone: bool
    kind: Kind
    rules: tuple[str, ...]
    """What it refers to, by name."""
    group_by: tuple[str, ...]
    keys: tuple[tuple[tuple[str, ...], ...], ...]
    """For each rule and each group-by field, the names that the field may have."""
    timespan: int
    """Microseconds; two events so far apart are still within it."""
    test: Test
    span: Span
    value: tuple[tuple[str, ...], ...] = ()
    """The names of the field whose values are counted or summed; of several fields value_count
    counts how many combinations of their values there are."""
    expression: Expression | None = None
    """An extended condition, over the places of `rules`."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The group-by fields that say where events came from."""
        return tuple(
            name
            for place, name in enumerate(self.group_by)
            if any("client" in names[place] for names in self.keys)
        )


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of some files, those referred to before those that refer."""

    # Two sets are the same if they were read from the same.
    detections: tuple[Detection, ...] = field(default=(), compare=False)
    correlations: tuple[Correlation, ...] = field(default=(), compare=False)
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    sources: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    """The files they stand in: path and content."""
    names: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """The name of a rule by its name and by its id."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule's condition became true, at the event that made it true."""

    time: int
    rule: str
    title: str
    level: str
    group: tuple[tuple[str, str], ...] = ()
    """Whom it is about: the group-by fields and their values."""
    measure: float = 1
    """The count, sum or share that the condition looks at."""
    error: int = 0
    """So many events the measure may be off by; 0 means exact."""
    first: int = 0
    """The time of the earliest event of the window."""
    reference: str = ""
    """Where the last event stands."""
    tags: tuple[str, ...] = field(default=())
    previous: int = 0
    """When the condition held last before, for this group; 0 if that is not known."""
