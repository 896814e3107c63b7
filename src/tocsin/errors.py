"""Every error Tocsin raises on purpose.

* TocsinError
    * ConfigError      tocsin.yaml or a file it names is wrong
    * RuleError        a rule file is wrong
    * ParseError       a query, exposition or notation cannot be read
        * UnsupportedError   it can be read, but Tocsin does not evaluate it
    * QueryError       a query is well-formed but its evaluation fails
    * SourceError      a target or log cannot be read
    * DeliveryError    a notification cannot be delivered
    * StoreError       the state folder cannot be read or written
    * EvidenceError    a day cannot be sealed as it is
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ConfigError",
    "DeliveryError",
    "EvidenceError",
    "FileErrors",
    "ParseError",
    "Problem",
    "QueryError",
    "RuleError",
    "SourceError",
    "Span",
    "StoreError",
    "TocsinError",
    "UnsupportedError",
]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a text. Lines and columns count from 1; 0 means unknown."""

    path: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.path or "<text>"]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake or warning: where, what, and what to do about it."""

    span: Span
    what: str
    hint: str = ""
    severity: str = "error"
    """`error` or `warning`."""

    def __str__(self) -> str:
        label = "" if self.severity == "error" else f"{self.severity}: "
        text = f"{self.span}: {label}{self.what}"
        return f"{text}, hint: {self.hint}" if self.hint else text


class TocsinError(Exception):
    """The root: catch it to catch everything Tocsin raises on purpose."""

    def __init__(self, what: str, *, hint: str = "", span: Span | None = None) -> None:
        self.what = what
        self.hint = hint
        self.span = span
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.span}: {self.what}" if self.span else self.what
        return f"{text}, hint: {self.hint}" if self.hint else text


class FileErrors(TocsinError):  # noqa: N818 - it holds all the errors of a file
    """All the mistakes of one file and what it is warned of, in the order of their places."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.span)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ConfigError(FileErrors):
    """tocsin.yaml, or a file it names, is wrong."""


class RuleError(FileErrors):
    """A rule file is wrong."""


class ParseError(TocsinError):
    """A query, an exposition or a notation cannot be read."""


class UnsupportedError(ParseError):
    """It can be read, but Tocsin does not evaluate it; the message names the construct."""


class QueryError(TocsinError):
    """A query is well-formed, but its evaluation fails on the data."""


class SourceError(TocsinError):
    """A target or a log cannot be read."""


class DeliveryError(TocsinError):
    """A notification cannot be delivered."""


class StoreError(TocsinError):
    """The state folder cannot be read or written."""


class EvidenceError(TocsinError):
    """A day cannot be sealed as it is, or not now."""
