"""A drill's lines are known whoever hands them over; nobody else makes a line that is put apart."""

from __future__ import annotations

import time

from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.drill import Sieve

SIEVE = Sieve(b"secret")
ID = "0123456789abcdef"
LINES = st.lists(st.binary(max_size=30).filter(lambda each: b"\n" not in each), max_size=6)


@given(LINES, st.data())
def test_what_was_marked_is_found_and_all_else_stays_as_it_is(lines, data):
    marked = {}
    mixed = list(lines)
    for number in range(data.draw(st.integers(0, 3))):
        line = SIEVE.mark(f"GET /{number} $id end", ID)
        place = data.draw(st.integers(0, len(mixed)))
        mixed.insert(place, line)
        marked[line] = ID
    end = b"\n" if data.draw(st.booleans()) else b""
    data = b"\n".join(mixed) + end
    kept, found = SIEVE.sift(data)
    assert sorted(found) == sorted((id_, line) for line, id_ in marked.items())
    rest = [each for each in data.split(b"\n") if each not in marked]
    assert b"".join(piece for _, piece in kept).rstrip(b"\n") == b"\n".join(rest).rstrip(b"\n")
    assert all(data[start : start + len(piece)] == piece for start, piece in kept)


@given(st.data())
@example(None)
def test_a_line_that_differs_in_any_byte_is_a_line_like_any_other(data):
    line = SIEVE.mark('203.0.113.9 - - "GET /$id HTTP/1.1" 404', ID)
    if data is None:
        assert SIEVE.id_of(line + b"\r") == ID
        assert Sieve(b"another").id_of(line) == ""
        assert SIEVE.id_of(line.replace(b"203", b"198")) == ""
        return
    place = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda each: each != line[place]))
    altered = line[:place] + bytes([other]) + line[place + 1 :]
    assert SIEVE.id_of(altered) == ""
    assert SIEVE.sift(altered) == ([(0, altered)], [])


def test_forged_marks_cost_no_more_than_their_length():
    mark = b"tocsin-drill-0123456789abcdef-" + b"0" * 32
    times = []
    for count in (100, 100_000):
        data = (mark * 4 + b"\n") * count
        begun = time.process_time()
        assert SIEVE.sift(data) == ([(0, data)], [])
        assert SIEVE.sift(mark * (4 * count)) == ([(0, mark * (4 * count))], [])
        times.append(time.process_time() - begun)
    assert times[1] < 5_000 * max(times[0], 0.001)


def test_a_mark_inside_another_line_takes_nothing_away():
    """Who reads the log can put a mark into a request; that line counts like any other."""
    line = SIEVE.mark("GET /$id", ID)
    copied = b"203.0.113.9 " + line.removeprefix(b"GET ")
    assert SIEVE.sift(copied + b"\n") == ([(0, copied + b"\n")], [])
