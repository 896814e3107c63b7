"""Events that wait leave in the order of their times, whatever order they came in."""

from hypothesis import given
from hypothesis import strategies as st

from tocsin.correlation import Event
from tocsin.correlation._waiting import Waiting

# A number comes with that time, None takes the earliest out.
STEPS = st.lists(st.one_of(st.integers(0, 12), st.none()), max_size=80)


@given(STEPS)
def test_as_a_sorted_list(steps):
    waiting, expected = Waiting(), []
    for number, time in enumerate(steps):
        if time is not None:
            waiting.put(Event(time, {}), (number,))
            expected = sorted([*expected, (time, number)])
        elif expected:
            event, (came,) = waiting.take()
            assert (event.time, came) == expected.pop(0)
        assert len(waiting) == len(expected)
        assert waiting.due == expected[0][0] if expected else waiting.due >= 2**63 - 1
        assert [(event.time, came) for _, (event, (came,)) in waiting] == expected


@given(st.lists(st.integers(0, 12), max_size=40), st.randoms())
def test_put_back_in_any_order(times, pick):
    waiting, again = Waiting(), Waiting()
    for number, time in enumerate(times):
        waiting.put(Event(time, {}), (number,))
    kept = [*waiting]
    pick.shuffle(kept)
    for order, matched in kept:
        again.put_back(order, *matched)
    assert [*again] == [*waiting]
