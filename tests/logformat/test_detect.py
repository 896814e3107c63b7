"""How a log is written is seen from its lines."""

from __future__ import annotations

import pytest

from tests.logformat.test_formats import LINES
from tocsin.logformat import Clues, Detected, Parsed, detect, make_format


def test_the_real_access_log(data):
    with (data / "logs/apache_access.log").open("rb") as file:
        found = detect(file)
    assert found == Detected("combined", 1.0, ("", 0.0), 200)


def test_the_real_login_log(data):
    with (data / "logs/auth.log").open("rb") as file:
        found = detect(file)
    assert (found.format, found.confidence, found.lines) == ("syslog", 1.0, 200)
    form = make_format("syslog", Clues(after=1_483_228_800_000_000))
    with (data / "logs/auth.log").open("rb") as file:
        read = [form.parse(line.rstrip(b"\r\n")) for line in file]
    assert all(isinstance(each, Parsed) for each in read)
    assert min(each.time for each in read) == 1_490_620_016_000_000  # 27 March 2017, 13:06:56


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (name, line)
        for name, line, _, _ in LINES
        if b"cut of" not in line and b"a b [" not in line and b"6.6.6.6 -" not in line
    ],
)
def test_one_line_is_enough_where_it_is_plain(name, line):
    assert detect([line, b""]).format == name


def test_doubt_is_stated():
    common = b'1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /" 200 3'
    found = detect([common] * 3 + [b"# a comment"] * 3 + [b'{"time": 1}'] * 2)
    assert found == Detected("common", 0.375, ("json", 0.25), 8)
    assert detect([b"nothing", b"known"]) == Detected("", 0.0, ("", 0.0), 2)
    assert detect([]) == Detected("", 0.0, ("", 0.0), 0)
