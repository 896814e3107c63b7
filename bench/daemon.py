"""The daemon beside Prometheus with Alertmanager: idle cost, and sample to webhook.

`python -m bench.daemon` prints the table. Both watch the same target at the same interval.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.engine.daemon import Daemon, free_port, target, wait_for, webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

IDLE_SECONDS = 60
TRIALS = 8
RULES = {"groups": [{"name": "bench", "rules": [{"alert": "Now", "expr": "level > 5"}]}]}
LAB_RULES = Path(__file__).parent.parent / "examples" / "lab" / "rules" / "security.yml"
TICKS = os.sysconf("SC_CLK_TCK")


class Row(NamedTuple):
    """One figure beside its bar and its peer."""

    name: str
    ours: float
    unit: str
    bar: str
    peer: str
    theirs: float | None


class Lab:
    """What a scrape of the lab looks like: a counter, a histogram, a gauge to turn."""

    def __init__(self) -> None:
        self.level = 0
        self.changed = 0.0

    def __call__(self) -> str:
        buckets = "".join(
            f'login_latency_seconds_bucket{{le="{bound}"}} {number}\n'
            for number, bound in enumerate((0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, "+Inf"))
        )
        events = "".join(f'security_events_total{{event="e{number}"}} 0\n' for number in range(40))
        return (
            f"level {self.level}\nlogin_requests_total 5\nlogin_failures_total 1\n{buckets}{events}"
        )

    def turn(self, level: int) -> float:
        self.level = level
        self.changed = time.time()
        return self.changed


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def peers(folder: Path, port: int, hook: int, interval: str, rules: str) -> Iterator[list[int]]:
    """Start Prometheus and Alertmanager; yields their process ids."""
    manager, server = free_port(), free_port()
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: {interval}, evaluation_interval: {interval}}}\n"
        f"rule_files: [rules.yml]\n"
        f"scrape_configs: [{{job_name: lab, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
        f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{manager}']}}]}}]}}\n"
    )
    (folder / "alertmanager.yml").write_text(
        "route: {receiver: hook, group_wait: 0s, group_interval: 1s, group_by: ['...']}\n"
        f"receivers: [{{name: hook, webhook_configs: [{{url: 'http://127.0.0.1:{hook}/'}}]}}]\n"
    )
    commands = [
        ["prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=am",
         f"--web.listen-address=127.0.0.1:{manager}", "--cluster.listen-address="],
        ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
         f"--web.listen-address=127.0.0.1:{server}"],
    ]  # fmt: skip
    with (folder / "peers.log").open("wb") as log:
        running = [subprocess.Popen(c, cwd=folder, stdout=log, stderr=log) for c in commands]
    try:
        yield [process.pid for process in running]
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def idle(folder: Path) -> list[Row]:
    """CPU share and resident memory over a minute of watching the lab's target at 5 s."""
    lab = Lab()
    rules = LAB_RULES.read_text()
    with target(lab) as scraped, webhook() as hook:
        entry = {"job": "lab", "targets": [f"127.0.0.1:{scraped.port}"], "interval": "5s"}
        daemon = Daemon(folder, {"scrape": [entry]}, {"groups": []})
        (folder / "rules.yml").write_text(rules)
        (folder / "peer").mkdir()
        with daemon:
            if shutil.which("prometheus"):
                with peers(folder / "peer", scraped.port, hook.port, "5s", rules) as pids:
                    ours, theirs = watch([[daemon.process.pid], pids])
            else:
                (ours,), theirs = watch([[daemon.process.pid]]), (None, None)
    return [
        Row("idle, lab target: CPU", ours[0] * 100, "% of a core", "1", "Prometheus + AM", theirs[0] and theirs[0] * 100),
        Row("idle, lab target: memory", ours[1], "MB", "120", "Prometheus + AM", theirs[1]),
    ]  # fmt: skip


def watch(groups: list[list[int]]) -> list[tuple[float, float]]:
    time.sleep(5)  # the start is not idle
    before = [sum(map(cpu_seconds, pids)) for pids in groups]
    begun = time.monotonic()
    time.sleep(IDLE_SECONDS)
    passed = time.monotonic() - begun
    return [
        ((sum(map(cpu_seconds, pids)) - spent) / passed, sum(map(resident, pids)))
        for pids, spent in zip(groups, before, strict=True)
    ]


def latency(folder: Path) -> list[Row]:
    """Seconds from the moment the target's value changes to the webhook, without `for`."""
    lab = Lab()
    seen = {"ours": [], "theirs": []}
    with target(lab) as scraped, webhook() as ours, webhook() as theirs:
        config = {
            "scrape": [{"job": "lab", "targets": [f"127.0.0.1:{scraped.port}"], "interval": "1s"}],
            "receivers": [{"name": "hook", "webhook": {"url": f"http://127.0.0.1:{ours.port}/"}}],
        }
        (folder / "peer").mkdir()
        daemon = Daemon(folder, config, RULES)
        rules = (folder / "rules.yml").read_text()
        there = shutil.which("prometheus") is not None
        moments = random.Random(7)
        with daemon:
            if there:
                with peers(folder / "peer", scraped.port, theirs.port, "1s", rules):
                    _trials(lab, {"ours": ours, "theirs": theirs}, seen, moments)
            else:
                _trials(lab, {"ours": ours}, seen, moments)
    peer = statistics.median(seen["theirs"]) if there else None
    slowest = max(seen["theirs"]) if there else None
    return [
        Row("sample to webhook, 1 s scrape: median", statistics.median(seen["ours"]), "s", "1.5", "Prometheus + AM", peer),
        Row("sample to webhook, 1 s scrape: slowest", max(seen["ours"]), "s", "1.5", "Prometheus + AM", slowest),
    ]  # fmt: skip


def _trials(lab: Lab, hooks: dict, seen: dict, moments: random.Random) -> None:
    wait_for(lambda: lab.level == 0, "the start")
    time.sleep(3)
    for _ in range(TRIALS):
        for level in (9, 0):
            time.sleep(2.5 + moments.random())
            counts = {name: len(hook.messages) for name, hook in hooks.items()}
            changed = lab.turn(level)
            for name, hook in hooks.items():
                count = counts[name]
                wait_for(lambda: len(hook.messages) > count, f"{name}: webhook", 30)  # noqa: B023
                if level:
                    seen[name].append(hook.messages[count][2] - changed)


def rows() -> list[Row]:
    found = []
    for measure in (idle, latency):
        with tempfile.TemporaryDirectory() as folder:
            found += measure(Path(folder))
    return found


def main() -> int:
    print(f"{'':42} {'Tocsin':>9} {'bar':>6} {'peer':>9}  unit")
    for row in rows():
        theirs = "-" if row.theirs is None else f"{row.theirs:9.2f}"
        print(f"{row.name:42} {row.ours:9.2f} {row.bar:>6} {theirs:>9}  {row.unit}")
    print("peer: Prometheus with Alertmanager, group_wait 0s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
