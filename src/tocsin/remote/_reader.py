"""From a response body to samples, cheaply where only the numbers changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import ParseError, Span
from tocsin.remote._grammar import NUMBER, OPENMETRICS, TEXT, read_comment, read_series
from tocsin.series import NO_TIME, DropReason, Exposition, LabelLimits, Metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.labels import Labels
    from tocsin.remote._grammar import Grammar

__all__ = ["Reader"]

_OPENMETRICS_TYPE = "application/openmetrics-text"
_HELP_LIMIT = 4096
_INFINITE = float("inf")


class Reader:
    """Reads the expositions of one target.

    Between two scrapes a line mostly changes behind its last space, so the reader
    keeps the label sets of the last exposition by the text before it. That text was a
    whole series when it was kept, and the grammar gives a line only one series; so what
    is found by the short way is what the grammar finds (`tests/source` holds it to that).
    """

    def __init__(self, limits: LabelLimits | None = None) -> None:
        self._limits = limits or LabelLimits()
        self._known: dict[str, Labels | None] = {}
        self._comments: list[str] = []
        self._metadata: Mapping[str, Metadata] = {}

    def read(self, body: bytes, content_type: str) -> Exposition:
        """Raise ParseError with the line, for a body that is not an exposition."""
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            line = body.count(b"\n", 0, error.start) + 1
            raise ParseError("not UTF-8", span=Span("", line)) from None
        openmetrics = content_type.split(";", maxsplit=1)[0].strip().lower() == _OPENMETRICS_TYPE
        return self._read(text.split("\n"), OPENMETRICS if openmetrics else TEXT)

    def _read(self, lines: list[str], grammar: Grammar) -> Exposition:
        if grammar.terminated:
            _cut_end(lines)
        known, fresh = self._known, dict[str, "Labels | None"]()
        labels: list[Labels] = []
        values: list[float] = []
        times: dict[int, int] = {}
        comments: list[str] = []
        over_limit = 0
        is_number = NUMBER.fullmatch
        number = 0
        try:
            for number, line in enumerate(lines, 1):  # noqa: B007 - the error names it
                if line[:1] == "#":
                    comments.append(line)
                    continue
                series, _, value = line.rpartition(" ")
                time = None
                if series not in known or is_number(value) is None:
                    if not line.strip(" \t"):
                        continue
                    series, value, time = _split(line, grammar)
                    if series not in known:
                        known[series] = read_series(series, self._limits)
                found = fresh[series] = known[series]
                if found is None:
                    over_limit += 1
                    continue
                if time is not None:
                    times[len(labels)] = time
                labels.append(found)
                values.append(_float(value))
            number = 0
            metadata = self._describe(comments)
        except ParseError as error:
            span = Span("", number) if number else error.span
            raise ParseError(error.what, hint=error.hint, span=span) from None
        finally:
            # What the target no longer writes is forgotten, so memory follows its size.
            self._known = fresh
        return Exposition(
            tuple(labels),
            np.array(values, np.float64),
            _column(times, len(labels)),
            metadata,
            {DropReason.LABEL_LIMIT: over_limit} if over_limit else {},
        )

    def _describe(self, comments: list[str]) -> Mapping[str, Metadata]:
        if comments == self._comments:
            return self._metadata
        found: dict[str, dict[str, str]] = {}
        for line in comments:
            read = read_comment(line)
            if read is not None:
                kind, metric, text = read
                found.setdefault(metric, {})[kind.lower()] = text[:_HELP_LIMIT]
        self._comments = comments
        self._metadata = {metric: Metadata(**parts) for metric, parts in found.items()}
        return self._metadata


def _cut_end(lines: list[str]) -> None:
    if lines[-1] == "":
        lines.pop()
    if not lines or lines.pop() != "# EOF":
        raise ParseError("the text does not end with # EOF", hint="the answer may be cut off")


def _split(line: str, grammar: Grammar) -> tuple[str, str, int | None]:
    match = grammar.sample.fullmatch(line)
    if match is None:
        hint = "lines must end with LF alone" if line.endswith("\r") else ""
        raise ParseError("not a sample", hint=hint)
    series, value, time = match.group("series", "value", "time")
    if NUMBER.fullmatch(value) is None:
        raise ParseError(f"not a number: {value[:40]!r}")
    return series, value, None if time is None else _micros(time, grammar.scale)


def _micros(text: str, scale: int) -> int:
    try:
        micros = int(text) * scale if text.lstrip("-").isdigit() else round(float(text) * scale)
    except (ValueError, OverflowError):
        raise ParseError(f"not a time: {text[:40]!r}") from None
    if abs(micros) >= 1 << 62:
        raise ParseError(f"time out of range: {text[:40]!r}")
    return micros


def _float(text: str) -> float:
    value = float(text)
    if abs(value) == _INFINITE and text.strip("+-")[:1] not in ("i", "I"):
        raise ParseError(f"number out of range: {text[:40]!r}")
    return value


def _column(times: dict[int, int], count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    if not times:
        return None
    column = np.full(count, NO_TIME, np.int64)
    column[list(times)] = list(times.values())
    return column
