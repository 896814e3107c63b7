"""The syntax tree of a filter pattern: frozen nodes that know their place and print themselves.

Printing is canonical: `parse(str(pattern)) == pattern`. Places do not count for equality.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

from tocsin.errors import Span
from tocsin.pattern._numbers import read_number
from tocsin.pattern._regex import compile_search

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

__all__ = [
    "And",
    "Body",
    "Comparison",
    "Condition",
    "Ellipsis_",
    "Everything",
    "Field",
    "FieldName",
    "Fields",
    "Json",
    "Number",
    "Op",
    "Or",
    "Pattern",
    "Regex",
    "Selector",
    "Sign",
    "State",
    "StateTest",
    "Term",
    "Terms",
    "Text",
    "Value",
    "Wildcard",
    "quote",
]

_BARE = re.compile(r"[A-Za-z0-9_]+", re.ASCII).fullmatch
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII).fullmatch
_NEEDS_ESCAPE = re.compile(r'"|\\(?=["\\]|\Z)')
NOWHERE = Span()


def quote(text: str) -> str:
    """A string in the notation of patterns."""
    return '"' + _NEEDS_ESCAPE.sub(lambda match: "\\" + match[0], text) + '"'


class Sign(StrEnum):
    """What a term asks for."""

    REQUIRED = ""
    EXCLUDED = "-"
    OPTIONAL = "?"


class Op(StrEnum):
    """How a condition compares."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS_EQUAL = "<="
    GREATER_EQUAL = ">="
    LESS = "<"
    GREATER = ">"

    @property
    def orders(self) -> bool:
        """Whether it needs numbers."""
        return self not in (Op.EQUAL, Op.NOT_EQUAL)


class State(StrEnum):
    """What a JSON property can be, other than a value."""

    NULL = "IS NULL"
    TRUE = "IS TRUE"
    FALSE = "IS FALSE"
    MISSING = "NOT EXISTS"


class Wildcard(Enum):
    """The step of a selector that goes everywhere."""

    FIELD = ".*"
    ELEMENT = "[*]"


@dataclass(frozen=True, slots=True)
class Regex:
    """`%regex%`, in AWS's subset."""

    source: str
    span: Span = field(default=NOWHERE, compare=False)
    search: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    """Whether a text contains a match."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "search", compile_search(self.source))

    def __reduce__(self) -> tuple[type[Regex], tuple[str, Span]]:
        # What is compiled stays in its process.
        return Regex, (self.source, self.span)

    def __str__(self) -> str:
        return f"%{self.source}%"


@dataclass(frozen=True, slots=True)
class Text:
    """A string to compare with; an asterisk at either end stands for any text."""

    text: str
    quoted: bool = False
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return quote(self.text) if self.quoted else self.text


@dataclass(frozen=True, slots=True)
class Number:
    """A number to compare with."""

    text: str
    quoted: bool = False
    span: Span = field(default=NOWHERE, compare=False)
    value: Decimal = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", read_number(self.text))

    def __str__(self) -> str:
        return quote(self.text) if self.quoted else self.text


Value = Text | Number | Regex


@dataclass(frozen=True, slots=True)
class Term:
    """One word, phrase or regex of an unstructured pattern."""

    what: str | Regex
    sign: Sign = Sign.REQUIRED
    span: Span = field(default=NOWHERE, compare=False)

    @property
    def matches_all(self) -> bool:
        """A blank phrase is documented to match every event."""
        return isinstance(self.what, str) and not self.what.strip()

    def __str__(self) -> str:
        what = self.what
        shown = str(what) if isinstance(what, Regex) or _BARE(what) else quote(what)
        return f"{self.sign}{shown}"


@dataclass(frozen=True, slots=True)
class Selector:
    """`$.a.b[0]`: the way to a property of a JSON event."""

    steps: tuple[str | int | Wildcard, ...]
    span: Span = field(default=NOWHERE, compare=False)

    @property
    def has_wildcard(self) -> bool:
        return any(isinstance(step, Wildcard) for step in self.steps)

    def __str__(self) -> str:
        return "$" + "".join(_step(step) for step in self.steps)


def _step(step: str | int | Wildcard) -> str:
    if isinstance(step, Wildcard):
        return step.value
    if isinstance(step, int):
        return f"[{step}]"
    if _PLAIN_KEY(step):
        return f".{step}"
    mark = '"' if "'" in step else "'"
    return f".[{mark}{step}{mark}]"


@dataclass(frozen=True, slots=True)
class FieldName:
    """The name of a field of a space-delimited pattern."""

    name: str
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Comparison:
    """`$.status >= 500`, `status = 4*`."""

    subject: Selector | FieldName
    op: Op
    value: Value
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"{self.subject} {self.op} {self.value}"


@dataclass(frozen=True, slots=True)
class StateTest:
    """`$.error IS NULL`, `$.error NOT EXISTS`."""

    subject: Selector
    state: State
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"{self.subject} {self.state}"


@dataclass(frozen=True, slots=True)
class And:
    """Conditions that must all hold. `()` binds tighter than `&&`, and `&&` than `||`."""

    items: tuple[Condition, ...]
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return " && ".join(
            f"({item})" if isinstance(item, Or) else str(item) for item in self.items
        )


@dataclass(frozen=True, slots=True)
class Or:
    """Conditions of which one must hold."""

    items: tuple[Condition, ...]
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return " || ".join(str(item) for item in self.items)


Condition = And | Or | Comparison | StateTest


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of a space-delimited pattern; without a name it is known by its position."""

    name: str = ""
    condition: Condition | None = None
    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return self.name if self.condition is None else str(self.condition)


@dataclass(frozen=True, slots=True)
class Ellipsis_:  # noqa: N801 - the builtin has the name
    """`...`: any number of fields, none included."""

    span: Span = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return "..."


@dataclass(frozen=True, slots=True)
class Everything:
    """The empty pattern."""

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Terms:
    """An unstructured pattern."""

    items: tuple[Term, ...]

    @property
    def ignored(self) -> bool:
        """Optional terms count only where all terms are optional."""
        return any(item.sign is not Sign.OPTIONAL for item in self.items)

    def __str__(self) -> str:
        return " ".join(str(item) for item in self.items)


@dataclass(frozen=True, slots=True)
class Json:
    """A pattern for JSON events."""

    condition: Condition

    def __str__(self) -> str:
        return f"{{ {self.condition} }}"


@dataclass(frozen=True, slots=True)
class Fields:
    """A pattern for space-delimited events."""

    entries: tuple[Field | Ellipsis_, ...]

    @property
    def before(self) -> tuple[Field, ...]:
        """The fields before the ellipsis, or all."""
        found: list[Field] = []
        for entry in self.entries:
            if isinstance(entry, Ellipsis_):
                break
            found.append(entry)
        return tuple(found)

    @property
    def after(self) -> tuple[Field, ...]:
        """The fields after the ellipsis."""
        tail = self.entries[len(self.before) + 1 :]
        return tuple(entry for entry in tail if isinstance(entry, Field))

    @property
    def has_ellipsis(self) -> bool:
        return any(isinstance(entry, Ellipsis_) for entry in self.entries)

    def __str__(self) -> str:
        return "[" + ", ".join(str(entry) for entry in self.entries) + "]"


Body = Everything | Terms | Json | Fields


@dataclass(frozen=True, slots=True)
class Pattern:
    """A filter pattern that AWS would accept."""

    body: Body
    text: str = field(default="", compare=False)
    """As it was written."""
    path: str = field(default="", compare=False)

    def __str__(self) -> str:
        return str(self.body)
