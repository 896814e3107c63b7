"""The table of functions: what each is called, takes, yields and computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.labels import EMPTY
from tocsin.promql import _histogram, _label_functions, _over_time, _rate, _trend
from tocsin.promql._nodes import Kind, Range, Selector
from tocsin.promql._result import Scalar, String, Vector
from tocsin.promql._time_functions import DATE_PARTS
from tocsin.promql._vectors import compressed, nameless, picked
from tocsin.promql._windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.labels import Labels
    from tocsin.promql._arrays import Flags, Floats
    from tocsin.promql._nodes import Node
    from tocsin.promql._scope import Scope

__all__ = ["FUNCTIONS", "Function"]


@dataclass(frozen=True, slots=True, eq=False)
class Arguments:
    """What a function is called with."""

    values: tuple[Vector | Scalar | String | Windows, ...]
    nodes: tuple[Node, ...]
    scope: Scope

    def vector(self, index: int) -> Vector:
        value = self.values[index]
        assert isinstance(value, Vector)  # noqa: S101 - the parser has checked the types
        return value

    def scalar(self, index: int, default: float = 0.0) -> Floats:
        """One number an evaluation time."""
        if index >= len(self.values):
            return np.full(len(self.scope.times), default)
        value = self.values[index]
        assert isinstance(value, Scalar)  # noqa: S101 - the parser has checked the types
        return value.values

    def text(self, index: int) -> str:
        value = self.values[index]
        assert isinstance(value, String)  # noqa: S101 - the parser has checked the types
        return value.value

    def nameless(
        self, labels: Sequence[Labels], values: Floats, present: Flags, *, whole: bool = False
    ) -> Vector:
        delayed = self.scope.options.delayed_names
        return nameless(labels, values, present, whole=whole, delayed=delayed)

    def windows(self, index: int) -> Windows:
        value = self.values[index]
        assert isinstance(value, Windows)  # noqa: S101 - the parser has checked the types
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    name: str
    usage: str
    """How it is written, for the reference page."""
    returns: Kind
    run: Callable[[Arguments], Vector | Scalar]
    note: str = ""
    """What the reference page says about it."""


FUNCTIONS: dict[str, Function] = {}


def _add(
    name: str,
    arguments: str,
    run: Callable[[Arguments], Vector | Scalar],
    note: str = "",
    returns: Kind = Kind.VECTOR,
) -> None:
    FUNCTIONS[name] = Function(name, f"{name}({arguments})", returns, run, note)


def _over(
    name: str,
    compute: Callable[[Arguments, Windows], tuple[Floats, Flags]],
    arguments: str = "range",
    note: str = "",
    *,
    keep_name: bool = False,
) -> None:
    """A function of a range vector, always its first matrix argument."""
    place = 1 if arguments.startswith("scalar") else 0

    def run(given: Arguments) -> Vector:
        windows = given.windows(place)
        given.scope.check(len(windows.labels))
        values, present = compute(given, windows)
        if keep_name:
            return Vector(windows.labels, values, present, windows.fading)
        return given.nameless(windows.labels, values, present, whole=True)

    _add(name, arguments, run, note)


def _rates(name: str, note: str, *, counter: bool, per_second: bool) -> None:
    _over(
        name,
        lambda given, windows: _rate.extrapolated(
            windows, counter=counter, per_second=per_second, old_zero_rule=given.scope.closed
        ),
        note=note,
    )


_rates("rate", "per second, resets added, stretched to the window", counter=True, per_second=True)
_rates("increase", "as `rate`, over the whole window", counter=True, per_second=False)
_rates("delta", "the change of a gauge, stretched to the window", counter=False, per_second=False)
_over("irate", lambda _, w: _rate.instant_change(w, counter=True), note="the last two samples")
_over("idelta", lambda _, w: _rate.instant_change(w, counter=False), note="the last two samples")
_over("resets", lambda _, w: _rate.resets(w))
_over("changes", lambda _, w: _rate.changes(w))
_over("deriv", lambda _, w: _trend.deriv(w), note="least squares")
_over(
    "predict_linear",
    lambda given, w: _trend.predict_linear(w, given.scalar(1)),
    "range, scalar seconds",
    "least squares",
)
_over(
    "double_exponential_smoothing",
    lambda given, w: _trend.smoothed(w, given.scalar(1), given.scalar(2)),
    "range, scalar sf, scalar tf",
    "experimental in 3.5; `holt_winters` in 2.x",
)
_over("avg_over_time", lambda _, w: _over_time.average(w), note="compensated")
_over("sum_over_time", lambda _, w: _over_time.total(w), note="compensated")
_over("min_over_time", lambda _, w: _over_time.extreme(w, largest=False))
_over("max_over_time", lambda _, w: _over_time.extreme(w, largest=True))
_over("count_over_time", lambda _, w: _over_time.count(w))
_over("present_over_time", lambda _, w: _over_time.present(w))
_over("last_over_time", lambda _, w: _over_time.last(w), note="keeps the name", keep_name=True)
_over(
    "first_over_time",
    lambda _, w: _over_time.first(w),
    note="experimental; keeps the name",
    keep_name=True,
)
_over("stddev_over_time", lambda _, w: _over_time.variance(w, root=True))
_over("stdvar_over_time", lambda _, w: _over_time.variance(w, root=False))
_over("mad_over_time", lambda _, w: _over_time.median_deviation(w), note="experimental in 3.5")
_over(
    "quantile_over_time",
    lambda given, w: _over_time.quantile(w, given.scalar(0)),
    "scalar q, range",
)
_over("ts_of_first_over_time", lambda _, w: _over_time.first_time(w), note="experimental")
_over("ts_of_last_over_time", lambda _, w: _over_time.last_time(w), note="experimental in 3.5")
_over(
    "ts_of_max_over_time",
    lambda _, w: _over_time.extreme_time(w, largest=True),
    note="experimental in 3.5",
)
_over(
    "ts_of_min_over_time",
    lambda _, w: _over_time.extreme_time(w, largest=False),
    note="experimental in 3.5",
)


def _math(name: str, compute: Callable[[Floats], Floats], note: str = "") -> None:
    """A function of each element."""

    def run(given: Arguments) -> Vector:
        vector = given.vector(0)
        return given.nameless(vector.labels, compute(vector.values), vector.present)

    _add(name, "vector", run, note)


for _name in (
    *("abs", "ceil", "floor", "exp", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
    *("log2", "log10"),
):
    _math(_name, getattr(np, _name))
_math("ln", np.log)
_math("sgn", np.sign)
for _name in ("asin", "acos", "atan", "asinh", "acosh", "atanh"):
    _math(_name, getattr(np, _name.replace("a", "arc", 1)))
_math("deg", lambda values: values * 180 / np.pi)
_math("rad", lambda values: values * np.pi / 180)


def _round(given: Arguments) -> Vector:
    vector = given.vector(0)
    # Halves go up, also below zero; multiplying by the inverse is what Prometheus does.
    inverse = 1.0 / given.scalar(1, 1.0)
    values = np.floor(vector.values * inverse + 0.5) / inverse
    return given.nameless(vector.labels, values, vector.present)


def _clamp(given: Arguments, low: Floats, high: Floats) -> Vector:
    vector = given.vector(0)
    values = np.maximum(low, np.minimum(high, vector.values))
    return given.nameless(vector.labels, values, vector.present & ~(high < low))


_add("round", "vector, scalar to_nearest = 1", _round, "halves go up")
_add(
    "clamp",
    "vector, scalar min, scalar max",
    lambda given: _clamp(given, given.scalar(1), given.scalar(2)),
    "nothing where max < min",
)
_add(
    "clamp_min",
    "vector, scalar min",
    lambda given: _clamp(given, given.scalar(1), np.full_like(given.scalar(1), np.inf)),
)
_add(
    "clamp_max",
    "vector, scalar max",
    lambda given: _clamp(given, np.full_like(given.scalar(1), -np.inf), given.scalar(1)),
)


def _date(name: str, compute: Callable[[Floats], Floats]) -> None:
    def run(given: Arguments) -> Vector:
        if given.values:
            vector = given.vector(0)
            return given.nameless(vector.labels, compute(vector.values), vector.present)
        return _single(compute(given.scope.times / 1e6))

    _add(name, "vector = vector(time())", run, "UTC")


def _single(values: Floats) -> Vector:
    """One element without labels at each time."""
    return Vector((EMPTY,), values[None, :], np.ones((1, len(values)), np.bool_))


for _name, _compute in DATE_PARTS.items():
    _date(_name, _compute)


def _timestamp(given: Arguments) -> Vector:
    """The evaluation time; a selector as argument is evaluated to its sample times before."""
    vector = given.vector(0)
    values = vector.values
    if not isinstance(given.nodes[0], Selector):
        values = np.broadcast_to(given.scope.times / 1e6, values.shape)
    return given.nameless(vector.labels, values, vector.present)


def _scalar(given: Arguments) -> Scalar:
    vector = compressed(given.vector(0))
    alone = vector.present.sum(axis=0) == 1
    values = np.where(vector.present, vector.values, 0.0).sum(axis=0)
    return Scalar(np.where(alone, values, np.nan))


def _time(given: Arguments) -> Scalar:
    return Scalar(given.scope.times / 1e6)


_add("timestamp", "vector", _timestamp, "the time of the sample where the argument is a selector")
_add("vector", "scalar", lambda given: _single(given.scalar(0)))
_add("scalar", "vector", _scalar, "NaN unless there is exactly one element", Kind.SCALAR)
_add("time", "", _time, "", Kind.SCALAR)
_add("pi", "", lambda given: Scalar(np.full(len(given.scope.times), np.pi)), "", Kind.SCALAR)


def _absent(given: Arguments) -> Vector:
    node, value = given.nodes[0], given.values[0]
    present = value.counts > 0 if isinstance(value, Windows) else given.vector(0).present
    there = np.logical_or.reduce(present, axis=0)
    selector = node.selector if isinstance(node, Range) else node
    labels = (
        _label_functions.absent_labels(selector.matchers)
        if isinstance(selector, Selector)
        else EMPTY
    )
    return Vector((labels,), np.ones((1, len(there))), ~there[None, :])


_add("absent", "vector", _absent, "labels from the equality matchers of a selector")
_add("absent_over_time", "range", _absent, "labels from the equality matchers of a selector")


def _sort(given: Arguments, *, descending: bool) -> Vector:
    vector = given.vector(0)
    if vector.values.shape[1] != 1:
        return vector
    vector = compressed(vector)
    key = vector.values[:, 0]
    return picked(vector, np.argsort(-key if descending else key, kind="stable"))


def _sort_by_label(given: Arguments, *, descending: bool) -> Vector:
    names = [given.text(index) for index in range(1, len(given.values))]
    return _label_functions.sort_by_label(given.vector(0), names, descending=descending)


_SORTED = "NaN last; instant queries only"
_add("sort", "vector", lambda given: _sort(given, descending=False), _SORTED)
_add("sort_desc", "vector", lambda given: _sort(given, descending=True), _SORTED)
_BY_LABEL = "experimental in 3.5; natural order; instant queries only"
_add(
    "sort_by_label",
    "vector, string label, ...",
    lambda given: _sort_by_label(given, descending=False),
    _BY_LABEL,
)
_add(
    "sort_by_label_desc",
    "vector, string label, ...",
    lambda given: _sort_by_label(given, descending=True),
    _BY_LABEL,
)
_add(
    "label_replace",
    "vector, string target, string replacement, string source, string regex",
    lambda given: _label_functions.label_replace(
        given.vector(0), given.text(1), given.text(2), given.text(3), given.text(4)
    ),
    "RE2, matched against the whole value; `$1`, `${name}`",
)
_add(
    "label_join",
    "vector, string target, string separator, string source, ...",
    lambda given: _label_functions.label_join(
        given.vector(0),
        given.text(1),
        given.text(2),
        [given.text(index) for index in range(3, len(given.values))],
    ),
)
_add(
    "histogram_quantile",
    "scalar q, vector buckets",
    lambda given: given.nameless(*_histogram.quantile(given.vector(1), given.scalar(0))),
    "classic buckets",
)
_add(
    "histogram_fraction",
    "scalar lower, scalar upper, vector buckets",
    lambda given: given.nameless(
        *_histogram.fraction(given.vector(2), given.scalar(0), given.scalar(1))
    ),
    "classic buckets",
)

_NATIVE = "native histograms are not supported"
_NEWER = "newer than Prometheus 3.5"
REFUSED = {
    "histogram_avg": _NATIVE,
    "histogram_count": _NATIVE,
    "histogram_stddev": _NATIVE,
    "histogram_stdvar": _NATIVE,
    "histogram_sum": _NATIVE,
    "info": "experimental, needs data-model knowledge of info metrics",
    "histogram_quantiles": _NEWER,
    "start": _NEWER,
    "end": _NEWER,
    "range": _NEWER,
    "step": _NEWER,
}
"""Functions that the parser knows and Tocsin refuses, with the reason."""
