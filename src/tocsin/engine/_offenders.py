"""Who, in every alert: what the events of an alert's window say, as an annotation.

The busiest of that time in the log groups, by the Sigma rules that they are held against. That is
no claim that they caused the alert: a rule over metrics does not say which events it is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.control import utc
from tocsin.durations import HOUR, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tocsin.correlation import TopOffender
    from tocsin.rules import Rule

    Who = Callable[[int, int], str]
    """Answers who was busiest from one time to another; empty if nobody is known."""

__all__ = ["NAMED", "OFFENDERS", "Who", "offenders_text", "window_of"]

OFFENDERS = "offenders"
"""The annotation."""
NAMED = 5
"""Offenders that an alert names."""
_LONGEST = 60
"""Characters of a name."""
_FITS = 1000
"""Characters of the annotation."""


def window_of(rule: Rule, active_at: int, time: int) -> tuple[int, int]:
    """What a rule's alert is about: what its query looked back to when it first held, till now."""
    return max(active_at - rule.query.look_back, time - HOUR), time


def offenders_text(found: Iterable[TopOffender]) -> str:
    """`203.0.113.9 (16 events, users root, admin, FIRST to LAST, auth.log:12); ...`.

    As many as fit: ten thousand alerts of one evaluation have the same text each.
    """
    text = ""
    for each in found:
        longer = f"{text}{'; ' if text else ''}{each.name[:_LONGEST]} ({_facts(each)})"
        if text and len(longer) > _FITS:
            break
        text = longer
    return text[:_FITS]


def _facts(each: TopOffender) -> str:
    off = f", off by at most {each.error}" if each.error else ""
    users = ", ".join(name[:_LONGEST] for name in each.others)
    named = f", users {users}{' and more' if each.more else ''}" if users else ""
    first, last = (utc(time // SECOND * SECOND) for time in (each.first, each.last))
    places = f", {', '.join(each.samples)}" if each.samples else ""
    number = f"{each.events} event{'s' if each.events != 1 else ''}"
    return f"{number}{off}{named}, {first} to {last}{places}"
