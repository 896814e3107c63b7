from __future__ import annotations

import logging

import pytest
from prometheus_client import CollectorRegistry, Counter

from tocsin_sdk.guard import Guard


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Broken(logging.Logger):
    def warning(self, *_args, **_kwargs):
        raise OSError("no space left on device")


@pytest.fixture
def errors() -> Counter:
    return Counter("errors_total", "x", ("hook",), registry=CollectorRegistry())


def boom() -> None:
    raise RuntimeError("boom")


def test_every_failure_is_counted_and_one_a_minute_logged(errors, caplog):
    clock = Clock()
    guard = Guard(errors, clock=clock)
    for second in range(0, 120, 2):
        clock.now = float(second)
        assert guard.run("event", boom) is None
    assert errors.labels("event")._value.get() == 60
    assert [r.getMessage() for r in caplog.records] == [
        "the event hook failed; the response is unchanged"
    ] * 2
    assert caplog.records[0].exc_info is not None


def test_a_result_passes_through(errors):
    assert Guard(errors).run("event", max, 3, 4) == 4


def test_a_broken_log_a_broken_clock_and_a_broken_counter_are_survived(errors):
    Guard(errors, log=Broken("x")).run("event", boom)
    Guard(errors, log=Broken("x")).warn("setup", "nobody hears")
    Guard(errors, clock=boom).run("event", boom)
    assert errors.labels("event")._value.get() == 2
    Guard(Counter("c_total", "no such label", registry=None)).warn("setup", "counted nowhere")


def test_the_end_of_the_process_is_not_swallowed(errors):
    with pytest.raises(SystemExit):
        Guard(errors).run("event", exit)


def test_a_lock_that_a_fork_copied_does_not_block(errors, caplog):
    guard = Guard(errors)
    guard._lock.acquire()
    guard.run("event", boom)
    assert errors.labels("event")._value.get() == 1
    assert not caplog.records
