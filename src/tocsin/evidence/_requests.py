"""What to ask for a set of controls: each request once, though several controls need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.control import Control, Need, Period

__all__ = ["Request", "request_of", "requests_of"]


@dataclass(frozen=True, slots=True)
class Request:
    """A GET of the Prometheus API."""

    path: str
    """Below `/api/v1/`."""
    params: tuple[tuple[str, str], ...]


def request_of(need: Need, period: Period) -> Request:
    return Request(need.path, need.params(period))


def requests_of(controls: Iterable[Control], period: Period) -> tuple[Request, ...]:
    """In the order of the controls."""
    return tuple(
        dict.fromkeys(request_of(need, period) for control in controls for need in control.needs)
    )
