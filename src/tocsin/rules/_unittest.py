"""Running rule unit tests: the same evaluation as live, on a clock of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.durations import format_duration
from tocsin.errors import Problem, QueryError, RuleError, Span, TocsinError, UnsupportedError
from tocsin.labels import EMPTY, Labels
from tocsin.promql import Options, Scalar, Vector, evaluate, parse
from tocsin.rules._evaluate import GroupState, evaluate_group
from tocsin.rules._model import AlertingRule
from tocsin.rules._native import NativeHistogram, with_reset_hints
from tocsin.series import Batch, Head, is_stale

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.promql import Query, Result, Selector
    from tocsin.rules._model import RuleGroup
    from tocsin.rules._testfile import AlertTest, ExpressionTest, RuleTest, RuleTestFile

__all__ = ["TestFailure", "run_test", "run_test_file"]

# A test's clock starts at 1970 and holds everything it is given.
_FOR_EVER = 2**60


@dataclass(frozen=True, slots=True)
class TestFailure:
    """An expectation that did not hold."""

    __test__ = False

    span: Span
    test: str
    what: str
    expected: str
    got: str

    def __str__(self) -> str:
        name = f" in test {self.test!r}" if self.test else ""
        return (
            f"{self.span}: {self.what}{name}\n  expected: {self.expected}\n  got:      {self.got}"
        )


def run_test_file(
    file: RuleTestFile, groups: Sequence[RuleGroup], options: Options | None = None
) -> list[TestFailure]:
    """Every expectation of the file that does not hold.

    Raises RuleError where `group_eval_order` misses a group, UnsupportedError where
    a test computes with native histograms.
    """
    order = {name: position for position, name in enumerate(file.group_eval_order)}
    if order:
        for group in groups:
            if group.name not in order:
                raise RuleError([_missing_group(file, group)])
    ordered = sorted(groups, key=lambda group: order.get(group.name, 0))
    failures: list[TestFailure] = []
    for test in file.tests:
        failures += run_test(file, test, ordered, options or Options())
    return failures


def _missing_group(file: RuleTestFile, group: RuleGroup) -> Problem:
    what = f"group {group.name!r} is missing in group_eval_order"
    return Problem(Span(file.path), what, "name every group, or leave group_eval_order out")


def run_test(
    file: RuleTestFile, test: RuleTest, groups: Sequence[RuleGroup], options: Options
) -> list[TestFailure]:
    """One test: load, evaluate the groups at each interval, compare."""
    bench = _Bench(test, groups, options)
    failures: list[TestFailure] = []
    alerts = sorted(test.alerts, key=lambda alert: alert.time)
    last = max([0, *(a.time for a in test.alerts), *(e.time for e in test.expressions)])
    time = 0
    while time <= last:
        bench.load_until(time)
        error = bench.evaluate(time)
        if error:
            what = f"evaluation at {format_duration(time)}"
            return [*failures, TestFailure(test.span, test.name, what, "no error", error)]
        while alerts and alerts[0].time < time + file.evaluation_interval:
            failures += bench.check_alerts(alerts.pop(0))
        time += file.evaluation_interval
    bench.load_until(last)
    for expression in test.expressions:
        failures += bench.check_expression(expression, fuzzy=file.fuzzy_compare)
    return failures


class _Bench:
    """A head, the groups' states, and the native histograms beside it."""

    def __init__(self, test: RuleTest, groups: Sequence[RuleGroup], options: Options) -> None:
        self.test = test
        self.groups = groups
        self.options = options
        self.head = Head(_FOR_EVER)
        self.states = {group.key: GroupState() for group in groups}
        self.layouts: dict[str, tuple[Labels, ...]] = {}
        self.loaded = 0
        self.native = {
            series.labels: _histograms(series.values) for series in test.series if series.native
        }

    def load_until(self, time: int) -> None:
        """Input samples up to and with `time`; rules must not see the future."""
        steps = time // self.test.interval + 1
        for position, series in enumerate(self.test.series):
            rows = [
                (step * self.test.interval, value)
                for step, value in enumerate(series.values[self.loaded : steps], self.loaded)
                if isinstance(value, float)
            ]
            for when, value in rows:
                source = f"input/{position}"
                self.head.append(Batch(source, when, (series.labels,), np.array([value])))
        self.loaded = max(self.loaded, steps)

    def evaluate(self, time: int) -> str:
        """Evaluate every group; the first rule's error, empty if all is well."""
        for group in self.groups:
            evaluation = evaluate_group(
                group,
                self.states[group.key],
                time,
                self._query,
                lambda batch: self.head.append(batch).batch,
                text_query=lambda text, at: self._query(parse(text), at),
                layouts=self.layouts,
                external_labels=self.test.external_labels,
                external_url=self.test.external_url,
            )
            failed = [outcome.error for outcome in evaluation.outcomes if outcome.error]
            if failed:
                return f"group {group.name!r}: {failed[0]}"
            self.states[group.key] = evaluation.state
        return ""

    def _query(self, query: Query, time: int) -> Result:
        for selector in query.selectors:
            if any(_matches(selector, labels) for labels in self.native):
                raise UnsupportedError(
                    f"{query.text!r} computes with native histograms, which is not supported"
                )
        return evaluate(query, self.head, time, options=self.options)

    def check_alerts(self, expectation: AlertTest) -> list[TestFailure]:
        got = [
            (alert.labels, alert.annotations)
            for group in self.groups
            for position, rule in enumerate(group.rules)
            if isinstance(rule, AlertingRule) and rule.alert == expectation.alertname
            for alert in self.states[group.key].rules[f"{position};{rule.name}"].alerts
            if alert.state == "firing"
        ]
        if _sorted(got) == _sorted(expectation.expected):
            return []
        what = f"alertname {expectation.alertname!r} at {format_duration(expectation.time)}"
        expected, found = _alerts_text(expectation.expected), _alerts_text(got)
        return [TestFailure(expectation.span, self.test.name, what, expected, found)]

    def check_expression(self, expectation: ExpressionTest, *, fuzzy: bool) -> list[TestFailure]:
        what = f"expr {expectation.query.text!r} at {format_duration(expectation.time)}"
        wanted: dict[Labels, float | NativeHistogram] = {
            each.labels: each.value if each.histogram is None else each.histogram
            for each in expectation.expected
        }
        expected = _samples_text(wanted)
        try:
            got = self._samples(expectation.query, expectation.time)
        except UnsupportedError:
            raise
        except TocsinError as error:
            return [TestFailure(expectation.span, self.test.name, what, expected, error.what)]
        same = _ulp if fuzzy else _exact
        if len(wanted) == len(expectation.expected) and _equal(wanted, got, same):
            return []
        return [TestFailure(expectation.span, self.test.name, what, expected, _samples_text(got))]

    def _samples(self, query: Query, time: int) -> dict[Labels, float | NativeHistogram]:
        found: dict[Labels, float | NativeHistogram] = {}
        if query.is_selector and self.native:
            found.update(self._native_samples(query, time))
            result = evaluate(query, self.head, time, options=self.options)
        else:
            result = self._query(query, time)
        if isinstance(result, Scalar):
            return {EMPTY: float(result.values[0])}
        if not isinstance(result, Vector):
            raise QueryError("the expression yields neither a vector nor a scalar")
        for row in result.present[:, 0].nonzero()[0].tolist():
            found[result.labels[row]] = float(result.values[row, 0])
        return found

    def _native_samples(self, query: Query, time: int) -> dict[Labels, NativeHistogram]:
        found = {}
        for labels, histograms in self.native.items():
            if not _matches(query.selectors[0], labels):
                continue
            for step in range(min(time // self.test.interval, len(histograms) - 1), -1, -1):
                if time - step * self.test.interval >= self.options.lookback:
                    break
                if histograms[step] is not None:
                    histogram = histograms[step]
                    if isinstance(histogram, NativeHistogram):
                        found[labels] = histogram
                    break
        return found


def _matches(selector: Selector, labels: Labels) -> bool:
    return all(matcher.matches(labels[matcher.name]) for matcher in selector.matchers)


def _histograms(values: tuple[object, ...]) -> list[NativeHistogram | float | None]:
    marked = with_reset_hints(v if isinstance(v, NativeHistogram) else None for v in values)
    return [
        value if isinstance(value, float) and is_stale(value) else histogram
        for value, histogram in zip(values, marked, strict=True)
    ]


def _sorted(alerts: Sequence[tuple[dict[str, str], dict[str, str]]]) -> Sequence[object]:
    return sorted((sorted(labels.items()), sorted(notes.items())) for labels, notes in alerts)


def _exact(left: float, right: float) -> bool:
    return left == right


def _ulp(left: float, right: float) -> bool:
    return left == right or right in {
        math.nextafter(left, -math.inf), math.nextafter(left, math.inf),
    }  # fmt: skip


def _equal(
    wanted: dict[Labels, float | NativeHistogram],
    got: dict[Labels, float | NativeHistogram],
    same: Callable[[float, float], bool],
) -> bool:
    if wanted.keys() != got.keys():
        return False
    for labels, value in wanted.items():
        other = got[labels]
        if isinstance(value, float) and isinstance(other, float):
            if not same(value, other):
                return False
        elif value != other:
            return False
    return True


def _alerts_text(alerts: Sequence[tuple[dict[str, str], dict[str, str]]]) -> str:
    if not alerts:
        return "no alerts"
    return "; ".join(f"{Labels(labels)} with annotations {notes}" for labels, notes in alerts)


def _samples_text(samples: dict[Labels, float | NativeHistogram]) -> str:
    if not samples:
        return "no samples"
    return ", ".join(f"{labels} {value}" for labels, value in sorted(samples.items()))
