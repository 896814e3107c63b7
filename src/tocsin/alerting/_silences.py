"""Silences: who wants to hear nothing of which alerts, from when to when, and why."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from tocsin.alerting._matchers import AlertMatcher, matches_all
from tocsin.labels import MatchOp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.labels import Matcher

__all__ = ["Silence", "SilenceMatcher"]


class SilenceMatcher(msgspec.Struct, frozen=True, rename="camel"):
    """A condition, in the members of Alertmanager's v2 API."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    @property
    def matcher(self) -> Matcher:
        """Raises ParseError for a bad regex."""
        return _matcher(self.name, self.value, self.is_regex, self.is_equal)


@lru_cache(1000)
def _matcher(name: str, value: str, is_regex: bool, is_equal: bool) -> Matcher:
    if is_regex:
        return AlertMatcher(MatchOp.REGEX if is_equal else MatchOp.NOT_REGEX, name, value)
    return AlertMatcher(MatchOp.EQUAL if is_equal else MatchOp.NOT_EQUAL, name, value)


class Silence(msgspec.Struct, frozen=True):
    """All its matchers must match. Times are microseconds since 1970 UTC."""

    id: str
    matchers: tuple[SilenceMatcher, ...]
    starts_at: int
    ends_at: int
    created_by: str
    """As claimed by whoever made it."""
    comment: str
    updated_at: int = 0

    def status(self, now: int) -> str:
        """`pending`, `active` or `expired`."""
        if now >= self.ends_at:
            return "expired"
        return "active" if now >= self.starts_at else "pending"

    def mutes(self, labels: Mapping[str, str], now: int) -> bool:
        return self.status(now) == "active" and matches_all(
            (each.matcher for each in self.matchers), labels
        )
