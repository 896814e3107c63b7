"""Reading old logs: the same lines in any chunk size, and nothing lost in silence."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import SourceError
from tocsin.source import LogFile, LogLimits, ReadCounts, read_head, read_log
from tocsin.source._log_files import inflate


def lines_of(path, **limits):
    counts = ReadCounts()
    bounds = LogLimits(**limits)
    blocks = list(read_log(read_head(str(path), bounds), counts, bounds))
    assert all(block.endswith(b"\n") for block in blocks[:-1])
    return b"".join(blocks), counts


PIECES = st.sampled_from([b"aaaa", b"a", b"\n", b"\0", "é".encode(), b"\xff"])
CONTENTS = st.lists(PIECES, max_size=100).map(b"".join)


@given(CONTENTS, st.integers(1, 50), st.integers(1, 40))
def test_lines_do_not_depend_on_the_chunks(tmp_path_factory, content, chunk, limit):
    path = tmp_path_factory.getbasetemp() / "any.log"
    path.write_bytes(b"." + content)
    whole, counts = lines_of(path, chunk=1000, line=limit)
    parts, again = lines_of(path, chunk=chunk, line=limit)
    assert parts == whole
    assert again == counts
    if not counts.cut and not counts.nuls:
        assert whole == b"." + content


@given(CONTENTS, st.integers(2, 1000), st.integers(4, 40))
def test_each_line_beyond_the_limit_is_cut_and_no_other(tmp_path_factory, content, chunk, limit):
    lines = (b"." + content.replace(b"\0", b"")).split(b"\n")
    path = tmp_path_factory.getbasetemp() / "long.log"
    path.write_bytes(b"\n".join(lines))
    read, counts = lines_of(path, chunk=chunk, line=limit)
    found = read.split(b"\n")
    assert counts.cut == sum(len(line) > limit for line in lines)
    for line, kept in zip(lines, found, strict=False):
        assert line == kept if len(line) <= limit else line.startswith(kept) and kept


def test_a_named_pipe_is_read_as_it_comes(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = b"".join(b"line %d\n" % number for number in range(50_000))

    def write():
        with pipe.open("wb", buffering=0) as file:
            file.write(content[:1])
            file.write(content[1:])

    writer = threading.Thread(target=write)
    writer.start()
    with pipe.open("rb", buffering=0) as file:
        counts = ReadCounts()
        found = b"".join(inflate(file, LogLimits(), counts, lambda _: None))
    writer.join()
    assert found == content


def test_a_line_that_is_too_long_is_cut_and_the_next_is_whole(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 9 + "é".encode() + b"yyy\nnext\n" + b"z" * 11)
    text, counts = lines_of(path, chunk=4, line=10)
    assert text == b"x" * 9 + b"\nnext\n" + b"z" * 10 + b"\n"
    assert counts.cut == 2


def test_an_archive_of_several_members_with_padding(tmp_path):
    path = tmp_path / "a.log.gz"
    path.write_bytes(
        gzip.compress(b"one\ntw") + b"\0" * 7 + gzip.compress(b"o\n") + gzip.compress(b"") + b"\0\0"
    )
    for chunk in (1, 3, 1000):
        text, counts = lines_of(path, chunk=chunk)
        assert (text, counts.damaged) == (b"one\ntwo\n", 0)


def test_a_damaged_archive_says_so(tmp_path):
    path = tmp_path / "a.log.gz"
    whole = gzip.compress(b"".join(b"line %d\n" % number for number in range(5000)))
    path.write_bytes(whole[: len(whole) // 2])
    text, counts = lines_of(path)
    assert text.startswith(b"line 0\nline 1\n")
    assert counts.damaged == 1
    path.write_bytes(gzip.compress(b"one\n") + b"not gzip")
    assert lines_of(path)[1].damaged == 1


def test_a_bomb_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(b"\n" * 10_000_000))
    text, counts = lines_of(path, inflated=1_000_000, ratio=10, chunk=100_000)
    assert counts.bombs == 1
    assert len(text) <= 1_000_000 + 100_000


def test_a_delivery_file_is_one_record_a_line(tmp_path):
    records = [
        {"eventTime": "2023-07-10T11:45:00Z", "n": number, "s": "a\nb"} for number in range(3)
    ]
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"Records": records}, indent=1).encode()))
    text, _ = lines_of(path)
    assert [json.loads(line) for line in text.splitlines()] == records
    path.write_bytes(b'{"Records": [{"a": 1}, \n')
    assert lines_of(path)[0] == path.read_bytes()


def test_standard_input_and_a_byte_order_mark(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\xef\xbb\xbfone\r\ntwo")))
    log = read_head("-")
    assert log.name == "standard input"
    assert b"".join(read_log(log, ReadCounts())) == b"one\r\ntwo"


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(SourceError, match="not a file"):
        read_head(str(tmp_path))
    with pytest.raises(SourceError, match="no such file"):
        read_head(str(tmp_path / "absent"))
    with pytest.raises(SourceError):
        list(read_log(LogFile(str(tmp_path / "absent")), ReadCounts()))


def test_progress_tells_the_bytes_on_disk(tmp_path):
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(b"one\n" * 1000))
    seen = []
    list(read_log(read_head(str(path)), ReadCounts(), progress=seen.append))
    assert sum(seen) == path.stat().st_size
