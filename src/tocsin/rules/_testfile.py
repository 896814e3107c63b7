"""promtool's rule unit-test files, read as they are.

Source: Prometheus documentation, "Unit testing for rules".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tocsin.durations import MINUTE
from tocsin.errors import ParseError, RuleError, Span
from tocsin.promql import parse, parse_series
from tocsin.rules._native import NativeHistogram, expand, parse_histogram
from tocsin.series import HistogramNotation, parse_values
from tocsin.yamlfile import YamlMapping, YamlScalar, read_yaml
from tocsin.yamlreader import YamlReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.labels import Labels
    from tocsin.promql import Query
    from tocsin.yamlfile import YamlNode

__all__ = [
    "AlertTest",
    "ExpectedSample",
    "ExpressionTest",
    "InputSeries",
    "RuleTest",
    "RuleTestFile",
    "load_test_file",
]

Value = float | NativeHistogram | None


@dataclass(frozen=True, slots=True)
class InputSeries:
    """A series and one entry an interval; None is a gap."""

    labels: Labels
    values: tuple[Value, ...]

    @property
    def native(self) -> bool:
        return any(isinstance(value, NativeHistogram) for value in self.values)


@dataclass(frozen=True, slots=True)
class AlertTest:
    """Which alerts fire at a time: (labels, annotations) each."""

    time: int
    alertname: str
    expected: tuple[tuple[dict[str, str], dict[str, str]], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectedSample:
    """A value or a native histogram."""

    labels: Labels
    value: float
    histogram: NativeHistogram | None


@dataclass(frozen=True, slots=True)
class ExpressionTest:
    """What a query yields at a time."""

    query: Query
    time: int
    expected: tuple[ExpectedSample, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class RuleTest:
    """Input series and what must come of them."""

    name: str
    interval: int
    series: tuple[InputSeries, ...]
    alerts: tuple[AlertTest, ...]
    expressions: tuple[ExpressionTest, ...]
    external_labels: dict[str, str]
    external_url: str
    span: Span


@dataclass(frozen=True, slots=True)
class RuleTestFile:
    """A whole test file; times in microseconds."""

    path: str
    rule_files: tuple[str, ...]
    """Patterns, relative to the test file."""
    evaluation_interval: int
    group_eval_order: tuple[str, ...]
    fuzzy_compare: bool
    tests: tuple[RuleTest, ...]


_TOP = {"rule_files", "evaluation_interval", "group_eval_order", "fuzzy_compare", "tests"}
_TEST = {
    "name", "interval", "input_series", "alert_rule_test", "promql_expr_test",
    "external_labels", "external_url",
}  # fmt: skip


def load_test_file(text: bytes, path: str) -> RuleTestFile:
    """Read a test file. Raises RuleError with all its mistakes."""
    reader = _TestReader()
    made = reader.file(read_yaml(text, path), path)
    if reader.failed:
        raise RuleError(reader.problems)
    return made


_T = TypeVar("_T")


def _made(items: Iterable[_T | None]) -> tuple[_T, ...]:
    return tuple(item for item in items if item is not None)


class _TestReader(YamlReader):
    """One test file's reading."""

    def file(self, node: YamlNode, path: str) -> RuleTestFile:
        top = self.mapping(node, _TOP, "the test file")
        interval = self.duration(top, "evaluation_interval", MINUTE) or MINUTE
        order = self.strings(top, "group_eval_order")
        for name in {name for name in order if order.count(name) > 1}:
            self.error(self.span_of(top, "group_eval_order"), f"group {name!r} is named twice")
        return RuleTestFile(
            path,
            self.strings(top, "rule_files"),
            interval,
            order,
            self.boolean(top, "fuzzy_compare", default=False),
            tuple(self._test(item, interval) for item in self.items(top, "tests")),
        )

    def _test(self, node: YamlNode, interval: int) -> RuleTest:
        test = self.mapping(node, _TEST, "a test")
        return RuleTest(
            self.string(test, "name"),
            self.duration(test, "interval", interval) or interval,
            _made(self._series(item) for item in self.items(test, "input_series")),
            _made(self._alert(item) for item in self.items(test, "alert_rule_test")),
            _made(self._expression(item) for item in self.items(test, "promql_expr_test")),
            {name: text for name, (text, _) in self.string_map(test, "external_labels").items()},
            self.string(test, "external_url"),
            test.span,
        )

    def _series(self, node: YamlNode) -> InputSeries | None:
        item = self.mapping(node, {"series", "values"}, "an input series")
        labels = self._labels(item, "series")
        values: list[Value] = []
        try:
            values.extend(
                expand(each) if isinstance(each, HistogramNotation) else each
                for each in parse_values(self.string(item, "values"))
            )
        except ParseError as error:
            self.error(self.span_of(item, "values"), error.what, error.hint)
        return None if labels is None else InputSeries(labels, tuple(values))

    def _labels(self, item: YamlMapping, key: str) -> Labels | None:
        text = self.string(item, key)
        try:
            return parse_series(text)
        except ParseError as error:
            self.error(self.span_of(item, key), f"{key}: {error.what}", error.hint)
            return None

    def _alert(self, node: YamlNode) -> AlertTest | None:
        item = self.mapping(node, {"eval_time", "alertname", "exp_alerts"}, "an alert test")
        name = self.string(item, "alertname")
        if not name:
            self.error(item.span, "an alert test has no alertname", "add `alertname:`")
        expected = []
        for each in self.items(item, "exp_alerts"):
            alert = self.mapping(each, {"exp_labels", "exp_annotations"}, "an expected alert")
            labels, annotations = (
                {key: text for key, (text, _) in self.string_map(alert, part).items()}
                for part in ("exp_labels", "exp_annotations")
            )
            expected.append(({**labels, "alertname": name}, annotations))
        time = self.duration(item, "eval_time", 0)
        return AlertTest(time, name, tuple(expected), item.span)

    def _expression(self, node: YamlNode) -> ExpressionTest | None:
        item = self.mapping(node, {"expr", "eval_time", "exp_samples"}, "an expression test")
        time = self.duration(item, "eval_time", 0)
        expected = []
        for each in self.items(item, "exp_samples"):
            sample = self.mapping(each, {"labels", "value", "histogram"}, "an expected sample")
            labels = self._labels(sample, "labels")
            histogram = self._histogram(sample)
            if labels is not None:
                expected.append(ExpectedSample(labels, self._number(sample, "value"), histogram))
        if not self.require(item, "expr", "an expression test"):
            return None
        try:
            query = parse(self.string(item, "expr"))
        except ParseError as error:
            self.error(self.span_of(item, "expr"), f"expr: {error.what}", error.hint)
            return None
        return ExpressionTest(query, time, tuple(expected), item.span)

    def _histogram(self, sample: YamlMapping) -> NativeHistogram | None:
        text = self.string(sample, "histogram")
        try:
            return parse_histogram(text) if text else None
        except ParseError as error:
            self.error(self.span_of(sample, "histogram"), error.what, error.hint)
            return None

    def _number(self, parent: YamlMapping, key: str) -> float:
        node = parent.items.get(key)
        if node is None or not isinstance(node, YamlScalar) or node.is_null:
            return 0.0
        try:
            return float(
                node.text.replace(".inf", "inf").replace(".nan", "nan").replace(".NaN", "nan")
            )
        except ValueError:
            self.error(node.span, f"{key} must be a number, not {node.text[:40]!r}")
            return 0.0
