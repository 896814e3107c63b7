"""Where a block of a followed file begins: its bytes are those of the file from there on."""

from __future__ import annotations

import gzip

import pytest

from tocsin.source import Tail

LINES = [f"line {n} grün\n".encode() for n in range(200)]


def blocks(tail, now=0, rounds=4):
    return [each for n in range(rounds) for each in tail.poll(now + n * 10_000_000, 700).blocks]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_of_a_file_that_grows(tmp_path, mark):
    path, tail = tmp_path / "a.log", Tail([str(tmp_path / "a.log")])
    found = []
    path.write_bytes(mark)
    for start in range(0, 200, 50):
        with path.open("ab") as file:
            # The last line has no end yet.
            file.write(b"".join(LINES[start : start + 50])[:-3])
        found += blocks(tail, start * 1_000_000)
        with path.open("ab") as file:
            file.write(b"".join(LINES[start : start + 50])[-3:])
        found += blocks(tail, start * 1_000_000 + 40_000_000)
    content = path.read_bytes()
    assert b"".join(each.data for each in found) == b"".join(LINES)
    assert len(found) > 4
    assert all(content[e.offset : e.offset + len(e.data)] == e.data for e in found)


def test_of_an_archive_it_is_in_what_it_inflates_to(tmp_path):
    content = b"".join(LINES)
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(content))
    found = blocks(Tail([str(tmp_path / "a.log*")]), rounds=20)
    assert b"".join(each.data for each in found) == content
    assert all(content[e.offset : e.offset + len(e.data)] == e.data for e in found)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffgrün\nrot\n".encode("utf-16-le"), b"\0\0\0line\nother\n", b"x" * (3 << 20) + b"\nline\n",
        b'{"Records": [{"a": 1}, {"a": 2}]}',
    ],
    ids=["UTF-16", "NUL bytes", "a line that is cut", "a document"],
)  # fmt: skip
def test_where_lines_are_not_the_bytes_of_the_file_it_is_not_told(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    found = blocks(Tail([str(tmp_path / "a.json")]), rounds=6)
    assert found
    for each in found:
        assert each.offset == -1 or content[each.offset : each.offset + len(each.data)] == each.data
    assert any(each.offset == -1 for each in found)
