"""What each metric math function takes, gives and does.

`S` is a scalar, `T` a time series, `A` an array of time series (the user guide's S, TS and
TS[]), `K` a bare word such as REPEAT, `Q` a quoted text. A missing value is None.

Source: user guide, "Using metric math", sections "Functions supported for metric math" and
"Using IF expressions". What the page leaves open is listed in docs/reference/alarms.md.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tocsin.durations import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FUNCTIONS", "Array", "Function", "Grid", "Series", "Value", "finite"]

Series = list[float | None]
Array = list[tuple[str, Series]]
Value = Any
"""float | None for S, Series for T, Array for A, str for K and Q; the types are checked
before anything is evaluated."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Grid:
    """The periods an expression is evaluated on, oldest first."""

    starts: tuple[int, ...]
    """Microseconds since 1970 UTC."""
    period: int
    """Seconds."""
    metrics: tuple[tuple[str, Series], ...] = ()
    """What METRICS() gives: the metrics of the request, no expressions."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function: what each combination of argument types gives, and how."""

    gives: dict[str, str]
    run: Callable[[Grid, list[Value]], Value]
    words: tuple[tuple[str, ...], ...] = ()
    """What its bare words may be, in order."""


def finite(value: float) -> float | None:
    """A result that is no number is no datapoint."""
    return value if math.isfinite(value) else None


def _safe(compute: Callable[[], float]) -> float | None:
    try:
        value = compute()
    except (ArithmeticError, ValueError):
        return None
    return finite(value)


def _each(change: Callable[[float], float]) -> Function:
    def one(value: float | None) -> float | None:
        return None if value is None else _safe(lambda: change(value))

    def run(_: Grid, arguments: list[Value]) -> Value:
        return _map(arguments[0], lambda series: [one(value) for value in series], one)

    return Function({"S": "S", "T": "T", "A": "A"}, run)


def _map(
    value: Value,
    series: Callable[[Series], Series],
    scalar: Callable[[float | None], float | None] | None = None,
) -> Value:
    if not isinstance(value, list):
        return value if scalar is None else scalar(value)
    if value and isinstance(value[0], tuple):
        return [(name, series(each)) for name, each in value]
    return series(value)


def _whole(change: Callable[[Grid, Series], Series]) -> Function:
    def run(grid: Grid, arguments: list[Value]) -> Value:
        return _map(arguments[0], lambda series: change(grid, series))

    return Function({"T": "T", "A": "A"}, run)


def _reduce(change: Callable[[list[float]], float], *, zero: bool = False) -> Function:
    """A scalar of one series, a series of an array; `zero` counts missing values as 0."""

    def over(values: Sequence[float | None]) -> float | None:
        present = [value for value in values if value is not None]
        if zero and present:
            present += [0.0] * (len(values) - len(present))
        return _safe(lambda: change(present)) if present else None

    def run(grid: Grid, arguments: list[Value]) -> Value:
        value = arguments[0]
        if value and isinstance(value[0], tuple):
            return [over(column) for column in zip(*(each for _, each in value), strict=True)]
        # An array of no series is a series of no values.
        return over(value) if value else [None] * len(grid.starts)

    return Function({"T": "S", "A": "T"}, run)


def _counted(grid: Grid, arguments: list[Value]) -> Value:
    value = arguments[0]
    if value and isinstance(value[0], tuple):
        columns = zip(*(each for _, each in value), strict=True)
        return [float(sum(each is not None for each in column)) for column in columns]
    return float(sum(each is not None for each in value)) if value else [0.0] * len(grid.starts)


def _steps(grid: Grid, series: Series, change: Callable[[float, float], float]) -> Series:
    """From the value before to this one: `change` of the difference and the seconds."""
    found: Series = []
    before: tuple[int, float] | None = None
    for start, value in zip(grid.starts, series, strict=True):
        result = None
        if value is not None:
            if before is not None:
                seconds, difference = (start - before[0]) / SECOND, value - before[1]
                result = _safe(lambda: change(difference, seconds))  # noqa: B023 - called at once
            before = (start, value)
        found.append(result)
    return found


def _running_sum(_: Grid, series: Series) -> Series:
    total, found = 0.0, []
    for value in series:
        total += value or 0.0
        found.append(None if value is None else finite(total))
    return found


def _fill(grid: Grid, arguments: list[Value]) -> Value:
    filler = arguments[1]

    def one(series: Series) -> Series:
        if filler == "REPEAT":
            return _repeat(series)
        if filler == "LINEAR":
            return _linear(series)
        other = filler if isinstance(filler, list) else [filler] * len(grid.starts)
        return [b if a is None else a for a, b in zip(series, other, strict=True)]

    return _map(arguments[0], one)


def _repeat(series: Series) -> Series:
    found: Series = []
    for value in series:
        found.append((found[-1] if found else None) if value is None else value)
    return found


def _linear(series: Series) -> Series:
    """A straight line over each gap; a gap at either end has no other side and stays."""
    found = list(series)
    known = [place for place, value in enumerate(series) if value is not None]
    for left, right in pairwise(known):
        low, high = series[left] or 0.0, series[right] or 0.0
        for place in range(left + 1, right):
            found[place] = finite(low + (high - low) * (place - left) / (right - left))
    return found


def _if(grid: Grid, arguments: list[Value]) -> Value:
    condition, then, *rest = arguments
    otherwise = rest[0] if rest else None
    if not isinstance(condition, list):
        chosen = otherwise if condition == 0 or condition is None else then
        as_series = isinstance(then, list) or isinstance(otherwise, list) or not rest
        if as_series and not isinstance(chosen, list):
            return [chosen] * len(grid.starts)
        return chosen
    found: Series = []
    for place, value in enumerate(condition):
        if value is None:
            found.append(None)
        elif value != 0:
            # NOTE: a missing second argument counts as 0, a missing third one drops the point.
            found.append((then[place] or 0.0) if isinstance(then, list) else then)
        else:
            found.append(otherwise[place] if isinstance(otherwise, list) else otherwise)
    return found


def _metrics(grid: Grid, arguments: list[Value]) -> Value:
    part = arguments[0] if arguments else ""
    return [(name, list(series)) for name, series in grid.metrics if part in name]


def _ends(place: int) -> Function:
    def run(grid: Grid, arguments: list[Value]) -> Value:
        return arguments[0][place][1] if arguments[0] else [None] * len(grid.starts)

    return Function({"A": "T"}, run)


def _slice(_: Grid, arguments: list[Value]) -> Value:
    first = int(arguments[1] or 0)
    last = None if len(arguments) == 2 else int(arguments[2] or 0)
    return arguments[0][max(first, 0) : None if last is None else max(last, 0)]


def _sort(_: Grid, arguments: list[Value]) -> Value:
    array, by, order, *limit = arguments
    scores: dict[str, Callable[[list[float]], float]] = {
        "AVG": statistics.fmean, "MIN": min, "MAX": max, "SUM": math.fsum,
    }  # fmt: skip
    change = scores[by]

    def key(named: tuple[str, Series]) -> tuple[bool, float]:
        present = [value for value in named[1] if value is not None]
        score = (_safe(lambda: change(present)) if present else None) or 0.0
        # Series without data come last in either order.
        return not present, -score if order == "DESC" else score

    ranked = sorted(array, key=key)
    return ranked[: max(int(limit[0] or 0), 0)] if limit else ranked


def _clock(change: Callable[[datetime], float]) -> Function:
    """Of every period's start, whether or not there is a value."""

    def one(start: int) -> float | None:
        try:
            return float(change(_EPOCH + timedelta(microseconds=start)))
        except OverflowError:
            return None

    return Function({"T": "T"}, lambda grid, _: [one(start) for start in grid.starts])


FUNCTIONS = {
    "ABS": _each(abs),
    "AVG": _reduce(lambda values: math.fsum(values) / len(values), zero=True),
    "CEIL": _each(lambda value: float(math.ceil(value))),
    "DATAPOINT_COUNT": Function({"T": "S", "A": "T"}, _counted),
    "DATE": _clock(lambda moment: moment.day),
    "DAY": _clock(lambda moment: moment.isoweekday()),
    "DIFF": _whole(lambda grid, series: _steps(grid, series, lambda change, _: change)),
    "DIFF_TIME": _whole(lambda grid, series: _steps(grid, series, lambda _, seconds: seconds)),
    "EPOCH": _clock(lambda moment: moment.timestamp()),
    "FILL": Function(
        {"TS": "T", "TT": "T", "TK": "T", "AS": "A", "AT": "A", "AK": "A"},
        _fill, (("REPEAT", "LINEAR"),),
    ),
    "FIRST": _ends(0),
    "FLOOR": _each(lambda value: float(math.floor(value))),
    "HOUR": _clock(lambda moment: moment.hour),
    "IF": Function(
        {
            **dict.fromkeys(("TT", "TS", "TTT", "TTS", "TST", "TSS"), "T"),
            **dict.fromkeys(("ST", "STT", "STS", "SST"), "T"), "SSS": "S",
        },
        _if,
    ),
    "LAST": _ends(-1),
    "LOG": _each(math.log),
    "LOG10": _each(math.log10),
    "MAX": _reduce(max),
    "METRICS": Function({"": "A", "Q": "A"}, _metrics),
    "METRIC_COUNT": Function({"A": "S"}, lambda _, arguments: float(len(arguments[0]))),
    "MIN": _reduce(min),
    "MINUTE": _clock(lambda moment: moment.minute),
    "MONTH": _clock(lambda moment: moment.month),
    "PERIOD": Function({"T": "S"}, lambda grid, _: float(grid.period)),
    "RATE": _whole(
        lambda grid, series: _steps(grid, series, lambda change, seconds: change / seconds)
    ),
    "REMOVE_EMPTY": Function(
        {"A": "A"},
        lambda _, arguments: [
            named for named in arguments[0] if any(value is not None for value in named[1])
        ],
    ),
    "RUNNING_SUM": _whole(_running_sum),
    "SLICE": Function({"AS": "A", "ASS": "A"}, _slice),
    "SORT": Function(
        {"AKK": "A", "AKKS": "A"}, _sort, (("AVG", "MIN", "MAX", "SUM"), ("ASC", "DESC"))
    ),
    "STDDEV": _reduce(statistics.pstdev),
    "SUM": _reduce(math.fsum),
    "TIME_SERIES": Function(
        {"S": "T"}, lambda grid, arguments: [arguments[0]] * len(grid.starts)
    ),
    "YEAR": _clock(lambda moment: moment.year),
}  # fmt: skip
