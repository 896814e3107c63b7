"""JSON filters over several properties, over numbers, and over objects inside."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scan.oracle import JSON_TREES, PACK, expected, filter_of, form_of, plain
from tests.scan.test_scanner import JSON_KEYS, JSON_OTHERS, JSON_VALUES, json_scanned
from tocsin.pattern import Settings
from tocsin.scan import Scanner


def values_of(*usual):
    return st.sampled_from(usual) | st.sampled_from(JSON_VALUES + JSON_OTHERS)


NEAR = [
    "0", "-0", "-0.0", "0.5", "0.50", "5e-1", "0.5000000000000000000001", "0.4999999999999999999999",
    "0.1", "0.10000000000000000555", "0.1000000000000000055511151231257827021181583404541015625",
    "0.09999999999999999999", "1e-400", "-1e-400", "5", "5.0", "4.9999999999999999999", "1e3", "1000",
    "1000.0000000000000000001", "100000000000000000000", "100000000000000000001", "1e20", "1e308", "1" * 400,
]  # fmt: skip
times_taken = values_of("0.25", "0.75", "12") | st.sampled_from(NEAR) | st.floats(0, 6).map(str)


WHO = [
    ("client", '"1.2.3.4"'), ("client", '{"ip": "1.2.3.4"}'), ("client", '{"address": "a.example"}'),
    ("client", '{"ip": "", "address": "b.example"}'), ("source", '{"ip": "5.6.7.8", "port": 1}'),
    ("source.ip", '"9.9.9.9"'), ("source.ip", "null"), ("source", '{"ip": 7}'), ("source", '"x"'),
    ("client", '{"ip": {"ip": "1.1.1.1"}}'), ("source.address", '"c.example"'), ("ip", '""'), ("x", "1"),
]  # fmt: skip


@st.composite
def requests(draw):
    """Lines as services write them, now and then with something odd in them."""
    lines = []
    usual = draw(st.sampled_from(WHO))
    who = st.sampled_from([*[usual] * 20, *WHO])
    shape = draw(
        st.sets(
            st.sampled_from(["status", "http", "level", "log", "message", "size", "time_taken"])
        )
    )
    for _ in range(draw(st.integers(1, 12))):
        pairs = [("time", '"2024-05-01T10:00:00Z"'), draw(who)]
        code = draw(values_of("200", "404", "404", "500"))
        level = draw(values_of('"info"', '"critical"'))
        inner = {
            "status": code,
            "http": f'{{"response": {{"status_code": {code}}}, "status": {draw(values_of("200"))}}}',
            "level": level,
            "log": f'{{"level": {level}, "offset": 12}}',
            "message": draw(values_of('"all is well"', '"a Critical Error"')),
            "size": draw(values_of("0", "-0", "-1", "5", "9007199254740993")),
            "time_taken": draw(times_taken),
        }
        pairs += [(key, value) for key, value in inner.items() if key in shape]
        if draw(st.integers(0, 5)) == 0:
            pairs.append((draw(st.sampled_from(JSON_KEYS)), draw(values_of("1"))))
        lines.append("{" + ", ".join(f'"{key}": {value}' for key, value in pairs) + "}\n")
    return "".join(lines).encode()


@settings(max_examples=150)
@given(requests(), st.sampled_from([1, 500, 1 << 20]), st.booleans())
def test_json_trees_same_as_line_by_line(log, size, on):
    chosen = Settings(booleans=on, quoted_numbers=on, missing_not_equal=on, numeric_strings=not on)
    table = json_scanned(log, size, chosen, JSON_TREES)
    assert plain(table) == plain(expected(log, JSON_TREES, form_of("json"), chosen))


class Counted:
    """A format that counts the lines it is asked for."""

    name = "json"

    def __init__(self, form):
        self._form, self.asked = form, 0

    def parse(self, line):
        self.asked += 1
        return self._form.parse(line)


def test_a_condition_over_several_properties_asks_the_matcher_once_for_all_lines_alike():
    line = b'{"time": "2024-05-01T10:00:%02dZ", "status": %d, "http": {"status": 1}, "ip": "1.2.3.4"}\n'
    log = b"".join(line % (at % 60, (200, 404, 500)[at % 3]) for at in range(30_000))
    trees = [*PACK, filter_of("Deep", "{ $.status != 200 && $.http.status = 1 }")]
    form = Counted(form_of("json"))
    table = Scanner(trees, form).scan(log)
    assert table.minutes.matches[("web", "Deep"), 1_714_557_600_000_000] == 20_000
    # Stamps and clients of the first lines are read by the parser too.
    assert form.asked < 100
    slow = Counted(form_of("json"))
    Scanner([filter_of("Slow", "{ $.tags[0] NOT EXISTS }")], slow).scan(log)
    assert slow.asked >= 30_000
