"""The life of an alert, step by step, with and without restarts between the steps."""

from __future__ import annotations

import msgspec
import numpy as np
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.alerting import announce, plan_notifications
from tocsin.durations import SECOND
from tocsin.labels import Labels, Matcher, MatchOp
from tocsin.promql import evaluate, parse
from tocsin.rules import GroupState, evaluate_group, load_rule_file
from tocsin.series import Batch, Head, is_stale

STEP = 10 * SECOND


class Bench:
    """A head fed with one value of `x` a step, and a group evaluated over it."""

    def __init__(self, *rules, restart=False, **group):
        self.head, self.state, self.layouts, self.time = Head(2**60), GroupState(), {}, 0
        self.restart = restart
        self.load(*rules, **group)
        self.transitions, self.outcomes = [], []

    def load(self, *rules, **group):
        text = yaml.safe_dump({"groups": [{"name": "g", "rules": list(rules), **group}]})
        (self.group,) = load_rule_file(text.encode(), "r.yml").groups

    def step(self, **values):
        """`x=1` is `x{i="x"} 1`; a value of None is absent."""
        self.time += STEP
        present = {name: value for name, value in values.items() if value is not None}
        if present:
            labels = tuple(Labels({"__name__": "x", "i": name}) for name in present)
            self.head.append(
                Batch("in", self.time, labels, np.array(list(present.values()), float))
            )
        if self.restart:
            # What a restart keeps: the stored state and the samples.
            self.state = msgspec.json.decode(msgspec.json.encode(self.state), type=GroupState)
            self.layouts = {}
        evaluation = evaluate_group(
            self.group, self.state, self.time, self.query,
            lambda batch: self.head.append(batch).batch,
            text_query=lambda text, at: self.query(parse(text), at), layouts=self.layouts,
        )  # fmt: skip
        assert evaluation.changed == (evaluation.state.rules != self.state.rules)
        self.state, self.outcomes = evaluation.state, evaluation.outcomes
        self.transitions += evaluation.transitions
        return [(t.before, t.after) for t in evaluation.transitions]

    def query(self, query, at):
        return evaluate(query, self.head, at)

    def last(self, name):
        found = self.head.select([Matcher(MatchOp.EQUAL, "__name__", name)], self.time, self.time)
        rows = zip(found.labels, found.offsets, found.offsets[1:], strict=False)
        return {str(labels.without_name()): found.values[a] for labels, a, b in rows if b > a}


ABOVE = {"alert": "A", "expr": "last_over_time(x[10s]) > 5"}


def test_for_zero_fires_at_once_and_resolves_at_once():
    bench = Bench(ABOVE)
    assert bench.step(a=9) == [("inactive", "firing")]
    assert bench.step(a=9) == []
    assert bench.step(a=1) == [("firing", "inactive")]


def test_pending_becomes_firing_when_the_whole_of_for_has_passed():
    bench = Bench({**ABOVE, "for": "20s"})
    assert bench.step(a=9) == [("inactive", "pending")]
    assert bench.step(a=9) == []
    assert bench.step(a=9) == [("pending", "firing")]
    (state,) = bench.state.rules.values()
    assert (state.alerts[0].active_at, state.alerts[0].fired_at) == (STEP, 3 * STEP)


def test_one_round_without_a_result_starts_for_again():
    bench = Bench({**ABOVE, "for": "20s"})
    bench.step(a=9)
    bench.step(a=9)
    assert bench.step(a=1) == [("pending", "inactive")]
    assert bench.step(a=9) == [("inactive", "pending")]


def test_keep_firing_for_counts_from_the_first_round_without_result():
    bench = Bench({**ABOVE, "keep_firing_for": "20s"})
    bench.step(a=9)
    assert bench.step(a=1) == []
    assert bench.step(a=1) == []
    assert bench.step(a=1) == [("firing", "inactive")]
    bench.step(a=9)
    bench.step(a=1)
    bench.step(a=9)
    assert bench.step(a=1) == []


def test_a_rule_that_fails_keeps_its_alerts_and_says_so():
    bench = Bench({"alert": "A", "expr": "x * on () group_left () (x{i='a'} or x{i='b'}) > 5"})
    assert bench.step(a=9) == [("inactive", "firing")]
    assert bench.step(a=9, b=9) == []
    assert (bench.outcomes[0].health, bool(bench.outcomes[0].error)) == ("err", True)
    assert bench.state.rules["0;A"].alerts


def test_two_elements_with_one_identity_fail_the_rule():
    bench = Bench({**ABOVE, "labels": {"i": "same"}})
    assert bench.step(a=9, b=9) == []
    assert "same labelset" in bench.outcomes[0].error


def test_a_limit_fails_the_rule():
    bench = Bench(ABOVE, {"record": "r", "expr": "x"}, limit=1)
    bench.step(a=9, b=9)
    assert [outcome.error for outcome in bench.outcomes] == [
        "exceeded limit of 1 with 2 alerts", "exceeded limit of 1 with 2 series",
    ]  # fmt: skip


def test_a_later_rule_sees_what_an_earlier_one_recorded():
    bench = Bench({"record": "r", "expr": "x * 2"}, {"record": "s", "expr": "r + 1"})
    bench.step(a=4)
    assert bench.last("s") == {'{i="a"}': 9}


def test_series_that_a_rule_writes_no_more_become_stale():
    bench = Bench({"record": "r", "expr": "x > 5"}, ABOVE)
    bench.step(a=9, b=9)
    bench.step(a=9, b=1)
    assert is_stale(bench.last("r")['{i="b"}'])
    assert bench.last("r")['{i="a"}'] == 9
    assert sorted(map(is_stale, bench.last("ALERTS").values())) == [False, True]
    bench.step(a=9)
    assert len(bench.last("r")) == 1


def test_a_rule_that_moves_keeps_its_state_and_one_that_goes_ends():
    bench = Bench({**ABOVE, "for": "20s"}, {**ABOVE, "alert": "B"})
    bench.step(a=9)
    bench.load({"record": "r", "expr": "x"}, {**ABOVE, "for": "20s"})
    assert bench.step(a=9) == [("firing", "inactive")]
    assert [t.rule for t in bench.transitions][-1] == "B"
    assert bench.step(a=9) == [("pending", "firing")]


def test_a_query_offset_looks_back_and_stamps_back():
    bench = Bench({"record": "r", "expr": "x"}, query_offset="10s")
    bench.step(a=1)
    bench.step(a=2)
    found = bench.head.select([Matcher(MatchOp.EQUAL, "__name__", "r")], 0, 2**40)
    assert list(zip(found.times.tolist(), found.values.tolist(), strict=True)) == [(STEP, 1.0)]


values = st.one_of(st.none(), st.integers(0, 9))


@settings(max_examples=100)
@given(
    st.lists(st.tuples(values, values), max_size=30),
    st.sampled_from(["0s", "10s", "25s"]), st.sampled_from(["0s", "10s", "25s"]),
)  # fmt: skip
def test_a_restart_at_every_step_changes_nothing(rounds, hold, keep):
    rules = (
        {"record": "r", "expr": "sum(x)"},
        {**ABOVE, "for": hold, "keep_firing_for": keep, "annotations": {"n": "{{ $value }}"}},
        {"alert": "B", "expr": "r > 10", "for": hold},
    )
    one, other = Bench(*rules), Bench(*rules, restart=True)
    for a, b in rounds:
        assert one.step(a=a, b=b) == other.step(a=a, b=b)
    assert one.transitions == other.transitions
    assert one.state == other.state


def test_messages_tell_what_fires_and_what_ended_under_keys_of_their_own():
    bench = Bench(ABOVE, {**ABOVE, "alert": "B", "for": "1h"})
    bench.step(a=9, b=9)
    announced = announce(bench.transitions, {"site": "s", "i": "x"}, "http://t")
    told = plan_notifications(announced, ["one", "two"], 1)
    assert [(n.receiver, n.group_labels, len(n.alerts)) for n in told] == [
        ("one", {"alertname": "A"}, 2), ("two", {"alertname": "A"}, 2),
    ]  # fmt: skip
    assert told[0].alerts[0].labels == {"alertname": "A", "i": "a", "site": "s"}
    assert told[0].alerts[0].generator_url.startswith("http://t/api/v1/query?query=last_over")
    assert told == plan_notifications(announced, ["one", "two"], 1)
    bench.transitions.clear()
    bench.step(a=9, b=1)
    (ended,) = plan_notifications(announce(bench.transitions, {}, "http://t"), ["one"], 1)
    assert (ended.status, [a.labels["i"] for a in ended.alerts]) == ("resolved", ["b"])
    assert len({each.key for each in [*told, ended]}) == 3
