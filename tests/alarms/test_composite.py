"""Composite alarms: rules, evaluation, circles, suppression."""

import re
import time
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.alarm_setup import PREVIOUS
from tocsin.alarms import (
    ChildState,
    CompositeAlarm,
    CompositeState,
    MetricAlarm,
    alarm_name,
    alarms_behind,
    check,
    check_all,
    compile_rule,
    composite_order,
    evaluate_composite,
)
from tocsin.durations import SECOND
from tocsin.errors import ParseError

UNIT = 60 * SECOND


@pytest.mark.parametrize(
    ("rule", "children"),
    [
        ("ALARM(a)", ["a"]), ('ALARM("a b")', ["a b"]), ("ALARM( a )", ["a"]),
        ('OK("say \\"hi\\"")', ['say "hi"']), ('OK("back\\\\slash")', ["back\\slash"]),
        ('ALARM("a(b)")', ["a(b)"]), ("ALARM(a-b/c.d:e_f)", ["a-b/c.d:e_f"]),
        ("ALARM(arn:aws:cloudwatch:us-east-1:1:alarm:x:y)", ["x:y"]),
        ("ALARM(AND)AND ALARM(OR)", ["AND", "OR"]), ("TRUE", []), ("False", []),
        ("(ALARM(a)\nOR\tOK(b))", ["a", "b"]), ("NOT(ALARM(a))", ["a"]), ("ALARM(a) OR OK(a)", ["a"]),
        ("ALARM (a)", ["a"]), ('ALARM("a, b")', ["a, b"]), ("AT_LEAST(1, ALARM, (a))", ["a"]),
        ('AT_LEAST(50%,NOT OK,("a, b",arn:aws:cloudwatch:us-east-1:1:alarm:x:y))', ["a, b", "x:y"]),
        ("AT_LEAST ( 2 , NOT  INSUFFICIENT_DATA ,\n( a , b ) ) AND NOT ALARM(c)", ["a", "b", "c"]),
        ("ALARM(AT_LEAST)", ["AT_LEAST"]),
    ],
)  # fmt: skip
def test_names_in_rules(rule, children):
    assert list(compile_rule(rule).children) == children


@pytest.mark.parametrize(
    ("rule", "column"),
    [
        ("", 1), ("   ", 4), ("ALARM", 1), ("ALARM()", 1), ('ALARM("")', 1), ("ALARM(a", 1),
        ('ALARM("a)', 1), ("ALARM(a) ALARM(b)", 10), ("ALARM(a) AND", 13), ("AND ALARM(a)", 1),
        ("ALARM(a) NOT ALARM(b)", 10), ("(ALARM(a)", 10), ("ALARM(a))", 9), ("()", 2),
        ("alarm(a)", 1), ("ALARM(a) and OK(b)", 10), ("ALARM(a) && OK(b)", 10), ("a", 1),
        ("TRUEST", 1), ("NOT", 4), ("TRUE(a)", 1), ("ALARM(a(b))", 1),
        ("ALARM(a b)", 1), ("ALARM(a,b)", 1), ("TRUE AND AT_LEAST", 10), ("AT_LEAST(2)", 10),
        ("AT_LEAST(2, ALARM(a), ALARM(b))", 13), ("AT_LEAST(x, ALARM, (a))", 10),
        ("AT_LEAST(1.5, ALARM, (a))", 10), ("AT_LEAST(0, ALARM, (a))", 10),
        ("AT_LEAST(2, ALARM, (a))", 10), ("AT_LEAST(0%, ALARM, (a))", 10),
        ("AT_LEAST(101%, ALARM, (a))", 10), ("AT_LEAST(1, BROKEN, (a))", 13),
        ("AT_LEAST(1, TRUE, (a))", 13), ("AT_LEAST(1, ALARM, a)", 20),
        ("AT_LEAST(1, ALARM, ())", 21), ("AT_LEAST(1, ALARM, (a b))", 23),
        ("AT_LEAST(1, ALARM, (a,))", 23), ('AT_LEAST(1, ALARM, ("a))', 21),
        ('AT_LEAST(1, ALARM, (""))', 21), ("AT_LEAST(1, ALARM, (a)", 23),
        ("AT_LEAST(1, ALARM, (a)) ALARM(b)", 25), ("at_least(1, ALARM, (a))", 1),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_read(rule, column):
    with pytest.raises(ParseError) as caught:
        compile_rule(rule)
    assert caught.value.span.column == column


@pytest.mark.parametrize(
    "rule",
    ["(" * 10_000, "(" * 5000 + "TRUE" + ")" * 5000, "NOT " * 2000, "ALARM(" + " " * 10_000,
     "ALARM(" + "a " * 5000, 'ALARM("' + "\\" * 10_000, "TRUE " * 2000, "x" * 20_000, "\x00",
     "TRUE AND " * 1000 + "TRUE",
     "AT_LEAST(" * 1000, "AT_LEAST(1, ALARM, (" + "a, " * 3000, "AT_LEAST(" + "1" * 10_000,
     "AT_LEAST(1, ALARM, (" + " " * 10_000, "AT_LEAST(1," + "NOT " * 2000,
     "AT_LEAST(1, ALARM, (" + ", ".join(f"a{n}" for n in range(101)) + "))",
     "AT_LEAST(1, ALARM, (" + ", ".join(["a"] * 501) + "))"],
)  # fmt: skip
def test_hostile_rules_end_soon(rule):
    start = time.monotonic()
    with pytest.raises(ParseError):
        compile_rule(rule)
    assert time.monotonic() - start < 1


def test_many_nots_are_read():
    assert compile_rule("NOT " * 1001 + "TRUE").holds({}) is False


names = st.sampled_from(["a", "b", "c"])


@st.composite
def at_least(draw):
    """`AT_LEAST(M, STATE_CONDITION, (alarm1, alarm2, ...))`."""
    alarms = draw(st.lists(names, min_size=1, max_size=5))
    threshold = draw(
        st.one_of(st.integers(1, len(alarms)).map(str), st.integers(1, 100).map(lambda p: f"{p}%"))
    )
    condition = draw(st.sampled_from(["", "NOT "])) + draw(st.sampled_from(PREVIOUS))
    return f"AT_LEAST({threshold}, {condition}, ({', '.join(alarms)}))"


leaves = st.one_of(
    st.sampled_from(["TRUE", "FALSE"]),
    at_least(),
    st.tuples(st.sampled_from(PREVIOUS), names).map(lambda pair: f"{pair[0]}({pair[1]})"),
)
rules = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda each: f"NOT {each}"),
        inner.map(lambda each: f"({each})"),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(" ".join),
    ),
    max_leaves=12,
)


def _counted(states):
    """At least so many of the alarms, or so much of their number, are in a state or not in it."""

    def value(found):
        threshold, percent, negated, state, alarms = found.groups()
        alarms = alarms.split(", ")
        count = sum((states[name] == state) is not bool(negated) for name in alarms)
        return str(count / len(alarms) >= int(threshold) / 100 if percent
                   else count >= int(threshold)).upper()  # fmt: skip

    return value


@given(rules, st.fixed_dictionaries({name: st.sampled_from(PREVIOUS) for name in "abc"}))
def test_rules_mean_what_python_means_by_the_same_words(rule, states):
    text = re.sub(r"AT_LEAST\((\d+)(%?), (NOT )?(\w+), \(([^)]*)\)\)", _counted(states), rule)
    for name, state in states.items():
        for function in PREVIOUS:
            text = text.replace(f"{function}({name})", str(state == function))
    text = text.replace("TRUE", "True").replace("FALSE", "False")
    for word in ("AND", "OR", "NOT"):
        text = text.replace(word, word.lower())
    assert compile_rule(rule).holds(states) == eval(text)  # noqa: S307 - our own text


@given(rules, st.sets(names))
def test_what_surely_holds_holds_in_every_state_of_the_others(rule, in_alarm):
    compiled = compile_rule(rule)
    others = [name for name in "abc" if name not in in_alarm]
    every = [
        dict.fromkeys(in_alarm, "ALARM") | dict(zip(others, states, strict=True))
        for states in product(PREVIOUS, repeat=len(others))
    ]
    if compiled.surely_holds(in_alarm):
        assert all(compiled.holds(states) for states in every)
    if len(set(compiled.children)) == len([step for step in compiled.steps if step.name]):
        # Where no alarm is named twice, nothing is missed.
        assert compiled.surely_holds(in_alarm) == all(compiled.holds(s) for s in every)


@given(st.text(alphabet='ALRMOKTUEFSND()" \\ab', max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        rule = compile_rule(text)
    except ParseError:
        return
    assert rule.holds({}) in (True, False)


def states_of(alarms, value):
    return dict.fromkeys(alarms.split(), value)


@pytest.mark.parametrize(
    ("rule", "states", "expected"),
    [
        ("AT_LEAST(2, ALARM, (w1, w2, w3, w4))", states_of("w1 w3", "ALARM"), True),
        ("AT_LEAST(2, ALARM, (w1, w2, w3, w4))", states_of("w1", "ALARM"), False),
        ("AT_LEAST(50%, OK, (d1, d2, d3, d4))", states_of("d1 d4", "OK"), True),
        ("AT_LEAST(50%, OK, (d1, d2, d3))", states_of("d1", "OK"), False),
        ("AT_LEAST(60%, NOT OK, (a, b, c))", states_of("a", "OK"), True),
        ("AT_LEAST(67%, NOT OK, (a, b, c))", states_of("a", "OK"), False),
        ("AT_LEAST(100%, INSUFFICIENT_DATA, (a, b))", {}, True),
        (
            "AT_LEAST(2, ALARM, (z1, z2, z3)) AND NOT ALARM(window)",
            states_of("z1 z2 z3 window", "ALARM"),
            False,
        ),
        (
            "AT_LEAST(2, ALARM, (z1, z2, z3)) AND NOT ALARM(window)",
            states_of("z2 z3", "ALARM") | {"window": "OK"},
            True,
        ),
        ("NOT AT_LEAST(1, ALARM, (a))", {"a": "ALARM"}, False),
    ],
)
def test_at_least_so_many_alarms(rule, states, expected):
    """User guide, "Composite alarms", the table of operators and the examples of rules."""
    assert compile_rule(rule).holds(states) is expected


def test_a_rule_as_the_cdk_writes_it():
    """CDK, `AlarmRule.atLeast` and `atLeastNot`: ARNs in quotes, a percentage, `NOT OK`."""
    arns = [f"arn:aws:cloudwatch:eu-west-1:111111111111:alarm:{name}" for name in ("a", "b c", "d")]
    listed = ", ".join(f'"{arn}"' for arn in arns)
    rule = compile_rule(
        f'(((ALARM("{arns[0]}")) AND (NOT (INSUFFICIENT_DATA("{arns[1]}")))'
        f" AND AT_LEAST(2, ALARM, ({listed})) AND AT_LEAST(60%, NOT OK, ({listed}))) OR FALSE)"
    )
    assert rule.children == ("a", "b c", "d")
    assert rule.holds({"a": "ALARM", "b c": "OK", "d": "ALARM"})
    assert not rule.holds({"a": "ALARM", "b c": "OK", "d": "INSUFFICIENT_DATA"})


def test_those_behind_at_least_so_many():
    stat = {"namespace": "n", "metric_name": "m", "period": 60, "statistic": "Sum"}
    alarms = {
        name: MetricAlarm(name, 1, "GreaterThanThreshold", 1.0, **stat)
        for name in ("a", "b", "c", "d", "quiet")
    }
    for rule, behind in (
        ("AT_LEAST(2, ALARM, (a, b, c)) AND NOT ALARM(quiet)", ["a", "b"]),
        ("AT_LEAST(2, NOT OK, (a, b)) OR ALARM(d)", ["a", "b", "d"]),
        ("AT_LEAST(2, NOT ALARM, (a, b)) OR ALARM(d)", ["d"]),
    ):
        alarm = composite("top", rule)
        found = alarms_behind(alarm, alarms, {"a", "b", "d", "quiet"})
        assert [each.alarm_name for each in found] == behind


def test_names_out_of_arns():
    assert alarm_name("arn:aws:cloudwatch:us-east-1:1:alarm:a:b") == "a:b"
    assert alarm_name("a:b") == "a:b"
    assert alarm_name("arn:aws:sns:us-east-1:1:topic:b") == "arn:aws:sns:us-east-1:1:topic:b"


def composite(name, rule, **more):
    return CompositeAlarm(name, rule, **more)


def test_children_come_first():
    alarms = [composite("top", "ALARM(mid) OR ALARM(low)"), composite("mid", "ALARM(low)"),
              composite("low", "ALARM(metric)", actions_suppressor="quiet",
                        actions_suppressor_wait_period=1, actions_suppressor_extension_period=1),
              composite("quiet", "TRUE")]  # fmt: skip
    assert [each.alarm_name for each in composite_order(alarms)] == ["quiet", "low", "mid", "top"]


def test_circles_are_refused_and_told():
    alarms = [composite("a", "ALARM(b)"), composite("b", "NOT OK(c)"), composite("c", "ALARM(a)")]
    with pytest.raises(ParseError, match="a -> b -> c -> a"):
        composite_order(alarms)
    assert any("a -> b -> c -> a" in str(problem) for problem in check_all(alarms))
    suppressed = composite("a", "TRUE", actions_suppressor="b", actions_suppressor_wait_period=1,
                           actions_suppressor_extension_period=1)  # fmt: skip
    with pytest.raises(ParseError, match="a -> b -> a"):
        composite_order([suppressed, composite("b", "ALARM(a)")])


def test_long_chains_of_alarms():
    alarms = [composite(f"a{n}", f"ALARM(a{n + 1})") for n in range(3000)]
    assert composite_order(alarms)[0].alarm_name == "a2999"


def test_reasons_name_the_child_that_changed():
    alarm = composite("c", "ALARM(a) OR ALARM(b)", alarm_arn="arn:c", alarm_actions=("page",))
    quiet = {"a": ChildState("OK", 0, "arn:a"), "b": ChildState("OK", 0, "arn:b")}
    state, told = evaluate_composite(alarm, CompositeState(), quiet, 0)
    assert told[0].reason == "arn:c was created and its alarm rule evaluates to OK"
    loud = {**quiet, "b": ChildState("ALARM", 1_658_505_465_394_000, "arn:b")}
    state, told = evaluate_composite(alarm, state, loud, 1_658_505_465_500_000)
    assert told[0].reason == "arn:b transitioned to ALARM at Friday 22 July, 2022 15:57:45 UTC"
    assert msgspec.json.decode(told[0].reason_data) == {
        "triggeringAlarms": [
            {
                "arn": "arn:b",
                "state": {"value": "ALARM", "timestamp": "2022-07-22T15:57:45.394+0000"},
            }
        ]
    }
    assert told[0].actions == ("page",)
    assert evaluate_composite(alarm, state, loud, 1_658_505_465_600_000)[1] == ()


def test_an_updated_rule_says_so():
    state, _ = evaluate_composite(composite("c", "ALARM(a)"), CompositeState(), {}, 0)
    _, told = evaluate_composite(composite("c", "TRUE"), state, {}, UNIT)
    assert told[0].reason == "c was updated and its alarm rule evaluates to ALARM"


# The six examples of "Suppressing composite alarm actions": a wait of 2 and an extension of 3
# time units. The composite alarm and its suppressor change at the times given.


def play(child, suppressor, until=12, wait=2, extension=3, every=1, at=None):
    """What was acted on, and when: (time unit, state). Both sides start in OK unless at 0."""
    alarm = composite(
        "c", "ALARM(a)", ok_actions=("ok",), alarm_actions=("alarm",), actions_suppressor="s",
        actions_suppressor_wait_period=wait * 60, actions_suppressor_extension_period=extension * 60,
    )  # fmt: skip
    state, acted = CompositeState("OK", children={"a": "OK"}), []
    for unit in at or range(0, until + 1, every):
        children = {
            name: ChildState(*next((v, t * UNIT) for t, v in reversed(changes) if t <= unit))
            for name, changes in (("a", child), ("s", suppressor))
        }
        state = msgspec.json.decode(msgspec.json.encode(state), type=CompositeState)
        state, told = evaluate_composite(alarm, state, children, unit * UNIT)
        acted += [(unit, each.after, each.actions[0]) for each in told if each.actions]
        assert (state.owed is None) == (state.suppressed_by == "")
    return acted


OK, ALARM = "OK", "ALARM"


@pytest.mark.parametrize(
    ("child", "suppressor", "acted"),
    [
        ([(0, OK), (2, ALARM)], [(0, OK)], [(4, ALARM, "alarm")]),
        ([(0, OK), (2, ALARM)], [(0, OK), (3, ALARM)], []),
        ([(0, OK), (2, ALARM), (3, OK)], [(0, OK)], [(5, OK, "ok")]),
        ([(0, OK), (2, ALARM)], [(0, ALARM)], []),
        ([(0, OK), (2, ALARM)], [(0, OK), (3, ALARM), (6, OK)], [(9, ALARM, "alarm")]),
        ([(0, OK), (2, ALARM), (7, OK)], [(0, OK), (3, ALARM), (6, OK)], [(9, OK, "ok")]),
        # A suppressor that comes back during the extension goes on suppressing.
        ([(0, OK), (2, ALARM)], [(0, ALARM), (5, OK), (7, ALARM)], []),
        # One that comes when the wait is over, or after, comes too late.
        ([(0, OK), (2, ALARM)], [(0, OK), (4, ALARM)], [(4, ALARM, "alarm")]),
        ([(0, OK), (2, ALARM)], [(0, OK), (5, ALARM)], [(4, ALARM, "alarm")]),
    ],
)
def test_suppression(child, suppressor, acted):
    assert play(child, suppressor) == acted


def test_suppression_does_not_depend_on_how_often_it_is_looked_at():
    late = [(0, OK), (5, ALARM)]
    assert play([(0, OK), (2, ALARM)], late, at=[0, 2, 7]) == [(7, ALARM, "alarm")]
    assert play([(0, OK), (2, ALARM)], [(0, ALARM), (4, OK)], at=[0, 2, 10]) == [
        (10, ALARM, "alarm")
    ]


def test_no_wait_acts_at_once():
    assert play([(0, OK), (2, ALARM)], [(0, OK)], wait=0) == [(2, ALARM, "alarm")]
    assert play([(0, OK), (2, ALARM)], [(0, ALARM), (4, OK)], extension=0) == [(4, ALARM, "alarm")]


def test_a_suppressed_change_is_told_without_actions():
    alarm = composite("c", "TRUE", alarm_actions=("page",), actions_suppressor="s",
                      actions_suppressor_wait_period=60, actions_suppressor_extension_period=60)  # fmt: skip
    state, told = evaluate_composite(alarm, CompositeState(), {}, 0)
    assert (told[0].after, told[0].actions, told[0].suppressed_by) == ("ALARM", (), "WaitPeriod")
    state, told = evaluate_composite(alarm, state, {}, UNIT)
    assert (told[0].actions, told[0].delayed, told[0].time) == (("page",), True, UNIT)
    assert evaluate_composite(alarm, state, {}, 2 * UNIT)[1] == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alarm_rule": "ALARM("}, "AlarmRule column 1"),
        ({"alarm_rule": "ALARM(c)"}, "refers to the alarm itself"),
        ({"actions_suppressor": "s"}, "ActionsSuppressorWaitPeriod is missing"),
        ({"actions_suppressor_wait_period": 1}, "without ActionsSuppressor"),
        ({"actions_suppressor": "s", "actions_suppressor_wait_period": -1}, "is negative"),
        ({"alarm_name": ""}, "alarm name of 0 characters"),
        ({"alarm_actions": ("",)}, "AlarmActions"),
        ({"ok_actions": ("a",) * 6}, "6 actions"),
    ],
)
def test_definitions_are_checked(change, words):
    alarm = msgspec.structs.replace(composite("c", "TRUE"), **change)
    assert any(words in str(problem) for problem in check(alarm))


def test_unknown_children_and_names_used_twice_are_told():
    alarms = [composite("c", "ALARM(lost)"), composite("c", "TRUE"), composite("d", "ALARM(")]
    found = "\n".join(str(problem) for problem in check_all(alarms))
    assert "no alarm is named 'lost'" in found
    assert "two alarms have this name" in found
    assert "not an alarm's name" in found
