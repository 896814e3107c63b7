"""Metric math: checking the types of an expression, and evaluating it on a grid of periods.

Source: user guide, "Using metric math", sections "Basic arithmetic functions" and
"Comparison and logical operators".
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from tocsin.alarms._math_functions import FUNCTIONS, finite
from tocsin.errors import ParseError, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tocsin.alarms._math_functions import Array, Grid, Series, Value
    from tocsin.alarms._math_parse import Program, Step

__all__ = ["infer", "run"]

_NAMES = {
    "S": "a scalar", "T": "a time series", "A": "an array of time series",
    "K": "a word", "Q": "a text",
}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul,
    "/": operator.truediv, "^": operator.pow,
}  # fmt: skip
_LOGIC: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
    "AND": lambda a, b: a != 0 and b != 0, "OR": lambda a, b: a != 0 or b != 0,
}  # fmt: skip


def infer(
    program: Program,
    types: Mapping[str, str],
    metrics: Sequence[str] = (),
    calls: list[tuple[str, str]] | None = None,
) -> str:
    """The type an expression gives: S, T or A. `types` are those of the queries by id.

    Each function called is added to `calls`, with the types it is given.
    Raises ParseError where it does not fit together.
    """
    stack: list[tuple[str, Step]] = []
    for step in program.steps:
        taken = stack[len(stack) - step.taken :]
        del stack[len(stack) - step.taken :]
        given = _given(step, taken, types)
        if step.value == "PERIOD" and step.kind == "call" and taken[0][1].value not in metrics:
            raise _wrong(step, "PERIOD takes a metric, not the result of an expression")
        if step.kind == "call" and calls is not None:
            calls.append((str(step.value), "".join(kind for kind, _ in taken)))
        stack.append((given, step))
    given, step = stack[0]
    if given in "KQ":
        raise _unknown(step) if given == "K" else _wrong(step, "a text is no result")
    return given


def _given(step: Step, taken: list[tuple[str, Step]], types: Mapping[str, str]) -> str:
    kinds = "".join(kind for kind, _ in taken)
    if step.kind == "id":
        known = types.get(str(step.value))
        if known is None:
            raise _wrong(step, f"no metric or expression has the id {step.value}")
        return known
    if step.kind in ("number", "text", "word"):
        return {"number": "S", "text": "Q", "word": "K"}[step.kind]
    if step.kind == "array":
        if not kinds or set(kinds) - set("TA"):
            raise _wrong(step, "an array holds time series")
        return "A"
    return _call(step, taken, kinds) if step.kind == "call" else _operator(step, taken, kinds)


def _call(step: Step, taken: list[tuple[str, Step]], kinds: str) -> str:
    function = FUNCTIONS.get(str(step.value))
    if function is None:
        raise _wrong(step, f"unknown function {step.value}")
    given = function.gives.get(kinds)
    if given is None:
        described = ", ".join(_NAMES[kind] for kind in kinds) or "nothing"
        raise _wrong(step, f"{step.value} does not take {described}")
    words = [each for kind, each in taken if kind == "K"]
    # A function may take a word or something else in its place.
    for word, allowed in zip(words, function.words, strict=False):
        if word.value not in allowed:
            raise _wrong(word, f"{step.value} takes {' or '.join(allowed)} here")
    return given


def _operator(step: Step, taken: list[tuple[str, Step]], kinds: str) -> str:
    for kind, each in taken:
        if kind in "KQ":
            raise _unknown(each) if kind == "K" else _wrong(each, "a text has no value")
    if "A" not in kinds:
        return "T" if "T" in kinds else "S"
    if step.value in _LOGIC:
        raise _wrong(step, "time series are compared one with one, not as arrays")
    if kinds == "AA":
        raise _wrong(step, "an array is combined with a scalar or a time series only")
    return "A"


def _wrong(step: Step, what: str) -> ParseError:
    return ParseError(what, span=Span("", 1, step.column))


def _unknown(step: Step) -> ParseError:
    hint = "ids of metrics and expressions start with a lower-case letter"
    return ParseError(f"unknown word {step.value}", hint=hint, span=Span("", 1, step.column))


def run(program: Program, grid: Grid, values: Mapping[str, Value]) -> Value:
    """Evaluate an expression whose types `infer` has accepted."""
    stack: list[Value] = []
    for step in program.steps:
        taken = stack[len(stack) - step.taken :]
        del stack[len(stack) - step.taken :]
        if step.kind == "id":
            stack.append(values[str(step.value)])
        elif step.kind == "array":
            stack.append(_array(program, step, taken))
        elif step.kind == "call":
            stack.append(FUNCTIONS[str(step.value)].run(grid, taken))
        elif step.value == "negate" and step.kind == "operator":
            stack.append(_combine("-", 0.0, taken[0]))
        elif step.kind == "operator":
            stack.append(_combine(str(step.value), *taken))
        else:
            stack.append(step.value)
    return stack[0]


def _array(program: Program, step: Step, taken: list[Value]) -> Array:
    found: Array = []
    for place, value in enumerate(taken):
        if _is_array(value):
            found.extend(value)
        else:
            found.append((f"{program.text[:20]}[{step.column}.{place}]", value))
    return found


def _is_array(value: Value) -> bool:
    return isinstance(value, list) and (not value or isinstance(value[0], tuple))


def _combine(sign: str, left: Value, right: Value) -> Value:
    if _is_array(left):
        return [(name, _combine(sign, series, right)) for name, series in left]
    if _is_array(right):
        return [(name, _combine(sign, left, series)) for name, series in right]
    if isinstance(left, list) and isinstance(right, list):
        return [_pair(sign, a, b) for a, b in zip(left, right, strict=True)]
    if isinstance(left, list):
        return _with_scalar(left, right, lambda a, b: _apply(sign, a, b))
    if isinstance(right, list):
        return _with_scalar(right, left, lambda a, b: _apply(sign, b, a))
    return None if left is None or right is None else _apply(sign, left, right)


def _with_scalar(
    series: Series, scalar: float | None, change: Callable[[float, float], float | None]
) -> Series:
    return [None if a is None or scalar is None else change(a, scalar) for a in series]


def _pair(sign: str, left: float | None, right: float | None) -> float | None:
    """Missing in one series counts as 0; missing in both is missing."""
    if left is None and right is None:
        return None
    return _apply(sign, left or 0.0, right or 0.0)


def _apply(sign: str, left: float, right: float) -> float | None:
    if sign in _LOGIC:
        return 1.0 if _LOGIC[sign](left, right) else 0.0
    try:
        result = _ARITHMETIC[sign](left, right)
    except ArithmeticError:
        return None
    # NOTE: a negative base with a broken exponent gives a complex number.
    return None if isinstance(result, complex) else finite(result)
