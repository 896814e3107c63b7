"""The rules of the alarm cases that stand in words: each has a check of its own.

What is not listed here is unknown, and an unknown rule fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tests.conformance.alarm_setup import PREVIOUS, alarm_of, run_expression, table_of
from tocsin.alarms import (
    AlarmState,
    ChildState,
    CompositeAlarm,
    CompositeState,
    Metric,
    MetricAlarm,
    MetricQuery,
    MetricStat,
    check,
    compile_math,
    compile_rule,
    composite_order,
    evaluate,
    evaluate_composite,
    parse_statistic,
)
from tocsin.durations import MINUTE, SECOND
from tocsin.errors import ConfigError, ParseError, UnsupportedError

Cases = Iterator[tuple[str, object, Callable[[], object]]]


def sound(alarm: MetricAlarm | CompositeAlarm) -> bool:
    return not check(alarm)


def refused(attempt: Callable[[], object], kind: type[Exception] = ParseError) -> bool:
    try:
        attempt()
    except kind:
        return True
    return False


def math_alarm(
    *expressions: str, metrics: int = 2, periods: tuple[int, ...] = (60,)
) -> MetricAlarm:
    """An alarm on the last of the expressions, over metrics m1, m2, ..."""
    queries = [
        MetricQuery(
            f"m{place + 1}",
            MetricStat(Metric.of("ns", f"metric{place}"), periods[place % len(periods)], "Sum"),
            return_data=False,
        )
        for place in range(metrics)
    ]
    queries += [
        MetricQuery(f"e{place}", expression=text, return_data=place == len(expressions))
        for place, text in enumerate(expressions, 1)
    ]
    return MetricAlarm("math", 1, "GreaterThanThreshold", 1.0, metrics=tuple(queries))


# Limits.


def limits(section: dict[str, Any]) -> Cases:
    for key, value in section.items():
        if key == "source":
            continue
        rule = LIMITS.get(key)
        if rule is None:
            yield key, "a limit that is known", lambda: "an unknown limit"
        else:
            yield key, True, lambda rule=rule, value=value: rule(value)


def _periods(text: str) -> bool:
    stated = [int(word.strip(",")) for word in text.split() if word.strip(",").isdigit()]
    step = stated.pop()
    fine = [*stated, step, 2 * step, 1440 * step]
    bad = [0, 1, 5, 15, 45, step + 1, step + 30, -60]
    return all(sound(alarm_of({"period": p})) for p in fine) and not any(
        sound(alarm_of({"period": p})) for p in bad
    )


def _span(most: int, period: int) -> bool:
    n = most // period
    fits = alarm_of({"period": period, "evaluation_periods": n})
    return sound(fits) and not sound(msgspec.structs.replace(fits, evaluation_periods=n + 1))


def _each(field: str, others: tuple[str, ...]) -> Callable[[list[str]], bool]:
    def rule(values: list[str]) -> bool:
        fine = all(sound(msgspec.structs.replace(alarm_of({}), **{field: v})) for v in values)
        return fine and not any(
            sound(msgspec.structs.replace(alarm_of({}), **{field: v})) for v in others
        )

    return rule


def _operators(values: list[str]) -> bool:
    """Thresholds are compared, anomaly bands are refused by name."""
    for value in values:
        problems = check(alarm_of({"comparison_operator": value}))
        anomaly = value.endswith(("UpperThreshold", "LowerThreshold"))
        if anomaly != any("not supported" in p.what and value in p.what for p in problems):
            return False
        if anomaly and not refused(
            lambda value=value: evaluate(
                alarm_of({"comparison_operator": value}), AlarmState(), table_of([], 60), 0
            ),
            UnsupportedError,
        ):
            return False
    return not sound(alarm_of({"comparison_operator": "Greater"}))


def _extended(values: list[str]) -> bool:
    for value in values:
        for form in value.replace("p0.0-p100", "p0.0 / p50 / p99.9 / p100").split(" / "):
            name = form.replace("NN", "90")
            names = [name] if "a:b" not in name else _bounds(name)
            if not all(sound(alarm_of({"extended_statistic": each})) for each in names):
                return False
    bad = ("p101", "p", "Sum", "xx9", "TM(10%:20)", "TM(:)", "PR(1%:2%)", "tm101", "TM(9:2)")
    return not any(sound(alarm_of({"extended_statistic": each})) for each in bad)


def _bounds(form: str) -> list[str]:
    names = [form.replace("a:b", each) for each in ("1:2", ":300", "0.5:")]
    if not form.startswith("PR"):
        names += [form.replace("a:b", each) for each in ("5%:95%", ":95%", "10%:")]
    return names


def _children(most: int) -> bool:
    def rule(count: int) -> str:
        return " OR ".join(f"ALARM(a{number})" for number in range(count))

    compile_rule(rule(most))
    return refused(lambda: compile_rule(rule(most + 1)))


def _elements(most: int) -> bool:
    compile_rule(" OR ".join(["TRUE"] * most))
    return refused(lambda: compile_rule(" OR ".join(["TRUE"] * (most + 1))))


def _update_keeps(_: object) -> bool:
    alarm, table = alarm_of({}), table_of(["X", "X"], 60)
    state, _transition = evaluate(alarm, AlarmState(), table, MINUTE)
    updated = msgspec.structs.replace(alarm, alarm_description="updated")
    after, transition = evaluate(updated, state, table, 2 * MINUTE)
    return after.value == "ALARM" and transition is None


def _dynamodb(_: object) -> bool:
    return all(
        alarm_of({"treat_missing_data": each}, namespace="AWS/DynamoDB").treatment == "ignore"
        for each in ("missing", "notBreaching", "breaching", "ignore")
    )


def _low_samples(section: dict[str, Any]) -> bool:
    name, _, samples = section["example"].partition(" -> ")
    least = int(samples.split()[0])
    if parse_statistic(name).low_sample_count != least:
        return False
    p50, p10 = parse_statistic("p50").low_sample_count, parse_statistic("p10").low_sample_count
    alarm = alarm_of({"extended_statistic": name})
    table, end = table_of([10.0] * 60, 1), MINUTE
    states = []
    for choice in section["values"]:
        chosen = msgspec.structs.replace(alarm, evaluate_low_sample_count_percentile=choice)
        states.append(sound(chosen) and evaluate(chosen, AlarmState("OK"), table, end)[0].value)
    unknown = msgspec.structs.replace(alarm, evaluate_low_sample_count_percentile="maybe")
    return (p50, p10) == (20, 100) and states == ["ALARM", "OK"] and not sound(unknown)


LIMITS: dict[str, Callable[[Any], bool]] = {
    "period": _periods,
    "period_x_evaluation_periods_max_s": lambda most: _span(most, 3600),
    "period_x_evaluation_periods_max_s_when_period_below_3600": lambda most: _span(most, 60),
    "alarm_name_max": lambda most: (
        sound(alarm_of({}, alarm_name="a" * most))
        and not sound(alarm_of({}, alarm_name="a" * (most + 1)))
    ),
    "description_max": lambda most: (
        sound(alarm_of({}, alarm_description="a" * most))
        and not sound(alarm_of({}, alarm_description="a" * (most + 1)))
    ),
    "metrics_in_math_alarm_max": lambda most: (
        sound(math_alarm("SUM(METRICS())", metrics=most))
        and not sound(math_alarm("SUM(METRICS())", metrics=most + 1))
    ),
    "alarm_rule_max_chars": lambda most: (
        sound(CompositeAlarm("c", "TRUE".ljust(most)))
        and not sound(CompositeAlarm("c", "TRUE".ljust(most + 1)))
    ),
    "composite_children_max": _children,
    "composite_elements_max": _elements,
    "initial_state": lambda value: AlarmState().value == CompositeState().value == value,
    "initial_reason": lambda value: AlarmState().reason == CompositeState().reason == value,
    "update_keeps_state": _update_keeps,
    "statistics": _each("statistic", ("sum", "Median", "p99")),
    "extended_statistics": _extended,
    "comparison_operators": _operators,
    "treat_missing_data": _each("treat_missing_data", ("Missing", "notbreaching", "none")),
    "dynamodb_namespace": _dynamodb,
    "evaluate_low_sample_count_percentile": _low_samples,
}


# Metric math, in words.


def _known(text: str, rules: dict[str, Callable[[], object]]) -> Callable[[], object] | None:
    return next((check for words, check in rules.items() if words in text), None)


def math_rule(text: str) -> Callable[[], object] | None:
    return _known(text, MATH_RULES)


def _arithmetic() -> bool:
    series = {"m1": [1, None, 6, None], "m2": [None, 2, 0, None]}
    return (
        run_expression("m1 + m2", series) == [1, 2, 6, None]
        and run_expression("m1 / m2", series) == [None, 0, None, None]
        and run_expression("m2 / 0", series) == [None] * 4
    )


def _comparison() -> bool:
    series = {"m1": [1, None, -1, None], "m2": [None, 2, 0, None]}
    return run_expression("m1 > m2", series) == [1, 0, 0, None]


def _one_series() -> bool:
    bad = ("AVG(m1)", "5", "METRICS()", "[m1, m2]", "PERIOD(m1)")
    fine = ("m1 - AVG(m1)", "SUM(METRICS())", "TIME_SERIES(AVG(m1))", "FIRST([m1, m2])")
    return all(sound(math_alarm(each)) for each in fine) and not any(
        sound(math_alarm(each)) for each in bad
    )


def _names() -> bool:
    upper = math_alarm("m1")
    ids = [msgspec.structs.replace(query, id=query.id.upper()) for query in upper.metrics]
    return (
        refused(lambda: compile_math("sum(m1)"))
        and refused(lambda: run_expression("M1 + 1", {"M1": [1]}))
        and not sound(msgspec.structs.replace(upper, metrics=tuple(ids)))
    )


def _pinned() -> bool:
    """The newest minute is always late here, so FILL holds the alarm where it is."""
    queries = math_alarm("FILL(m1, 0)", metrics=1)
    alarm = msgspec.structs.replace(queries, threshold=5.0)
    table, metric = table_of([], 60), Metric.of("ns", "metric0")
    late = table_of(["X"] * 10, 60)
    for _, _, time, point in late.items():
        table.add(metric, time, point)
    plain = msgspec.structs.replace(math_alarm("m1 + 0", metrics=1), threshold=5.0)
    filled, _ = evaluate(alarm, AlarmState("OK"), table, 11 * MINUTE)
    bare, _ = evaluate(plain, AlarmState("OK"), table, 11 * MINUTE)
    return (filled.value, bare.value) == ("OK", "ALARM")


def _range_dependent() -> bool:
    """The same data give another value where more points are fetched."""
    short, long = {"m1": [1, 2, 3]}, {"m1": [9, 9, 1, 2, 3]}
    names = ("m1 - AVG(m1)", "m1 - MAX(m1)", "m1 - SUM(m1)", "m1 - STDDEV(m1)",
             "m1 - DATAPOINT_COUNT(m1)", "RUNNING_SUM(m1)")  # fmt: skip
    differ = [run_expression(t, short)[-1] != run_expression(t, long)[-1] for t in names]
    lowest = run_expression("m1 - MIN(m1)", {"m1": [2, 3]})[-1]
    return all(differ) and lowest != run_expression("m1 - MIN(m1)", {"m1": [1, 2, 3]})[-1]


def _no_search() -> bool:
    search = "SEARCH('{AWS/EC2,InstanceId} CPUUtilization', 'Average', 300)"
    return (
        refused(lambda: compile_math(search), UnsupportedError)
        and not sound(math_alarm("m1", metrics=11))
        and sound(math_alarm("m1", metrics=10))
        and not sound(math_alarm("m1 + m2", periods=(60, 300)))
    )


MATH_RULES: dict[str, Callable[[], object]] = {
    "arithmetic: a missing point counts as 0": _arithmetic,
    "comparison of two series": _comparison,
    "final expression must be one time series": _one_series,
    "functions are upper case": _names,
    "FILL in an alarm can pin": _pinned,
    "depend on how many extra points": _range_dependent,
    "SEARCH is not allowed in alarms": _no_search,
}


# Composite alarms, in words.


def composite(section: dict[str, Any]) -> Cases:
    for name in section.get("functions", ()):
        text = name if name in ("TRUE", "FALSE") else f"{name}(child)"
        text = "AT_LEAST(100%, NOT OK, (child))" if name == "AT_LEAST" else text
        for state in PREVIOUS:
            holds = name in ("TRUE", state) or (name == "AT_LEAST" and state != "OK")
            yield (
                f"{name} of {state}", holds,
                lambda text=text, state=state: compile_rule(text).holds({"child": state}),
            )  # fmt: skip
    for sign in section.get("operators", ()):
        example = OPERATORS.get(sign)
        yield (
            sign, example is not None and example[1],
            lambda example=example: compile_rule(example[0]).holds({}) if example else None,
        )  # fmt: skip
    if "names" in section:
        yield section["names"], True, _child_names
    for rule in section.get("rules", ()):
        attempt = _known(rule, COMPOSITE_RULES)
        yield rule, True, attempt if attempt is not None else lambda: "an unknown rule"


OPERATORS = {
    "AND": ("TRUE AND FALSE", False),
    "OR": ("TRUE OR FALSE AND FALSE", True),
    "NOT": ("NOT TRUE OR TRUE", True),
    "( )": ("NOT (TRUE OR TRUE)", False),
    "AT_LEAST": ("AT_LEAST(2, INSUFFICIENT_DATA, (a, b, c))", True),
}


def _child_names() -> bool:
    arn = "arn:aws:cloudwatch:us-east-1:111111111111:alarm:cpu"
    forms = ("cpu", '"cpu"', arn, f'"{arn}"', " cpu ")
    return all(compile_rule(f"ALARM({form})").children == ("cpu",) for form in forms)


def _only_after_creation() -> bool:
    alarm = CompositeAlarm("c", "ALARM(a)")
    seen = set()
    state = CompositeState()
    for time, value in enumerate((*PREVIOUS, *PREVIOUS, "INSUFFICIENT_DATA")):
        state, _ = evaluate_composite(alarm, state, {"a": ChildState(value)}, time * MINUTE)
        seen.add(state.value)
    return CompositeState().value == "INSUFFICIENT_DATA" and seen == {"OK", "ALARM"}


def _cycles() -> bool:
    first, second = CompositeAlarm("a", "ALARM(b)"), CompositeAlarm("b", "OK(c) OR ALARM(a)")
    alone = CompositeAlarm("a", "ALARM(a)")
    return refused(lambda: composite_order([first, second])) and not sound(alone)


def _suppression() -> bool:
    """State changes are told at once, actions when the suppressor lets go."""
    alarm = CompositeAlarm(
        "c", "ALARM(a)", alarm_actions=("page",), actions_suppressor="s",
        actions_suppressor_wait_period=120, actions_suppressor_extension_period=180,
    )  # fmt: skip
    state, seen = CompositeState("OK", children={"a": "OK"}), []
    since = {"a": 2, "s": 3}
    for minute, child, guard in (
        (2, "ALARM", "OK"), (3, "ALARM", "ALARM"), (5, "ALARM", "ALARM"), (6, "ALARM", "OK"),
        (8, "ALARM", "OK"), (9, "ALARM", "OK"),
    ):  # fmt: skip
        since["s"] = 6 if minute >= 6 else since["s"]
        children = {
            "a": ChildState(child, since["a"] * MINUTE),
            "s": ChildState(guard, since["s"] * MINUTE),
        }
        state, told = evaluate_composite(alarm, state, children, minute * MINUTE)
        seen.append((state.value, state.suppressed_by, [each.actions for each in told]))
    return seen == [
        ("ALARM", "WaitPeriod", [()]),
        ("ALARM", "Alarm", []),
        ("ALARM", "Alarm", []),
        ("ALARM", "ExtensionPeriod", []),
        ("ALARM", "ExtensionPeriod", []),
        ("ALARM", "", [("page",)]),
    ]


def _actions() -> bool:
    names = ("sns:us-east-1:1:t", "lambda:us-east-1:1:function:f", "ssm:us-east-1:1:opsitem:1",
             "ssm-incidents::1:response-plan/p")  # fmt: skip
    actions = tuple(f"arn:aws:{name}" for name in names)
    alarm = CompositeAlarm("c", "TRUE", alarm_actions=actions)
    _, told = evaluate_composite(alarm, CompositeState(), {}, 0)
    return sound(alarm) and told[0].actions == actions


COMPOSITE_RULES: dict[str, Callable[[], object]] = {
    "INSUFFICIENT_DATA only right after creation": _only_after_creation,
    "cycles stop the evaluation": _cycles,
    "ActionsSuppressor alarm + wait period": _suppression,
    "actions: SNS, Lambda": _actions,
}


# Emission rules of metric filters.


def emission_rule(text: str) -> Callable[[], object] | None:
    return _known(text, EMISSION_RULES)


def _filter(pattern: str = "ERROR", value: str = "1", **more: Any) -> Any:
    from tocsin.pattern import Transformation, make_filter  # noqa: PLC0415

    count = more.pop("transformations", 1)
    names = {"metric": more.pop("metric", "m"), "namespace": more.pop("namespace", "ns")}
    system = more.pop("system_dimensions", ())
    own = more.pop("name", "f")
    transformation = Transformation(**names, value=value, **more)
    return make_filter(
        name=own, log_group="g", pattern=pattern, transformations=[transformation] * count,
        system_dimensions=system,
    )  # fmt: skip


def _emitted(each: Any, *messages: str, settings: Any = None) -> list[float]:
    """The sums of the datapoints of one minute."""
    from tocsin.pattern import DEFAULTS, Minutes  # noqa: PLC0415

    minutes = Minutes()
    for number, message in enumerate(messages):
        minutes.add([each], number * SECOND, message, settings or DEFAULTS)
    return [point.sum for point in minutes.datapoints([each], settings or DEFAULTS)]


def _no_filter(**fields: Any) -> bool:
    return refused(lambda: _filter(**fields), (ConfigError, ParseError))  # type: ignore[arg-type]


def _any_choice() -> bool:
    from tocsin.pattern import Settings  # noqa: PLC0415

    return all(
        _emitted(_filter(default=0.0), "ERROR", "fine", settings=Settings(default_samples=each))
        == [1.0]
        for each in ("event", "minute")
    )


def _value_fields() -> bool:
    named = _filter("[ip, user, size]", "$size")
    placed = _filter("[a, b, c, d, e, f, g]", "$7")
    return _emitted(named, "1.2.3.4 alice 512") == [512.0] and _emitted(
        placed, "a b c d e f 7.5"
    ) == [7.5]


def _dimensions() -> bool:
    two = (("A", "$.a"), ("B", "$.b"))
    three = (*two, ("C", "$.c"))
    json_pattern = "{ $.a = * }"
    _filter(json_pattern, dimensions=three)
    _filter("[a, b]", dimensions=(("A", "$a"),))
    _filter(json_pattern, dimensions=two, system_dimensions=("@aws.region",))
    return (
        _no_filter(pattern=json_pattern, dimensions=(*three, ("D", "$.d")))
        and _no_filter(pattern=json_pattern, dimensions=three, system_dimensions=("@aws.region",))
        and _no_filter(pattern=json_pattern, dimensions=two, default=0.0)
        and _no_filter(pattern="ERROR", dimensions=two)
    )


def _unit() -> bool:
    from tocsin.pattern import Minutes  # noqa: PLC0415

    each, minutes = _filter(), Minutes()
    minutes.add([each], 0, "ERROR")
    return [point.unit for point in minutes.datapoints([each])] == ["None"]


def _later_only() -> bool:
    """What a filter was not given, it does not count."""
    from tocsin.pattern import Minutes  # noqa: PLC0415

    early, late, minutes = _filter(), _filter(name="late"), Minutes()
    minutes.add([early], 0, "ERROR")
    minutes.add([early, late], MINUTE, "ERROR")
    points = minutes.datapoints([late])
    return [(point.time, point.sum) for point in points] == [(MINUTE, 1.0)]


def _many_pairs() -> bool:
    """Nothing is switched off here: every pair of values is a metric of its own."""
    each = _filter("{ $.a = * }", dimensions=(("A", "$.a"),))
    return len(_emitted(each, *(f'{{"a": "v{number}"}}' for number in range(1000)))) == 1000


def _unusable() -> bool:
    """Skipped or the default value, by a setting; never another number."""
    from tocsin.pattern import Settings  # noqa: PLC0415

    each = _filter("{ $.a = 1 }", "$.latency")
    broken = '{"a": 1, "latency": "slow"}'
    return all(
        _emitted(each, text, settings=Settings(unusable_value=choice)) == []
        for text in ('{"a": 1}', broken)
        for choice in ("skip", "default")
    )


def _missing_dimension() -> bool:
    each = _filter("{ $.a = 1 }", dimensions=(("B", "$.b"),))
    return len(_emitted(each, '{"a": 1}')) <= 1 and len(_emitted(each, '{"a": 1, "b": "x"}')) == 1


def _filter_limits() -> bool:
    longest = "A" * 1024
    two_regex = "{ $.a = %x% && $.b = %y% && $.c = %z% }"
    return (
        _emitted(_filter(longest), "none") == []
        and _no_filter(pattern=longest + "A")
        and _no_filter(pattern=two_regex)
        and _no_filter(value="1" * 101)
        and _no_filter(transformations=2)
        and all(_no_filter(metric=f"m{sign}") for sign in ":*$")
        and all(_no_filter(namespace=f"n{sign}") for sign in ":*$")
    )


EMISSION_RULES: dict[str, Callable[[], object]] = {
    "logs arrived in a minute, none matched, default value set": lambda: (
        _emitted(_filter(default=7.0), "fine")[:1] == [7.0]
    ),
    "logs arrived in a minute, none matched, no default value": lambda: (
        _emitted(_filter(), "fine") == []
    ),
    "no log events ingested in the minute": lambda: _emitted(_filter(default=0.0)) == [],
    "default 0: both match": lambda: _emitted(_filter(default=0.0), "ERROR", "ERROR") == [2.0],
    "default 0: none match": lambda: _emitted(_filter(default=0.0), "a", "b") == [0.0],
    "one of two events matches": _any_choice,
    "metricValue $.latency": lambda: (
        _emitted(_filter("{ $.latency = * }", "$.latency"), '{"latency": 50}') == [50.0]
    ),
    "metricValue $size / $7": _value_fields,
    "dimensions: at most 3": _dimensions,
    "unit omitted": _unit,
    "filters are not retroactive": _later_only,
    "1000 different dimension value pairs": _many_pairs,
    "field selected by metricValue missing": _unusable,
    "dimension field missing": _missing_dimension,
    "PutMetricFilter limits": _filter_limits,
}
