"""A writer that rotates and compresses while the tail reads and is killed, at full speed."""

from __future__ import annotations

import gzip
import os
import threading
import time

import msgspec
import pytest

from tocsin.source import Tail, TailState

LINES = 30_000
KEPT = 40


def rotate(folder, compress):
    """As logrotate does: shift, rename, compress the one before."""
    for number in range(KEPT, 0, -1):
        for suffix in ("", ".gz"):
            old = folder / f"access.log.{number}{suffix}"
            if old.exists():
                old.rename(folder / f"access.log.{number + 1}{suffix}")
    (folder / "access.log").rename(folder / "access.log.1")
    plain = folder / "access.log.2"
    if compress and plain.exists():
        packed = folder / "access.log.2.gz"
        about = plain.stat()
        with packed.open("wb") as file:
            for part in (gzip.compress(plain.read_bytes()),):
                file.write(part[: len(part) // 2])
                file.flush()
                file.write(part[len(part) // 2 :])
        os.utime(packed, ns=(about.st_atime_ns, about.st_mtime_ns))
        plain.unlink()


def write(folder, compress):
    log = (folder / "access.log").open("ab", buffering=0)
    for number in range(LINES):
        line = b"line %06d of the writer\n" % number
        if number % 7 == 0:
            # In two writes, so that it is seen unended.
            log.write(line[:9])
            line = line[9:]
        log.write(line)
        if number % 1000 == 999:
            before = log
            rotate(folder, compress)
            log = (folder / "access.log").open("ab", buffering=0)
            before.close()
    log.close()


@pytest.mark.parametrize("pattern", ["access.log*", "access.log"])
@pytest.mark.parametrize("compress", [False, True])
def test_reading_while_a_log_is_rotated(tmp_path, pattern, compress):
    (tmp_path / "access.log").touch()
    saved, taken, polls = msgspec.json.encode(TailState()), [], 0

    def make():
        state = msgspec.json.decode(saved, type=TailState)
        return Tail([str(tmp_path / pattern)], state, grace=300_000)

    tail, gaps = make(), []
    tail.poll(time.time_ns() // 1000)
    saved = msgspec.json.encode(tail.state)
    writer = threading.Thread(target=write, args=(tmp_path, compress))
    writer.start()
    deadline = time.monotonic() + 60
    while len(taken) < LINES and time.monotonic() < deadline:
        found = tail.poll(time.time_ns() // 1000, 20_000)
        gaps += found.gaps
        polls += 1
        if polls % 50 == 0:
            # What was not committed is taken again.
            tail.close()
            tail = make()
            continue
        taken += [line for block in found.blocks for line in block.data.splitlines()]
        saved = msgspec.json.encode(tail.state)
    writer.join()
    tail.close()
    assert sorted(taken) == [b"line %06d of the writer" % number for number in range(LINES)]
    assert gaps == []
