"""Bytes of strangers: no line raises, no line is slow, nobody else is blamed."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.logformat import FORMATS, Clues, Expression, Parsed, Skipped, detect, make_format

CLUES = Clues(after=0)
ALL = [*(make_format(name, CLUES) for name in FORMATS), Expression("(?P<time>[0-9:T. -]+)", CLUES)]
STARTS = [
    b"", b'1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET ', b"1.2.3.4 - - [", b"Mar 27 13:06:56 host sshd[1]: ",
    b"<34>1 2003-10-11T22:14:15.003Z h a - - [", b"2012/04/09 11:53:29 [error] 1#0: ", b'{"time":', b'{"time":"2',
    b"[Thu Jul 11 01:21:41 2013] [error] [client ", b"time=2026-01-01T00:00:00Z a=", b"9999-99-99T99:99:99.", b"-",
    b"Mar 27 13:06:56 host sshd: Connection closed by invalid user ", b"Mar 27 13:06:56 host sshd: PAM 3 more ",
    b"Mar 27 13:06:56 h p: message repeated 3 times: [",
]  # fmt: skip


@given(st.sampled_from(STARTS), st.binary(max_size=80), st.booleans())
def test_no_bytes_raise(start, rest, reverse):
    line = start + rest if not reverse else start + rest + start
    for each in ALL:
        found = each.parse(line)
        assert isinstance(found, Parsed | Skipped)
        assert isinstance(found, Skipped) or 0 <= found.time < 4_102_444_800_000_000
        each.is_typical(line)
    detect([line])


@pytest.mark.parametrize(
    "unit",
    [
        b"a",
        b" [",
        b'"',
        b"\\",
        b" ",
        b"[",
        b"]",
        b"1.",
        b"a=b ",
        b" from x",
        b"\0",
        b"{",
        b'] [a "',
        b", client: 1",
    ],
)
def test_a_long_line_is_read_in_a_moment(unit):
    for start in STARTS:
        line = start + unit * (2**18 // len(unit))
        for each in ALL:
            begin = time.perf_counter()
            each.parse(line)
            assert time.perf_counter() - begin < 1, (each.name, start, unit)


def annotated(path):
    """The lines of a sample with what its authors say of them."""
    said = None
    for line in path.read_bytes().splitlines():
        if line.startswith(b"# failJSON:"):
            said = json.loads(line.removeprefix(b"# failJSON:"))
        elif line.strip() and not line.startswith(b"#") and said is not None:
            yield line, said
            said = None


@pytest.mark.parametrize(
    ("sample", "name", "prefix", "least"),
    [
        ("sshd-journal", "syslog", b"Mar 27 13:06:56 ", 55),
        ("nginx-http-auth", "nginx-error", b"", 8),
        ("apache-auth", "apache-error", b"", 25),
        ("nginx-botsearch", "combined", b"", 8),
    ],
)
def test_nobody_else_is_blamed(data, sample, name, prefix, least):
    form, right, wrong = make_format(name, CLUES), 0, []
    for line, said in annotated(data / "fail2ban" / sample):
        found = form.parse(prefix + line)
        client = found.fields.get("client") if isinstance(found, Parsed) else None
        if client is None or "host" not in said:
            continue
        if client == said["host"].removeprefix("::ffff:"):
            right += 1
        else:
            wrong.append((client, said["host"], line))
    assert wrong == []
    assert right >= least
