"""The same samples and queries in a real Prometheus 2.x and in Tocsin give the same."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from tests.promql._prometheus import BINARY, PROMTOOL, ask, exposition, prometheus
from tests.referees import NO_PROMETHEUS
from tocsin.errors import ParseError, QueryError
from tocsin.labels import Labels
from tocsin.promql import Matrix, Options, Scalar, Vector, evaluate, parse
from tocsin.series import Batch, Head

pytestmark = pytest.mark.skipif(BINARY is None or PROMTOOL is None, reason=NO_PROMETHEUS)

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
LAST = START + 3600 * SECOND
OLD = Options(version=2)


def _series() -> list[tuple[Labels, list[tuple[int, float]]]]:
    """An hour of counters with resets, gauges, specials, gaps, jitter and histograms."""
    rng = random.Random(7)
    found = []

    def add(name, step, value, jitter=0, keep=1.0, **labels):
        samples = []
        for index, moment in enumerate(range(START, LAST + 1, step * SECOND)):
            number = value(index)
            if rng.random() < keep:
                samples.append((moment + rng.randint(-jitter, jitter) * 1000, float(number)))
        found.append((Labels({"__name__": name, **labels}), samples))

    for instance in ("a", "b", "c"):
        for code in ("200", "404", "500"):
            total = [rng.randint(0, 50)]

            def counter(_, total=total):
                total[0] = 0 if rng.random() < 0.02 else total[0] + rng.randint(0, 9)
                return total[0]

            add("requests_total", 15, counter, 700, 0.97, instance=instance, code=code, job="web")
        add("memory", 15, lambda _: rng.gauss(5e8, 1e7), 0, 1.0, instance=instance, job="web")
        add("temperature", 60, lambda i: 20 + 5 * math.sin(i / 9), 0, 0.9, instance=instance)
        add("up", 15, lambda _: rng.random() < 0.9, 0, 1.0, instance=instance, job="web")
        add("build_info", 60, lambda _: 1, 0, 1.0, instance=instance, version=f"1.{instance}")
    specials = [0.0, -0.0, math.inf, -math.inf, math.nan, 1.5, -2.5, 1e9, 1e-300]
    add("special", 60, lambda _: rng.choice(specials), kind="any")
    add("special", 60, lambda _: rng.choice([0.0, 2.5, math.nan]), kind="nan")
    add("gap", 15, lambda i: i, 0, 0.2, kind="sparse")
    counts = {(i, le): 0 for i in "ab" for le in ("0.1", "0.5", "1", "5", "+Inf")}
    for instance in "ab":
        columns = {le: [] for i, le in counts if i == instance}
        for moment in range(START, LAST + 1, 15 * SECOND):
            for _ in range(rng.randint(0, 20)):
                seen = rng.expovariate(2)
                for le in columns:
                    counts[instance, le] += seen <= float(le)
            for le, column in columns.items():
                column.append((moment, float(counts[instance, le])))
        for le, column in columns.items():
            labels = {"__name__": "latency_bucket", "instance": instance, "le": le}
            found.append((Labels(labels), column))
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    series = _series()
    # Negative zero is lost on the way in: the text format reads it, the block keeps it.
    head = Head(2 * 3600 * SECOND)
    for number, (labels, samples) in enumerate(series):
        for moment, value in samples:
            head.append(Batch(f"s{number}", moment, (labels,), np.array([value])))
    with prometheus(tmp_path_factory.mktemp("prometheus"), exposition(series)) as address:
        yield address, head


RANGES = ("30s", "1m", "5m", "17m")
OVER = (
    *("rate", "increase", "delta", "irate", "idelta", "resets", "changes", "deriv"),
    *("avg_over_time", "sum_over_time", "min_over_time", "max_over_time", "count_over_time"),
    *("stddev_over_time", "stdvar_over_time", "last_over_time", "present_over_time"),
    *("absent_over_time",),
)
# Not of NaN or infinity: Go's conversion to an integer gives a date of no meaning there.
DATES = (
    "minute",
    "hour",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "days_in_month",
    "month",
    "year",
)
ELEMENTS = (
    *("abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "sin", "cos", "tan"),
    *("asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad"),
    *("round", "timestamp", "absent", "scalar"),
    *DATES,
)
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
QUERIES = (
    *(f"{f}({m}[{r}])" for f in OVER for m in ("requests_total", "special", "gap") for r in RANGES),
    *(
        f"{f}({m})"
        for f in ELEMENTS
        for m in ("special", "temperature / 30", "time() - gap")
        if f not in DATES or m != "special"
    ),
    *(f"{a}({m})" for a in AGGREGATIONS for m in ("requests_total", "special", "memory")),
    *(f"{a} by (instance) (requests_total)" for a in AGGREGATIONS),
    *(f"{a} without (code, nope) (rate(requests_total[5m]))" for a in AGGREGATIONS),
    *(f"requests_total {op} 40" for op in ("+", "-", "*", "/", "%", "^")),
    "(requests_total + 0) atan2 40",
    *(f"special {op} special" for op in ("+", "-", "*", "/", "%", "==", "!=", ">", "<=")),
    *(f"requests_total {op} 40" for op in ("==", "!=", ">", "<", ">=", "<=")),
    *(f"40 {op} bool requests_total" for op in ("==", "!=", ">", "<", ">=", "<=")),
    *(f"special {op} NaN" for op in ("==", "!=", ">", "<", ">=", "<=")),
    *(f"requests_total {op} memory" for op in ("and", "or", "unless")),
    *(f"requests_total {op} on (instance) (up == 1)" for op in ("and", "or", "unless")),
    *(f"requests_total {op} ignoring (code, job) memory" for op in ("and", "or", "unless")),
    *(f"histogram_quantile({q}, rate(latency_bucket[5m]))" for q in (-1, 0, 0.5, 0.95, 1, 2)),
    *(f"quantile_over_time({q}, special[9m])" for q in (-1, 0, 0.3, 0.5, 1, 2, "NaN")),
    *(f"quantile by (instance) ({q}, requests_total)" for q in (-1, 0, 0.3, 1, 2)),
    *(f"{f}(special, 2.5)" for f in ("clamp_min", "clamp_max", "round")),
    "clamp(special, -1, 2)",
    "clamp(special, 2, 1)",
    "round(memory, 1e6)",
    "round(temperature, 0.3)",
    "histogram_quantile(0.9, sum by (le) (rate(latency_bucket[5m])))",
    "histogram_quantile(0.9, latency_bucket{le!='+Inf'})",
    "histogram_quantile(0.5, latency_bucket{le=~'0.5|[+]Inf'})",
    "predict_linear(temperature[10m], 600)",
    "predict_linear(special[10m], 600)",
    "holt_winters_is_gone",
    "topk(2, memory)",
    "bottomk(2, memory) by (job)",
    "topk by (instance) (1, memory)",
    "count_values('n', up)",
    "count_values by (kind) ('n', special)",
    "requests_total * on (instance) group_left (version) build_info",
    "build_info * on (instance) group_right (version) requests_total",
    "requests_total / on (instance) group_left requests_total{code='200'}",
    "requests_total / on (instance) requests_total",
    "requests_total / ignoring (code) requests_total{code='200'}",
    "requests_total{code='200'} / ignoring (code) requests_total{code='404'}",
    "sum by (instance) (requests_total) / on (instance) up",
    "requests_total + on () group_left up{instance='a'}",
    "requests_total > on (instance) group_left up",
    "memory > on (instance) up",
    "memory > bool ignoring (x) memory",
    "{__name__=~'memory|up'} + 1",
    "-{__name__=~'memory|up'}",
    "-temperature",
    "rate({__name__=~'memory|up'}[1m])",
    "requests_total offset 5m",
    "requests_total offset -5m",
    "rate(requests_total[5m] offset 10m)",
    f"requests_total @ {START // SECOND + 900}",
    f"rate(requests_total[5m] @ {START // SECOND + 900} offset 1m)",
    "requests_total @ start()",
    "rate(requests_total[5m] @ end())",
    "max_over_time(rate(requests_total[2m])[20m:1m])",
    "max_over_time(rate(requests_total[2m])[20m:])",
    "sum_over_time(up[10m:37s])",
    "sum_over_time(up[10m:1m] offset 130s)",
    "avg_over_time(sum_over_time(up[2m:30s])[10m:1m])",
    "absent_over_time(gap{kind='sparse', x='y'}[5m])",
    "absent(nothing{a='b', c=~'d', e='f', e='g'})",
    "absent(sum(nothing))",
    "label_replace(memory, 'host', '$1-x', 'instance', '(.*)')",
    "label_replace(memory, 'instance', 'same', '', '')",
    "label_replace(memory, 'job', '', 'instance', 'a')",
    "label_join(memory, 'all', '/', 'job', 'none', 'instance')",
    "vector(time())",
    "scalar(memory{instance='a'}) + 1",
    "time() % 60",
    "1 + 2 * 3 ^ 2 ^ 0.5 - 4 % 3",
    "1 > bool 2",
    "day_of_week()",
    "sort_desc(requests_total)",
    "up == 0 or on (instance) memory > 5e8",
    "sum(up) without ()",
    "sum by (__name__) ({__name__=~'up|memory'})",
    "group by (job) ({instance='a'})",
    "timestamp(up)",
    "timestamp(up + 0)",
    "timestamp(gap)",
    "pi() * 2",
    "up unless up == 1",
    "sum(rate(requests_total{code=~'5..'}[5m])) / sum(rate(requests_total[5m])) > 0.1",
    "gap[2m]",
    "up[1m:20s]",
    "'text'",
)


def _number(text):
    return float(text)


def _theirs(data):
    """Results as {labels: {milliseconds: value}}."""
    if "error" in data:
        return "error"
    kind, result = data["resultType"], data["result"]
    if kind == "string":
        return result[1]
    if kind == "scalar":
        return {Labels(): {round(result[0] * 1000): _number(result[1])}}
    found = {}
    for row in result:
        points = row["values"] if "values" in row else [row["value"]]
        found[Labels(row["metric"])] = {round(t * 1000): _number(v) for t, v in points}
    return found


def _ours(text, head, *times):
    try:
        result = evaluate(parse(text), head, *times, options=OLD)
    except (ParseError, QueryError):
        return "error"
    if isinstance(result, Matrix):
        selection = result.selection
        edges = zip(selection.offsets[:-1], selection.offsets[1:], strict=True)
        return {
            labels: dict(
                zip(
                    (selection.times[low:high] // 1000).tolist(),
                    selection.values[low:high].tolist(),
                    strict=True,
                )
            )
            for labels, (low, high) in zip(selection.labels, edges, strict=True)
        }
    grid = range(times[0], times[1] + 1, times[2]) if len(times) > 1 else times
    if isinstance(result, Scalar):
        return {Labels(): {t // 1000: v for t, v in zip(grid, result.values.tolist(), strict=True)}}
    if isinstance(result, Vector):
        return {
            labels: {
                t // 1000: v for t, v, there in zip(grid, values, present, strict=True) if there
            }
            for labels, values, present in zip(
                result.labels, result.values.tolist(), result.present.tolist(), strict=True
            )
        }
    return result.value


def _same(theirs, ours):
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return theirs == ours
    if theirs.keys() != ours.keys():
        return False
    for labels, points in theirs.items():
        if points.keys() != ours[labels].keys():
            return False
        for moment, value in points.items():
            mine = ours[labels][moment]
            if not (value == mine or (math.isnan(value) and math.isnan(mine))) and not math.isclose(
                value, mine, rel_tol=1e-9, abs_tol=1e-300
            ):
                return False
    return True


@pytest.mark.parametrize("text", QUERIES)
def test_instant(both, text):
    address, head = both
    for moment in (START + 1800 * SECOND, START + 1803 * SECOND, START + 200 * SECOND, LAST):
        theirs = _theirs(ask(address, "query", query=text, time=f"{moment / 1e6:.3f}"))
        assert _same(theirs, _ours(text, head, moment)), (theirs, _ours(text, head, moment))


@pytest.mark.parametrize(
    "text", [q for q in QUERIES if q not in ("gap[2m]", "up[1m:20s]", "'text'")]
)
def test_range(both, text):
    address, head = both
    start, end, step = START + 300 * SECOND, LAST + 600 * SECOND, 77 * SECOND
    theirs = _theirs(
        ask(
            address,
            "query_range",
            query=text,
            start=f"{start / 1e6:.3f}",
            end=f"{end / 1e6:.3f}",
            step="77",
        )
    )
    ours = _ours(text, head, start, end, step)
    assert _same(theirs, ours), (theirs, ours)
