"""What a lint check says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tocsin.errors import Span

__all__ = ["Finding"]


class Finding(NamedTuple):
    """One trap in one pattern."""

    lint: str
    span: Span
    what: str
    hint: str
