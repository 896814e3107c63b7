"""The staleness marker: one NaN among many, told apart by its bits.

Source: Prometheus, `model/value/value.go` (StaleNaN = 0x7ff0000000000002).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["STALE", "is_stale", "stale_mask"]

_BITS = 0x7FF0000000000002
STALE: float = struct.unpack("<d", struct.pack("<Q", _BITS))[0]


def is_stale(value: float) -> bool:
    return value != value and struct.unpack("<Q", struct.pack("<d", value))[0] == _BITS  # noqa: PLR0124


def stale_mask(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """True where a value is the staleness marker; same shape as `values`."""
    mask: npt.NDArray[np.bool_] = values.view(np.uint64) == np.uint64(_BITS)
    return mask
