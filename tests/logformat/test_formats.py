"""What each format makes of a line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tocsin.errors import ParseError
from tocsin.logformat import FORMATS, Clues, Expression, Parsed, Reason, Skipped, make_format


def at(text):
    found = datetime.fromisoformat(text)
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return int(found.timestamp()) * 1_000_000 + found.microsecond


SINCE_2017 = Clues(after=at("2017-01-01"))

LINES = [
    ("combined", b'1.2.3.4 - bob [17/May/2015:10:05:03 +0200] "GET / HTTP/1.1" 404 12 "-" "curl"', "2015-05-17T08:05:03", "1.2.3.4"),
    ("combined", b'::1 - a b [17/May/2015:10:05:03 -0130] "GET /\\" x" 200 -', "2015-05-17T11:35:03", "::1"),
    ("combined", b'1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a" 200 3 "-" "Mozilla cut of', "2015-05-17T10:05:03", "1.2.3.4"),
    ("combined", b'6.6.6.6 - x [01/Jan/2001:00:00:00 +0000] \\" [17/May/2015:10:05:03 +0000] "GET /" 401 3 "-" "-"', "2015-05-17T10:05:03", "6.6.6.6"),
    ("combined", b'www.example.com 192.0.2.2 - - [18/Aug/2024:21:08:39 +0100] "GET / HTTP/1.1" 403 332 "-" "curl"', "2024-08-18T20:08:39", "192.0.2.2"),
    ("combined", b'www.example.com:443 2001:db8::1 - a b [18/Aug/2024:21:08:39 +0100] "GET / HTTP/1.1" 403 332', "2024-08-18T20:08:39", "2001:db8::1"),
    ("combined", b'9.9.9.9 192.0.2.2 - - [18/Aug/2024:21:08:39 +0100] "GET / HTTP/1.1" 403 332 "-" "curl"', "2024-08-18T20:08:39", None),
    ("combined", b'1.2.3.4 - 9.9.9.9 - [18/Aug/2024:21:08:39 +0100] "GET / HTTP/1.1" 403 332 "-" "curl"', "2024-08-18T20:08:39", "1.2.3.4"),
    ("combined", b'host.example 9.9.9.9 bob [18/Aug/2024:21:08:39 +0100] "GET / HTTP/1.1" 403 332 "-" "curl"', "2024-08-18T20:08:39", "host.example"),
    ("common", b'host.example - - [31/Dec/2016:23:59:60 +0000] "GET / HTTP/1.0" 304 -', "2017-01-01T00:00:00", "host.example"),
    ("nginx-error", b'2012/04/09 11:53:29 [error] 2865#0: *66647 user "xyz": password mismatch, client: 192.0.43.10, server: a, request: "GET / HTTP/1.1"', "2012-04-09T11:53:29", "192.0.43.10"),
    ("nginx-error", b'2012/04/09 11:53:29 [error] 2865#0: *6 user "x, client: 9.9.9.9, server": password mismatch, client: 192.0.43.10, server: a', "2012-04-09T11:53:29", None),
    ("nginx-error", b"2012/04/09 11:53:29 [notice] 1#1: start worker processes", "2012-04-09T11:53:29", None),
    ("apache-error", b"[Thu Jul 11 01:21:41 2013] [error] [client 194.228.20.113] user  not found: /", "2013-07-11T01:21:41", "194.228.20.113"),
    ("apache-error", b"[Sat Jul 20 22:11:44.147674 2013] [authz_owner:error] [pid 1:tid 2] [client [2001:db8::1]:51548] AH01637: x", "2013-07-20T22:11:44.147674", "2001:db8::1"),
    ("apache-error", b"[Sat Jul 20 22:11:44.147674 2013] [core:error] [pid 1] (13)Permission denied: [client 1.2.3.4:5] AH00035: [client 6.6.6.6] x", "2013-07-20T22:11:44.147674", "1.2.3.4"),
    ("apache-error", b"[Sat Jul 20 22:11:44 2013] [notice] caught SIGTERM [client 6.6.6.6]", "2013-07-20T22:11:44", None),
    ("json", b'{"@timestamp":"2026-01-02T03:04:05.123456789Z","source":{"ip":"1.2.3.4"}}', "2026-01-02T03:04:05.123456", "1.2.3.4"),
    ("json", b'{"@timestamp":"2026-01-02T03:04:05+05:30","source.ip":"1.2.3.4"}', "2026-01-01T21:34:05", "1.2.3.4"),
    ("json", b'{"eventTime":"2023-07-10T11:45:00Z","sourceIPAddress":"1.2.3.4","eventName":"ConsoleLogin"}', "2023-07-10T11:45:00", "1.2.3.4"),
    ("json", b'{"time":"2026-11-21T10:00:00.250Z","level":"info","event":"login","client":"2001:db8::1"}', "2026-11-21T10:00:00.25", "2001:db8::1"),
    ("json", b'{"ts":1714552800.123456}', "2024-05-01T08:40:00.123456", None),
    ("json", b'{"timestamp":1714552800123}', "2024-05-01T08:40:00.123", None),
    ("json", b'{"time":null,"date":"nonsense","t":1714552800123456789}', "2024-05-01T08:40:00.123456", None),
    ("json", b'{"t":"1714552800","bad":"\xff"}', "2024-05-01T08:40:00", None),
    ("syslog", b"Mar 27 13:06:56 ip-10 sshd[1291]: Failed password for root from 1.2.3.4 port 22 ssh2", "2017-03-27T13:06:56", "1.2.3.4"),
    ("syslog", b"<34>Oct  1 22:14:15 mymachine su: 'su root' failed", "2017-10-01T22:14:15", None),
    ("syslog", b"2026-01-02T03:04:05.5+01:00 host sshd[1]: Connection closed by 1.2.3.4 port 5 [preauth]", "2026-01-02T02:04:05.5", "1.2.3.4"),
    ("syslog", b"Mar 27 13:06:56 host a message of no program", "2017-03-27T13:06:56", None),
    ("syslog-5424", b'<165>1 2003-10-11T22:14:15.003Z host app - ID47 [x@1 a="b\\"]" c="d"][y] \xef\xbb\xbfhello', "2003-10-11T22:14:15.003", None),
    ("syslog-5424", b"<34>1 2003-08-24T05:14:15.000003-07:00 host sshd 1 - - Invalid user a from 1.2.3.4", "2003-08-24T12:14:15.000003", "1.2.3.4"),
    ("logfmt", b'time=2026-01-02T03:04:05Z level=warn msg="a \\"quoted\\" text" remote_addr=1.2.3.4', "2026-01-02T03:04:05", "1.2.3.4"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "line", "time", "client"), LINES)
def test_a_line_has_its_time_and_its_client(name, line, time, client):
    found = make_format(name, SINCE_2017).parse(line)
    assert isinstance(found, Parsed), found
    assert found.time == at(time)
    assert found.fields.get("client") == client
    assert found.repeat == 1


def test_a_virtual_host_in_front_is_not_the_client():
    """Debian's `vhost_combined` and Apache's `%v %h %l %u ...` (documentation, "Log Files",
    section "Virtual Hosts"). Where the first word is an address too there are two readings."""
    line = b'www.example.com:80 192.0.2.2 - a b [18/Aug/2024:21:08:39 +0100] "GET /" 401 3 "-" "x"'
    found = make_format("combined").parse(line).fields
    assert found["vhost"] == "www.example.com:80"
    assert (found["client"], found["ident"], found["user"]) == ("192.0.2.2", "-", "a b")
    doubtful = make_format("combined").parse(line.replace(b"www.example.com", b"9.9.9.9")).fields
    assert "client" not in doubtful
    assert "vhost" not in doubtful
    assert doubtful["status"] == "401"


SKIPPED = [
    ("combined", b'1.2.3.4 - - [17/May/1969:10:05:03 +0000] "GET /" 200 3', Reason.BEFORE_1970),
    ("combined", b'1.2.3.4 - - [17/May/9999:10:05:03 +0000] "GET /" 200 3', Reason.AFTER_2099),
    ("combined", b'1.2.3.4 - - [31/Feb/2015:10:05:03 +0000] "GET /" 200 3', Reason.BAD_TIME),
    ("combined", b'1.2.3.4 - - [yesterday] "GET /" 200 3', Reason.BAD_TIME),
    ("combined", b'1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / cut', Reason.FORMAT),
    ("combined", '1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /" 200 3'.encode("utf-16"), Reason.FORMAT),
    ("combined", b"", Reason.FORMAT),
    ("json", b"{}", Reason.NO_TIME),
    ("json", b'{"time":"soon"}', Reason.BAD_TIME),
    ("json", b'{"time":-1}', Reason.BEFORE_1970),
    ("json", b'{"time":1e300}', Reason.NO_TIME),
    ("json", b'{"time":NaN}', Reason.FORMAT),
    ("json", b"[1]", Reason.FORMAT),
    ("json", b'{"a":' * 100_000, Reason.FORMAT),
    ("syslog-5424", b"<34>1 - host app - - - no time", Reason.NO_TIME),
    ("logfmt", b"a=b c=d", Reason.NO_TIME),
    ("logfmt", b"just words", Reason.FORMAT),
]  # fmt: skip


@pytest.mark.parametrize(("name", "line", "reason"), SKIPPED)
def test_a_line_that_is_no_event_says_why(name, line, reason):
    assert make_format(name, SINCE_2017).parse(line) == Skipped(reason)


def test_a_stamp_without_a_year_needs_a_clue():
    line = b"Mar 27 13:06:56 host prog: x"
    assert make_format("syslog").parse(line) == Skipped(Reason.NO_YEAR)


def test_years_go_on_over_new_year():
    form = make_format("syslog", Clues(after=at("2023-11-20")))
    times = [
        form.parse(b"%s 12:00:00 host p: x" % day).time
        for day in (b"Dec 31", b"Jan  1", b"Feb 29", b"Nov 20")
    ]
    assert times == [
        at(f"{day}T12:00:00") for day in ("2023-12-31", "2024-01-01", "2024-02-29", "2023-11-20")
    ]


def test_the_29th_of_february_is_not_made_up():
    form = make_format("syslog", Clues(after=at("2017-01-01")))
    assert form.parse(b"Feb 29 12:00:00 host p: x") == Skipped(Reason.BAD_TIME)


def test_a_zone_for_stamps_that_say_none():
    form = make_format("nginx-error", Clues(offset=3600))
    assert form.parse(b"2012/04/09 11:53:29 [error] 1#0: x").time == at("2012-04-09T10:53:29")


def test_a_repeated_message_counts_as_often_as_it_says():
    line = b"Mar 29 23:18:33 host sshd[6402]: message repeated 5 times: [ Failed password for root from 1.2.3.4 port 5 ssh2]"
    found = make_format("syslog", SINCE_2017).parse(line)
    assert found.repeat == 5
    assert (
        found.event
        == b"Mar 29 23:18:33 host sshd[6402]: Failed password for root from 1.2.3.4 port 5 ssh2"
    )
    assert found.fields["client"] == "1.2.3.4"


@pytest.mark.parametrize("count", [b"0", b"-1", b"99999999", b"x"])
def test_a_repetition_nobody_believes_is_one_message(count):
    line = b"Mar 29 23:18:33 host p: message repeated %s times: [ a]" % count
    found = make_format("syslog", SINCE_2017).parse(line)
    assert (found.repeat, found.event) == (1, None)


def test_a_log_of_ones_own():
    form = Expression(r"^(?P<time>\S+ \S+) \w+ ip=(?P<client>\S+)", Clues())
    found = form.parse(b"2026-01-02 03:04:05,678 WARN ip=1.2.3.4 \xff")
    assert found == Parsed(
        at("2026-01-02T03:04:05.678"), {"time": "2026-01-02 03:04:05,678", "client": "1.2.3.4"}
    )
    assert form.parse(b"other") == Skipped(Reason.FORMAT)


@pytest.mark.parametrize("source", ["(", r"(?P<when>\d+)", r"(?=x)(?P<time>x)"])
def test_an_expression_that_cannot_be_used_is_refused(source):
    with pytest.raises(ParseError):
        Expression(source, Clues())


def test_an_unknown_format_is_refused_with_those_there_are():
    with pytest.raises(ParseError, match="combined"):
        make_format("excel")
    assert all(make_format(name).name == name for name in FORMATS)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000, "[1e999]"])
def test_a_number_beyond_all_range_hides_no_json_line(number):
    line = f'{{"time": "2024-05-01T10:00:00Z", "x": {number}, "ip": "1.2.3.4"}}'.encode()
    found = make_format("json", Clues()).parse(line)
    assert isinstance(found, Parsed)
    assert found.fields["client"] == "1.2.3.4"
    assert "x" not in found.fields


@pytest.mark.parametrize(
    ("line", "program", "client"),
    [
        (b"Feb 7 16:01:07 host sshd[5]: Invalid user x from 192.0.2.7 port 9", "sshd", "192.0.2.7"),
        (b"Feb  7 16:01:07 sshd[5]: Invalid user x from 192.0.2.7 port 9", "sshd", "192.0.2.7"),
        (b"Feb  7 16:01:07 [sshd]: Invalid user x from 192.0.2.7", "sshd", "192.0.2.7"),
        (b"Feb  7 16:01:07 [sshd] Invalid user x from 192.0.2.7", "sshd", "192.0.2.7"),
        (b"Feb  7 16:01:07 sun sshd[5]: [ID 800047 auth.info] Invalid user x from 192.0.2.7", "sshd", "192.0.2.7"),
        (b"Feb  7 16:01:07 host sshd: [ID 8 auth.info Invalid user x from 192.0.2.7", "sshd", None),
    ],
)  # fmt: skip
def test_heads_of_syslog_that_daemons_write(line, program, client):
    found = make_format("syslog", SINCE_2017).parse(line)
    assert (found.fields["program"], found.fields.get("client")) == (program, client)
    assert found.time == at("2017-02-07T16:01:07")


@pytest.mark.parametrize(
    ("message", "client"),
    [
        (b"Bad protocol version identification 'x' from 9.9.9.9 port 1' from 192.0.2.7 port 22", "192.0.2.7"),
        (b"Bad protocol version identification 'x' from 9.9.9.9 port 1 from 192.0.2.7 port 22", None),
        (b"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh "
         b"ruser=x rhost=9.9.9.9 rhost=192.0.2.7", None),
        (b"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh "
         b"ruser= rhost=192.0.2.7  user=x rhost=9.9.9.9", "192.0.2.7"),
    ],
)  # fmt: skip
def test_who_writes_into_a_message_names_nobody(message, client):
    found = make_format("syslog", SINCE_2017).parse(b"Feb  7 16:01:07 host sshd[5]: " + message)
    assert found.fields.get("client") == client
