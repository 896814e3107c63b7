"""Parts of the date of a time given in seconds since 1970 UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from tocsin.promql._arrays import Floats

__all__ = ["DATE_PARTS"]


def _of_seconds(
    part: Callable[[npt.NDArray[np.datetime64]], npt.NDArray[np.int64]],
) -> Callable[[Floats], Floats]:
    def compute(values: Floats) -> Floats:
        # Beyond this numpy's calendar overflows; no clock gets there.
        sane = np.abs(values) < 1e15
        seconds = np.where(sane, np.trunc(values), 0.0).astype(np.int64)
        return np.where(sane, part(seconds.astype("datetime64[s]")).astype(np.float64), np.nan)

    return compute


def _within(times: npt.NDArray[np.datetime64], outer: str, inner: str) -> npt.NDArray[np.int64]:
    """Whole inner units since the start of the outer unit."""
    start = times.astype(f"datetime64[{outer}]").astype(f"datetime64[{inner}]")
    units: npt.NDArray[np.int64] = (times.astype(f"datetime64[{inner}]") - start).astype(np.int64)
    return units


def _days_in_month(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    month = times.astype("datetime64[M]")
    following = (month + np.timedelta64(1, "M")).astype("datetime64[D]")
    days: npt.NDArray[np.int64] = (following - month.astype("datetime64[D]")).astype(np.int64)
    return days


DATE_PARTS: dict[str, Callable[[Floats], Floats]] = {
    "minute": _of_seconds(lambda times: _within(times, "h", "m")),
    "hour": _of_seconds(lambda times: _within(times, "D", "h")),
    # 1970-01-01 was a Thursday; Sunday is 0.
    "day_of_week": _of_seconds(lambda t: (t.astype("datetime64[D]").astype(np.int64) + 4) % 7),
    "day_of_month": _of_seconds(lambda times: _within(times, "M", "D") + 1),
    "day_of_year": _of_seconds(lambda times: _within(times, "Y", "D") + 1),
    "days_in_month": _of_seconds(_days_in_month),
    "month": _of_seconds(lambda times: _within(times, "Y", "M") + 1),
    "year": _of_seconds(lambda times: times.astype("datetime64[Y]").astype(np.int64) + 1970),
}
