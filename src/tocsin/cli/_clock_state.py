"""How far the clock of this machine can be trusted: what the kernel and the source say."""

from __future__ import annotations

import ctypes
import ctypes.util

__all__ = ["clock_state"]

_UNSYNCHRONISED = 5
_LONG = ctypes.c_long


class _Timex(ctypes.Structure):
    """`struct timex` of Linux; see adjtimex(2)."""

    _fields_ = [
        ("modes", ctypes.c_uint), ("offset", _LONG), ("freq", _LONG), ("maxerror", _LONG),
        ("esterror", _LONG), ("status", ctypes.c_int), ("rest", ctypes.c_byte * 256),
    ]  # fmt: skip


def clock_state() -> dict[str, str]:
    """`kernel` says whether the clock is kept in step; `max_error` in microseconds."""
    try:
        libc = ctypes.CDLL(ctypes.util.find_library("c"))
        found = _Timex(modes=0)
        state = int(libc.adjtimex(ctypes.byref(found)))
    except (OSError, AttributeError):
        return {"kernel": "unknown"}
    if state < 0:
        return {"kernel": "unknown"}
    if state == _UNSYNCHRONISED:
        return {"kernel": "not synchronised"}
    return {"kernel": "synchronised", "max_error": str(found.maxerror)}
