"""Numbers and query results as Prometheus writes them in JSON.

Sources: Prometheus documentation, "HTTP API", "Expression query result formats"; Go's
`strconv.FormatFloat` with the formats `f` and `e` and the shortest precision.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.durations import SECOND
from tocsin.promql import Matrix, Scalar, String, Vector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.promql import Result

__all__ = ["exponent", "instant_data", "plain", "range_data", "unix"]


def plain(value: float) -> str:
    """The shortest digits that read back as `value`, never with an exponent."""
    text = repr(value)
    if text.endswith(".0"):
        return text[:-2]
    if "e" in text:
        return format(Decimal(text), "f")
    return _SPECIAL.get(text, text)


_SPECIAL = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def exponent(value: float) -> str:
    """The same digits with an exponent, `1.6e+01`: how the API writes an alert's value."""
    if not math.isfinite(value):
        return plain(value)
    shortest = Decimal(repr(value)).normalize()
    sign, digits, _ = shortest.as_tuple()
    first, *rest = map(str, digits)
    mantissa = f"{first}.{''.join(rest)}" if rest else first
    power = shortest.adjusted() if value else 0
    return f"{'-' * sign}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def unix(micros: int) -> int | float:
    """Seconds since 1970, without a fraction where there is none."""
    seconds, rest = divmod(micros, SECOND)
    return micros / SECOND if rest else seconds


def instant_data(result: Result, time: int) -> dict[str, Any]:
    """The `data` of an instant query."""
    at = unix(time)
    match result:
        case Scalar(values):
            return {"resultType": "scalar", "result": [at, plain(float(values[0]))]}
        case String(text):
            return {"resultType": "string", "result": [at, text]}
        case Vector(labels, values, present):
            found = [
                {"metric": each.to_dict(), "value": [at, plain(value)]}
                for each, value, there in zip(
                    labels, values[:, 0].tolist(), present[:, 0].tolist(), strict=True
                )
                if there
            ]
            return {"resultType": "vector", "result": found}
        case Matrix():
            return {"resultType": "matrix", "result": _matrix(result)}


def range_data(result: Result, start: int, step: int) -> dict[str, Any]:
    """The `data` of a range query: series sorted by labels, points where there are any."""
    found: list[dict[str, Any]] = []
    match result:
        case Scalar(values):
            times = _grid(start, step, len(values))
            found = [{"metric": {}, "values": _points(times, values.tolist())}]
        case Vector(labels, values, present):
            times = _grid(start, step, values.shape[1])
            for row in sorted(range(len(labels)), key=lambda row: labels[row]):
                there = np.flatnonzero(present[row])
                if len(there):
                    points = _points(
                        [times[k] for k in there.tolist()], values[row, there].tolist()
                    )
                    found.append({"metric": labels[row].to_dict(), "values": points})
        case _:
            raise TypeError(type(result))
    return {"resultType": "matrix", "result": found}


def _matrix(result: Matrix) -> list[dict[str, Any]]:
    selection = result.selection
    found = []
    for row in sorted(range(len(selection.labels)), key=lambda row: selection.labels[row]):
        low, high = selection.offsets[row], selection.offsets[row + 1]
        if high > low:
            times = [unix(micros) for micros in selection.times[low:high].tolist()]
            points = _points(times, selection.values[low:high].tolist())
            found.append({"metric": selection.labels[row].to_dict(), "values": points})
    return found


def _grid(start: int, step: int, count: int) -> list[int | float]:
    return [unix(start + k * step) for k in range(count)]


def _points(times: Sequence[float], values: Sequence[float]) -> list[list[float | str]]:
    return [[at, plain(value)] for at, value in zip(times, values, strict=True)]
