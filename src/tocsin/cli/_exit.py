"""What each exit code means; the only place that maps errors to codes."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from tocsin.errors import DeliveryError, FileErrors, ParseError, SourceError, StoreError

if TYPE_CHECKING:
    from tocsin.errors import TocsinError

__all__ = ["ExitCode", "code_of"]


class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    WRONG = 2
    UNREACHABLE = 3
    STATE = 4
    UNANCHORED = 5

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "done, and what was asked about is as it should be",
    ExitCode.FAILED: "the command ran, but what it looked at is not as it should be",
    ExitCode.WRONG: "an argument, a configuration, a rule file or a query is wrong, or asks "
    "for a package that is not installed",
    ExitCode.UNREACHABLE: "something on the network did not answer",
    ExitCode.STATE: "the state folder can't be used",
    ExitCode.UNANCHORED: "nothing in the evidence is altered, but without an anchor nobody can see "
    "whether its end is missing or all of it was written anew",
}


def code_of(error: TocsinError) -> ExitCode:
    if isinstance(error, (FileErrors, ParseError)):
        return ExitCode.WRONG
    if isinstance(error, (SourceError, DeliveryError)):
        return ExitCode.UNREACHABLE
    if isinstance(error, StoreError):
        return ExitCode.STATE
    return ExitCode.FAILED
