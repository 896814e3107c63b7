"""The daemon on log files: idle cost of a hundred, and from a line or a login to the webhook.

`python -m bench.logs` prints the table. The peer of the second is mtail, scraped each second by
Prometheus, with Alertmanager behind it. Its rule is a plain threshold, the fastest there is.
"""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engine.daemon import Daemon, free_port, lab_app, wait_for, webhook

from bench.daemon import Row, peers, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = 100
TRIALS = 8
PATTERN = "[ip, id, user, timestamp, request, status = 404, size, ...]"
MTAIL = "counter missing by name\n/ 404 / {\n  missing[getfilename()]++\n}\n"
RULE = """
groups:
  - name: bench
    interval: 1s
    rules: [{alert: Burst, expr: missing > 10}]
"""
SIGMA = """
title: Login refused
name: refused
logsource: {category: authentication}
detection: {sel: {event.outcome: failure}, condition: sel}
---
title: Brute force
name: brute
correlation:
  {type: event_count, rules: [refused], group-by: [source.ip], timespan: 10m, condition: {gte: 16}}
"""


def line() -> str:
    stamp = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'203.0.113.9 - - [{stamp}] "GET /x HTTP/1.1" 404 12 "-" "probe"\n'


def definitions(groups: list[str]) -> str:
    """What the AWS command line prints of a filter and a high-resolution alarm for each group."""
    return json.dumps({
        "metricFilters": [
            {"filterName": name, "logGroupName": name, "filterPattern": PATTERN,
             "metricTransformations": [
                 {"metricName": name, "metricNamespace": "Bench", "metricValue": "1"}]}
            for name in groups
        ],
        "MetricAlarms": [
            {"AlarmName": name, "MetricName": name, "Namespace": "Bench", "Statistic": "Sum",
             "Period": 10, "EvaluationPeriods": 1, "Threshold": 10.0,
             "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}
            for name in groups
        ],
    })  # fmt: skip


def daemon(folder: Path, groups: list[str], port: int) -> Daemon:
    (folder / "definitions.json").write_text(definitions(groups))
    config = {
        "log_groups": [{"name": name, "paths": [f"{name}/*.log"]} for name in groups],
        "definitions": ["definitions.json"],
        "receivers": [{"name": "hook", "webhook": {"url": f"http://127.0.0.1:{port}/"}}],
    }
    return Daemon(folder, config, {"groups": []})


def idle(folder: Path) -> list[Row]:
    (folder / "web").mkdir()
    for number in range(FILES):
        (folder / "web" / f"{number}.log").write_text(line())
    with webhook() as hook, daemon(folder, ["web"], hook.port) as running:
        ((cpu, memory),) = watch([[running.process.pid]])
    name = f"idle, {FILES} files followed"
    return [
        Row(f"{name}: CPU", cpu * 100, "% of a core", "2", "", None),
        Row(f"{name}: memory", memory, "MB", "-", "", None),
    ]


@contextmanager
def mtail(folder: Path) -> Iterator[int]:
    (folder / "missing.mtail").write_text(MTAIL)
    port = free_port()
    with (folder / "mtail.log").open("wb") as log:
        process = subprocess.Popen(
            ["mtail", "--progs", str(folder / "missing.mtail"), "--logs", f"{folder}/*/*.log",
             "--address", "127.0.0.1", "--port", str(port), "--logtostderr"],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


def latency(folder: Path) -> list[Row]:
    """Seconds from the eleventh line to the webhook; each trial has a log group of its own."""
    groups = [f"web{number}" for number in range(TRIALS)]
    for name in groups:
        (folder / name).mkdir()
        (folder / name / "a.log").write_text("")
    moments, seen = random.Random(7), {"ours": [], "theirs": []}
    with ExitStack() as stack:
        hooks = {"ours": stack.enter_context(webhook())}
        stack.enter_context(daemon(folder, groups, hooks["ours"].port))
        if shutil.which("mtail") and shutil.which("prometheus"):
            hooks["theirs"] = stack.enter_context(webhook())
            port = stack.enter_context(mtail(folder))
            peer = folder / "peer"
            peer.mkdir()
            stack.enter_context(peers(peer, port, hooks["theirs"].port, "1s", RULE))
        time.sleep(3)
        for name in groups:
            time.sleep(1.5 + moments.random())
            counts = {who: len(hook.messages) for who, hook in hooks.items()}
            with (folder / name / "a.log").open("a") as file:
                file.write(line() * 11)
            written = time.time()
            for who, hook in hooks.items():
                count = counts[who]
                wait_for(lambda: len(hook.messages) > count, f"{who}: webhook", 30)  # noqa: B023
                seen[who].append(hook.messages[count][2] - written)
    theirs = seen["theirs"]
    name = "line to webhook, alarm of 10 s"
    return [
        Row(f"{name}: median", statistics.median(seen["ours"]), "s", "2", "", statistics.median(theirs) if theirs else None),
        Row(f"{name}: slowest", max(seen["ours"]), "s", "2", "", max(theirs) if theirs else None),
    ]  # fmt: skip


def logins(folder: Path) -> list[Row]:
    """Seconds from the sixteenth failed login at the lab's application to the webhook."""
    (folder / "sigma.yml").write_text(SIGMA)
    moments, seen = random.Random(7), []
    with webhook() as hook, lab_app(folder / "events.jsonl") as log_in:
        config = {
            "log_groups": [{"name": "app", "paths": ["events.jsonl"]}],
            "correlations": ["sigma.yml"],
            "receivers": [{"name": "hook", "webhook": {"url": f"http://127.0.0.1:{hook.port}/"}}],
        }
        with Daemon(folder, config, {"groups": []}):
            for trial in range(TRIALS):
                for _ in range(15):
                    log_in(f"203.0.113.{trial}")
                time.sleep(1 + moments.random())
                tried = time.time()
                log_in(f"203.0.113.{trial}")
                wait_for(lambda: len(hook.messages) > trial, "webhook", 30)  # noqa: B023
                seen.append(hook.messages[trial][2] - tried)
    name = "16th failed login to webhook, lab"
    return [
        Row(f"{name}: median", statistics.median(seen), "s", "2", "", None),
        Row(f"{name}: slowest", max(seen), "s", "2", "", None),
    ]


def main() -> int:
    print(f"{'':42} {'Tocsin':>9} {'bar':>6} {'peer':>9}  unit")
    over = 0
    for measure in (idle, latency, logins):
        with tempfile.TemporaryDirectory() as folder:
            for row in measure(Path(folder)):
                theirs = "-" if row.theirs is None else f"{row.theirs:9.2f}"
                print(f"{row.name:42} {row.ours:9.2f} {row.bar:>6} {theirs:>9}  {row.unit}")
                over += row.bar != "-" and row.ours > float(row.bar)
    print("peer: mtail, Prometheus at 1 s, Alertmanager with group_wait 0s")
    return int(over > 0)


if __name__ == "__main__":
    sys.exit(main())
