"""A stamp of a day speaks of all days before it, from its own time on."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.seal.chains import KEY, ORIGIN, contents, fill, names, verify

from tocsin.bundle import attach, locked, seal_day
from tocsin.durations import DAY, HOUR
from tocsin.seal import last_second

STAMPS = st.dictionaries(st.integers(0, 4), st.integers(-2 * DAY, 9 * DAY), max_size=5)


@settings(max_examples=25)
@given(STAMPS, st.sampled_from([0, HOUR, DAY, 3 * DAY]))
def test_days_without_a_trusted_time_are_named(stamps, within):
    days = names(5)
    times = {days[at]: last_second(days[at]) + after for at, after in stamps.items()}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for day in days:
            fill(root, day, 1)
            seal_day(root, day, KEY, ORIGIN, contents)
            if day in times:
                with locked(root):
                    attach(root, day, "checkpoint.tsr", str(times[day]).encode())
        verdict = verify(root, check_token=lambda token, _: int(token), stamp_within=within)
        assert verdict.holds
        assert verdict.unstamped == [
            day
            for day in days
            if not any(
                stamped >= day and time <= last_second(day) + within
                for stamped, time in times.items()
            )
        ]
        assert verify(root, check_token=lambda token, _: int(token)).unstamped == []
