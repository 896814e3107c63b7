"""Text from strangers, made safe to show to people."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str, limit: int = 200) -> str:
    """One line that no terminal obeys, cut to `limit` characters.

    Control characters, bidirectional marks and lone surrogates are shown as escapes.
    """
    shown = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text[:limit]
    )
    return shown if len(text) <= limit else f"{shown}..."
