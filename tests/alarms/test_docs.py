"""The page says what the code does. `python -m tests.alarms.test_docs` writes its tables anew."""

from __future__ import annotations

import re

from tests.conftest import ROOT
from tocsin.alarms import FUNCTIONS, UNSUPPORTED, evaluation_range, of_values, parse_statistic
from tocsin.alarms import _check as checks
from tocsin.alarms import _check_metrics as metrics
from tocsin.alarms import _math_parse as math_parse
from tocsin.alarms import _rule_parse as rule
from tocsin.alarms._evaluate import MAX_SPAN
from tocsin.alarms._vocabulary import (
    ANOMALY_COMPARISONS,
    COMPARISONS,
    LOW_SAMPLE_CHOICES,
    STATISTICS,
    TREATMENTS,
)

PAGE = ROOT / "docs/reference/alarms.md"
EXAMPLES = (
    *STATISTICS, "p50", "p99.9", "tm90", "TM(10%:90%)", "TM(20:40)", "IQM", "tc90", "TC(20:40)",
    "ts90", "TS(80%:)", "wm98", "WM(10%:90%)", "PR(:30)", "PR(20:40)",
)  # fmt: skip


def listed(words) -> str:
    return ", ".join(f"`{word}`" for word in words)


def limits():
    periods = ", ".join(map(str, metrics.HIGH_RESOLUTION))
    yield "period", f"{periods} s, or a multiple of 60 s"
    yield "period x evaluation periods", f"{MAX_SPAN} s; {checks.MAX_SPAN_SHORT} s under an hour"
    yield "datapoints to alarm", "1 to the evaluation periods"
    yield "comparison operators", listed(COMPARISONS)
    yield "treatment of missing data", listed(TREATMENTS)
    yield "low-sample percentiles", listed(LOW_SAMPLE_CHOICES)
    yield "alarm name, description", f"{checks.MAX_NAME}, {checks.MAX_DESCRIPTION} characters"
    yield "actions for a state", str(checks.MAX_ACTIONS)
    yield "dimensions", str(metrics.MAX_DIMENSIONS)
    yield "metrics, expressions of an alarm", f"{metrics.MAX_METRICS}, {metrics.MAX_EXPRESSIONS}"
    yield "expression", f"{math_parse.MAX_LENGTH} characters, {math_parse.MAX_DEPTH} brackets deep"
    yield (
        "alarm rule",
        f"{rule.MAX_RULE} characters, {rule.MAX_ELEMENTS} elements, {rule.MAX_CHILDREN} alarms",
    )


def refused():
    for name in (*ANOMALY_COMPARISONS, "ThresholdMetricId"):
        yield f"`{name}`", "anomaly detection needs a model that only CloudWatch has"
    for name, why in UNSUPPORTED.items():
        yield f"`{name}` in metric math", why
    yield "`EvaluationCriteria`", "PromQL alarms belong into a rule file"
    yield "`EvaluationWindow` other than sliding", "wall-clock windows are not evaluated"


def statistics():
    point = of_values([float(value) for value in range(1, 101)])
    for name in EXAMPLES:
        yield f"`{name}`", f"{parse_statistic(name).of(point):g}"


def functions():
    for name, function in FUNCTIONS.items():
        forms = ", ".join(f"{', '.join(taken) or 'nothing'} → {given}"
                          if len(taken) < 2 else f"({', '.join(taken)}) → {given}"
                          for taken, given in function.gives.items())  # fmt: skip
        words = "; K is " + ", then ".join(" or ".join(each) for each in function.words)
        yield f"`{name}`", forms + (words if function.words else "")


TABLES = {"limits": limits, "refused": refused, "statistics": statistics, "functions": functions}


def with_tables(page: str) -> str:
    for name, rows in TABLES.items():
        before, rest = page.split(f"<!-- {name}:begin -->\n")
        after = rest.split(f"<!-- {name}:end -->")[1]
        table = "".join(f"| {' | '.join(row)} |\n" for row in rows())
        page = f"{before}<!-- {name}:begin -->\n{table}<!-- {name}:end -->{after}"
    return page


def test_the_tables_are_what_the_code_says():
    assert with_tables(PAGE.read_text()) == PAGE.read_text(), "run python -m tests.alarms.test_docs"


def test_the_evaluation_range_is_what_the_page_says():
    assert re.search(r"N \+ 2, from N = 9 on N \+ N/3", PAGE.read_text())
    assert [evaluation_range(n) - n for n in (1, 3, 5, 6, 9, 12)] == [2, 2, 2, 2, 3, 4]


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
    print(f"wrote {PAGE}")
