"""Which texts are numbers: decimal notation, and nothing that only Python takes for one."""

from __future__ import annotations

import re
from math import isfinite

__all__ = ["plain_number"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)


def plain_number(value: str | float) -> float | None:
    """The finite number that a value is or spells, if it is one."""
    if isinstance(value, str) and _NUMBER.fullmatch(value) is None:
        return None
    found = float(value)
    return found if isfinite(found) else None
