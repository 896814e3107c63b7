"""A daemon's days without waiting: the engine's own parts, a real store, a clock that is set."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient

from tocsin.bundle import seal_day
from tocsin.cli._evidence_samples import fetch_samples
from tocsin.cli._plan import plan_files
from tocsin.cli._records import write_records
from tocsin.cli._sealed_days import sealed_answers
from tocsin.cli._sealing import Sources, contents_of
from tocsin.console import LiveView, create_app
from tocsin.control import DaysSealed, period_of
from tocsin.engine import Clock, Engine, load_config
from tocsin.evidence import (
    Answer,
    Collector,
    Plan,
    build_record,
    day_folder,
    requests_of,
    spans_of,
)
from tocsin.labels import Labels
from tocsin.series import Exposition, Failed, FailureReason
from tocsin.store import open_store

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
BEGIN = 1_790_812_800 * SECOND
assert BEGIN % DAY == 0
RULES = Path(__file__).parents[2] / "examples/lab/rules/security.yml"
ORIGIN = "evidence.example.org"

CONTROLS = """
version: "1"
controls:
  - id: detection
    version: 1
    title: Detection
    objective: Failed logins are an attack above 15 in 5 minutes.
    owner: security
    inputs:
      - {kind: samples, expr: "sum(count_over_time(login_failures_total[1m]))"}
      - kind: ceiling
        expr: max(increase(login_failures_total[5m]))
        limit: 15
        what: failed logins within 5 minutes
      - {kind: total, expr: "sum(increase(login_failures_total[$period]))", what: failed logins}
      - kind: targets-up
        expr: min_over_time(up[1m])
        expect: ["a:1", "b:1"]
      - kind: rules-held
        rules:
          - {alert: ExcessiveLoginFailures, expr: "increase(login_failures_total[5m]) > 15", for: 1m}
          - alert: LoginTrafficVeryLow
      - {kind: alerts-fired}
      - {kind: source}
"""
CONFIG = """
scrape:
  - {job: login, targets: [%s], interval: %s}
rules: [security.yml]
listen: 127.0.0.1:9464
evidence: {folder: evidence, controls: [controls.yaml, starter]}
"""
NAMES = ("login_failures_total", "login_requests_total", "login_latency_seconds_count",
         "security_events_total")  # fmt: skip
BUCKETS = ("0.1", "0.3", "1.0", "+Inf")


class Hands:
    """Wall and monotonic clock, in microseconds; the wall may be set apart."""

    def __init__(self, now):
        self.now, self.apart = now, 0

    def wall(self):
        return (self.now + self.apart) * 1000

    def monotonic(self):
        return self.now * 1000


class Month:
    """A daemon in a folder, its days, and what is collected and sealed of them."""

    def __init__(self, folder, interval=30 * SECOND, begin=BEGIN):
        self.folder, self.interval = folder, interval
        self.hands = Hands(begin)
        self.key = Ed25519PrivateKey.generate()
        self.evidence = folder / "evidence"
        self.config = folder / "tocsin.yaml"
        self.count = 0
        self.failing = set()
        """Instances that do not answer."""
        (folder / "controls.yaml").write_text(CONTROLS)
        self.write()
        self.engine = None

    def write(self, targets=("a:1", "b:1"), rules=None):
        (self.folder / "security.yml").write_text(rules or RULES.read_text())
        seconds = f"{self.interval // SECOND}s"
        self.config.write_text(CONFIG % (", ".join(f'"{t}"' for t in targets), seconds))

    def load(self):
        return load_config(self.config)

    def start(self):
        config = self.load()
        store = open_store(config.storage_folder, self.hands.now)
        clock = Clock(self.hands.wall, self.hands.monotonic)
        self.engine = Engine(
            config, store, clock, lambda: self.hands.monotonic() // 1000, lambda: 0.5
        )
        self._briefly(lambda: self.engine._apply(config))

    def _briefly(self, work):
        """Inside an event loop whose tasks end at once: the test does what they would do."""

        async def inside():
            made = work()
            if asyncio.iscoroutine(made):
                await made

        asyncio.run(inside())

    def reload(self, **changes):
        self.write(**changes)
        self._briefly(lambda: self.engine.reload(self.load()))

    def kill(self):
        """No farewell: the store is left as the last commit made it."""
        self.engine.store.close()
        with contextlib.suppress(OSError):
            self.engine.core.history._disk.close()
        self.engine = None

    def run(self, until):
        """Scrape and evaluate at every tick up to `until`."""
        while self.hands.now < until:
            self.hands.now = (self.hands.now // self.interval + 1) * self.interval
            if self.hands.now > until:
                self.hands.now = until
                return
            now = self.engine.core.clock.now()
            tick = now // self.interval * self.interval
            for loop in self.engine.targets.values():
                if loop.state.scraped_at < tick:
                    loop.take(tick, self._outcome(loop), 5_000)
            for loop in self.engine.groups.values():
                last = loop.evaluated_at
                if last >= tick:
                    continue
                if last and tick - last > loop.interval:
                    loop._missed(last, tick)
                loop.evaluate(tick)
            if tick % MINUTE == 0:
                self.engine.core.trim(now)
                self.engine._watch_clock(now)

    def _outcome(self, loop):
        if loop.target.instance in self.failing:
            return Failed(FailureReason.CONNECTION, "connection refused")
        self.count += 1
        labels = [Labels({"__name__": name}) for name in NAMES]
        labels += [Labels({"__name__": "login_latency_seconds_bucket", "le": b}) for b in BUCKETS]
        n = float(self.count)
        values = np.array([n // 20, n * 9, n * 9, n // 4, n * 8, n * 9, n * 9, n * 9])
        return Exposition(tuple(labels), values)

    # What the collector does, over the same API without a socket.

    def collect(self, day, *, spoil=lambda _request, body: body, controls=None):
        """Records of a day, as far as it has come; `spoil` is what happens on the way."""
        now = self.hands.now
        date = datetime.fromtimestamp(day / SECOND, UTC).date()
        period = period_of(date, now)
        catalogues = self.load().catalogues
        wanted = [c for each in catalogues for c in each.controls]
        app = create_app(LiveView(self.engine))
        with TestClient(app, base_url="http://127.0.0.1:9464") as client:
            answers = {}
            for request in requests_of(wanted, period):
                if request.path != DaysSealed.path:
                    got = client.get(f"/api/v1/{request.path}", params=dict(request.params))
                    body = spoil(request, got.content)
                    answers[request] = Answer(now, now + 1, got.status_code, body)
            answers |= sealed_answers(wanted, period, self.evidence, lambda: now)
            fetched = asyncio.run(fetch_samples(_Api(client, now), spans_of(wanted, period), bytes))
        assert not fetched.lacking, fetched.lacking
        who = Collector("tocsin", "0", "host", "user", 1, "f" * 32, "http://127.0.0.1:9464", now)
        packed = fetched.book.packed()
        digest = hashlib.sha256(packed).hexdigest()
        records = [
            build_record(c, period, answers, who, Plan(each.sha256, each.version, digest))
            for each in catalogues
            for c in each.controls
            if controls is None or c.id in controls
        ]
        beside = {f"samples/{digest}.om.gz": packed} | plan_files(catalogues, self.evidence)
        write_records(self.evidence, date, records, beside)
        return {record.control.id: record for record in records}

    def seal(self, day):
        name = day_folder(datetime.fromtimestamp(day / SECOND, UTC).date())
        sources = Sources(self.config, self.hands.now, "key", None, self.evidence)
        seal_day(self.evidence, name, self.key, ORIGIN, lambda opened: contents_of(opened, sources))
        return json.loads((self.evidence / name / "day.json").read_bytes())


class _Api:
    def __init__(self, client, now):
        self.client, self.now = client, now

    async def get(self, path, params, within):
        got = self.client.get(f"/api/v1/{path}", params=dict(params))
        return Answer(self.now, self.now, got.status_code, got.content)


def partial(request, body):
    """A source that says itself that it has not answered in full."""
    if request.path != "query_range":
        return body
    return json.dumps({**json.loads(body), "warnings": ["a store did not answer"]}).encode()


__all__ = ["BEGIN", "DAY", "HOUR", "MINUTE", "SECOND", "Month", "partial"]
