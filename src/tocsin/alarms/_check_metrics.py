"""What is wrong with the metrics and expressions of an alarm.

Source: API reference of CloudWatch, `MetricDataQuery`, `MetricStat`, `Dimension`; user
guide, "Creating an alarm based on a metric math expression".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.alarms._math import infer
from tocsin.alarms._math_parse import compile_math
from tocsin.alarms._queries import query_order
from tocsin.alarms._statistic import parse_statistic
from tocsin.alarms._vocabulary import UNITS
from tocsin.errors import ParseError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.alarms._definition import Metric, MetricQuery
    from tocsin.errors import Span

__all__ = ["HIGH_RESOLUTION", "MAX_EXPRESSIONS", "MAX_METRICS", "Found", "check_metric",
           "check_queries", "check_stat"]  # fmt: skip

HIGH_RESOLUTION = (10, 20, 30)
MAX_METRICS = 10
MAX_EXPRESSIONS = 10
MAX_DIMENSIONS = 30
_ID = re.compile(r"[a-z][a-zA-Z0-9_]{0,254}")


class Found:
    """The mistakes of one alarm, as they are found."""

    def __init__(self, span: Span, name: str, problems: list[Problem] | None = None) -> None:
        self.problems: list[Problem] = [] if problems is None else problems
        self._span = span
        self._name = name

    def add(self, what: str, hint: str = "") -> None:
        owner = f"alarm {self._name[:80]!r}: " if self._name else ""
        self.problems.append(Problem(self._span, f"{owner}{what}", hint))

    def error(self, where: str, error: ParseError) -> None:
        column = f" column {error.span.column}" if error.span else ""
        self.add(f"{where}{column}: {error.what}", error.hint)

    def period(self, period: int) -> None:
        if period not in HIGH_RESOLUTION and (period < 60 or period % 60):
            self.add(f"Period is {period}", "use 10, 20, 30 or a multiple of 60 seconds")


def check_stat(text: str, found: Found) -> None:
    try:
        parse_statistic(text)
    except ParseError as error:
        found.error("statistic", error)


def check_metric(metric: Metric, found: Found) -> None:
    for kind, text in (("MetricName", metric.metric_name), ("Namespace", metric.namespace)):
        if not text:
            found.add(f"{kind} is missing")
        elif len(text) > 255:
            found.add(f"{kind} of {len(text)} characters", "use up to 255")
    if metric.namespace.startswith(":"):
        found.add("Namespace begins with a colon", "CloudWatch refuses it")
    names = [dimension.name for dimension in metric.dimensions]
    if len(names) > MAX_DIMENSIONS:
        found.add(f"{len(names)} dimensions", f"use up to {MAX_DIMENSIONS}")
    if len(set(names)) < len(names):
        found.add("a dimension is given twice")
    for dimension in metric.dimensions:
        if not 1 <= len(dimension.name) <= 255 or not 1 <= len(dimension.value) <= 1024:
            found.add("a dimension without name or value, or too long", "use up to 255 and 1024")
        if dimension.name.startswith(":"):
            found.add("a dimension's name begins with a colon", "CloudWatch refuses it")


def check_queries(queries: Sequence[MetricQuery], found: Found) -> None:
    """The queries one by one, then how they fit together."""
    ids = [query.id for query in queries]
    for each in dict.fromkeys(ids):
        if not _ID.fullmatch(each):
            found.add(f"id {each[:40]!r}", "a lower-case letter, then letters, digits, underscores")
        if ids.count(each) > 1:
            found.add(f"id {each[:40]!r} is given twice")
    stats = [query for query in queries if query.metric_stat is not None]
    if len(stats) > MAX_METRICS:
        found.add(f"{len(stats)} metrics", f"an alarm takes up to {MAX_METRICS}")
    if len(queries) - len(stats) > MAX_EXPRESSIONS:
        found.add(f"{len(queries) - len(stats)} expressions", f"use up to {MAX_EXPRESSIONS}")
    returned = [query.id for query in queries if query.return_data]
    if len(returned) != 1:
        found.add(f"{len(returned)} queries return data", "set ReturnData on exactly one")
    sound = [_check_query(query, found) for query in queries]
    periods = {query.metric_stat.period for query in stats if query.metric_stat}
    periods |= {query.period for query in queries if query.period}
    if len(periods) > 1:
        listed = ", ".join(map(str, sorted(periods)))
        found.add(f"periods of {listed} s", "all metrics of an alarm have one period")
    if not periods:
        found.add("no metric gives a period")
    for period in periods:
        found.period(period)
    if all(sound):
        _check_types(queries, [query.id for query in stats], returned, found)


def _check_query(query: MetricQuery, found: Found) -> bool:
    """Whether it can be read."""
    stat = query.metric_stat
    if (stat is None) == (query.expression is None):
        found.add(f"query {query.id[:40]!r}: give one of MetricStat and Expression")
        return False
    if stat is not None:
        check_metric(stat.metric, found)
        check_stat(stat.stat, found)
        if stat.unit is not None and stat.unit not in UNITS:
            found.add(
                f"unknown Unit {stat.unit[:40]!r}", "use Count, Seconds, Percent, ... or None"
            )
        return True
    try:
        compile_math(query.expression or "")
    except ParseError as error:
        found.error(f"expression {query.id[:40]!r}", error)
        return False
    return True


def _check_types(
    queries: Sequence[MetricQuery], metrics: list[str], returned: list[str], found: Found
) -> None:
    types = dict.fromkeys(metrics, "T")
    try:
        order = query_order(queries)
    except ParseError as error:
        found.error("Metrics", error)
        return
    for query in order:
        try:
            types[query.id] = infer(compile_math(query.expression or ""), types, metrics)
        except ParseError as error:
            found.error(f"expression {query.id[:40]!r}", error)
            return
        if types[query.id] == "S":
            found.add(
                f"expression {query.id[:40]!r} gives a scalar",
                "its result has to be a time series; TIME_SERIES() makes one of a scalar",
            )
    if len(returned) == 1 and types.get(returned[0]) == "A":
        found.add(
            f"expression {returned[0]!r} gives several time series",
            "an alarm watches one; SUM(), MAX() or FIRST() of them gives one",
        )
