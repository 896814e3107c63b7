"""Words of strangers and times on the page of a replay."""

from __future__ import annotations

import html

from tocsin.cli._output import moment
from tocsin.printable import printable

__all__ = ["escaped", "time_element"]


def escaped(text: str, limit: int = 200) -> str:
    """A text for HTML, of at most so many characters."""
    return html.escape(printable(text, limit))


def time_element(micros: int) -> str:
    """A time, microseconds since 1970 UTC, as HTML."""
    text = moment(micros)
    return f'<time datetime="{text}">{text.replace("T", " ")}</time>'
