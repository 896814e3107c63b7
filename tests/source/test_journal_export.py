"""The systemd journal's export format, in any chunks, honest or hostile."""

from __future__ import annotations

import gzip
import io
import os
import struct
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.durations import SECOND
from tocsin.logformat import Clues, Parsed, make_format
from tocsin.source import LogLimits, ReadCounts, Tail, TailState, read_head, read_log
from tocsin.source._journal_export import JournalExport

TIME = 1_714_557_600_123_456


def text(name, value):
    return name.encode() + b"=" + value + b"\n"


def binary(name, value):
    return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"


def entry(message, field=text, ident=b"sshd", extra=b""):
    return (
        text("__CURSOR", b"s=1;i=2")
        + text("__REALTIME_TIMESTAMP", b"%d" % TIME)
        + extra
        + text("_HOSTNAME", b"web1")
        + field("SYSLOG_IDENTIFIER", ident)
        + text("_PID", b"42")
        + field("MESSAGE", message)
        + b"\n"
    )


def lines(data, limit=1000, chunk=1 << 20):
    export = JournalExport(limit)
    found = []
    for at in range(0, len(data), chunk):
        found += export.feed(data[at : at + chunk])
    return found + export.close(), export


def test_a_line_as_journalctl_prints_it():
    data = entry(b"Failed password for root") + entry(b"a\nb\r\xff\0", binary)
    assert lines(data)[0] == [
        b"2024-05-01T10:00:00.123456+00:00 web1 sshd[42]: Failed password for root\n",
        b"2024-05-01T10:00:00.123456+00:00 web1 sshd[42]: a\\nb\\r\xff\0\n",
    ]


def test_the_syslog_format_reads_it():
    syslog = make_format("syslog", Clues())
    for message in (b"Failed password for x", b""):
        [line] = lines(entry(message))[0]
        parsed = syslog.parse(line.rstrip(b"\n"))
        assert isinstance(parsed, Parsed)
        assert parsed.time == TIME
        assert parsed.fields["program"] == "sshd"
        assert parsed.fields["message"] == message.decode()


FIELDS = st.one_of(
    st.binary(max_size=40).map(lambda value: binary("X_FIELD", value)),
    st.binary(max_size=40).map(lambda value: text("X_FIELD", value.replace(b"\n", b""))),
)


@given(
    st.lists(
        st.tuples(st.binary(max_size=60), st.sampled_from(["text", "binary"]), FIELDS), max_size=5
    ),
    st.integers(1, 50),
    st.integers(1, 40),
)
def test_entries_do_not_depend_on_the_chunks(entries, chunk, limit):
    data = b"".join(
        entry(message.replace(b"\n", b""), text, extra=extra)
        if kind == "text"
        else entry(message, binary, extra=extra)
        for message, kind, extra in entries
    )
    whole, export = lines(data, limit + 16)
    assert len(whole) == len(entries)
    parts, again = lines(data, limit + 16, chunk)
    assert parts == whole
    assert (again.cut, export.malformed, again.malformed) == (export.cut, 0, 0)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_anything_at_all_is_read_without_error_and_the_next_entry_is_whole(data, chunk):
    found, export = lines(data, 50, chunk)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in found)
    again, _ = lines(data, 50, 1 << 20)
    assert again == found
    assert export.malformed <= data.count(b"\n\n") + data.startswith(b"\n") + 1


def test_a_value_is_not_searched_for_entries():
    forged = b"\n\n" + entry(b"Accepted password for root")
    found, export = lines(entry(forged, binary))
    assert len(found) == 1
    assert export.malformed == 0
    found, _ = lines(entry(b"x", extra=binary("COREDUMP", forged * 500)), limit=20, chunk=7)
    assert len(found) == 1


def test_an_identifier_cannot_look_like_more_of_the_line():
    [line] = lines(entry(b"x", ident=b"sshd[1]: Failed password\tfor"))[0]
    assert line.split(b" ")[2] == b"sshd_1___Failed_password_for[42]:"


@pytest.mark.parametrize(
    "bad",
    [
        b"lower case without anything\n",
        b"lower=x\n",
        b"COREDUMP\n" + b"\xff" * 8,
        b"FIELD\n" + struct.pack("<Q", 3) + b"abcd",
    ],
)
def test_what_is_malformed_is_counted_and_the_next_entry_read(bad):
    data = entry(b"one") + text("__CURSOR", b"x") + bad + b"\n\n" + entry(b"two")
    found, export = lines(data)
    assert [line.rpartition(b" ")[2] for line in found] == [b"one\n", b"two\n"]
    assert export.malformed == 1


def test_an_entry_that_ends_early_is_counted():
    whole = entry(b"a longer message", binary)
    for end in range(len(whole) - 20, len(whole) - 2):
        found, export = lines(entry(b"one") + whole[:end])
        assert (len(found), export.malformed) == (1, 1)
    assert len(lines(whole[:-1])[0]) == 1


def test_a_long_value_is_cut_and_memory_bounded():
    export = JournalExport(1000)
    head = entry(b"x" * 10, binary).partition(b"MESSAGE\n")[0]
    export.feed(head + b"MESSAGE\n" + struct.pack("<Q", 10**8))
    for _ in range(100):
        assert export.feed(b"y" * 10**6) == []
    [line] = export.feed(b"\n\n")
    assert (len(line) < 1100, export.cut) == (True, 1)
    export.feed(b"MESSAGE=" + b"z" * 10**6)
    export.feed(b"z" * 10**6)
    assert len(export._buffer) < 2000


def test_replay_reads_it_from_a_file_and_from_standard_input(tmp_path, monkeypatch):
    data = b"".join(entry(b"message %d" % number, binary) for number in range(2000))
    expected, _ = lines(data)
    path = tmp_path / "journal"
    path.write_bytes(data + b"broken\n\n")
    counts = ReadCounts()
    log = read_head(str(path))
    assert log.head.startswith(expected[0])
    limits = LogLimits(chunk=1000)
    assert b"".join(read_log(log, counts, limits)) == b"".join(expected)
    assert counts.malformed == 1
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    log = read_head("-")
    assert log.head.startswith(expected[0])
    assert b"".join(read_log(log, ReadCounts())) == b"".join(expected)


def live(path, parts, limits, kills):
    """The lines and what was malformed, with the file written part by part and rotated away."""
    found, malformed, state = [], 0, None
    tail, now = Tail([str(path)], limits=limits, grace=SECOND), 0

    def poll():
        nonlocal malformed
        more = True
        while more:
            taken = tail.poll(now)
            assert (taken.problems, taken.gaps) == ([], [])
            found.extend(block.data for block in taken.blocks)
            malformed += taken.malformed
            more = taken.more

    for at, part in enumerate(parts):
        with path.open("ab") as file:
            file.write(part)
        now += SECOND
        poll()
        if at in kills:
            tail.close()
            state = msgspec.json.decode(msgspec.json.encode(tail.state), type=TailState)
            tail = Tail([str(path)], state, limits=limits, grace=SECOND)
    path.rename(path.with_name("rotated"))
    for _ in range(10):
        now += 2 * SECOND
        poll()
    assert tail.poll(now).files == 0
    tail.close()
    return b"".join(found), malformed


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20).map(lambda value: entry(value, binary)),
            st.integers(1, 3000).map(lambda size: entry(b"y" * size, binary)),
            st.integers(1, 3000).map(lambda size: entry(b"z" * size)),
            st.just(text("__CURSOR", b"") + b"broken\n\n"),
            st.just(b"\n"),
        ),
        max_size=6,
    ),
    st.binary(max_size=8),
    st.lists(st.integers(0, 10_000), max_size=8),
    st.sets(st.integers(0, 8)),
)
def test_followed_as_it_grows_it_has_the_lines_of_a_replay(tmp_path, entries, last, cuts, kills):
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    data = entry(b"first") + b"".join(entries) + last
    whole = folder / "whole"
    whole.write_bytes(data)
    limits = LogLimits(chunk=100, line=400)
    counts = ReadCounts()
    expected = b"".join(read_log(read_head(str(whole), limits), counts, limits))
    places = sorted({0, len(data), *(each % len(data) for each in cuts)})
    parts = [data[begin:end] for begin, end in pairwise(places)]
    assert live(folder / "journal", parts, limits, kills) == (expected, counts.malformed)


def test_one_that_was_compressed_is_read_too(tmp_path):
    path = tmp_path / "journal.1.gz"
    path.write_bytes(gzip.compress(entry(b"one") + entry(b"two", binary)))
    os.utime(path, (-60, -60))
    tail = Tail([str(tmp_path / "*")])
    (block,) = tail.poll(0).blocks
    tail.close()
    assert block.data.count(b"\n") == 2
