"""What a Terraform source says, as a tree: blocks, and the expressions that can be static."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.errors import Span

__all__ = [
    "Block", "Call", "Choice", "Expression", "Items", "Literal", "Opaque", "Operation", "Pairs",
    "Path", "Template",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, bool or null."""

    span: Span
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and expressions, one after the other."""

    span: Span
    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    span: Span
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A map or an object."""

    span: Span
    items: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class Path:
    """`var.name`, `aws_sns_topic.alerts[0].arn`."""

    span: Span
    parts: tuple[str | Expression, ...]
    """Names; an index is an expression."""
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    span: Span
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One or two values and an operator."""

    span: Span
    sign: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """`condition ? one : other`."""

    span: Span
    condition: Expression
    one: Expression
    other: Expression


@dataclass(frozen=True, slots=True)
class Opaque:
    """An expression that is not evaluated here."""

    span: Span
    text: str


Expression = Literal | Template | Items | Pairs | Path | Call | Operation | Choice | Opaque


@dataclass(slots=True)
class Block:
    """`type "label" "label" { ... }`."""

    span: Span
    type: str
    labels: tuple[str, ...]
    attributes: dict[str, Expression] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
