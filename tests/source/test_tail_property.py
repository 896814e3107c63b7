"""Whatever is written, rotated and killed: every line once, in order, and no gap."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.source.logs import World

STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 40), st.sampled_from([0, 30, 300]), st.booleans()),
    st.tuples(st.just("late")),
    st.tuples(st.just("rename")),
    st.tuples(st.just("copytruncate")),
    st.tuples(st.just("compress"), st.integers(1, 3)),
    st.tuples(st.just("delete_oldest")),
    st.tuples(st.just("poll"), st.sampled_from([1, 50, 1000, 1 << 22]), st.booleans()),
    st.tuples(st.just("poll"), st.sampled_from([1, 50, 1000, 1 << 22]), st.booleans()),
    st.tuples(st.just("tick"), st.sampled_from([0.3, 1.2, 6.0])),
    st.tuples(st.just("kill")),
)


def run(pattern, steps):
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), pattern)
        try:
            # A log group is known from the first committed poll on.
            world.append(1)
            world.poll(1)
            for name, *arguments in steps:
                getattr(world, name)(*arguments)
            world.kill()
            world.settle()
            world.check()
            assert world.gaps == []
            assert world.tail.poll(world.now).problems == []
        finally:
            world.close()


@pytest.mark.parametrize("pattern", ["access.log*", "access.log"])
@settings(
    max_examples=2000 if os.environ.get("TOCSIN_SOAK") else 150,
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(STEPS, max_size=40))
@example([
    ("rename",), ("poll", 50, True), ("tick", 0.3), ("tick", 6.0), ("poll", 1, True),
    ("delete_oldest",),
])  # fmt: skip
def test_every_line_is_taken_once(pattern, steps):
    run(pattern, steps)
