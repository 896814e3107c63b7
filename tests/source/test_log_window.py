"""The first and the last time in a block of lines are what a reading of every line says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.source import first_time, last_time

LINES = st.lists(st.sampled_from([b"", b"\r", b"no time", b"7", b"8\r", b"9", b"\n"]), max_size=9)


def time_of(line: bytes) -> int | None:
    assert line
    return int(line) if line.isdigit() else None


@given(LINES, st.booleans())
def test_first_and_last(lines, ended):
    block = b"\n".join(lines) + (b"\n" if ended else b"")
    times = [int(each) for each in block.replace(b"\r", b"").split(b"\n") if each.isdigit()]
    assert first_time(block, time_of) == (times[0] if times else None)
    assert last_time(block, time_of) == (times[-1] if times else None)
