"""Delivery in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.notify.telling import START, FakeTime, a_notification

from tocsin.alerting import Refused, Retry, Sent
from tocsin.durations import DAY, HOUR, MINUTE, SECOND
from tocsin.notify import Dispatcher, RetryPolicy


class Scripted:
    """A receiver that answers as told; an Event among the answers is waited for first."""

    def __init__(self, answers=()):
        self.answers = list(answers)
        self.heard = []
        self.active = 0
        self.most_active = 0

    async def send(self, notification):
        self.heard.append(notification.key)
        answer = self.answers.pop(0) if self.answers else Sent()
        self.active += 1
        self.most_active = max(self.active, self.most_active)
        try:
            await asyncio.sleep(0)
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                answer = Sent()
        finally:
            self.active -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def dispatcher(notifier, time, record=None, **options):
    return Dispatcher(
        notifier,
        record or (lambda attempt: None),
        clock=time.clock,
        sleep=time.sleep,
        random=options.pop("random", lambda: 1.0),
        **options,
    )


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 30))


def test_a_failing_receiver_is_tried_until_it_takes_it():
    async def scenario():
        time, attempts = FakeTime(), []
        notifier = Scripted([Retry("down"), Retry("busy", after=30 * SECOND), Sent()])
        box = dispatcher(notifier, time, attempts.append)
        box.put(a_notification("k"))
        await time.run_until(lambda: not box.pending())
        assert notifier.heard == ["k", "k", "k"]
        assert time.slept == [SECOND, 30 * SECOND]
        assert [type(each.delivery) for each in attempts] == [Retry, Retry, Sent]
        assert [each.number for each in attempts] == [1, 2, 3]
        assert attempts[0].next_at == START + SECOND
        assert attempts[-1].next_at == 0
        assert box.counts == {"sent": 1, "retried": 2}

    run(scenario())


def test_refused_is_the_end():
    async def scenario():
        time, attempts = FakeTime(), []
        notifier = Scripted([Refused("answered 404")])
        box = dispatcher(notifier, time, attempts.append)
        box.put(a_notification("k"))
        await box.drained()
        assert attempts[0].delivery == Refused("answered 404")
        assert box.counts == {"refused": 1}

    run(scenario())


def test_a_message_is_given_up_after_a_day_and_not_before():
    async def scenario():
        time, attempts = FakeTime(), []
        box = dispatcher(Scripted([Retry("down")] * 10_000), time, attempts.append)
        box.put(a_notification("k"))
        await time.run_until(lambda: not box.pending())
        last = attempts[-1]
        assert last.delivery == Refused("given up as too old: down")
        assert DAY <= last.at - START <= DAY + 5 * MINUTE
        assert box.counts["expired"] == 1

    run(scenario())


def test_an_old_message_is_still_tried_once():
    async def scenario():
        time = FakeTime()
        box = dispatcher(Scripted(), time)
        box.put(a_notification("k", created=START - 2 * DAY))
        await box.drained()
        assert box.counts == {"sent": 1}

    run(scenario())


def test_a_resolved_never_overtakes_its_firing():
    async def scenario():
        time = FakeTime()
        notifier = Scripted([Retry("down")] * 3)
        box = dispatcher(notifier, time)
        box.put(a_notification("firing"))
        box.put(a_notification("resolved"))
        box.put(a_notification("other", group="other"))
        await time.run_until(lambda: not box.pending())
        assert [k for k in notifier.heard if k != "other"][-1] == "resolved"
        assert notifier.heard.count("resolved") == 1
        assert notifier.heard.index("resolved") > max(
            i for i, k in enumerate(notifier.heard) if k == "firing"
        )

    run(scenario())


@given(
    st.lists(st.sampled_from("abc"), max_size=12),
    st.lists(st.sampled_from([Sent(), Retry("x"), Retry("y", after=SECOND), Refused("z"), ValueError("bug")]), max_size=20),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_every_message_ends_once_in_order_within_its_group(groups, answers, concurrency, source):
    async def scenario():
        time, ended = FakeTime(), []

        def record(attempt):
            if not isinstance(attempt.delivery, Retry):
                ended.append(attempt.notification)

        notifier = Scripted(answers)
        box = dispatcher(notifier, time, record, concurrency=concurrency, random=source.random)
        for number, group in enumerate(groups):
            box.put(a_notification(str(number), group=group))
        await time.run_until(lambda: not box.pending())
        await box.drained()
        for group in "abc":
            wanted = [str(n) for n, each in enumerate(groups) if each == group]
            assert [each.key for each in ended if each.group_key == group] == wanted
        assert notifier.most_active <= concurrency
        assert len(ended) == len(groups)

    run(scenario())


def test_a_broken_receiver_does_not_delay_another():
    async def scenario():
        time = FakeTime()
        hanging = asyncio.Event()
        broken = dispatcher(Scripted([hanging]), time)
        good = Scripted()
        works = dispatcher(good, time)
        broken.put(a_notification("k"))
        works.put(a_notification("k"))
        await works.drained()
        assert good.heard == ["k"]
        assert broken.pending()
        hanging.set()
        await broken.drained()

    run(scenario())


def test_what_cannot_be_recorded_is_sent_all_the_same(caplog):
    async def scenario():
        time = FakeTime()

        def record(_attempt):
            raise OSError("disk full")

        notifier = Scripted()
        box = dispatcher(notifier, time, record)
        box.put(a_notification("k"))
        await box.drained()
        assert notifier.heard == ["k"]
        assert box.counts == {"sent": 1, "unrecorded": 1}

    run(scenario())
    assert "could not record" in caplog.text


def test_stop_lets_what_is_under_way_end_and_begins_nothing():
    async def scenario():
        time = FakeTime()
        under_way = asyncio.Event()
        notifier = Scripted([under_way, Retry("down")])
        box = dispatcher(notifier, time)
        box.put(a_notification("first", group="a"))
        box.put(a_notification("second", group="a"))
        box.put(a_notification("waiting", group="b"))
        await time_for(lambda: time.slept)
        stopping = asyncio.create_task(box.stop())
        await time_for(lambda: len(time.slept) == 2)
        under_way.set()
        left = await stopping
        assert [each.key for each in left] == ["second", "waiting"]
        assert box.counts == {"sent": 1, "retried": 1}
        box.put(a_notification("late", group="c"))
        assert notifier.heard == ["first", "waiting"]

    run(scenario())


def test_stop_does_not_wait_longer_than_its_grace():
    async def scenario():
        time = FakeTime()
        box = dispatcher(Scripted([asyncio.Event()]), time)
        box.put(a_notification("k"))
        await asyncio.sleep(0)
        stopping = asyncio.create_task(box.stop(grace=7 * SECOND))
        await time.run_until(stopping.done)
        assert time.slept == [7 * SECOND]
        assert [each.key for each in stopping.result()] == ["k"]

    run(scenario())


def test_stop_before_anything_began():
    async def scenario():
        box = dispatcher(Scripted(), FakeTime())
        box.put(a_notification("k"))
        assert [each.key for each in await box.stop()] == ["k"]

    run(scenario())


async def time_for(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


@given(st.integers(1, 10_000), st.one_of(st.none(), st.integers(0, HOUR)), st.floats(0, 1))
def test_waits_grow_to_five_minutes_and_respect_what_was_asked(attempts, after, drawn):
    wait = RetryPolicy().next_attempt(attempts, START, after, lambda: drawn) - START
    assert (after or 0) <= wait <= max(5 * MINUTE, after or 0)
    assert wait > 0


@pytest.mark.parametrize(
    ("attempts", "bound"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (99, 300)]
)
def test_the_bounds_double(attempts, bound):
    assert RetryPolicy().next_attempt(attempts, 0, None, lambda: 1.0) == bound * SECOND
