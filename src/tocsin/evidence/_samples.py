"""Samples beside the records, as OpenMetrics text: enough to compute each answer again.

Any Prometheus reads them: `promtool tsdb create-blocks-from openmetrics`. Staleness markers have no
form in OpenMetrics; the queries of controls read ranges, which pass over them.
"""

from __future__ import annotations

import gzip
import io
import re
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tocsin.control import QueryNeed
from tocsin.durations import MILLISECOND
from tocsin.errors import ParseError
from tocsin.labels import Labels
from tocsin.promql import parse
from tocsin.series import NO_SAMPLES, Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.control import Control, Period
    from tocsin.labels import Matcher

__all__ = ["KeptSamples", "SampleBook", "SampleSpan", "read_samples", "spans_of"]

_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_MOST_BYTES = 1 << 30
_MOST_SERIES = 100_000


class SampleSpan(msgspec.Struct, frozen=True):
    """Samples that queries read: a selector, and from when to when."""

    selector: str
    start: int
    """The first moment, microseconds since 1970 UTC."""
    end: int


def spans_of(controls: Iterable[Control], period: Period) -> tuple[SampleSpan, ...]:
    """Each selector once, over all that the queries look at."""
    found: dict[str, tuple[int, int]] = {}
    for control in controls:
        for need in control.needs:
            if not isinstance(need, QueryNeed):
                continue
            first, last, _ = need.grid(period)
            query = parse(need.text(period))
            for selector in query.selectors:
                text = str(selector)
                start, end = found.get(text, (first, last))
                found[text] = (min(start, first - query.look_back), max(end, last))
    return tuple(SampleSpan(text, start, end) for text, (start, end) in sorted(found.items()))


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Data(msgspec.Struct):
    resultType: str  # noqa: N815 - the API's name
    result: list[_Series]


class _Answer(msgspec.Struct):
    status: str
    data: _Data
    warnings: list[str] = []


class SampleBook:
    """Collects samples from answers to range selectors; the same samples make the same bytes."""

    def __init__(self) -> None:
        self._series: dict[tuple[tuple[str, str], ...], dict[int, str]] = {}

    def add(self, body: bytes) -> None:
        """Take in an answer of `/api/v1/query` to a range selector. Raises ParseError."""
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ParseError(f"samples can't be read: {error}") from None
        if answer.status != "success" or answer.warnings or answer.data.resultType != "matrix":
            raise ParseError("samples are not whole", hint="; ".join(answer.warnings[:3]))
        for series in answer.data.result:
            labels = tuple(sorted((k, v) for k, v in series.metric.items() if v))
            known = self._series.setdefault(labels, {})
            for at, value in series.values:
                known[round(at * 1000)] = value
        if len(self._series) > _MOST_SERIES:
            raise ParseError(f"more than {_MOST_SERIES:,} series")

    def text(self) -> bytes:
        """OpenMetrics, by name, labels and time."""
        lines: list[str] = []
        family = None
        named = sorted((dict(labels).get("__name__", ""), labels) for labels in self._series)
        for name, labels in named:
            if name != family:
                lines.append(f"# TYPE {name} unknown")
                family = name
            rest = ",".join(f'{k}="{_escape(v)}"' for k, v in labels if k != "__name__")
            head = f"{name}{{{rest}}}"
            lines += [
                f"{head} {value} {at // 1000}.{at % 1000:03d}"
                for at, value in sorted(self._series[labels].items())
            ]
        return ("\n".join([*lines, "# EOF"]) + "\n").encode()

    def packed(self) -> bytes:
        """The text as gzip, without a time of packing."""
        return gzip.compress(self.text(), 6, mtime=0)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def read_samples(packed: bytes) -> tuple[bytes, KeptSamples]:
    """The text, and the samples to evaluate over. Raises ParseError."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            text = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError) as error:
        raise ParseError(f"the samples can't be unpacked: {error}") from None
    if len(text) > _MOST_BYTES or not text.endswith(b"# EOF\n"):
        raise ParseError("the samples are cut off or too large")
    return text, KeptSamples(text)


class KeptSamples:
    """Samples of a bundle; a Queryable."""

    def __init__(self, text: bytes) -> None:
        """Raises ParseError."""
        columns: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        try:
            for line in text.decode().split("\n"):
                if line and not line.startswith("#"):
                    head, value, at = line.rsplit(" ", 2)
                    seconds, _, fraction = at.partition(".")
                    times, values = columns[head]
                    times.append((int(seconds) * 1000 + int(fraction)) * MILLISECOND)
                    values.append(float(value))
        except (ValueError, UnicodeDecodeError) as error:
            raise ParseError(f"the samples can't be read: {error}") from None
        if any(b <= a for times, _ in columns.values() for a, b in pairwise(times)):
            raise ParseError("the samples are not in order")
        self._series = [
            (_labels(head), np.array(times, np.int64), np.array(values))
            for head, (times, values) in columns.items()
        ]

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        labels, times, values, offsets = [], [], [], [0]
        for each, when, what in self._series:
            if all(matcher.matches(each[matcher.name]) for matcher in matchers):
                low, high = np.searchsorted(when, [start, end + 1])
                labels.append(each)
                times.append(when[low:high])
                values.append(what[low:high])
                offsets.append(offsets[-1] + int(high - low))
        if not labels:
            return NO_SAMPLES
        return Selection(
            tuple(labels), np.concatenate(times), np.concatenate(values),
            np.array(offsets, np.int64),
        )  # fmt: skip


def _labels(head: str) -> Labels:
    name, _, rest = head.partition("{")
    found = {key: _ESCAPED.sub(_unescape, value) for key, value in _PAIR.findall(rest)}
    return Labels({"__name__": name, **found})


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]
