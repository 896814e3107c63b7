"""The daemon's clock: never backwards, and with the wall clock as soon as it may."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.engine import Clock
from tocsin.engine._clock import next_tick

SECOND = 1_000_000_000

moves = st.lists(
    st.tuples(st.integers(0, 100 * SECOND), st.integers(-4000 * SECOND, 4000 * SECOND)),
    max_size=40,
)


class Hands:
    """A wall clock that people set, and a monotonic one that they can't."""

    def __init__(self):
        self.wall, self.monotonic = 10**18, 5

    def clock(self):
        return Clock(lambda: self.wall, lambda: self.monotonic)

    def pass_(self, nanoseconds, jump=0):
        self.monotonic += nanoseconds
        self.wall += nanoseconds + jump


@given(moves)
def test_it_never_runs_backwards_and_never_lags(steps):
    hands = Hands()
    clock = hands.clock()
    last = clock.now()
    for passed, jump in steps:
        hands.pass_(passed, jump)
        now = clock.now()
        assert now >= last
        assert now >= hands.wall // 1000
        assert clock.ahead == now - hands.wall // 1000
        last = now


def test_it_follows_at_once_a_clock_set_forward():
    hands = Hands()
    clock = hands.clock()
    hands.pass_(SECOND, 3600 * SECOND)
    assert clock.now() == hands.wall // 1000


def test_it_goes_on_and_waits_for_a_clock_set_back():
    hands = Hands()
    clock = hands.clock()
    before = clock.now()
    hands.pass_(0, -100 * SECOND)
    for second in range(1, 1001):
        hands.pass_(SECOND)
        if second == 10:
            assert clock.now() - before == 9_000_000
    assert clock.now() == hands.wall // 1000
    assert clock.ahead == 0


@given(st.integers(0, 2**60), st.integers(1, 2**40))
def test_ticks_are_shared(now, interval):
    tick = next_tick(now, interval)
    assert tick % interval == 0
    assert now < tick <= now + interval
