"""Run alarm cases: `python -m tests.conformance.alarms FILE.json`.

The file is a mapping of sections, in the form of `cloudwatch/alarm_cases.json`. A section, a
rule or a form of case that is not known here is named and counted as failed.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.conformance import alarm_notification, alarm_rules
from tests.conformance.alarm_setup import (
    PREVIOUS,
    alarm_of,
    as_series,
    clock,
    run_expression,
    table_of,
)
from tocsin.alarms import (
    AlarmState,
    ChildState,
    CompositeAlarm,
    CompositeState,
    assess,
    evaluate,
    evaluate_composite,
    evaluation_interval,
)
from tocsin.durations import DAY, MINUTE, SECOND
from tocsin.errors import TocsinError


@dataclass(frozen=True)
class Result:
    """What became of one case."""

    name: str
    expected: str
    got: str

    @property
    def passed(self) -> bool:
        return self.expected == self.got


def run_file(path: Path) -> list[Result]:
    content = json.loads(path.read_text(encoding="utf-8"))
    results: list[Result] = []
    for section, cases in content.items():
        runner = SECTIONS.get(section)
        if runner is None:
            results.append(Result(section, "a section that is known", "an unknown section"))
            continue
        for number, (name, expected, attempt) in enumerate(runner(cases), 1):
            try:
                got = attempt()
            except (TocsinError, ArithmeticError, LookupError, TypeError, ValueError) as error:
                got = f"{type(error).__name__}: {error}"
            results.append(Result(f"{section} {number} ({name})", str(expected), str(got)))
    return results


Cases = Iterator[tuple[str, object, Callable[[], object]]]


def missing_data(cases: list[dict[str, Any]]) -> Cases:
    for case in cases:
        shown = " ".join(str(each) for each in case["datapoints"])
        m, n = case.get("datapoints_to_alarm"), case["evaluation_periods"]
        name = f"{shown}, {m} of {n}, {case['treat_missing_data']}"
        for previous in (case["previous_state"],) if "previous_state" in case else PREVIOUS:
            expected = case["expected"]
            wanted = previous if expected == "RETAIN" else expected
            yield (
                f"{name}, was {previous}", wanted,
                lambda case=case, previous=previous, wanted=wanted: _cell(case, previous, wanted),
            )  # fmt: skip


def _cell(case: dict[str, Any], previous: str, wanted: str) -> str:
    alarm = alarm_of(case)
    values = case["datapoints"]
    reach = case.get("evaluation_range", len(values))
    state = AlarmState(value=previous)
    after, transition = evaluate(
        alarm, state, table_of(values, alarm.seconds), len(values) * alarm.seconds * SECOND,
        reach=lambda _: reach,
    )  # fmt: skip
    if (transition is None) != (after.value == previous):
        return f"{after.value}, but the transition is {transition}"
    if wanted == "NOT_ALARM" and after.value != "ALARM":
        return wanted
    return wanted if wanted == "UNDOCUMENTED" else after.value


def timelines(cases: list[dict[str, Any]]) -> Cases:
    for case in cases:
        name = case.get("name", "")
        values = case.get("breaching_by_period", case.get("datapoints"))
        if values is not None:
            yield from _figure(name, case, values)
        elif "evaluate_every_s" in case:
            for period in case["periods_s"]:
                every = case["evaluate_every_s"] * SECOND
                alarm = alarm_of({"period": period})
                yield f"{name}, {period} s", every, lambda alarm=alarm: evaluation_interval(alarm)
        elif any("uses_minutes" in each for each in case.get("evaluations", ())):
            for each in case["evaluations"]:
                minutes = each["uses_minutes"]
                yield name, minutes, lambda case=case, each=each: _minutes_used(case, each)
        elif any("event" in each for each in case.get("evaluations", ())):
            states = [each.get("state") for each in case["evaluations"] if "state" in each]
            yield name, states, lambda case=case: _multi_day(case["evaluations"])
        elif "two adjacent breaching minutes" in case.get("note", ""):
            yield name, {1, 2}, lambda case=case: _adjacent(case["period_s"])
        else:
            yield name, "a form that is known", lambda: "an unknown form"


def _figure(name: str, case: dict[str, Any], values: list[Any]) -> Cases:
    alarm = alarm_of({**case, "period": case.get("period_s") or case.get("period") or 60})
    table = table_of(values, alarm.seconds)
    state, seen = AlarmState(case.get("previous_state", "INSUFFICIENT_DATA")), []
    for position in range(1, len(values) + 1):
        state, _ = evaluate(alarm, state, table, position * alarm.seconds * SECOND)
        # A restart between any two evaluations must not show.
        state = msgspec.json.decode(msgspec.json.encode(state), type=AlarmState)
        seen.append(state.value)
    expected = case.get("documented_state", case.get("expected", case.get("states", {})))
    if isinstance(expected, list):
        expected = {str(place): value for place, value in enumerate(expected, 1)}
    for place, value in expected.items():
        yield f"{name}, period {place}", value, lambda place=place: seen[int(place) - 1]


def _minutes_used(case: dict[str, Any], each: dict[str, Any]) -> list[int]:
    """Each minute has a bit of its own in the sum, so the sum tells which were summed."""
    alarm = alarm_of({"period": case["period_s"], "evaluation_periods": 1})
    end = each["at_end_of_minute"]
    table = table_of([float(2**minute) for minute in range(end + 3)], 60)
    found = assess(alarm, table, end * MINUTE + 30 * SECOND).periods[0].value
    return [minute + 1 for minute in range(end + 3) if int(found) >> minute & 1]


def _multi_day(evaluations: list[dict[str, Any]]) -> list[str]:
    """A daily job that counts its successes: fewer than one in 24 hours breaches."""
    today = 30 * DAY
    alarm = alarm_of(
        {
            "period": 86_400, "evaluation_periods": 2, "datapoints_to_alarm": 1,
            "comparison_operator": "LessThanThreshold", "threshold": 1,
        }
    )  # fmt: skip
    first = clock(evaluations[0]["at"])
    table = table_of([], 60)
    for day in range(1, 8):
        table_of([1.0], 60, start=today - day * DAY + first, into=table)
    state, seen = AlarmState("OK"), []
    for each in evaluations:
        time = today + clock(each["at"])
        if "event" in each:
            fine = 0.0 if "fail" in each["event"] else 1.0
            table_of([fine], 60, start=time, into=table)
        else:
            state, _ = evaluate(alarm, state, table, time)
            seen.append(state.value)
    return seen


def _adjacent(period: int) -> set[int]:
    """How many periods breach for two adjacent bad minutes, over all phases."""
    minutes = period // 60
    alarm = alarm_of({"period": period, "evaluation_periods": 2, "threshold": 0.5})
    values = [1.0 if minute in (20, 21) else 0.0 for minute in range(60)]
    table, found = table_of(values, 60), set()
    for end in range(22, 22 + minutes):
        periods = assess(alarm, table, end * MINUTE).periods
        found.add(sum(bool(each.breaching) for each in periods))
    return found


def metric_math(cases: list[dict[str, Any]]) -> Cases:
    for case in cases:
        if case.get("valid") is False or "error" in case:
            yield case["expr"], "refused", lambda case=case: _refused(case)
        else:
            yield case["expr"], as_series(case["out"]), lambda case=case: _math(case)


def _math(case: dict[str, Any]) -> object:
    return as_series(
        run_expression(
            case["expr"],
            case["in"],
            case.get("period_s", case.get("period", 60)),
            case.get("start", 0),
        )
    )


def _refused(case: dict[str, Any]) -> str:
    try:
        return f"{_math(case)}"
    except TocsinError:
        return "refused"


def composite(section: dict[str, Any]) -> Cases:
    for case in section.get("cases", ()):
        yield case["rule"], case["expected"], lambda case=case: _composite(case)
        if "state_reason" in case:
            yield (
                f"reason of {case['rule']}", _mask(case["state_reason"]),
                lambda case=case: _mask(_composite_run(case)[1]),
            )  # fmt: skip
    yield from alarm_rules.composite(section)


def _composite(case: dict[str, Any]) -> str:
    if case.get("valid") is False or case["expected"] in ("invalid", "refused"):
        try:
            return _composite_run(case)[0]
        except TocsinError:
            return case["expected"]
    return _composite_run(case)[0]


def _composite_run(case: dict[str, Any]) -> tuple[str, str]:
    arn = "arn:aws:cloudwatch:us-east-1:111111111111:alarm:composite"
    alarm = CompositeAlarm(alarm_name="composite", alarm_rule=case["rule"], alarm_arn=arn)
    children = {name: ChildState(value) for name, value in case["states"].items()}
    state, told = evaluate_composite(alarm, CompositeState(), children, 0)
    return state.value, told[0].reason if told else ""


def _mask(text: str) -> str:
    return re.sub(r"arn:\S+", "<arn>", text)


def _listed(runner: Callable[[str], Callable[[], object] | None]) -> Callable[[Any], Cases]:
    """A section of rules in words: each has a check of its own, or is not known."""

    def run(rules: Iterable[Any]) -> Cases:
        for rule in rules:
            text = rule["rule"] if isinstance(rule, dict) else rule
            attempt = runner(text)
            yield text, True, attempt if attempt is not None else lambda: "an unknown rule"

    return run


def notes(entries: list[dict[str, Any]]) -> Cases:
    """The one note says which of the tables and the prose holds: the tables."""
    cell = {
        "datapoints": ["0", "-", "X", "-", "-"], "datapoints_to_alarm": 2, "evaluation_periods": 3,
        "evaluation_range": 5, "treat_missing_data": "missing",
    }  # fmt: skip
    for entry in entries:
        known = "issue 129" in entry.get("issue", "")
        yield (
            entry.get("issue", ""), "OK",
            (lambda: _cell(cell, "OK", "OK")) if known else (lambda: "an unknown note"),
        )  # fmt: skip


SECTIONS: dict[str, Callable[[Any], Cases]] = {
    "missing_data": missing_data,
    "notes": notes,
    "timelines": timelines,
    "limits": alarm_rules.limits,
    "metric_math": metric_math,
    "metric_math_rules": _listed(alarm_rules.math_rule),
    "composite": composite,
    "notification": alarm_notification.notification,
    "metric_filter_emission": _listed(alarm_rules.emission_rule),
}


def main(arguments: list[str]) -> int:
    results = [result for path in arguments for result in run_file(Path(path))]
    failed = [result for result in results if not result.passed]
    for result in failed:
        print(f"{result.name}: expected {result.expected}, got {result.got}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
