"""What becomes of a line: an event with its time, or a reason why there is none.

Rule: at all times `read = counted + dropped{reason}` (architecture, decision 4), so the
reasons are a closed set and each is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

__all__ = ["Clues", "Format", "Parsed", "Reason", "Skipped"]


class Reason(StrEnum):
    """Why a line is no event."""

    EMPTY = "empty line"
    FORMAT = "not a line of the format"
    NO_TIME = "no time stamp"
    BAD_TIME = "a time stamp that is no time"
    NO_YEAR = "a time stamp without a year"
    BEFORE_1970 = "a time before 1970"
    AFTER_2099 = "a time after 2099"


@dataclass(frozen=True, slots=True)
class Parsed:
    """An event."""

    time: int
    """Microseconds since 1970 UTC."""
    fields: dict[str, str] = field(default_factory=dict)
    """`client` is who caused it, and only there if software, not a stranger, put it there."""
    repeat: int = 1
    """How often it happened; more than once for `message repeated N times`."""
    event: bytes | None = None
    """The line as if it had been written out once, where it was not."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """No event."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Clues:
    """What a line does not say of its own time stamp."""

    offset: int = 0
    """Seconds east of UTC, for stamps without a zone."""
    after: int | None = None
    """Microseconds; stamps without a year are of the twelve months from here on."""


class Format(Protocol):
    """How the lines of a log are written."""

    @property
    def name(self) -> str: ...

    def parse(self, line: bytes) -> Parsed | Skipped:
        """Read a line without its line end. Never raises, whatever the bytes are."""
        ...

    def is_typical(self, line: bytes) -> bool:
        """Whether a line speaks for this format rather than for a more general one."""
        ...
