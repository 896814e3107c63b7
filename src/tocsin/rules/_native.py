"""Native histograms as rule unit tests write them: kept and compared, never computed with.

Source: Prometheus documentation, "Unit testing for rules", section "series".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from tocsin.errors import ParseError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.series import HistogramNotation

__all__ = ["NativeHistogram", "expand", "parse_histogram", "with_reset_hints"]

_ITEM = re.compile(r"\s*([a-z_]+):\s*(\[[^\]]*\]|[^\s\[\]]+)")
_KEYS = {
    "schema", "sum", "count", "z_bucket", "z_bucket_w", "buckets", "offset",
    "n_buckets", "n_offset", "counter_reset_hint", "custom_values",
}  # fmt: skip


class NativeHistogram(msgspec.Struct, frozen=True):
    """A float histogram in its compact form."""

    schema: int = 0
    sum: float = 0.0
    count: float = 0.0
    zero_count: float = 0.0
    zero_width: float = 0.0
    offset: int = 0
    buckets: tuple[float, ...] = ()
    negative_offset: int = 0
    negative_buckets: tuple[float, ...] = ()
    custom_values: tuple[float, ...] = ()
    reset_hint: str = "unknown"


def parse_histogram(text: str) -> NativeHistogram:
    """Read `{{schema:1 sum:3 count:2 buckets:[1 1]}}`. Raises ParseError."""
    body = text.strip().removeprefix("{{").removesuffix("}}").strip()
    found: dict[str, str] = {}
    position = 0
    while position < len(body):
        match = _ITEM.match(body, position)
        if match is None or match[1] not in _KEYS or match[1] in found:
            raise ParseError(f"bad native histogram {text[:60]!r}")
        found[match[1]] = match[2]
        position = match.end()
    try:
        offset, buckets = _compact(int(found.get("offset", 0)), _numbers(found.get("buckets")))
        low, negative = _compact(int(found.get("n_offset", 0)), _numbers(found.get("n_buckets")))
        return NativeHistogram(
            int(found.get("schema", 0)), float(found.get("sum", 0)), float(found.get("count", 0)),
            float(found.get("z_bucket", 0)), float(found.get("z_bucket_w", 0)),
            offset, buckets, low, negative, _numbers(found.get("custom_values")),
            found.get("counter_reset_hint", "unknown"),
        )  # fmt: skip
    except ValueError:
        raise ParseError(f"bad number in native histogram {text[:60]!r}") from None


def _numbers(text: str | None) -> tuple[float, ...]:
    return tuple(float(word) for word in text[1:-1].replace(",", " ").split()) if text else ()


def _compact(offset: int, buckets: tuple[float, ...]) -> tuple[int, tuple[float, ...]]:
    """Without empty buckets at the ends."""
    filled = [position for position, count in enumerate(buckets) if count]
    if not filled:
        return 0, ()
    return offset + filled[0], buckets[filled[0] : filled[-1] + 1]


def expand(notation: HistogramNotation) -> NativeHistogram:
    """The histogram with its change added as often as the notation says."""
    start = parse_histogram(notation.text)
    if not notation.change or not notation.count:
        return start
    change = parse_histogram(notation.change)
    if (start.schema, start.zero_width, start.custom_values) != (
        change.schema, change.zero_width, change.custom_values,
    ):  # fmt: skip
        raise UnsupportedError("adding native histograms of different schemas is not supported")
    times = notation.sign * notation.count
    offset, buckets = _added(start.offset, start.buckets, change.offset, change.buckets, times)
    low, negative = _added(
        start.negative_offset, start.negative_buckets,
        change.negative_offset, change.negative_buckets, times,
    )  # fmt: skip
    return msgspec.structs.replace(
        start,
        sum=start.sum + times * change.sum,
        count=start.count + times * change.count,
        zero_count=start.zero_count + times * change.zero_count,
        offset=offset,
        buckets=buckets,
        negative_offset=low,
        negative_buckets=negative,
    )


def _added(
    first: int, left: tuple[float, ...], second: int, right: tuple[float, ...], times: int
) -> tuple[int, tuple[float, ...]]:
    counts: dict[int, float] = {first + i: count for i, count in enumerate(left)}
    for i, count in enumerate(right):
        counts[second + i] = counts.get(second + i, 0.0) + times * count
    if not counts:
        return 0, ()
    low, high = min(counts), max(counts)
    return _compact(low, tuple(counts.get(i, 0.0) for i in range(low, high + 1)))


def with_reset_hints(histograms: Iterable[NativeHistogram | None]) -> list[NativeHistogram | None]:
    """Mark each histogram after the first as reset or not, as the database would."""
    marked: list[NativeHistogram | None] = []
    previous: NativeHistogram | None = None
    for histogram in histograms:
        if histogram is None:
            marked.append(None)
            continue
        if histogram.reset_hint == "unknown" and previous is not None:
            hint = "reset" if histogram.count < previous.count else "not_reset"
            marked.append(msgspec.structs.replace(histogram, reset_hint=hint))
        else:
            marked.append(histogram)
        previous = histogram
    return marked
