from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.control.days import DAY, HOUR, LAB_CONTROLS, START, clean, period, row

from tocsin.control import (
    STEP,
    AlertSeen,
    AlertsSeen,
    BuildSeen,
    Control,
    Kind,
    Row,
    RulesSeen,
    SeriesSeen,
    State,
    TargetSeen,
    TargetsSeen,
    Unanswered,
    judge,
    period_of,
    utc,
)
from tocsin.errors import ParseError

BY_ID = {control.id: control for control in LAB_CONTROLS}
MAY_BE_EMPTY = {"alerts-fired", "alerts-now"}


@pytest.mark.parametrize("control", LAB_CONTROLS, ids=lambda c: c.id)
@pytest.mark.parametrize("hours", [24, 0.5])
def test_a_clean_period_operated_and_says_what_was_found(control, hours):
    day = period(hours)
    verdict = judge(control, day, clean(control, day))
    assert verdict.state is State.OPERATED
    assert {finding.need for finding in verdict.findings} == {need.name for need in control.needs}


def test_nothing_seen_is_not_run_and_no_needs_are_too():
    for control in LAB_CONTROLS:
        assert judge(control, period(), {}).state is State.NOT_RUN
        assert judge(replace(control, needs=()), period(), {}).state is State.NOT_RUN


@st.composite
def damaged_days(draw):
    """A clean day, with one input removed or damaged."""
    control = draw(st.sampled_from(LAB_CONTROLS))
    day = period(draw(st.sampled_from([24, 3])))
    need = draw(st.sampled_from(control.needs))
    seen = clean(control, day)
    seen[need.name] = draw(_damages(seen[need.name], day, need.name))
    if seen[need.name] is None:
        del seen[need.name]
    return control, day, seen, need.name


def _damages(seen, day, name):
    ways = [
        st.none(),
        st.builds(Unanswered, st.text()),
        st.just(replace(seen, warnings=("a store did not answer",))),
        st.just(BuildSeen("", "") if not isinstance(seen, BuildSeen) else SeriesSeen(())),
    ]
    match seen:
        case SeriesSeen(rows):
            if name not in MAY_BE_EMPTY:
                ways += [
                    st.just(SeriesSeen(())),
                    st.just(SeriesSeen(tuple(replace(each, points=()) for each in rows))),
                    _values(rows, st.sampled_from([math.nan, -1.0, -math.inf]), all_of=True),
                ]
                if len(rows[0].points) > 1:
                    ways += [_holes(rows), _shifted(rows), _twice(rows)]
            else:
                ways.append(_fired(day))
            if name in {"failures-in-5m", "p95"}:
                ways.append(_values(rows, st.floats(15.001, math.inf)))
            if name == "targets-up":
                ways.append(_values(rows, st.sampled_from([0.0, math.nan, 0.5])))
            if name == "samples":
                ways.append(_values(rows, st.sampled_from([0.0, math.nan, math.inf, -3.0])))
        case RulesSeen(asked, rules):
            one = st.integers(0, len(rules) - 1)
            ways += [
                st.just(RulesSeen(asked, ())),
                one.map(lambda k: RulesSeen(asked, rules[:k] + rules[k + 1 :])),
                _one_rule(seen, health=st.sampled_from(["err", "unknown", ""])),
                _one_rule(seen, type=st.just("recording")),
                _one_rule(seen, name=st.text(max_size=5)),
                _one_rule(seen, last_evaluation=st.integers(-(10**18), asked - 71_000_000)),
                _one_rule(seen, last_evaluation=st.integers(asked + 60_000_001, 10**18)),
                _other_time(seen, day),
            ]
        case AlertsSeen(asked, _):
            firing = AlertSeen((("alertname", "Any"),), "firing", asked - 1)
            odd = AlertSeen((("alertname", "Any"),), "?", asked - 1)
            ways += [
                st.sampled_from([firing, odd]).map(lambda a: AlertsSeen(asked, (a,))),
                _other_time(seen, day),
            ]
        case TargetsSeen(asked, targets):
            down = st.sampled_from(["down", "unknown", ""])
            ways += [
                st.just(TargetsSeen(asked, ())),
                down.map(lambda h: TargetsSeen(asked, (*targets, TargetSeen("a", "b", h)))),
                _other_time(seen, day),
            ]
        case BuildSeen():
            ways.append(st.just(BuildSeen("Prometheus", "")))
    return st.one_of(ways)


def _values(rows, values, *, all_of=False):
    count = len(rows[0].points)

    def put(at, value):
        points = tuple(
            (time, value if all_of or k == at else old)
            for k, (time, old) in enumerate(rows[0].points)
        )
        return SeriesSeen((Row(rows[0].labels, points),))

    return st.builds(put, st.integers(0, count - 1), values)


def _holes(rows):
    points = rows[0].points
    holes = st.sets(st.integers(0, len(points) - 1), min_size=1, max_size=len(points))
    return holes.map(
        lambda gone: SeriesSeen(
            (Row(rows[0].labels, tuple(p for k, p in enumerate(points) if k not in gone)),)
        )
    )


def _shifted(rows):
    by = st.integers(1, STEP - 1)
    return by.map(
        lambda d: SeriesSeen((Row(rows[0].labels, tuple((t + d, v) for t, v in rows[0].points)),))
    )


def _twice(rows):
    return st.just(SeriesSeen((Row(rows[0].labels, rows[0].points + rows[0].points[:1]),)))


def _fired(day):
    steps = st.sets(st.sampled_from(day.steps), min_size=1, max_size=9)
    labels = (("alertname", "Any"), ("alertstate", "firing"))
    return steps.map(lambda times: SeriesSeen((row(day, 1.0, labels, sorted(times)),)))


def _one_rule(seen, **changes):
    def put(at, changed):
        rules = list(seen.rules)
        rules[at] = replace(rules[at], **changed)
        return replace(seen, rules=tuple(rules))

    return st.builds(put, st.integers(0, len(seen.rules) - 1), st.fixed_dictionaries(changes))


def _other_time(seen, day):
    other = st.one_of(st.integers(0, day.start - 1), st.integers(day.end + HOUR + 1, 10**18))
    return other.map(lambda asked: replace(seen, asked=asked))


@given(damaged_days())
def test_whatever_is_removed_or_damaged_it_is_never_operated(damaged):
    control, day, seen, name = damaged
    verdict = judge(control, day, seen)
    assert verdict.state is not State.OPERATED
    assert verdict.reasons
    against = [finding for finding in verdict.findings if finding.kind is not Kind.MET]
    assert {finding.need for finding in against} == {name}


@given(
    st.sampled_from(LAB_CONTROLS),
    st.dictionaries(
        st.sampled_from(sorted({need.name for c in LAB_CONTROLS for need in c.needs})),
        st.sampled_from(
            [
                SeriesSeen(()),
                Unanswered("?"),
                RulesSeen(1, ()),
                AlertsSeen(1, ()),
                TargetsSeen(1, ()),
            ]
        ),
    ),
)
def test_no_mixture_of_empty_answers_is_operated(control, seen):
    assert judge(control, period(), seen).state is not State.OPERATED


def test_a_time_that_no_calendar_has_is_no_crash():
    assert utc(0) == "1970-01-01T00:00:00Z"
    assert utc(253402300800000000) == "253402300800 s after 1970"
    assert utc(-(10**18)) == "-1000000000000 s after 1970"


def test_a_gap_has_its_start_and_end():
    control, day = BY_ID["logical-access"], period()
    seen = clean(control, day)
    gone = range(START + 3 * HOUR + STEP, START + 3 * HOUR + 37 * STEP + 1, STEP)
    steps = [time for time in day.steps if time not in gone]
    seen["samples"] = SeriesSeen((row(day, 12, steps=steps),))
    verdict = judge(control, day, seen)
    assert verdict.state is State.NO_DATA
    (finding,) = [each for each in verdict.findings if each.kind is Kind.LACKING]
    assert finding.text == "samples: nothing 03:00-03:37 UTC"
    assert (finding.start, finding.end) == (START + 3 * HOUR, START + 3 * HOUR + 37 * STEP)


def test_an_exception_outranks_what_is_missing_and_both_are_told():
    control, day = BY_ID["logical-access"], period()
    seen = clean(control, day)
    steps = list(day.steps)
    seen["failures-in-5m"] = SeriesSeen(
        (Row((), tuple((t, 31.5 if steps[100] <= t <= steps[104] else 2.0) for t in steps)),)
    )
    seen["samples"] = SeriesSeen((row(day, 12, steps=steps[:-1]),))
    seen["source"] = Unanswered("refused")
    verdict = judge(control, day, seen)
    assert verdict.state is State.EXCEPTION
    assert verdict.reasons == (
        "31.5 failed logins within 5 minutes, above 15, 01:40-01:45 UTC",
        "source: no answer: refused",
        "samples: nothing 23:59-24:00 UTC",
    )


def test_an_alert_is_named_with_its_labels_and_times():
    control, day = BY_ID["security-monitoring"], period()
    seen = clean(control, day)
    labels = (("alertname", "Odd\x1b[2J"), ("alertstate", "firing"), ("job", "login"))
    seen["alerts-fired"] = SeriesSeen((row(day, 1, labels, list(day.steps)[60:62]),))
    verdict = judge(control, day, seen)
    assert verdict.reasons == ('alert Odd\\x1b[2J{job="login"} fired 01:00-01:02 UTC',)


def test_quiet_hours_have_no_latency_and_a_quiet_day_proves_nothing():
    control, day = BY_ID["control-slo"], period()
    seen = clean(control, day)
    steps = list(day.steps)
    seen["p95"] = SeriesSeen(
        (Row((), tuple((t, math.nan if t < steps[400] else 0.1) for t in steps)),)
    )
    assert judge(control, day, seen).state is State.OPERATED
    seen["p95"] = SeriesSeen((row(day, math.nan),))
    assert judge(control, day, seen).state is State.NO_DATA


def test_the_first_minute_of_a_day_has_no_data():
    day = period(0.01)
    assert not day.steps
    for control in LAB_CONTROLS:
        seen = clean(control, day)
        assert judge(control, day, seen).state is State.NO_DATA


def test_what_is_asked_later_says_nothing_of_the_day():
    control, day = BY_ID["logging-and-monitoring"], period()
    seen = clean(control, day)
    seen["targets-now"] = replace(seen["targets-now"], asked=day.end + HOUR + 1)
    verdict = judge(control, day, seen)
    assert verdict.state is State.NO_DATA
    assert "collect on the day" in verdict.reasons[0]


def test_a_flood_of_findings_is_cut_and_counted():
    control, day = BY_ID["security-monitoring"], period()
    seen = clean(control, day)
    rows = [row(day, 1, (("alertname", f"A{n}"),), [day.steps[5]]) for n in range(5000)]
    seen["alerts-fired"] = SeriesSeen(tuple(rows))
    verdict = judge(control, day, seen)
    assert len(verdict.findings) < 30
    assert verdict.reasons[-1].endswith("and 4,988 more of this kind")


def test_days():
    assert period_of(DAY, START).steps == range(START + STEP, START + 1, STEP)
    assert period_of(DAY, START + 10 * 24 * HOUR).whole_day
    assert not period(23.99).whole_day
    with pytest.raises(ParseError, match="has not begun"):
        period_of(DAY, START - 1)
    with pytest.raises(ParseError, match="before 1970"):
        period_of(date(1969, 12, 31), START)


def test_the_catalogue_asks_each_thing_under_its_own_name():
    assert len(BY_ID) == 4
    for control in LAB_CONTROLS:
        assert isinstance(control, Control)
        names = [need.name for need in control.needs]
        assert len(set(names)) == len(names)
