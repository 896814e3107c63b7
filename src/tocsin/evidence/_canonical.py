"""One byte sequence for one value."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["canonical_json"]


def canonical_json(value: dict[str, Any]) -> bytes:
    """UTF-8, keys sorted, two spaces, one line feed at the end.

    Records hold no floats, whose digits would depend on who prints them.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False)
    return f"{text}\n".encode()
