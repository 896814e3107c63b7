"""Alerts and who acknowledged them: each is judged once, on the day on which its time ran out."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.control.days import HOUR, START, period

from tocsin.control import Acknowledged, Control, Entry, LedgerSeen, State, firings_of, judge

DAY = period()
NEED = Acknowledged("acknowledged", 8 * HOUR)


def entries(*told):
    """`(hours, kind, body)` each, hours from the day's begin."""
    count = itertools.count(1)
    return tuple(Entry(next(count), START + round(h * HOUR), k, b) for h, k, b in told)


def fires(hours, alert="Guessing", after="firing", **labels):
    return hours, "transition", {"rule": alert, "after": after, "labels": labels}


def alarm(hours, after="ALARM", *, early=False):
    return hours, "transition", {"alarm": "burst", "after": after, "early": early}


def many(hours, ip, after="firing"):
    return hours, "transition", {"correlation": "many", "group": {"ip": ip}, "after": after}


def answers(hours, alert="Guessing", by="ann", **labels):
    return hours, "acknowledgement", {"alert": alert, "labels": labels, "by": by, "ticket": "T-1"}


def judged(*told, need=NEED):
    seen = LedgerSeen(DAY.end + 1, (), entries(*told), ())
    verdict = judge(Control("c", 1, "", "", "daily", (need,)), DAY, {need.name: seen})
    return verdict.state, verdict.reasons


@pytest.mark.parametrize(
    ("told", "state", "reason"),
    [
        ([], "operated", "no alert was waiting longer than 8h for an acknowledgement"),
        ([fires(2), answers(3)], "operated", "acknowledged by ann (T-1)"),
        ([fires(2)], "exception", "nobody acknowledged it within 8h"),
        ([fires(2), answers(11)], "exception", "was acknowledged after 9h by ann (T-1)"),
        # Before it fired it says nothing of it.
        ([answers(1), fires(2)], "exception", "nobody"),
        ([fires(2), answers(3, "Other")], "exception", "nobody"),
        ([fires(2, instance="a"), answers(3, instance="b")], "exception", 'instance="a"'),
        ([fires(2, instance="a", job="j"), answers(3, instance="a")], "operated", "ann"),
        # Whose time runs out tomorrow is judged tomorrow, whose time ran out yesterday was.
        ([fires(17)], "operated", "no alert was waiting"),
        ([fires(-9)], "operated", "no alert was waiting"),
        ([fires(-7)], "exception", "nobody"),
        # One word is of all that fired before it, and of nothing after.
        ([fires(1), fires(2, after="inactive"), fires(3), answers(4)], "operated", "ann"),
        ([fires(1), answers(2), fires(3, after="inactive"), fires(4)], "exception", "nobody"),
        # Told early and evaluated later is one alarm.
        ([alarm(1, early=True), answers(1.1, "burst"), alarm(2)], "operated", "ann"),
        ([alarm(1), answers(2, "burst"), alarm(3, "OK"), alarm(4)], "exception", "nobody"),
        # A correlation fires for each group of its own.
        ([many(1, "a"), many(2, "b"), answers(3, "many", ip="a")], "exception", '{ip="b"}'),
        ([many(1, "a"), many(2, "b"), answers(3, "many")], "operated", "ann"),
    ],
)  # fmt: skip
def test_an_alert_is_acknowledged_in_time_or_an_exception(told, state, reason):
    found, reasons = judged(*told)
    assert (str(found), reason in "; ".join(reasons)) == (state, True), reasons


def test_only_the_named_alerts_matter():
    need = Acknowledged("acknowledged", 8 * HOUR, ("Other",))
    assert judged(fires(2), need=need)[0] is State.OPERATED
    assert judged(fires(2, "Other"), need=need)[0] is State.EXCEPTION


told = st.lists(
    st.tuples(
        st.integers(-100, 100),
        st.sampled_from(["fire", "end", "answer"]),
        st.sampled_from("ab"),
    ),
    max_size=12,
)


def made(told):
    """In order of time, of two alerts without labels."""
    kinds = {"fire": fires, "end": lambda h, a: fires(h, a, "inactive"),
             "answer": answers}  # fmt: skip
    return entries(*(kinds[kind](hours, alert) for hours, kind, alert in sorted(told)))


@given(told)
def test_each_firing_is_due_on_exactly_one_day_and_its_answer_comes_after_it(told):
    seen = made(told)
    found = firings_of(seen)
    for each in found:
        assert each.answer is None or (
            each.answer.time >= each.time and each.answer.body["alert"] == each.name
        )
        due = each.time + NEED.within
        days = [n for n in range(-9, 9) if 0 <= due - START - n * 24 * HOUR < 24 * HOUR]
        assert len(days) == 1
    # Without the answers everything waits, and nothing else changes.
    bare = firings_of(each for each in seen if each.kind != "acknowledgement")
    assert [(e.name, e.time) for e in bare] == [(e.name, e.time) for e in found]
    assert all(each.answer is None for each in bare)


@pytest.mark.parametrize("odd", [None, 3, [], {}, [{"a": 1}]])
def test_odd_entries_are_no_firing_and_no_answer(odd):
    keys = ("rule", "alarm", "correlation", "group", "labels", "after", "alert", "by", "ticket")
    for key in keys:
        strange = [(h, kind, body | {key: odd}) for h, kind, body in (fires(2), answers(3))]
        for told in ([strange[0], answers(3)], [fires(2), strange[1]], strange):
            assert judged(*told)[0] in {State.OPERATED, State.EXCEPTION}
