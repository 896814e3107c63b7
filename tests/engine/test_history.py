"""Memory and disk together answer like one head that never forgot."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.engine import History
from tocsin.labels import Labels, Matcher, MatchOp
from tocsin.series import Batch, Head
from tocsin.store import Step, open_store

ALL = [Matcher(MatchOp.REGEX, "__name__", ".+")]


def contents(selection):
    rows = zip(selection.labels, selection.offsets, selection.offsets[1:], strict=False)
    return {
        labels: list(
            zip(selection.times[a:b].tolist(), selection.values[a:b].tolist(), strict=True)
        )
        for labels, a, b in rows
        if b > a
    }


@settings(max_examples=40)
@given(
    st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=30),
    st.integers(0, 32), st.lists(st.tuples(st.integers(0, 33), st.integers(0, 33)), max_size=8),
)  # fmt: skip
def test_no_sample_is_missed_and_none_comes_twice(tmp_path_factory, rounds, since, ranges):
    store = open_store(tmp_path_factory.mktemp("state"), 0)
    whole, recent = Head(10**9), Head(10**9)
    try:
        for time, members in enumerate(rounds, 1):
            labels = tuple(Labels({"__name__": "m", "i": str(i)}) for i in sorted(members))
            batch = Batch("s", time, labels, np.full(len(labels), float(time)))
            whole.append(batch)
            store.commit(Step(time, [batch]))
        for batch in store.batches(since):
            recent.append(batch)
        reader = store.reader()
        history = History(recent, reader, since)
        for start, end in [*ranges, (0, 99)]:
            assert contents(history.select(ALL, start, end)) == contents(
                whole.select(ALL, start, end)
            )
        reader.close()
    finally:
        store.close()
