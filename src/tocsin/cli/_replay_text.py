"""Words of strangers, times and offenders on the page of a replay."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from tocsin.cli._output import moment
from tocsin.printable import printable

if TYPE_CHECKING:
    from tocsin.correlation import TopOffender

__all__ = ["escaped", "offender_facts", "time_element"]


def escaped(text: str, limit: int = 200) -> str:
    """A text for HTML, of at most so many characters."""
    return html.escape(printable(text, limit))


def time_element(micros: int) -> str:
    """A time, microseconds since 1970 UTC, as HTML."""
    text = moment(micros)
    return f'<time datetime="{text}">{text.replace("T", " ")}</time>'


def offender_facts(each: TopOffender) -> str:
    """A client with its users, its times and where some of its lines stand."""
    users = ", ".join(escaped(name, 60) for name in each.others) + (", ..." if each.more else "")
    parts = [f"users {users}"] if each.others else []
    begin, end = time_element(each.first), time_element(each.last)
    parts.append(begin if begin == end else f"{begin} to {end}")
    parts += [escaped(place, 300) for place in each.samples]
    return f"{escaped(each.name, 60)}<br><small>{'<br>'.join(parts)}</small>"
