from __future__ import annotations

import copy
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scan.oracle import HTTP, form_of, plain
from tocsin.durations import MINUTE
from tocsin.scan import Scanner, Table
from tocsin.scan._sources import CELL, NAME, ROW, TEXT

KEYS = [(("web", name), minute, ()) for name in ("a", "b", "c") for minute in (0, MINUTE)]


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(KEYS),
            st.dictionaries(
                st.text("xyz", max_size=3), st.integers(1, 50), min_size=1, max_size=20
            ),
        ),
        max_size=40,
    ),
    st.integers(1, 600),
    st.integers(0, 40),
)
def test_bounded_sources_err_no_more_than_they_say(updates, limit, cut):
    true = {}
    tables = [Table(max_sources=limit), Table(max_sources=limit)]
    for at, (key, clients) in enumerate(updates):
        true.setdefault(key, Counter()).update(clients)
        tables[at >= cut].blame(key, clients)
    table = tables[0]
    table.merge(tables[1])
    # Cells are known once they are added up; joined tables may be twice as large.
    assert table.sources.weight <= max(2 * limit, ROW + CELL + 1 + NAME + TEXT) + CELL * len(
        table.sources
    )
    for key, counts in true.items():
        cell = table.sources.get(key, {})
        assert sum(cell.values()) + table.lost[key] == counts.total()
        for client, count in counts.items():
            assert cell.get(client, 0) <= count <= cell.get(client, 0) + table.errors[key]
        assert set(cell) <= set(counts)


def test_a_busy_source_outlasts_a_spray():
    table = Table(max_sources=1000)
    key = KEYS[0]
    for at in range(200):
        table.blame(key, {f"{at}.{each}": 1 for each in range(100)} | {"busy": 30})
    assert table.top(key, 1)[0][0] == "busy"
    assert table.sources[key]["busy"] + table.errors[key] >= 200 * 30
    assert table.sources.weight <= 1250 + CELL * len(table.sources)
    assert table.top((("web", "none"), 0, ()), 3) == []


def test_few_sources_stay_exact_beside_a_spray():
    table = Table(max_sources=1000)
    table.blame(KEYS[1], {"quiet": 1, "other": 2})
    table.blame(KEYS[0], {str(each): 1 + each % 3 for each in range(5000)})
    assert table.sources[KEYS[1]] == {"quiet": 1, "other": 2}
    assert table.errors[KEYS[1]] == 0


def test_who_was_behind_a_burst_is_known_after_a_year_of_noise():
    table, key = Table(max_sources=1000), ("web", "a")
    for minute in range(20_000):
        table.blame((key, minute * MINUTE, ()), {f"noise{minute % 50}": 1})
        if minute in (100, 9000, 15_000):
            table.blame((key, minute * MINUTE, ()), {"burst": 60})
    for minute in (100, 9000, 15_000):
        assert table.sources[key, minute * MINUTE, ()]["burst"] == 60
    assert table.sources.unsettled <= 250 + NAME + TEXT
    assert table.sources.weight <= 1250 + CELL * len(table.sources)
    told = sum(cell.total() for cell in table.sources.values()) + table.lost.total()
    assert told == 20_180


def test_tables_add_up_in_any_order(data):
    lines = (data / "logs" / "apache_access.log").read_bytes().splitlines(keepends=True)
    scanner = Scanner(HTTP, form_of())
    parts = [scanner.scan(b"".join(lines[at : at + 1700])) for at in range(0, len(lines), 1700)]
    forward, backward = Table(), Table()
    for part in copy.deepcopy(parts):
        forward.merge(part)
    for part in reversed(parts):
        backward.merge(part)
    assert plain(forward) == plain(backward) == plain(scanner.scan(b"".join(lines)))
