"""What a target's scrapes leave in the head."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tocsin.durations import MINUTE, SECOND
from tocsin.labels import Labels
from tocsin.series import (
    NO_TIME,
    DropReason,
    Exposition,
    Failed,
    FailureReason,
    Head,
    Target,
    TargetState,
    is_stale,
)
from tocsin.series._target import resolve_labels

TARGET = Target("web", "http://127.0.0.1:5000/metrics")
DOWN = Failed(FailureReason.CONNECTION, "nobody there")
REPORT = 5


def series(name: str, **labels: str) -> Labels:
    return Labels({"__name__": name, **labels})


def exposed(*names: str, values: list[float] | None = None, times: list[int] | None = None):
    return Exposition(
        tuple(series(name) for name in names),
        np.array(values if values is not None else range(len(names)), np.float64),
        None if times is None else np.array(times, np.int64),
    )


def as_dict(batch) -> dict[str, float]:
    return {labels.name: value for labels, value in zip(batch.labels, batch.values, strict=True)}


def test_the_report_series_of_a_good_scrape():
    batch = TargetState(TARGET).ingest(SECOND, exposed("a", "b"), 20_000)
    assert as_dict(batch) == {
        "a": 0,
        "b": 1,
        "up": 1,
        "scrape_duration_seconds": 0.02,
        "scrape_samples_scraped": 2,
        "scrape_samples_post_metric_relabeling": 2,
        "scrape_series_added": 2,
    }
    assert all(dict(each.pairs)["instance"] == "127.0.0.1:5000" for each in batch.labels)
    assert batch.source == "scrape/web/127.0.0.1:5000"


def test_an_unchanged_layout_keeps_the_same_labels_object():
    state = TargetState(TARGET)
    first = state.ingest(1, exposed("a", "b"), 1)
    second = state.ingest(2, exposed("a", "b"), 1)
    assert second.labels is first.labels
    assert as_dict(second)["scrape_series_added"] == 0
    state.ingest(3, DOWN, 1)
    assert state.ingest(4, exposed("a", "b"), 1).labels is first.labels


def test_a_failure_ends_every_series_once():
    state = TargetState(TARGET)
    state.ingest(1, exposed("a", "b"), 1)
    batch = state.ingest(2, DOWN, 1)
    values = as_dict(batch)
    assert is_stale(values["a"])
    assert is_stale(values["b"])
    assert values["up"] == 0
    assert state.health == "down"
    again = state.ingest(3, DOWN, 1)
    assert len(again.labels) == REPORT
    assert state.ingest(4, DOWN, 1).labels is again.labels


def test_a_removed_target_ends_everything_it_wrote():
    state = TargetState(TARGET)
    state.ingest(1, exposed("a"), 1)
    batch = state.end(2)
    assert len(batch.labels) == 1 + REPORT
    assert all(is_stale(value) for value in batch.values)


def test_after_a_restart_what_was_live_and_is_gone_ends():
    a, b = (Labels({"__name__": n, "job": "web", "instance": "127.0.0.1:5000"}) for n in "ab")
    state = TargetState(TARGET, live=[a, b])
    values = as_dict(state.ingest(1, exposed("b"), 1))
    assert is_stale(values["a"])
    assert values["b"] == 0
    assert values["scrape_series_added"] == 0
    empty = TargetState(TARGET, live=[a]).ingest(1, exposed(), 1)
    assert is_stale(as_dict(empty)["a"])


def test_the_first_of_duplicates_counts():
    state = TargetState(TARGET)
    batch = state.ingest(1, exposed("a", "a", values=[7, 8]), 1)
    assert as_dict(batch)["a"] == 7
    assert as_dict(batch)["scrape_samples_scraped"] == 2
    assert state.dropped == {DropReason.DUPLICATE: 1}


def test_a_target_cannot_forge_its_own_up():
    state = TargetState(TARGET)
    batch = state.ingest(1, exposed("up", values=[42]), 1)
    assert as_dict(batch)["up"] == 1
    assert state.dropped == {DropReason.DUPLICATE: 1}


def test_samples_with_times_of_their_own_are_not_marked():
    state = TargetState(TARGET)
    batch = state.ingest(100, exposed("a", "b", times=[50, NO_TIME]), 1)
    assert list(batch.times[:2]) == [50, 100]
    values = as_dict(state.ingest(200, DOWN, 1))
    assert "a" not in values
    assert is_stale(values["b"])


def test_a_series_that_gains_a_time_is_not_written_twice():
    state = TargetState(TARGET)
    state.ingest(100, exposed("a"), 1)
    batch = state.ingest(200, exposed("a", values=[5], times=[150]), 1)
    assert len(batch.labels) == 1 + REPORT
    assert as_dict(batch)["a"] == 5


def test_times_far_ahead_are_dropped_and_counted():
    state = TargetState(TARGET)
    limit = 10 * MINUTE
    batch = state.ingest(0, exposed("a", "b", times=[limit, limit + 1]), 1)
    assert "a" in as_dict(batch)
    assert "b" not in as_dict(batch)
    assert state.dropped == {DropReason.TOO_FAR_AHEAD: 1}


def test_conflicting_labels():
    identity = Labels({"job": "web", "instance": "i"})
    own = series("a", job="theirs", exported_job="older", x="1")
    assert resolve_labels(own, identity, honor=True) == own.merged({"instance": "i"})
    assert resolve_labels(own, identity, honor=False) == Labels(
        {
            "__name__": "a",
            "job": "web",
            "instance": "i",
            "exported_job": "older",
            "exported_exported_job": "theirs",
            "x": "1",
        }
    )


def test_target_words():
    assert Target("j", "https://[::1]/metrics").instance == "[::1]:443"
    assert Target("j", "http://h/m", labels=Labels({"instance": "x"})).instance == "x"
    assert Target("j", "http://me:secret@h:1/m").shown_url == "http://me:xxxxx@h:1/m"
    assert Target("j", "http://h:1/m").shown_url == "http://h:1/m"


names = st.lists(st.sampled_from("abcdefg"), max_size=6)
scrapes = st.lists(st.one_of(st.just(DOWN), names.map(lambda each: exposed(*each))), max_size=8)


@given(scrapes, st.booleans())
def test_exactly_the_series_of_the_last_scrape_are_alive(outcomes, removed):
    state, head = TargetState(TARGET), Head(10 * MINUTE)
    for step, outcome in enumerate(outcomes, 1):
        batch = state.ingest(step * SECOND, outcome, 1)
        assert len(set(batch.labels)) == len(batch.labels) == len(batch.values)
        appended = head.append(batch, 100)
        assert appended.dropped == {}
    wanted = set()
    if outcomes:
        wanted = {"up"} | (
            {each.name for each in outcomes[-1].labels} if outcomes[-1] is not DOWN else set()
        )
    if removed:
        head.append(state.end(100 * SECOND), 100)
        wanted = set()
    selection = head.select([], 0, 1000 * SECOND)
    alive = {
        labels.name
        for labels, end in zip(selection.labels, selection.offsets[1:], strict=True)
        if not is_stale(selection.values[end - 1]) and not labels.name.startswith("scrape_")
    }
    assert alive == wanted


stamped = st.dictionaries(st.sampled_from("abcd"), st.sampled_from([NO_TIME, 1, 5]), max_size=4)


@given(st.lists(st.one_of(st.just(None), stamped), max_size=6))
def test_every_sample_is_in_the_batch_or_counted(layouts):
    state, tracked = TargetState(TARGET), set()
    for step, layout in enumerate(layouts, 1):
        now = step * SECOND
        before = sum(state.dropped.values())
        if layout is None:
            batch = state.ingest(now, DOWN, 1)
            expected_ends, tracked = tracked, set()
        else:
            # Every third time is too far ahead.
            times = {
                n: t if t == NO_TIME else now + (t - 4) * 11 * MINUTE for n, t in layout.items()
            }
            ahead = {n for n, t in times.items() if t > now + 10 * MINUTE}
            batch = state.ingest(now, exposed(*times, times=list(times.values())), 1)
            assert sum(state.dropped.values()) - before == len(ahead)
            expected_ends = tracked - (set(times) - ahead)
            tracked = {n for n, t in times.items() if t == NO_TIME}
            assert {n for n in times if n in as_dict(batch)} >= set(times) - ahead
        ends = {n for n, v in as_dict(batch).items() if is_stale(v)}
        assert ends == expected_ends
        assert batch.times is None or len(batch.times) == len(batch.labels)
        assert len(set(batch.labels)) == len(batch.labels)
