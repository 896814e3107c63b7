"""Text from strangers, made safe to show to people."""

from __future__ import annotations

__all__ = ["cell", "printable"]

_FORMULA = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")
"""What makes a spreadsheet take a cell for a formula or a command, also in full width."""


def printable(text: str, limit: int = 200) -> str:
    """One line that no terminal obeys, cut to `limit` characters.

    Control characters, bidirectional marks and lone surrogates are shown as escapes.
    """
    shown = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text[:limit]
    )
    return shown if len(text) <= limit else f"{shown}..."


def cell(text: str, limit: int = 1000) -> str:
    """The same for a cell of a CSV file: a text that no spreadsheet takes for a formula.

    Source: OWASP, "CSV Injection": such a text gets an apostrophe before it. A `csv.writer` does
    the quoting.
    """
    shown = printable(text, limit)
    # Blanks before it do not hide it.
    return f"'{shown}" if shown.lstrip()[:1] in _FORMULA and shown.strip() else shown
