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


def full(start, end, length, filling="a"):
    """A line as long as its writer makes them, of which the rest was cut off."""
    line = start + filling * ((length - len(start) - len(end)) // len(filling))
    return (line.ljust(length - len(end), "x") + end).encode()


NGINX = "2026/11/22 12:53:47 [error] 21539#21539: *4 "
SSHD = "Mar 27 13:06:56 srv sshd[7]: "
MISSING = '" failed (2: No such file or directory)'


@pytest.mark.parametrize(
    ("name", "line", "client"),
    [
        # Cut off in the address itself: 192.0.2.15, or anybody.
        ("nginx-error", full(f'{NGINX}open() "/', f"{MISSING}, client: 192.0.2.1", 2047), None),
        ("nginx-error", full(f'{NGINX}user "', '": password mismatch, client: 192.0.2.1', 2047), None),
        # Cut off before it; the only client is in the path that a stranger asked for.
        ("nginx-error", full(f'{NGINX}open() "/x, client: 9.9.9.9, server: ', f"...{MISSING[1:]}, cli", 2047), None),
        ("nginx-error", full(f'{NGINX}FastCGI sent in stderr: "', "x, client: 9.9.9.9, server: s", 2047), None),
        ("nginx-error", full(f"{NGINX}[lua] a.lua:7: x, client: 9.9.9.9, ", "", 2047), None),
        # Whatever was cut off, the server wrote the first client.
        ("nginx-error", full(f'{NGINX}user "u" was not found in "/pw", client: 192.0.2.15, server: s, request: "GET /', "", 2047), "192.0.2.15"),
        ("nginx-error", full(f'{NGINX}user "u": password mismatch, client: 192.0.2.15, server: s, request: "GET /', "", 2047), "192.0.2.15"),
        ("nginx-error", full(f'{NGINX}limiting requests, excess: 1.8 by zone "one", client: 192.0.2.15, server: s, request: "GET /', "", 2047), "192.0.2.15"),
        ("nginx-error", full(f'{NGINX}access forbidden by rule, client: 2001:db8::1, server: s, request: "GET /', "", 2047), "2001:db8::1"),
        # Not cut off.
        ("nginx-error", full(f'{NGINX}open() "/', f"{MISSING}, client: 192.0.2.1, server: s", 2046), "192.0.2.1"),
        # Cut off by somebody else, who takes less.
        ("nginx-error", full(f'{NGINX}open() "/', f"{MISSING}, client: 192.0.2.1", 1024), None),
        ("nginx-error", full(f'{NGINX}open() "/, client: 192.0.2.1, server: s', f"{MISSING}, client: 192.0.2.1", 1024), None),
        ("syslog", SSHD.encode() + full("Connection closed by invalid user ", " 9.9.9.9 port 22 [preauth]", 500, "\\001"), None),
        ("syslog", SSHD.encode() + full("Disconnected from authenticating user ", " 9.9.9.9 port 22", 500, "\\001"), None),
        ("syslog", SSHD.encode() + full("Bad protocol version identification '", "' from 9.9.9.9 port 22", 500, "\\001"), None),
        ("syslog", SSHD.encode() + full("Connection closed by invalid user ", " 9.9.9.9 port 22 [preauth]", 499), "9.9.9.9"),
        ("syslog", SSHD.encode() + full("Received disconnect from 192.0.2.1 port 4:11: ", "9.9.9.9", 500), "192.0.2.1"),
    ],
)  # fmt: skip
def test_a_line_that_was_cut_off_blames_nobody_else(name, line, client):
    """nginx, ngx_log.c: 2,048 bytes with the line end, the client behind the message (seen of
    nginx 1.22); OpenSSH, log.c: `syslog(pri, "%.500s")`, control characters as `\\001`."""
    found = make_format(name, CLUES).parse(line)
    assert isinstance(found, Parsed)
    assert found.fields.get("client") == client


@given(
    st.sampled_from([('open() "/', MISSING), ('user "', '": password mismatch')]),
    st.text('0123456789., clientsrv"', max_size=60),
    st.integers(1, 100),
)
def test_wherever_nginx_cuts_nobody_else_is_blamed(message, own, cut):
    """The path that was asked for is a stranger's, and so is the user; the end is cut off."""
    begin, end = message
    own = own.replace("c", ", client: 9.9.9.9, ") if begin != 'user "' else own
    whole = f'{end}, client: 192.0.2.155, server: s, request: "GET /?, client: 9.9.9.9, server'
    line = full(f"{NGINX}{begin}", f"{own}{whole[:cut]}", 2047)
    found = make_format("nginx-error", CLUES).parse(line)
    assert found.fields.get("client") in (None, "192.0.2.155")
