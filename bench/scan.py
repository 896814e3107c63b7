"""The scanner over a combined log, beside ripgrep, mtail and a plain loop, on one core.

Run `python -m bench.scan`, or with the size of the log in MB.
"""

from __future__ import annotations

import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.logformat import make_format
from tocsin.pattern import Transformation, make_filter
from tocsin.scan import Scanner, Table
from tocsin.source import ReadCounts, read_head, read_log

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTES = 300
_BARS = {3: 400, 33: 250}
_PLAIN = 15
"""How many MB the slow ones get."""
_RUNS = 3
"""The best one counts: other work on the machine makes a run slower, nothing makes it faster."""

_FILTERS = {
    "NotFound": "[ip, id, user, time, request, status=404, size, ...]",
    "ServerErrors": "[ip, id, user, time, request, status=5*, size, ...]",
    "BadRequests": "[ip, id, user, time, request, status=400, size, ...]",
    "Denied": "[ip, id, user, time, request, (status=401 || status=403), size, ...]",
    "Critical": '"Critical Error"',
}
_LOOP = re.compile(
    r'(\S+) \S+ \S+ \[(\d\d/\w+/\d{4}:\d\d:\d\d):\d\d [+-]\d{4}\] "(?:[^"\\]|\\.)*" (\d{3}) '
)
_MTAIL = r"""
counter matching by status
/^\S+ \S+ \S+ \[[^\]]+\] "[^"]*" (?P<status>404|5\d\d|40[013]) / {
  matching[$status]++
}
"""


def write_log(path: Path, megabytes: int, percent: int) -> int:
    """A log of six hours, the same each time; returns its lines."""
    rng = random.Random(percent)
    clients = [".".join(str(rng.randrange(1, 255)) for _ in range(4)) for _ in range(40_000)]
    paths = [
        f"/{rng.choice(['blog', 'shop', 'static/css', 'api/v1'])}/{rng.randrange(10 ** rng.randrange(2, 9))}"
        for _ in range(3000)
    ]
    agents = [
        f"Mozilla/5.0 (X11; Linux x86_64; rv:{each}.0) Gecko/20100101 Firefox/{each}.0"
        + " like Gecko" * rng.randrange(5)
        for each in range(60, 140)
    ]
    matching = [404] * 50 + [401] * 18 + [403] * 18 + [500] * 9 + [503] * 3 + [400] * 2
    size, lines = megabytes * 1_000_000, 0
    with path.open("wb") as file:
        while file.tell() < size:
            part = []
            for _ in range(10_000):
                second = int(file.tell() / size * 21_600 + len(part) / 100)
                stamp = f"{6 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
                status = (
                    rng.choice(matching)
                    if rng.random() < percent / 100
                    else rng.choice((200, 200, 200, 301, 304))
                )
                part.append(
                    f'{rng.choice(clients)} - - [20/May/2025:{stamp} +0000] "GET {rng.choice(paths)} HTTP/1.1" {status} '
                    f'{rng.randrange(100_000)} "https://example.org{rng.choice(paths)}" "{rng.choice(agents)}"\n'
                )
            lines += len(part)
            file.write("".join(part).encode())
    return lines


def _ours(path: str, engine: str) -> None:
    """In a process of its own: the counts are printed, and what it took."""
    filters = [
        make_filter(
            name=name,
            log_group="web",
            pattern=pattern,
            transformations=[Transformation(name, "Web", "1")],
        )
        for name, pattern in _FILTERS.items()
    ]
    lines = engine == "lines"
    scanner = Scanner(
        filters, make_format("combined"), engine=None if lines else engine, columns=not lines
    )
    log, table, counts = read_head(path), Table(), ReadCounts()
    begin, cpu = time.perf_counter(), time.process_time()
    for block in read_log(log, counts):
        scanner.scan(block, table)
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    matches = sum(
        count for (key, _), count in table.minutes.matches.items() if key[1] != "Critical"
    )
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert table.balanced
    print(wall, cpu, rss, counts.bytes, matches, table.slow)


def _run_ours(path: Path, engine: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.scan", "--ours", str(path), engine],
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(each) for each in done.stdout.split()]


def _loop(path: Path) -> int:
    table: Counter[tuple[str, str, str]] = Counter()
    wanted = {"404", "400", "401", "403"}
    with path.open(errors="replace") as file:
        for line in file:
            found = _LOOP.match(line)
            if found and (found[3] in wanted or found[3][0] == "5"):
                table[found[2], found[3], found[1]] += 1
    return table.total()


def _timed(what: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    found = what()
    return time.perf_counter() - begin, found


def _others(path: Path, small: Path) -> dict[str, float]:
    """MB/s of everybody else."""
    rates = {}
    wall, _ = _timed(lambda: _loop(small))
    rates["plain re loop"] = small.stat().st_size / wall / 1e6
    if shutil.which("rg"):
        command = ["rg", "-c", "-j1", '" (?:404|400|401|403|5\\d\\d) |Critical Error', str(path)]
        runs = [
            _timed(lambda: subprocess.run(command, capture_output=True, check=True))[0]
            for _ in range(_RUNS)
        ]
        rates["ripgrep"] = path.stat().st_size / min(runs) / 1e6
    if shutil.which("mtail"):
        program = small.with_suffix(".mtail")
        program.write_text(_MTAIL)
        command = ["mtail", "--one_shot", "--progs", str(program), "--logs", str(small)]
        wall, done = _timed(lambda: subprocess.run(command, capture_output=True, check=False))
        if done.returncode == 0:
            rates["mtail"] = small.stat().st_size / wall / 1e6
    return rates


def main(megabytes: int = MEGABYTES) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for percent, bar in _BARS.items():
            path, small = Path(folder, "access.log"), Path(folder, "small.log")
            lines = write_log(path, megabytes, percent)
            with path.open("rb") as file:
                small.write_bytes(file.read(_PLAIN * 1_000_000))
            print(
                f"\n  {percent} % of {lines:,} lines match, {path.stat().st_size / 1e6:.0f} MB; aim {bar} MB/s"
            )
            rates = _others(path, small)
            for engine in ("hyperscan", "find", "lines"):
                try:
                    runs = (
                        [_run_ours(small, engine)]
                        if engine == "lines"
                        else [_run_ours(path, engine) for _ in range(_RUNS)]
                    )
                except subprocess.CalledProcessError as error:
                    print(f"  tocsin, {engine:12} not run: {error.stderr.strip().splitlines()[-1]}")
                    continue
                wall, cpu, rss, size, matches, slow = min(runs)
                rate = size / wall / 1e6
                against = ", ".join(f"{rate / other:.2f} x {name}" for name, other in rates.items())
                print(
                    f"  tocsin, {engine:12} {rate:6.0f} MB/s ({size / cpu / 1e6:.0f} a CPU second)  {rss:4.0f} MB  {matches:9,.0f} matches, {slow:,.0f} slow lines;  {against}"
                )
            for name, rate in rates.items():
                print(f"  {name:20} {rate:6.0f} MB/s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        _ours(*sys.argv[2:])
    else:
        main(*map(int, sys.argv[1:]))
