from __future__ import annotations

import random
import re
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.scan.oracle import (
    HTTP,
    INSTALLED,
    JSON,
    JSON_TREES,
    MORE,
    expected,
    filter_of,
    form_of,
    plain,
)
from tocsin.errors import TocsinError
from tocsin.logformat import Clues, make_format
from tocsin.pattern import Settings
from tocsin.scan import ENGINES, Candidates, Scanner, Table, _search, best_engine
from tocsin.scan._lines import Marker

STAMPS = [
    b"10/Oct/2000:13:55:36 -0700", b"10/Oct/2000:13:55:59 -0700", b"10/Oct/2000:13:56:00 -0700",
    b"10/Oct/2000:20:55:36 +0000", b"11/Oct/2000:02:25:36 +0530", b"10/Oct/2000:13:55:60 -0700",
    b"31/Feb/2000:13:55:36 +0000", b"10/Foo/2000:13:55:36 +0000", b"10/Oct/1969:13:55:36 +0000",
    b"10/Oct/9999:13:55:36 +0000", b"10/Oct/2000:13:55:6a +0000", b"10/Oct/2000:13:55:36 0000",
    b"10/Oct/2000:25:55:36 +0000", b"10/Oct/2000:13:55:99 +0000", b"", b"10/Oct/2000:13:75:36 +0000",
    b"10/Oct/2000:13:5a:36 +0000", b"01/Jan/1970:00:15:00 +0030", b"01/Jan/1970:00:45:00 +0030",
    b"31/Dec/2286:23:15:00 -0030", b"31/Dec/9999:23:15:00 -0030", b"31/Dec/9999:23:45:00 -0030",
]  # fmt: skip
CLIENTS = [
    b"1.2.3.4", b"203.0.113.250", b"::1", b"2001:db8:1111:2222:3333:4444:5555:6666", b"host.example",
    b"", b"a b", b"[::1]", b'"', b"\xff\xfe", b"\xc0", b"x" * 70, b"y" * 300, b"\xc3\xa4" * 150, b"\\", b"!", b"\x85", b"\xa0x", b"{",
]  # fmt: skip
USERS = [b"-", b"-", b"frank", b"frank smith", b"", b" ", b"[x]", b'a"b', b"\\x22", b"u" * 40, b"\t",
         b"- [10/Oct/2000:13:55:36 +0000] -"]  # fmt: skip
REQUESTS = [
    b"GET / HTTP/1.1", b"GET /index.html HTTP/1.0", b"POST /wp-login.php HTTP/1.1", b"-", b"",
    b'GET /\\"x HTTP/1.1', b'GET /" 404 12 "', b"\\x16\\x03\\x01", b"GET /" + b"a" * 3000,
    b"GET /" + b"a" * 50, b"GET /" + b"b" * 57, b"GET /" + b"c" * 121, b"GET /\x00",
    b"GET /[10/Oct/2000:13:55:36 +0000] HTTP", b"GET /Critical Error", b"GET /\xff\xfe",
    "GET /größe".encode(), b"GET /\\", b'" 500 1 "',
]  # fmt: skip
STATUSES = [b"200", b"200", b"304", b"404", b"404", b"400", b"401", b"403", b"500", b"503", b"4x4",
            b"40", b"4040", b"-", b"", b"000", b"999", b"\xb2\xb2\xb2", b":00"]  # fmt: skip
SIZES = [b"0", b"123", b"-", b"99999999999999999999", b"12a", b"12[", b"", b"x", b'"', b"--", b"5\t6",
         b"5\x0b6", b"5\x016"]  # fmt: skip
TAILS = [
    b' "-" "-"', b' "http://example.org/a" "Mozilla/5.0 (X11) Critical Error"', b"", b' "-"', b" x",
    b' "-" "-" "-"', b' "-" "un', b' "a\\"b" "-"', b' "-" "-" 0.003', b'  "-" "-"', b' "-"  "-"',
    b' "-" "-" ', b' "-" "-"\r', b' "-" "-"\r\r', b"\r", b'\t"-" "-"', b' "-"\t"-"', b' "-""-"',
    b' "' + b"r" * 200 + b'" "' + b"a" * 300 + b'"', b' "404" " 404 "', b' "-" "[x"', b' "[" "]"',
]  # fmt: skip


def line_of(pick):
    stamp = pick(STAMPS[:6] + STAMPS) or b"-"
    return b'%s %s %s [%s] "%s" %s %s%s' % (
        pick(CLIENTS[:5] * 3 + CLIENTS), pick([b"-", b"-", b"-", b"", b"ident"]), pick(USERS), stamp,
        pick(REQUESTS), pick(STATUSES), pick(SIZES[:3] * 3 + SIZES), pick(TAILS[:2] * 9 + TAILS),
    )  # fmt: skip


JUNK = [
    b"", b"\r", b" ", b"\x00", b"{}", b'{"status": 404}', b"Critical Error", b"[", b'"', b'""' * 40,
    b"[" * 100, b"\xff" * 100, b"1.2.3.4 - - [", b"1.2.3.4 - - [10/Oct/2000:13:55:36 +0000",
    b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "', b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET',
    b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET"', b'1.2.3.4 [10/Oct/2000:13:55:36 +0000] "" 404 1',
    b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "" 404 ', b"x" * 5000,
    b'1.2.3.4 - [10/Oct/2000:13:55:36 +0000] - [10/Oct/2000:13:58:36 +0000] "" 404 1 "-" "-"',
]  # fmt: skip


@st.composite
def logs(draw):
    rng = random.Random(draw(st.integers(0, 2**32)))
    usual = draw(st.booleans())
    lines = []
    for _ in range(draw(st.integers(0, 40))):
        line = line_of((lambda each: each[0]) if usual and rng.random() < 0.7 else rng.choice)
        if rng.random() < 0.1:
            line = rng.choice(JUNK)
        if rng.random() < 0.1 and line:
            at = rng.randrange(len(line))
            spoil = rng.choice(
                [b'"', b"[", b"]", b" ", b"\\", b"\x00", b"\xff", b"\t", b"\n", b"4", b""]
            )
            line = line[:at] + spoil + line[at + rng.randrange(2) :]
        lines.append(line + rng.choice([b"\n"] * 9 + [b"\r\n"]))
    block = b"".join(lines)
    return block.removesuffix(b"\n") if draw(st.booleans()) else block


def blocks_of(log, size):
    """The log in blocks of whole lines, of about a size."""
    lines = log.splitlines(keepends=True) if b"\r" not in log else _keep(log)
    block = b""
    for line in lines:
        block += line
        if len(block) >= size:
            yield block
            block = b""
    if block:
        yield block


def _keep(log):
    lines = log.split(b"\n")
    last = lines.pop()
    return [each + b"\n" for each in lines] + ([last] if last else [])


def scanned(log, filters, size=1 << 20, **more):
    scanner = Scanner(filters, form_of(), **more)
    table = Table()
    for block in blocks_of(log, size):
        table.merge(scanner.scan(block))
    return table


PADDING = b'9.9.9.9 - - [10/Oct/2000:14:00:00 -0700] "GET / HTTP/1.1" 200 1 "-" "-"\n' * 3
"""Lines at the end of a block are read the slow way; these are they."""


@pytest.mark.parametrize("engine", INSTALLED)
@pytest.mark.parametrize("filters", [HTTP, HTTP[:1] + HTTP[2:4], MORE, HTTP + MORE])
@settings(max_examples=60)
@given(logs(), st.sampled_from([1, 100, 1000, 5000, 1 << 20]))
@example(b"", 1)
@example(b"\n", 1)
@example(b"\n\n\r\n", 1 << 20)
def test_same_as_line_by_line(engine, filters, log, size):
    log = log + (b"" if log.endswith(b"\n") or not log else b"\n") + PADDING
    table = scanned(log, filters, size, engine=engine)
    assert plain(table) == plain(expected(log, filters))
    assert table.balanced


TERMS = [
    filter_of("NotFound", r"%[^\\]\x22 404 [0-9-]%"),
    filter_of("ServerErrors", r"%[^\\]\x22 5\d\d [0-9-]%", default=0.0),
    filter_of("Both", r"GET %\x22 404 % -index"),
    filter_of("None", "-GET -POST"),
    filter_of("Either", "?%wp-login% ?admin ?%404|500%"),
    filter_of("Across", r"%4\D%"),
    filter_of("Ahead", r"%-\x22[^a-z]+[0-9]%"),
    filter_of("Anchor", r"%\x22$%"),
    filter_of("Blank", r"%404\s%"),
    filter_of("Many", r"%[0-9]{3} [0-9]{1,2} % -%x.?0%"),
    filter_of("End", r"%[a-z0-9-]\x22[^ ]%"),
    filter_of("Value", r"%GET%", "7"),
    filter_of("Word", "404"),
]
"""Decided by their terms, where a block is plain."""


@pytest.mark.parametrize("engine", INSTALLED)
@settings(max_examples=200)
@given(logs(), st.sampled_from([1, 1000, 1 << 20]), st.booleans())
def test_terms_say_what_the_matcher_says(engine, log, size, returns):
    log = log.decode("ascii", "ignore").replace("\r", "").encode() + b"\n" + PADDING
    if returns:
        log += PADDING.replace(b"\n", b"\r\n")
    table = scanned(log, TERMS + HTTP, size, engine=engine)
    assert plain(table) == plain(expected(log, TERMS + HTTP))


@settings(max_examples=60)
@given(logs(), st.sampled_from(["one", "rest"]), st.sampled_from(["data", "end"]))
def test_same_in_all_settings(log, last_field, escaped_quotes):
    chosen = Settings(
        last_field=last_field, escaped_quotes=escaped_quotes, missing_dimension="skip"
    )
    log += b"\n" + PADDING
    table = scanned(log, HTTP + MORE, settings=chosen)
    assert plain(table) == plain(expected(log, HTTP + MORE, settings=chosen))


@settings(max_examples=100)
@given(st.data())
def test_one_odd_line_among_plain_ones(data):
    odd = line_of(lambda each: data.draw(st.sampled_from(each)))
    log = PADDING + odd + b"\n" + PADDING
    assert plain(scanned(log, HTTP + MORE)) == plain(expected(log, HTTP + MORE))


@pytest.fixture(scope="module")
def real(data):
    """A log, and what reading it line by line counts."""
    log = (data / "logs" / "apache_access.log").read_bytes()
    return log, plain(expected(log, HTTP))


@pytest.mark.parametrize("engine", INSTALLED)
@pytest.mark.parametrize("size", [1, 4096, 65_536, 1 << 20, 1 << 30])
def test_a_real_log(real, engine, size):
    log, counts = real
    table = scanned(log, HTTP, size, engine=engine)
    assert plain(table) == counts
    assert table.read == log.count(b"\n")
    if size > 60_000:
        assert table.slow < table.read / 20
    matches = {key[1] for key, _ in table.minutes.matches}
    assert matches >= {"NotFound", "ServerErrors", "Denied"}


JSON_TIMES = [
    '"2024-05-01T10:00:00Z"', '"2024-05-01T10:00:59.9Z"', '"2024-05-01T12:01:00+02:00"', "1714557600",
    '"1714557600.5"', '"never"', '""', "null", "true", "[1]", '"' + "9" * 70 + '"', "1.5e9", "-1",
    '"1969-01-01T00:00:00Z"', '"01/May/2024:10:00:00 +0000"',
]  # fmt: skip
JSON_VALUES = [
    "200", "404", "404", "500", "401", '"404"', "404.0", "4.04e2", "4040e-1", "-0", "0", "1", "true",
    "false", "null", "1.0", "[404]", '{"a": 404}', '""', '"5xx"', '"\\u0034\\u0030\\u0034"', "1e999",
    "1" * 30, "1" * 400, '"\\ud800"', "0404", "NaN", '"ä"', "5", "50", "+5",
]  # fmt: skip
JSON_KEYS = ["status", "client", "source.ip", "status", "time", "@timestamp", "ts", "client_ip", "method", "size", "http",
             "st\\u0061tus", "message", "source", "level", "log", "log.level", "http", "ok", "tags"]  # fmt: skip
JSON_OTHERS = [
    '"POST"',
    '"Critical Error"',
    '"1.2.3.4"',
    '{"status": 404}',
    '{"ip": "5.6.7.8"}',
    "12",
    '"\\u0022"',
    '"},{"',
    '", "status": 404, "',
    '"\\", \\"status\\": 404, \\""',
    '{"ip": "' + "a" * 150 + '", "ip": ""}',
    '{"response": {"status_code": 404}}',
    '{"response": {"body": {"bytes": 1}, "status_code": 500}, "status": 404}',
    '{"response": {"status_code": "404"}, "response": {}}',
    '{"response": null, "status": -0}',
    '{"response": [404]}',
    '{"level": "critical"}',
    '{"level": "FATAL", "file": 1e999}',
    '"fatal"',
    '"ERROR"',
    '"\\u0066atal"',
    "[404]",
]
JSON_LINES = [
    '{"time": "2024-05-01T10:00:00Z", "status": 404}{"status": 404}',
    '{"time": "2024-05-01T10:00:00Z",', '"status": 404}', "{", "}", "{}", "{}{}", "{} {}", "{}\r{}",
    '{"a": 1e999, "time": "2024-05-01T10:00:00Z", "status": 404, "client": 1e999}',
    '{"a": ' + "[" * 450 + "]" * 450 + ', "time": "2024-05-01T10:00:00Z", "status": 404}',
    '{"a": ' + '{"b":' * 3000 + "1" + "}" * 3000 + ', "time": "2024-05-01T10:00:00Z"}',
    '{"time": "2024-05-01T10:00:00Z", "status": ' + "4" * 5000 + "}",
    '{"time": "2024-05-01T10:00:00Z", "x": ' + "4" * 5000 + ', "status": 404}',
    '{"time": "2024-05-01T10:00:00Z", "x": [1e400, "' + "é" * 500 + '"], "status": 404}',
    '{"time": "2024-05-01T10:00:00Z", "status": {"status": 404}}',
    '{"time": "2024-05-01T10:00:00Z", "time": "2024-05-01T11:00:00Z", "status": 200, "status": 404}',
    '{"time": "2024-05-01T10:00:00.5Z", "client": {"ip": "", "address": "8.8.8.8"}, "status": 404}',
    '{"@timestamp": null, "timestamp": {}, "time": 1714557659.9999999, "status": 404}',
    '{"@timestamp": "no", "time": "2024-05-01T10:00:00Z", "status": 404}',
    '[{"time": "2024-05-01T10:00:00Z", "status": 404}]', '{"time": "2024-05-01T10:00:00Z"} \t',
    '{"time": "2024-05-01T10:00:60Z", "status": 404}', '{"time": "2024-05-01T10:00:00,5Z"}',
    '{"time": "9999-05-01T10:00:00Z", "status": 404}', '{"time": -1, "status": 404}',
    '{"time": "2024-05-01T10:00:00Z", "status": 404, "client": "' + "x" * 300 + '"}',
]  # fmt: skip


def brace_lines():
    return st.lists(st.sampled_from(JSON_LINES), max_size=12).map(
        lambda lines: "".join(f"{line}\n" for line in lines).encode()
    )


@st.composite
def json_logs(draw):
    rng = random.Random(draw(st.integers(0, 2**32)))
    lines = []
    for _ in range(draw(st.integers(0, 30))):
        pairs = [
            ("time", rng.choice(JSON_TIMES[:3] * 6 + JSON_TIMES)),
            ("status", rng.choice(JSON_VALUES)),
        ]
        for _ in range(rng.randrange(4)):
            key = rng.choice(JSON_KEYS)
            pairs.append((key, rng.choice(JSON_TIMES + JSON_VALUES + JSON_OTHERS * 5)))
        rng.shuffle(pairs)
        line = "{" + ", ".join(f'"{key}": {value}' for key, value in pairs) + "}"
        line = rng.choice(
            [line] * 20 + ["", " " + line, line + " x", f"[{line}]", "1", "\x0b" + line]
        )
        line = line.encode()
        if rng.random() < 0.1 and line:
            at = rng.randrange(len(line))
            line = (
                line[:at]
                + rng.choice([b"\xff", b"\x00", b"\xc3", b'"', b"{", b"9"])
                + line[at + 1 :]
            )
        lines.append(line + rng.choice([b"\n", b"\n", b"\r\n"]))
    return b"".join(lines)


def json_scanned(log, size, chosen, filters=JSON, **more):
    scanner = Scanner(filters, form_of("json"), chosen, **more)
    table = Table()
    for block in blocks_of(log, size):
        scanner.scan(block, table)
    return table


@pytest.mark.parametrize("engine", INSTALLED)
@pytest.mark.parametrize("filters", [JSON, JSON_TREES], ids=["one", "several"])
@settings(max_examples=150)
@given(json_logs() | brace_lines(), st.booleans(), st.sampled_from([1, 200, 1 << 20]))
@example(b"{\n}\n{}{}\n", False, 1 << 20)
@example(b'{"a":\n1}\n{}{}\n', False, 1 << 20)
@example(b"\n\n", False, 1 << 20)
def test_json_same_as_line_by_line(engine, filters, log, strings, size):
    chosen = Settings(numeric_strings=strings, missing_not_equal=not strings)
    table = json_scanned(log, size, chosen, filters, engine=engine)
    assert plain(table) == plain(expected(log, filters, form_of("json"), chosen))
    assert table.balanced


JSON_TERMS = [
    filter_of("Critical", '"Critical Error"'),
    filter_of("Either", "?404 ?fatal ?%50+%"),
    filter_of("Without", "-404 -time"),
    filter_of("Both", "status 404 -POST", "3"),
    filter_of("Across", r"%[^x]*fatal%"),
    filter_of("End", r"%\x7d[^x]%"),
    filter_of("Many", r"%4+0?4%", default=0.0),
]
"""Decided by their terms, where a block is plain."""


@pytest.mark.parametrize("engine", INSTALLED)
@settings(max_examples=200)
@given(json_logs() | brace_lines(), st.sampled_from([1, 1000, 1 << 20]), st.booleans())
def test_terms_of_json_lines_say_what_the_matcher_says(engine, log, size, returns):
    log = log.decode("ascii", "ignore").replace("\r", "").encode()
    if returns:
        log += b'{"time": "2024-05-01T10:00:00Z", "x": "404 fatal"}\r\n' * 2
    log += b'{"time": "2024-05-01T10:00:60Z", "y": "fatal"}\n' * 2
    filters = [*JSON_TERMS, *JSON[:2]]
    table = json_scanned(log, size, Settings(), filters, engine=engine)
    assert plain(table) == plain(expected(log, filters, form_of("json"), Settings()))
    assert table.balanced


STAMPS_ALIKE = [
    "2024-05-01T10:00:{:02}Z", "2024-05-01T10:01:{:02}Z", "2024-05-01T10:00:{:02}.123Z",
    "2024-05-01T10:00:{:02}.12xZ", "01/May/2024:10:00:{:02} +0000", "01/Foo/2024:10:00:{:02} +0000",
    "2024-05-01T10:00:{:02}+00:00", "2024-05-01T10:00:{:02}-05:30", "2024-05-01 10:00:{:02}",
    "2024-05-01T10:75:{:02}Z", "1970-01-01T00:15:{:02}+00:30", "1970-01-01T00:45:{:02}+00:30",
    "9999-12-31T23:15:{:02}-00:30", "9999-12-31T23:45:{:02}-00:30",
    "2024-02-30T10:00:{:02}Z", "9999-05-01T10:00:{:02}Z", "1969-05-01T10:00:{:02}Z",
    "20240501T100000{:02}ZZZZ", "2024-05-01T10:00:{:02}ä", "1714557{:03}.99",
]  # fmt: skip


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from(STAMPS_ALIKE), st.integers(0, 99)), max_size=20),
    st.sampled_from([0, 3600, 30, -19_800]),
)
def test_json_times_same_as_line_by_line(stamps, offset):
    form = make_format("json", Clues(offset))
    lines = [f'{{"time":"{stamp.format(second)}","status":404}}\n' for stamp, second in stamps]
    log = "".join(lines).encode()
    assert plain(Scanner(JSON, form).scan(log)) == plain(expected(log, JSON, form))


@pytest.mark.parametrize("form", ["combined", "json"])
@given(
    st.lists(st.tuples(st.integers(0, 4000), st.sampled_from([200, 401, 404, 503])), max_size=60),
    st.sampled_from([1000, 1 << 20]),
)
def test_blocks_of_many_minutes_same_as_line_by_line(form, lines, size):
    rng = random.Random(len(lines))
    log = b""
    for minute, status in lines:
        hour, rest = divmod(minute % 1440, 60)
        day, client = 1 + minute // 1440, rng.randrange(3)
        log += (
            b'1.2.3.%d - - [%02d/Oct/2000:%02d:%02d:36 +0000] "GET / HTTP/1.1" %d 1 "-" "-"\n'
            if form == "combined"
            else b'{"ip": "1.2.3.%d", "time": "2000-10-%02dT%02d:%02d:59Z", "status": %d}\n'
        ) % (client, day, hour, rest, status)
    filters = HTTP if form == "combined" else JSON
    scanner, table = Scanner(filters, form_of(form)), Table()
    for block in blocks_of(log, size):
        scanner.scan(block, table)
    assert plain(table) == plain(expected(log, filters, form_of(form)))
    assert table.slow == 0


@pytest.mark.parametrize("form", ["combined", "json", "syslog-5424"])
@pytest.mark.parametrize("ended", [True, False])
def test_very_many_lines_in_a_block_are_looked_at_in_pieces(form, ended):
    line = {
        "combined": PADDING.splitlines()[0],
        "json": b'{"time": "2024-05-01T10:00:00Z", "status": 404, "ip": "1.2.3.4"}',
        "syslog-5424": b"<34>1 2024-05-01T10:00:00Z host app 1 - - Critical Error",
    }[form]
    filters = JSON if form == "json" else HTTP
    log = (b"\n" * 32_767 + line + b"\n" + line + b"\n") * 2 + line + (b"\n" if ended else b"")
    table = Scanner(filters, form_of(form)).scan(log)
    assert plain(table) == plain(expected(log, filters, form_of(form)))
    assert table.counted == 5


def test_candidates_in_pieces_are_where_they_are():
    line = b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 404 1 "-" "-"'
    log = (b"\n" * 32_767 + line + b"\n") * 3
    found = [each for each in Candidates(HTTP, form_of("combined"))(log, [(0, 1 << 60)]) if each[1]]
    assert found == [(log.index(line) + at * len(log) // 3, line) for at in range(3)]


def test_json_in_the_ordinary_is_not_slow():
    log = b'{"time": "2024-05-01T10:00:00Z", "status": 404, "ip": "1.2.3.4"}\n' * 10
    table = Scanner(JSON, form_of("json")).scan(log)
    assert table.slow == 0
    assert plain(table) == plain(expected(log, JSON, form_of("json")))


@pytest.mark.parametrize("name", ["json", "syslog-5424", "nginx-error", "logfmt", "apache-error"])
def test_other_formats_are_read_line_by_line(name):
    log = (
        b'{"time": "2024-05-01T10:00:00Z", "status": 404, "client_ip": "1.2.3.4"}\n'
        b"<34>1 2024-05-01T10:00:00Z host app 1 - - message repeated 3 times: [Critical Error]\n"
        b"2024/05/01 10:00:00 [error] 1#1: *1 Critical Error, client: 1.2.3.4, server: x\n"
        b"time=2024-05-01T10:00:00Z msg=GET client=1.2.3.4\n"
        b"[Wed May 01 10:00:00.1 2024] [core:error] [pid 1] [client 1.2.3.4:5] Critical Error\n"
    )
    scanner = Scanner(HTTP + MORE, form_of(name))
    assert not scanner.columns
    assert not scanner.fast
    table = scanner.scan(log)
    assert plain(table) == plain(expected(log, HTTP + MORE, form_of(name)))
    assert table.counted >= 1
    assert table.slow == table.read - (name == "json")


def test_it_says_when_it_is_slow():
    assert best_engine() in ENGINES
    assert not Scanner(HTTP, form_of(), engine="find").fast
    assert Scanner(HTTP[:1], form_of(), engine="find").fast
    assert not Scanner(HTTP, form_of(), columns=False).fast


def test_without_hyperscan(monkeypatch):
    monkeypatch.setattr(_search, "hyperscan", None)
    assert best_engine() == "find"
    scanner = Scanner(HTTP, form_of())
    assert scanner.engine == "find"
    assert not scanner.fast
    assert plain(scanner.scan(PADDING)) == plain(expected(PADDING, HTTP))
    with pytest.raises(TocsinError, match="hyperscan") as caught:
        Scanner(HTTP, form_of(), engine="hyperscan")
    assert "tocsin[scan]" in caught.value.hint


def test_the_page_shows_what_happens(capsys):
    page = (ROOT / "docs" / "concepts" / "scanner.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    exec(code, {})  # noqa: S102
    assert capsys.readouterr().out == shown


def test_columns_can_be_left_out():
    log = b"\n".join(line_of(random.Random(at).choice) for at in range(300))
    slow = scanned(log, HTTP + MORE, columns=False)
    assert plain(slow) == plain(scanned(log, HTTP + MORE))


HOSTILE_LINES = [
    b'1.2.3.4 - - [10/Oct/9999:13:55:36 +0000] "GET /a HTTP/1.1" 404 1 "-" "-"',
    b'1.2.3.4 - - [31/Dec/1969:23:59:59 +0000] "GET /a HTTP/1.1" 404 1 "-" "-"',
    b'1.2.3.4 - - [01/Jan/1970:00:00:00 +0100] "GET /a HTTP/1.1" 404 1 "-" "-"',
    b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET /\x00 HTTP/1.1" 404 1 "-" "-"',
    b'1.2.3.4\x00 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 404 1 "-" "-"',
    b"\x00" * 300,
    b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET /\xff\xfe HTTP/1.1" 404 1 "-" "\xc3"',
    b'\xff\xfe - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 404 1 "-" "-"',
    b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET /' + b"a" * 30_000 + b'!" 404 1 "-" "-"',
]


@pytest.mark.parametrize("engine", INSTALLED)
@pytest.mark.parametrize("line", HOSTILE_LINES, ids=range(len(HOSTILE_LINES)))
def test_a_hostile_line_is_what_the_parser_says(engine, line):
    log = PADDING + line + b"\n" + PADDING * 40
    table = scanned(log, HTTP + MORE, engine=engine)
    assert plain(table) == plain(expected(log, HTTP + MORE))
    assert table.balanced


@pytest.mark.parametrize("form", ["combined", "json"])
def test_a_catastrophic_regex_is_none(form):
    evil = [
        filter_of("One", r"%a*a*a*a*a*a*a*a*a*a*b%"),
        filter_of("Two", r"%[a-z]+[a-z]+[a-z]+[a-z]+#%"),
        filter_of("Three", r"{ $.message = %a*a*a*a*a*a*a*a*a*a*b% }"),
    ]
    text = b"a" * 20_000
    line = (
        b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET /%s HTTP/1.1" 404 1 "-" "-"\n' % text
        if form == "combined"
        else b'{"time": "2024-05-01T10:00:00Z", "message": "%s"}\n' % text
    )
    log = line * 20
    begin = time.process_time()
    table = Scanner(evil, form_of(form)).scan(log)
    assert time.process_time() - begin < 10
    assert table.counted == 20
    assert not table.minutes.matches


@pytest.mark.parametrize("form", ["combined", "json"])
def test_thousands_of_filters_at_once(form):
    count = 2000
    if form == "combined":
        kinds = [
            "[ip, id, user, time, request, status={}, size, ...]",
            '[ip, id, user, time, request="*/path{}/*", status=404, size, ...]',
            '"needle{}x"',
            "%needle{}[xy]%",
        ]
        line = '1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET /path{1}/ HTTP/1.1" {0} 1 "-" "needle{1}x"\n'
    else:
        kinds = ["{{ $.status = {} }}", "{{ $.name = needle{}x && $.status = 404 }}", '"needle{}x"']
        line = '{{"time": "2024-05-01T10:00:00Z", "status": {0}, "name": "needle{1}x"}}\n'
    filters = [filter_of(f"f{at}", kinds[at % len(kinds)].format(at)) for at in range(count)]
    log = "".join(line.format((200, 404, 416)[at % 3], at) for at in range(0, count, 40)).encode()
    begin = time.process_time()
    table = Scanner(filters, form_of(form)).scan(log)
    assert time.process_time() - begin < 20
    assert plain(table) == plain(expected(log, filters, form_of(form)))
    assert table.slow <= 3 if form == "combined" else table.slow == 0


@given(
    st.binary(max_size=100) | st.lists(st.sampled_from([b"\n", b"." * 7, b"." * 8])).map(b"".join)
)
def test_a_byte_is_found_wherever_it_is(block):
    found = Marker().places(np.frombuffer(block, np.uint8), 10)
    assert found.tolist() == [at for at, byte in enumerate(block) if byte == 10]
