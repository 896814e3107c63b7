"""The scanner over combined and JSON lines, beside ripgrep, mtail and a plain loop, on one core;
and replay by two processes beside one.

Run `python -m bench.scan`, or with the size of the log in MB.
"""

from __future__ import annotations

import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.logformat import make_format
from tocsin.pattern import Transformation, make_filter
from tocsin.replay import Replayer, ReplayOptions
from tocsin.scan import Scanner, Table
from tocsin.source import LogLimits, ReadCounts, read_head, read_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.pattern import MetricFilter

MEGABYTES = 430
_BARS = {("combined", 3): 400, ("combined", 33): 250, ("json", 3): 360, ("json", 33): 200}
_TWICE = 1.7
"""How much faster two processes have to be than one."""
_PLAIN = 15
"""How many MB the slow ones get."""
_RUNS = 3
"""The best one counts: other work on the machine makes a run slower, nothing makes it faster."""
_ROUNDS = 7
"""Of one process, two, and two that share nothing, one after the other: all have the same luck."""

_STATUSES = {
    "NotFound": "status=404",
    "ServerErrors": "status=5*",
    "BadRequests": "status=400",
    "Denied": "(status=401 || status=403)",
}
_LOOPS = {
    "combined": re.compile(
        r'(\S+) \S+ \S+ \[(\d\d/\w+/\d{4}:\d\d:\d\d):\d\d [+-]\d{4}\] "(?:[^"\\]|\\.)*" (\d{3}) '
    ),
    "json": re.compile(r'\{"time":"([^"]{16})[^"]*","remote_addr":"([^"]*)".*?"status":(\d{3}),'),
}
_MTAIL = r"""
counter matching by status
/%s/ {
  matching[$status]++
}
"""
_MTAIL_LINES = {
    "combined": r'^\S+ \S+ \S+ \[[^\]]+\] "[^"]*" (?P<status>404|5\d\d|40[013]) ',
    "json": r'"status":(?P<status>404|5\d\d|40[013]),',
}
_RIPGREP = {
    "combined": '" (?:404|400|401|403|5\\d\\d) |Critical Error',
    "json": '"status":(?:404|400|401|403|5\\d\\d),|Critical Error',
}
_LINES = {
    "combined": '{client} - - [20/May/2025:{stamp} +0000] "GET {path} HTTP/1.1" {status} '
    '{size} "{referrer}" "{agent}"\n',
    "json": '{{"time":"2025-05-20T{stamp}+00:00","remote_addr":"{client}","remote_user":"",'
    '"request_method":"GET","request_uri":"{path}","status":{status},"body_bytes_sent":{size},'
    '"request_time":0.{size:05},"http_referer":"{referrer}","http_user_agent":"{agent}"}}\n',
}
"""The same requests, as nginx writes them in its two usual ways."""


def filters_for(form: str) -> list[MetricFilter]:
    """The five filters of a web server's log."""
    patterns = {"Critical": '"Critical Error"'}
    for name, condition in _STATUSES.items():
        fields = f"[ip, id, user, time, request, {condition}, size, ...]"
        json_condition = condition.replace("status", "$.status").replace("=", " = ")
        patterns[name] = fields if form == "combined" else f"{{ {json_condition} }}"
    return [
        make_filter(
            name=name,
            log_group="web",
            pattern=pattern,
            transformations=[Transformation(name, "Web", "1")],
        )
        for name, pattern in patterns.items()
    ]


def write_log(path: Path, megabytes: int, percent: int, form: str = "combined") -> int:
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
    size, lines, line = megabytes * 1_000_000, 0, _LINES[form]
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
                    line.format(
                        client=rng.choice(clients),
                        stamp=stamp,
                        path=rng.choice(paths),
                        status=status,
                        size=rng.randrange(100_000),
                        referrer=f"https://example.org{rng.choice(paths)}",
                        agent=rng.choice(agents),
                    )
                )
            lines += len(part)
            file.write("".join(part).encode())
    return lines


def _ours(path: str, form: str, engine: str) -> None:
    """In a process of its own: the counts are printed, and what it took."""
    lines = engine == "lines"
    scanner = Scanner(
        filters_for(form), make_format(form), engine=None if lines else engine, columns=not lines
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


def _replay(path: str, form: str, count: str) -> None:
    """In a process of its own: replay by so many others."""
    replayer = Replayer(filters_for(form), [], ReplayOptions(), LogLimits())
    opened = replayer.open([path], 0)
    begin = time.perf_counter()
    with replayer.workers(opened, int(count)) as workers:
        done = replayer.run(opened, lambda _: None, workers=workers)
    wall = time.perf_counter() - begin
    print(wall, done.reading.bytes, sum(done.tally.minutes.matches.values()))


def _run(*arguments: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.scan", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(each) for each in done.stdout.split()]


def _loop(path: Path, form: str) -> int:
    table: Counter[tuple[str, str, str]] = Counter()
    wanted = {"404", "400", "401", "403"}
    with path.open(errors="replace") as file:
        for line in file:
            found = _LOOPS[form].match(line)
            if found and (found[3] in wanted or found[3][0] == "5"):
                table[found[2], found[3], found[1]] += 1
    return table.total()


def _timed(what: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    found = what()
    return time.perf_counter() - begin, found


def _others(path: Path, small: Path, form: str) -> dict[str, float]:
    """MB/s of everybody else."""
    rates = {}
    wall, _ = _timed(lambda: _loop(small, form))
    rates["plain re loop"] = small.stat().st_size / wall / 1e6
    if shutil.which("rg"):
        command = ["rg", "-c", "-j1", _RIPGREP[form], str(path)]
        runs = [
            _timed(lambda: subprocess.run(command, capture_output=True, check=True))[0]
            for _ in range(_RUNS)
        ]
        rates["ripgrep"] = path.stat().st_size / min(runs) / 1e6
    if shutil.which("mtail"):
        program = small.with_suffix(".mtail")
        program.write_text(_MTAIL % _MTAIL_LINES[form])
        command = ["mtail", "--one_shot", "--progs", str(program), "--logs", str(small)]
        wall, done = _timed(lambda: subprocess.run(command, capture_output=True, check=False))
        if done.returncode == 0:
            rates["mtail"] = small.stat().st_size / wall / 1e6
    return rates


def main(megabytes: int = MEGABYTES) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for (form, percent), bar in _BARS.items():
            path, small = Path(folder, "access.log"), Path(folder, "small.log")
            lines = write_log(path, megabytes, percent, form)
            with path.open("rb") as file:
                small.write_bytes(file.read(_PLAIN * 1_000_000))
            print(
                f"\n  {form}: {percent} % of {lines:,} lines match, "
                f"{path.stat().st_size / 1e6:.0f} MB; aim {bar} MB/s"
            )
            _one_core(path, small, form)
            _two_cores(path, form)


def _one_core(path: Path, small: Path, form: str) -> None:
    rates = _others(path, small, form)
    for engine in ("hyperscan", "find", "lines"):
        try:
            what, times = (small, 1) if engine == "lines" else (path, _RUNS)
            runs = [_run("--ours", str(what), form, engine) for _ in range(times)]
        except subprocess.CalledProcessError as error:
            print(f"  tocsin, {engine:12} not run: {error.stderr.strip().splitlines()[-1]}")
            continue
        wall, cpu, rss, size, matches, slow = min(runs)
        rate = size / wall / 1e6
        against = ", ".join(f"{rate / other:.2f} x {name}" for name, other in rates.items())
        print(
            f"  tocsin, {engine:12} {rate:6.0f} MB/s ({size / cpu / 1e6:.0f} a CPU second)  "
            f"{rss:4.0f} MB  {matches:9,.0f} matches, {slow:,.0f} slow lines;  {against}"
        )
    for name, rate in rates.items():
        print(f"  {name:20} {rate:6.0f} MB/s")


def _two_cores(path: Path, form: str) -> None:
    rounds = [
        (
            _run("--replay", str(path), form, "1"),
            _run("--replay", str(path), form, "2"),
            _side_by_side(path, form),
        )
        for _ in range(_ROUNDS)
    ]
    one, two, beside = (min(each) for each in zip(*rounds, strict=True))
    assert one[2] == two[2]
    median = statistics.median(one[0] / two[0] for one, two, _ in rounds)
    print(
        f"  replay, one process  {one[1] / one[0] / 1e6:6.0f} MB/s, "
        f"two {two[1] / two[0] / 1e6:.0f} MB/s: {one[0] / two[0]:.2f} x, the median of "
        f"{_ROUNDS} rounds {median:.2f} x; aim {_TWICE} x; "
        f"two that share nothing: {2 * one[0] / beside:.2f} x"
    )


def _side_by_side(path: Path, form: str) -> float:
    """Seconds until two replays of a whole file are over: what the machine allows."""
    with ThreadPoolExecutor(2) as pool:
        runs = pool.map(lambda _: _run("--replay", str(path), form, "1"), range(2))
        return max(wall for wall, *_ in runs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        _ours(*sys.argv[2:])
    elif sys.argv[1:2] == ["--replay"]:
        _replay(*sys.argv[2:])
    else:
        main(*map(int, sys.argv[1:]))
