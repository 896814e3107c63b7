"""Replay by several processes: the same answer, however files are split; no loss in silence."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.replay.test_replay import ACCESS, metric_filter, sum_alarm
from tests.scan.oracle import plain
from tocsin.cli import cli
from tocsin.errors import TocsinError
from tocsin.replay import Replayer, ReplayOptions
from tocsin.replay._parts import ROWS
from tocsin.replay._workers import LARGE, workers_for
from tocsin.source import LogLimits, ReadCounts, read_head, read_log, split_log

FILTERS = [
    metric_filter("missing", ACCESS.format(404)),
    metric_filter("redirects", ACCESS.format("3*")),
    metric_filter("php", "%\\.php%"),
    metric_filter("json", "{ $.status = 404 }"),
]
ALARMS = [sum_alarm("missing", 3), sum_alarm("redirects", 1)]
LINES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [
            b"",
            b"\r",
            b"\0\0\0",
            b"\0x",
            b"x" * 40,
            b"\xc3\xa4" * 20,
            b"\xef\xbb\xbfbom",
            b"\xff\xfeutf",
        ]
    ),
).map(lambda line: line.replace(b"\n", b"") + b"\n")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(LINES, max_size=20).map(b"".join),
    st.binary(max_size=3),
    st.integers(1, 60),
    st.integers(1, 30),
)
def test_parts_have_the_lines_of_the_whole(tmp_path, text, last, size, chunk):
    path = tmp_path / "a.log"
    path.write_bytes(text + last)
    log, limits = read_head(str(path)), LogLimits(chunk=chunk, line=16)
    whole, counts = ReadCounts(), ReadCounts()
    expected = b"".join(read_log(log, whole, limits))
    parts = split_log(log, size)
    found = b"".join(b"".join(read_log(log, counts, limits, part=part)) for part in parts)
    assert found == expected
    assert counts == whole
    assert [begin for begin, _ in parts] == [0, *(end for _, end in parts[:-1])]
    assert parts[-1][1] is None


def test_what_cannot_be_split_is_one_part(tmp_path):
    line = b"x" * 99 + b"\n"
    for name, body in (
        ("a.gz", gzip.compress(os.urandom(5000))),
        ("b.log", ("\ufeff" + "line\n" * 1000).encode("utf-16-le")),
        ("c.json", b'{"Records":[' + b"{},\n" * 1000 + b"{}]}"),
        ("d.log", b"x" * 5000),
    ):
        path = tmp_path / name
        path.write_bytes(body)
        assert split_log(read_head(str(path)), 100) == [(0, None)]
    path = tmp_path / "e.log"
    path.write_bytes(line * 10)
    assert len(split_log(read_head(str(path)), 300)) == 3


@pytest.fixture(scope="module")
def logs(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    text = (data / "logs/apache_access.log").read_bytes()
    (folder / "plain.log").write_bytes(text)
    (folder / "archive.log.gz").write_bytes(gzip.compress(text[: len(text) // 3]))
    stamps = [f"2024-05-01T10:{at // 60:02}:{at % 60:02}Z" for at in range(3000)]
    lines = [{"time": at, "status": 404, "ip": f"1.2.3.{n % 9}"} for n, at in enumerate(stamps)]
    (folder / "app.json").write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    return [str(path) for path in sorted(folder.iterdir())]


def answer(paths, count=1):
    replayer = Replayer(FILTERS, ALARMS, ReplayOptions(), LogLimits())
    opened = replayer.open(paths, 0)
    seen = []
    if count == 1:
        done = replayer.run(opened, seen.append)
    else:
        with replayer.workers(opened, count) as workers:
            done = replayer.run(opened, seen.append, workers=workers)
    assert sum(seen) == sum(each.log.size for each in opened)
    return plain(done.tally), done.transitions, done.warnings, done.reading


@pytest.mark.parametrize("count", [2, 3, 7])
def test_many_workers_find_what_one_finds(logs, count):
    alone = answer(logs)
    assert alone[1]
    assert answer(logs, count) == alone


def test_what_is_stopped_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "large.log"
    path.write_bytes(b'{"time": "2024-05-01T10:00:00Z", "status": 404}\n' * 1_600_000)
    replayer = Replayer(FILTERS, ALARMS, ReplayOptions(), LogLimits())
    opened = replayer.open([str(path)], 0)
    seen = []

    def interrupted(size):
        seen.append(size)
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        replayer.workers(opened, 2) as workers,
    ):
        replayer.run(opened, interrupted, workers=workers)
    assert 0 < seen[0] < opened[0].log.size / 2
    assert sum(workers._setting.read) < opened[0].log.size


def test_a_worker_that_is_killed_is_an_error(logs):
    replayer = Replayer(FILTERS, ALARMS, ReplayOptions(), LogLimits())
    opened = replayer.open([*logs, *logs] * 20, 0)
    with replayer.workers(opened, 2) as workers:
        for process in multiprocessing.active_children():
            process.kill()
        with pytest.raises(TocsinError, match="worker process ended") as caught:
            replayer.run(opened, lambda _: None, workers=workers)
    assert "--workers 1" in caught.value.hint


def test_a_worker_that_is_killed_at_work_is_an_error(logs):
    replayer = Replayer(FILTERS, ALARMS, ReplayOptions(), LogLimits())
    opened = replayer.open([*logs, *logs] * 20, 0)

    def kill(_):
        for process in multiprocessing.active_children():
            process.kill()

    with (
        replayer.workers(opened, 3) as workers,
        pytest.raises(TocsinError, match="worker process ended"),
    ):
        replayer.run(opened, kill, workers=workers)


def test_workers_end_with_the_process_that_started_them(tmp_path):
    lines = (
        f'{at}.example - - [01/May/2024:10:00:00 +0000] "GET / HTTP/1.1" 404 1 "-" "-"\n'
        for at in range(50_000)
    )
    (tmp_path / "a.log").write_text("".join(lines))
    started = subprocess.Popen(
        [sys.executable, "-c", _STARTS_WORKERS, str(tmp_path / "a.log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert started.stdin
    assert started.stdout
    with started.stdin, started.stdout:
        # What they found is more than a pipe takes, and nobody asks for it.
        workers = [os.pidfd_open(int(each)) for each in started.stdout.readline().split()]
        started.kill()
        started.wait(30)
        for worker in workers:
            # It can be read once the process has ended.
            assert select.select([worker], [], [], 30)[0]
            os.close(worker)
    assert len(workers) == 2


_STARTS_WORKERS = """
import multiprocessing, sys
from multiprocessing import connection
from tests.replay.test_workers import FILTERS
from tocsin.replay import Replayer, ReplayOptions
from tocsin.source import LogLimits
replayer = Replayer(FILTERS, [], ReplayOptions(), LogLimits(chunk=1 << 17))
opened = replayer.open([sys.argv[1]], 0)
with replayer.workers(opened, 3) as workers:
    started = [each.pid for each in multiprocessing.active_children()]
    connection.wait(workers._others)
    print(*started, flush=True)
    sys.stdin.read()
"""


def test_standard_input_is_read_by_the_process_that_has_it():
    line = b'1.2.3.4 - - [01/May/2024:10:00:00 +0000] "GET / HTTP/1.1" 404 1 "-" "-"\n'
    done = subprocess.run(
        [sys.executable, "-c", _COUNTS_STDIN],
        input=line * 100_000,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"100000\n"


_COUNTS_STDIN = """
from multiprocessing import connection
from tests.replay.test_workers import FILTERS
from tocsin.replay import Replayer, ReplayOptions
from tocsin.source import LogLimits
replayer = Replayer(FILTERS, [], ReplayOptions(), LogLimits())
opened = replayer.open(["-"], 0)
with replayer.workers(opened, 2) as workers:
    # The other one is through with all it finds to do.
    connection.wait(workers._others)
    print(replayer.run(opened, lambda _: None, workers=workers).tally.read)
"""


def test_more_files_than_rows(tmp_path):
    count = ROWS + 100
    for at in range(count):
        line = f"10.0.0.{at % 9} - - [01/May/2024:10:{at % 60:02}:00 +0000] "
        (tmp_path / f"{at}.log").write_text(line + '"GET / HTTP/1.1" 404 1 "-" "-"\n')
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    alone = answer(paths)
    assert alone[0]["counted"] == count
    assert answer(paths, 2) == alone


def test_a_file_that_goes_away_is_an_error(logs, tmp_path):
    path = tmp_path / "gone.log"
    path.write_bytes(Path(logs[0]).read_bytes()[:9000])
    replayer = Replayer(FILTERS, ALARMS, ReplayOptions(), LogLimits())
    opened = replayer.open([str(path)], 0)
    path.unlink()
    with (
        pytest.raises(TocsinError, match="No such file"),
        replayer.workers(opened, 2) as workers,
    ):
        replayer.run(opened, lambda _: None, workers=workers)


def test_workers_are_for_large_input(logs, tmp_path):
    replayer = Replayer(FILTERS, ALARMS, ReplayOptions(), LogLimits())
    opened = replayer.open(logs, 0)
    assert workers_for(opened) == 1
    large = tmp_path / "large.log"
    large.write_bytes(Path(logs[2]).read_bytes())
    with large.open("r+b") as file:
        file.truncate(LARGE)
    assert workers_for(replayer.open([str(large)], 0)) == len(os.sched_getaffinity(0))


def test_the_command_prints_the_same(data, tmp_path):
    log = str(data / "logs/apache_access.log")
    definitions = tmp_path / "filters.json"
    definitions.write_text(
        json.dumps(
            {
                "metricFilters": [
                    {
                        "filterName": "missing",
                        "filterPattern": ACCESS.format(404),
                        "logGroupName": "web",
                        "metricTransformations": [
                            {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
                        ],
                    }
                ]
            }
        )
    )
    outputs = []
    for count in ("1", "2"):
        command = ["replay", "--definitions", str(definitions), "--workers", count]
        done = CliRunner().invoke(cli, [*command, "--format", "json", log])
        assert done.exit_code == 0, done.output
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
