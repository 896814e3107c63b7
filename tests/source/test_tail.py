"""Following log files: each way of rotating, each thing that goes wrong, by name."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from pathlib import Path

import msgspec
import pytest
from tests.source.logs import SECOND

from tocsin.source import LogLimits, ReadCounts, Tail, TailState, read_head, read_log


class Follower:
    """A tail with a clock of its own; `again` is a restart from the committed state."""

    def __init__(self, *patterns, **options):
        self.patterns, self.options = [str(each) for each in patterns], options
        self.now = time.time_ns() // 1000
        self.tail = Tail(self.patterns, **options)
        self.cut = self.nuls = 0
        self.gaps, self.files = [], {}

    def again(self):
        state = msgspec.json.decode(msgspec.json.encode(self.tail.state), type=TailState)
        self.tail.close()
        self.tail = Tail(self.patterns, state, **self.options)

    def take(self, seconds=1.0, budget=1 << 22):
        """What a poll some time later gives."""
        self.now += int(seconds * SECOND)
        lines = []
        for _ in range(10_000):
            self.last = self.tail.poll(self.now, budget)
            self.cut += self.last.cut
            self.nuls += self.last.nuls
            self.gaps += self.last.gaps
            for block in self.last.blocks:
                assert block.data.endswith(b"\n")
                self.files.setdefault(block.file, b"")
                self.files[block.file] += block.data
                lines += block.data.splitlines()
            if not self.last.more:
                return lines
        raise AssertionError("no end")

    def settle(self):
        return [line for _ in range(12) for line in self.take()]


@pytest.fixture
def follow():
    made = []

    def make(*patterns, **options):
        made.append(Follower(*patterns, **options))
        return made[-1]

    yield make
    for each in made:
        each.tail.close()


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


def test_a_line_waits_for_its_end(tmp_path, follow):
    log = tmp_path / "a.log"
    log.write_bytes(b"one\ntw")
    tail = follow(log)
    assert tail.take() == [b"one"]
    assert tail.settle() == []
    tail.again()
    assert tail.settle() == []
    append(log, b"o\nthree")
    assert tail.take() == [b"two"]


def test_a_file_that_appears_later_is_read_from_its_beginning(tmp_path, follow):
    tail = follow(tmp_path / "*.log")
    assert tail.take() == []
    (tmp_path / "b.log").write_bytes(b"x\n")
    assert tail.take() == [b"x"]
    assert tail.last.files == 1


def test_files_with_the_same_content_are_different_files(tmp_path, follow):
    for name in "abc":
        (tmp_path / f"{name}.log").write_bytes(b"started\n")
    tail = follow(tmp_path / "*.log")
    assert tail.take() == [b"started"] * 3
    (tmp_path / "d.log").write_bytes(b"started\n")
    assert tail.settle() == [b"started"]
    tail.again()
    assert tail.settle() == []
    assert len(tail.files) == 4


def test_the_unended_line_of_a_rotated_file_is_a_line_in_the_end(tmp_path, follow):
    log = tmp_path / "a.log"
    log.write_bytes(b"one\ntwo")
    tail = follow(log)
    assert tail.take() == [b"one"]
    log.rename(tmp_path / "a.log.1")
    log.write_bytes(b"new\n")
    assert tail.take() == [b"new"]
    assert tail.settle() == [b"two"]
    append(tmp_path / "a.log.1", b"\nlate\n")
    assert tail.settle() == [b"late"]
    assert list(tail.files.values()) == [b"one\ntwo\nlate\n", b"new\n"]


def test_a_deleted_file_is_read_to_its_end(tmp_path, follow):
    log = tmp_path / "a.log"
    log.write_bytes(b"one\n")
    tail = follow(log)
    assert tail.take() == [b"one"]
    with log.open("ab") as writer:
        log.unlink()
        writer.write(b"two\nthree")
        writer.flush()
        assert tail.take() == [b"two"]
    assert tail.settle() == [b"three"]
    assert (tail.gaps, tail.last.files) == ([], 0)


def test_a_file_deleted_while_stopped_is_a_gap(tmp_path, follow):
    log = tmp_path / "a.log"
    log.write_bytes(b"one\n" * 200)
    tail = follow(log)
    taken = tail.tail.poll(tail.now, 10)
    log.unlink()
    tail.again()
    assert tail.settle() == []
    [gap] = tail.gaps
    assert (gap.path, gap.bytes) == (
        str(log),
        800 - len(b"".join(each.data for each in taken.blocks)),
    )


def test_a_truncation_without_a_copy_is_a_gap(tmp_path, follow):
    log = tmp_path / "a.log"
    log.write_bytes(b"one\ntwo\n")
    tail = follow(log)
    tail.take()
    log.write_bytes(b"three is longer than before\n")
    assert tail.take() == [b"three is longer than before"]
    tail.settle()
    [gap] = tail.gaps
    assert (gap.bytes, "truncated" in gap.what) == (None, True)


def test_a_replacement_with_the_same_beginning_is_read_whole(tmp_path, follow):
    log = tmp_path / "a.log"
    header = b"# the same header\n" * 300
    log.write_bytes(header + b"old\n")
    tail = follow(log)
    tail.take()
    (tmp_path / "fresh").write_bytes(header + b"new\n")
    (tmp_path / "fresh").rename(log)
    assert tail.settle() == (header + b"new\n").splitlines()
    assert tail.gaps == []


def test_a_file_replaced_before_it_was_read_is_another(tmp_path, follow):
    log = tmp_path / "a.log"
    log.write_bytes(b"old\n" * 10)
    tail = follow(log)
    assert tail.tail.poll(tail.now, budget=0).blocks == []
    # The inode is given out again, as after a removal.
    log.write_bytes(b"new\n" * 12)
    lines = tail.take(0.001)
    tail.again()
    assert lines + tail.settle() == [b"new"] * 12
    assert [gap.bytes for gap in tail.gaps] == [40]


def test_an_archive_that_is_out_of_sight_for_a_moment_is_known_again(tmp_path, follow):
    log, away = tmp_path / "a.log", tmp_path / "elsewhere" / "a"
    away.parent.mkdir()
    log.write_bytes(b"")
    tail = follow(tmp_path / "a.log*")
    append(log, b"one\n" * 300)
    assert tail.take() == [b"one"] * 300
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    tail.again()
    log.write_bytes(b"two\n")
    assert tail.settle() == [b"two"]
    # Names that change while a folder is read can hide a file.
    (tmp_path / "a.log.1.gz").rename(away)
    assert tail.take() == []
    away.rename(tmp_path / "a.log.2.gz")
    assert tail.settle() == []
    assert tail.gaps == []


def test_rotated_files_there_at_the_start_are_read_oldest_first(tmp_path, follow):
    (tmp_path / "a.log").write_bytes(b"4\n")
    (tmp_path / "a.log.1").write_bytes(b"3\n")
    (tmp_path / "a.log.2").write_bytes(b"2\n")
    (tmp_path / "a.log.10.gz").write_bytes(gzip.compress(b"1"))
    past = time.time() - 100
    os.utime(tmp_path / "a.log.10.gz", (past, past))
    tail = follow(tmp_path / "a.log*")
    assert tail.take() == [b"1", b"2", b"3", b"4"]


def test_an_archive_that_is_being_written_is_waited_for(tmp_path, follow):
    packed = gzip.compress(b"one\ntwo\n")
    tail = follow(tmp_path / "*.gz")
    path = tmp_path / "a.gz"
    path.write_bytes(b"")
    assert tail.take() == []
    for index in range(len(packed)):
        append(path, packed[index : index + 1])
        if index % 7 == 0:
            assert tail.take() == []
    assert tail.settle() == [b"one", b"two"]
    assert (tail.gaps, tail.last.problems) == ([], [])


def test_an_archive_is_read_on_after_a_restart(tmp_path, follow):
    path = tmp_path / "a.gz"
    lines = [b"line %d" % number for number in range(10_000)]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    os.utime(path, (1, 1))
    tail = follow(path)
    got = []
    while len(got) < len(lines):
        taken = tail.tail.poll(tail.now, 5000)
        got += [line for block in taken.blocks for line in block.data.splitlines()]
        tail.again()
    assert got == lines
    assert tail.settle() == []


def test_a_rotation_while_reading_compresses_what_is_not_read_yet(tmp_path, follow):
    log = tmp_path / "a.log"
    lines = [b"line %d" % number for number in range(5000)]
    log.write_bytes(b"\n".join(lines) + b"\n")
    tail = follow(log)
    first = tail.tail.poll(tail.now, 20_000)
    got = [line for block in first.blocks for line in block.data.splitlines()]
    assert 0 < len(got) < 5000
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    log.write_bytes(b"new\n")
    tail.again()
    assert got + [line for line in tail.settle() if line != b"new"] == lines
    assert tail.gaps == []


@pytest.mark.parametrize("size", [b"", b"\n"])
def test_a_bomb_and_a_damaged_archive_are_told(tmp_path, follow, size):
    bomb, torn = tmp_path / "bomb.gz", tmp_path / "torn.gz"
    bomb.write_bytes(gzip.compress(b"\n" * 20_000_000))
    torn.write_bytes(gzip.compress(os.urandom(3000).hex().encode())[:2000])
    tail = follow(tmp_path / "*.gz", limits=LogLimits(inflated=1_000_000, ratio=10))
    lines = tail.settle()
    assert len(lines) < 3_000_000
    told = dict(tail.last.problems)
    assert "inflates" in told[str(bomb)]
    assert "damaged" in told[str(torn)]


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\xfd7zXZ\0\0", "xz"),
        (b"\x28\xb5\x2f\xfd..", "zstd"),
        (b"BZh91AY&SY", "bzip2"),
        (b"PK\x03\x04", "zip"),
    ],
)
def test_other_compressions_are_refused_by_name(tmp_path, follow, head, what):
    (tmp_path / "a.log").write_bytes(head + b"\n\n")
    tail = follow(tmp_path / "*")
    assert tail.take() == []
    assert what in tail.last.problems[0][1]


def test_what_is_no_file_is_told_and_does_not_block(tmp_path, follow):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "absent")
    (tmp_path / "a").write_bytes(b"x\n")
    tail = follow(tmp_path / "*", tmp_path / "folder")
    assert tail.take() == [b"x"]
    told = dict(tail.last.problems)
    assert {Path(path).name for path in told} == {"pipe", "folder", "loop"}


def test_a_path_becomes_a_folder_and_a_file_again(tmp_path, follow):
    log = tmp_path / "a.log"
    log.write_bytes(b"one\n")
    tail = follow(log)
    assert tail.take() == [b"one"]
    log.unlink()
    log.mkdir()
    assert tail.settle() == []
    assert tail.last.problems == [(str(log), "not a file")]
    log.rmdir()
    log.write_bytes(b"two\n")
    assert tail.settle() == [b"two"]
    assert (tail.gaps, tail.last.problems) == ([], [])


def test_a_file_under_two_names_is_read_once(tmp_path, follow):
    (tmp_path / "a.log").write_bytes(b"x\n")
    (tmp_path / "current.log").symlink_to("a.log")
    os.link(tmp_path / "a.log", tmp_path / "hard.log")
    tail = follow(tmp_path / "*.log", tmp_path / "a.log")
    assert tail.settle() == [b"x"]
    (tmp_path / "b.log").write_bytes(b"y\n")
    (tmp_path / "current.log").unlink()
    (tmp_path / "current.log").symlink_to("b.log")
    append(tmp_path / "a.log", b"z\n")
    assert sorted(tail.settle()) == [b"y", b"z"]


def test_a_link_to_the_current_file(tmp_path, follow):
    (tmp_path / "app-20240501").write_bytes(b"1\n")
    link = tmp_path / "current"
    link.symlink_to("app-20240501")
    tail = follow(link)
    assert tail.take() == [b"1"]
    append(tmp_path / "app-20240501", b"2\n")
    (tmp_path / "app-20240502").write_bytes(b"3\n")
    link.unlink()
    link.symlink_to("app-20240502")
    assert tail.settle() == [b"2", b"3"]
    assert tail.gaps == []


def test_a_file_that_may_not_be_read_is_told_until_it_may(tmp_path, follow):
    log = tmp_path / "a.log"
    log.write_bytes(b"x\n")
    log.chmod(0)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    nobody = 65534
    if os.geteuid() == 0:
        os.seteuid(nobody)
    try:
        tail = follow(log)
        assert tail.take() == []
        assert tail.last.problems == [(str(log), "permission denied")]
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
    log.chmod(0o644)
    assert tail.take() == [b"x"]
    assert tail.last.problems == []


def test_nul_bytes_of_a_truncated_log_are_taken_away(tmp_path, follow):
    log = tmp_path / "a.log"
    with log.open("wb") as writer:
        writer.write(b"one\n" * 100)
        writer.flush()
        tail = follow(tmp_path / "a.log*")
        assert len(tail.take()) == 100
        shutil.copy(log, tmp_path / "a.log.1")
        os.truncate(log, 0)
        writer.write(b"two\nthree\n")
        writer.flush()
    assert tail.settle() == [b"two", b"three"]
    assert (tail.nuls, tail.gaps) == (400, [])


def test_a_hole_longer_than_any_line(tmp_path, follow):
    log = tmp_path / "a.log"
    with log.open("wb") as writer:
        writer.truncate(5_000_000)
        writer.seek(5_000_000)
        writer.write(b"x\n")
    tail = follow(log, limits=LogLimits(line=1000))
    assert tail.settle() == [b"x"]
    assert (tail.nuls, tail.cut) == (5_000_000, 0)
    counts = ReadCounts()
    limits = LogLimits(line=1000)
    assert b"".join(read_log(read_head(str(log)), counts, limits)) == b"x\n"
    assert (counts.nuls, counts.cut) == (5_000_000, 0)


def test_a_line_without_end_costs_no_more_than_the_limit(tmp_path, follow):
    log = tmp_path / "a.log"
    log.write_bytes(b"y" * 3_000_000)
    tail = follow(log, limits=LogLimits(line=1000))
    assert tail.take() == [b"y" * 1000]
    tail.again()
    append(log, b"z" * 100_000 + b"\nnext\n")
    assert tail.take() == [b"next"]
    assert tail.cut == 1


def test_a_busy_log_does_not_keep_others_waiting(tmp_path, follow):
    (tmp_path / "busy.log").write_bytes(b"busy line\n" * 100_000)
    (tmp_path / "quiet.log").write_bytes(b"quiet\n")
    tail = follow(tmp_path / "*.log")
    seen = []
    for _ in range(3):
        taken = tail.tail.poll(tail.now, 100)
        seen += [block.path for block in taken.blocks]
        assert sum(len(block.data) for block in taken.blocks) < 3000
    assert str(tmp_path / "quiet.log") in seen


def test_more_files_than_descriptors_and_than_are_remembered(tmp_path, follow):
    for number in range(400):
        (tmp_path / f"app{number}.log").write_bytes(b"%d\n" % number)
    tail = follow(tmp_path / "*.log", most=390)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert len(tail.settle()) == 390
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= 257
    assert len(tail.last.problems) == 10
    assert "more than 390 files" in tail.last.problems[0][1]
    for number in range(400):
        append(tmp_path / f"app{number}.log", b"more\n")
    assert len(tail.settle()) == 390
    for number in range(20):
        (tmp_path / f"app{number}.log").unlink()
    tail.settle()
    assert tail.last.problems == []


def test_entries_of_files_that_are_gone_are_forgotten(tmp_path, follow):
    log = tmp_path / "a.log"
    tail = follow(log)
    for number in range(5):
        log.write_bytes(b"%d\n" % number)
        assert tail.settle() == [b"%d" % number]
        log.unlink()
        tail.settle()
    tail.take(86_500)
    assert (tail.tail.state.files, tail.gaps) == ((), [])


def test_state_is_the_same_object_while_nothing_changes(tmp_path, follow):
    (tmp_path / "a.log").write_bytes(b"x\n")
    tail = follow(tmp_path / "a.log")
    tail.settle()
    before = tail.tail.state
    tail.settle()
    assert tail.tail.state is before


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_other_encodings_become_utf_8(tmp_path, follow, encoding):
    text = "".join(f"zeile {number} \N{PILE OF POO} \u0a00\u000a" for number in range(50))
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    raw = mark + text.encode(encoding)
    log = tmp_path / "a.log"
    tail, got = follow(log), []
    for start in range(0, len(raw), 7):
        append(log, raw[start : start + 7])
        got += tail.take(0.1, budget=16)
        if start % 70 == 0:
            tail.again()
    got += tail.settle()
    assert got == text.encode().split(b"\n")[:-1]
    whole = b"".join(read_log(read_head(str(log)), ReadCounts(), LogLimits(chunk=3)))
    assert whole == text.encode()
    assert read_head(str(log)).head == text.encode()


def test_a_long_line_of_two_byte_units_is_cut_like_any_other(tmp_path, follow):
    log = tmp_path / "a.log"
    log.write_bytes("\N{PILE OF POO}".encode("utf-16") * 1 + "é".encode("utf-16-le") * 5000)
    append(log, "\nnext\n".encode("utf-16-le"))
    limits = LogLimits(line=100)
    tail = follow(log, limits=limits)
    counts = ReadCounts()
    whole = b"".join(read_log(read_head(str(log)), counts, limits)).splitlines()
    assert tail.take() == whole
    assert (tail.cut, whole[1], len(whole[0])) == (counts.cut, b"next", 100)


def test_a_delivery_file_is_one_record_a_line(tmp_path, follow):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b'{"Records": [{"a": 1},\n {"a":\n 2}]}'))
    os.utime(path, (1, 1))
    assert follow(tmp_path / "*.gz").take() == [b'{"a": 1}', b'{"a":  2}']


def test_a_file_that_came_and_went_while_nothing_was_at_the_path(tmp_path, follow):
    log = tmp_path / "access.log"
    append(log, b"one\n")
    tail = follow(log)
    assert tail.take() == [b"one"]
    log.rename(tmp_path / "access.log.1")
    # Long after it left, nobody looks for others any more.
    assert tail.settle() + tail.settle() == []
    append(log, b"two\n")
    (tmp_path / "access.log.1").rename(tmp_path / "access.log.2")
    log.rename(tmp_path / "access.log.1")
    append(log, b"three\n")
    assert tail.take() == [b"two", b"three"]
