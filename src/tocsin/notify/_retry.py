"""When to try again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.durations import DAY, MILLISECOND, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RetryPolicy"]

_SHORTEST = 100 * MILLISECOND


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Doubling waits with full jitter: receivers that come back are not met by everybody at once.

    All times are microseconds.
    """

    first: int = SECOND
    longest: int = 5 * MINUTE
    give_up: int = DAY
    """A message this old is not tried again."""

    def next_attempt(
        self, attempts: int, now: int, after: int | None, random: Callable[[], float]
    ) -> int:
        """When to try again after `attempts` failures; `after` is what the receiver asked for."""
        bound = min(self.longest, self.first << min(max(attempts, 1) - 1, 40))
        wait = int(bound * random())
        return now + max(wait, after or 0, _SHORTEST)

    def expired(self, created: int, now: int) -> bool:
        return now - created >= self.give_up
