"""A log that is written and rotated in all ways, beside the list of what was written to it."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import time

import msgspec

from tocsin.source import LogLimits, Tail, TailState

SECOND = 1_000_000


class Generation:
    def __init__(self, number):
        self.number = number
        self.content = b""
        self.closed = False

    @property
    def lines(self):
        return self.content.splitlines()


class World:
    """One log with its rotated files, a writer, and a tail that is killed now and then."""

    def __init__(self, folder, pattern, **options):
        self.folder, self.pattern, self.options = folder, pattern, options
        self.live = folder / "access.log"
        self.now = time.time_ns() // 1000
        self.generations = []
        self.written = 0
        self.saved = msgspec.json.encode(TailState())
        self.committed, self.fresh, self.gaps = [], [], []
        self.quiet, self.known = 0, False
        self.fd = self.old = -1
        self.open_new()
        self.tail = None
        self.kill()

    # the writer

    def open_new(self):
        self.fd = os.open(self.live, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.generations.append(Generation(len(self.generations)))

    def write(self, fd, generation, data):
        os.write(fd, data)
        generation.content += data

    def append(self, lines, padding=0, ended=True):
        current = self.generations[-1]
        if current.content and not current.content.endswith(b"\n"):
            self.write(self.fd, current, b" the rest\n")
        for index in range(lines):
            self.written += 1
            text = b"g%04d l%06d %s" % (current.number, self.written, b"x" * padding)
            last = index == lines - 1
            self.write(self.fd, current, text if last and not ended else text + b"\n")

    def late(self):
        """The old writer still writes after the rename."""
        if self.old >= 0:
            self.quiet, self.known = 0, False
            before = self.generations[-2]
            self.written += 1
            if before.content and not before.content.endswith(b"\n"):
                self.write(self.old, before, b" late end\n")
            self.write(self.old, before, b"g%04d l%06d late\n" % (before.number, self.written))

    def close_old(self):
        if self.old >= 0:
            os.close(self.old)
        self.old = -1

    # rotation

    def rotated(self, number):
        for suffix in ("", ".gz"):
            path = self.folder / f"access.log.{number}{suffix}"
            if path.exists():
                return path
        return None

    def shift(self):
        self.quiet, self.known = 0, False
        number = 1
        while self.rotated(number):
            number += 1
        for index in range(number - 1, 0, -1):
            path = self.rotated(index)
            path.rename(str(path).replace(f"log.{index}", f"log.{index + 1}"))

    def rename(self):
        self.shift()
        self.live.rename(self.folder / "access.log.1")
        self.close_old()
        self.old = self.fd
        self.open_new()

    def copytruncate(self):
        self.close_old()
        self.shift()
        shutil.copy(self.live, self.folder / "access.log.1")
        os.truncate(self.live, 0)
        self.generations.append(Generation(len(self.generations)))

    def compress(self, number):
        path = self.rotated(number)
        if path is None or path.suffix == ".gz":
            return
        if number == 1:
            self.close_old()
        about = path.stat()
        packed = path.with_name(path.name + ".gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        os.utime(packed, ns=(about.st_atime_ns, about.st_mtime_ns))
        path.unlink()

    def delete_oldest(self):
        number = 1
        while self.rotated(number + 1):
            number += 1
        path = self.rotated(number)
        # What nobody looked at is lost when it is deleted, and rightly a gap.
        if path is None or (number == 1 and self.old >= 0) or not self.known:
            return
        content = path.read_bytes()
        lines = gzip.decompress(content) if path.suffix == ".gz" else content
        if set(lines.splitlines()) <= set(self.committed):
            path.unlink()

    # the tail

    def kill(self):
        if self.tail is not None:
            self.tail.close()
        self.fresh, self.quiet, self.known = [], 0, False
        state = msgspec.json.decode(self.saved, type=TailState)
        self.tail = Tail([str(self.folder / self.pattern)], state, **self.options)

    def poll(self, budget=4 << 20, commit=True):
        taken = self.tail.poll(self.now, budget)
        self.gaps += taken.gaps
        for block in taken.blocks:
            assert block.data.endswith(b"\n")
            self.fresh += block.data[:-1].split(b"\n")
        if commit:
            # With more to come, this poll has not looked at everything.
            quiet = bool(self.quiet) and self.now - self.quiet > 6 * SECOND
            self.known = quiet and not taken.more
            self.quiet = 0 if taken.more else self.quiet or self.now
            self.committed += self.fresh
            self.fresh = []
            self.saved = msgspec.json.encode(self.tail.state)
        return taken

    def tick(self, seconds):
        self.now += int(seconds * SECOND)
        if seconds > 1:
            self.close_old()

    def settle(self, seconds=30):
        for _ in range(seconds):
            while self.poll().more:
                pass
            self.tick(1.5)

    # the referee

    def check(self):
        """Once each, in the order in which they were written to each file."""
        last = self.generations[-1]
        for generation in self.generations:
            expected = generation.lines
            if generation is last and not last.content.endswith(b"\n"):
                expected = expected[:-1]
            tag = b"g%04d " % generation.number
            got = [line for line in self.committed if line.startswith(tag)]
            assert got == expected, generation.number
        assert all(re.match(rb"g\d{4} l\d{6} ", line) for line in self.committed)

    def close(self):
        self.close_old()
        os.close(self.fd)
        self.tail.close()


def small(**limits):
    return LogLimits(**limits)
