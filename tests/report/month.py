"""A month of the lab: the engine's own parts, fed by a clock that is turned by hand.

`python -m tests.report.month FOLDER [DAYS]` writes it sealed, to look at the report with.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx2

import tocsin.control
from tests.conftest import ROOT
from tests.drill.lab import guessing
from tests.seal.chains import KEY, ORIGIN
from tocsin.bundle import Contents, seal_day
from tocsin.console import LiveView, create_app
from tocsin.control import period_of, utc
from tocsin.drill import rehearse, weaknesses_of
from tocsin.durations import DAY, HOUR, MINUTE, SECOND
from tocsin.engine import Clock, Engine, GroupLoop, TargetLoop, load_config
from tocsin.evidence import Answer, Collector, build_record, describe, requests_of, segments_of
from tocsin.remote import Reader
from tocsin.report import disposition_file
from tocsin.rules import GroupState
from tocsin.seal import chain_ledger
from tocsin.series import Failed, FailureReason
from tocsin.store import LedgerEntry, Step, open_store, read_ledger

FIRST = date(2026, 10, 1)
STEP = 30 * SECOND
_BOUNDS = ("0.1", "0.3", "1.0", "+Inf")


@dataclass
class Hand:
    """The clock."""

    micros: int

    def nanos(self):
        return self.micros * 1000


def start_of(day):
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND


@dataclass
class Faults:
    """What goes wrong, by the number of the day and the time of day in microseconds."""

    attacks: dict
    """Day to begin; 40 wrong passwords within ten minutes."""
    down: dict
    """Day to begin and end: the application does not answer."""
    missing: tuple = ()
    """Days on which nothing was collected."""
    late: tuple = ()
    """Days that were collected after their seal."""


FAULTS = Faults(
    attacks={3: 14 * HOUR, 11: 2 * HOUR + 30 * MINUTE, 19: 23 * HOUR},
    down={7: (9 * HOUR, 9 * HOUR + 37 * MINUTE), 22: (3 * HOUR, 3 * HOUR + 4 * MINUTE)},
    missing=(15,),
    late=(26,),
)


class Lab:
    """The lab's daemon without a network: what its target would have said is handed in."""

    def __init__(self, folder, first=FIRST):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        rules = ROOT / "examples/lab/rules/security.yml"
        (folder / "security.yml").write_bytes(rules.read_bytes())
        config = {
            "scrape": [{"job": "login", "targets": ["127.0.0.1:5000"], "interval": "30s"}],
            "rules": ["security.yml"],
            "storage": {"folder": "state", "retention": "60d"},
        }
        (folder / "tocsin.yaml").write_text(json.dumps(config))
        self.hand = Hand(start_of(first))
        self.config = load_config(folder / "tocsin.yaml")
        self.store = open_store(folder / "state", self.hand.micros)
        clock = Clock(self.hand.nanos, self.hand.nanos)
        self.engine = Engine(self.config, self.store, clock, lambda: self.hand.micros, lambda: 0.5)
        (target,) = self.config.targets
        self.target = TargetLoop(self.engine.core, target, None)
        self.engine.targets[target.source] = self.target
        (group,) = self.config.rule_files[0].groups
        self.group = self.engine.groups[group.key] = GroupLoop(
            self.engine.core, group, STEP, self.engine.notifying, GroupState()
        )
        self.requests = self.failures = 0
        self.reader = Reader(target.limits)

    def run(self, end, attack=None, down=None):
        """Scrape and evaluate up to `end`."""
        while self.hand.micros < end:
            now = self.hand.micros = self.hand.micros + STEP
            self.requests += 15
            self.failures += (now // STEP) % 40 == 0
            if attack is not None and attack <= now < attack + 10 * MINUTE:
                self.failures += 4
            if down and down[0] <= now < down[1]:
                outcome = Failed(FailureReason.CONNECTION, "connection refused")
            else:
                outcome = self._said()
            self.target.take(now, outcome, 2000)
            self.group.evaluate(now)
            if now % HOUR == 0:
                self.engine.core.trim(now)

    def _said(self):
        names = [("login_requests_total", self.requests), ("login_failures_total", self.failures),
                 ("login_latency_seconds_count", self.requests),
                 ("login_latency_seconds_sum", self.requests * 0.05)]  # fmt: skip
        names += [(f'login_latency_seconds_bucket{{le="{b}"}}', self.requests) for b in _BOUNDS]
        text = "".join(f"{name} {value}\n" for name, value in names)
        return self.reader.read(text.encode(), "text/plain; version=0.0.4")

    async def answers(self, requests):
        """What the API says, to each request."""
        app = create_app(LiveView(self.engine))
        found = {}
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for request in requests:
                now = self.hand.micros
                got = await client.get(f"/api/v1/{request.path}", params=list(request.params))
                found[request] = Answer(now, now, got.status_code, got.content)
        return found

    def close(self):
        self.store.close()


def controls():
    """Those of the lab, as they are shipped."""
    return tocsin.control.load_catalogue(tocsin.control.shipped_text("lab"), "lab").controls


async def _collect(lab, day):
    """The records of a day by name, as collecting makes them."""
    period = period_of(day, lab.hand.micros)
    answers = await lab.answers(requests_of(controls(), period))
    collector = Collector("tocsin", "0.1.0", "lab", "collector", 1, "0" * 32,
                          "http://127.0.0.1:9464", lab.hand.micros)  # fmt: skip
    return {
        f"{control.id}.json": build_record(control, period, answers, collector).data
        for control in controls()
    }


def build(folder, days=31, first=FIRST, faults=FAULTS):
    """The evidence folder of `days` days, sealed."""
    lab, root = Lab(folder / "lab", first), folder / "evidence"
    # Two hours before the first day, so that no window of it is empty.
    lab.hand.micros -= 2 * HOUR
    lab.run(start_of(first))
    late = {}
    for number in range(1, days + 1):
        day = first + timedelta(days=number - 1)
        name, start = f"{day:%Y%m%d}", start_of(day)
        attack = faults.attacks.get(number)
        down = faults.down.get(number)
        attacked = None if attack is None else start + attack
        lab.run(start + 2 * HOUR, attacked)
        if number - 1 in faults.attacks:
            _block(lab, start + 2 * HOUR)
        drill_daily(lab, number)
        if number == 20:
            _change_rules(lab, start + 2 * HOUR)
        lab.run(
            start + DAY,
            attacked,
            None if down is None else (start + down[0], start + down[1]),
        )
        lab.run(start + DAY + MINUTE)
        records = {} if number in faults.missing else asyncio.run(_collect(lab, day))
        if number in faults.late:
            late, records = {f"late/{name}/{n}": data for n, data in records.items()}, {}
        elif late:
            records, late = records | late, {}
        if number - 2 in faults.attacks:
            earlier = f"{day - timedelta(days=2):%Y%m%d}"
            for control in ("logical-access", "security-monitoring"):
                file, data = disposition_file(
                    earlier, control, "attack", "Dana Okafor",
                    "Password guessing against one account; locked it, told its owner.", "SEC-412",
                    start + 9 * HOUR, (),
                )  # fmt: skip
                records[f"dispositions/{file}"] = data
        for file, data in records.items():
            path = root / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        seal_day(root, name, KEY, ORIGIN, lambda opened: _contents(lab, opened))
    lab.close()
    return root


def drill_daily(lab, number):
    """The drill's own parts by the lab's clock; when the receiver took it is made up."""
    drill, groups = guessing(), groups_of(lab.config)
    if number == 24:
        groups = [replace(g, rules=tuple(r for r in g.rules if r.name != drill.alert))
                  for g in groups]  # fmt: skip
    started = lab.hand.micros + 1_700_000
    run = rehearse(drill, groups, STEP, started)
    weak = weaknesses_of(drill, groups, STEP, started)
    fired = run.fired
    body = {
        "drill": drill.name, "id": f"d{number}", "control": drill.control, "alert": drill.alert,
        "receiver": drill.receiver, "started": started, "passed": fired is not None,
        "why": "" if fired else run.why_not(),
        "metric": fired and run.seen - started, "firing": fired and fired - started,
        "notified": fired and fired - started + 40_000 + number % 5 * 90_000,
        "weakened": [{"done": w.done, "noticed": w.noticed, "how": w.how} for w in weak],
    }  # fmt: skip
    lab.engine.core.commit(Step(started, ledger=[LedgerEntry(started, "drill", body)]))


def groups_of(config):
    return [group for file in config.rule_files for group in file.groups]


def _change_rules(lab, time):
    """A rule file becomes another one; the ledger says so as the daemon does."""
    path = lab.folder / "security.yml"
    path.write_text(path.read_text().replace("> 15", "> 20"))
    config = load_config(lab.folder / "tocsin.yaml")
    told = {"commit": "4f2a9c1e0d6b" * 3, "author": "Dana Okafor <dana@example.org>",
            "committed": utc(time - HOUR), "remark": ""}  # fmt: skip
    body = {
        "revisions": {each.path: told for each in config.rule_files},
        "configuration": {"path": config.path, "sha256": hashlib.sha256(config.text).hexdigest()},
        "rules": [{"path": each.path, "sha256": each.sha256} for each in config.rule_files],
    }
    lab.engine.core.commit(Step(time, ledger=[LedgerEntry(time, "configuration", body)]))


def _block(lab, time):
    """A rule blocked by itself, then somebody looked at it."""
    body = {"network": "203.0.113.9/32", "reason": "wrong passwords", "decided": time}
    decided = [("blocked without asking", "alarm burst"), ("ended", "dana"), ("blocked", "dana")]
    entries = [LedgerEntry(time, "block", body | {"what": w, "by": by}) for w, by in decided]
    lab.engine.core.commit(Step(time, ledger=entries))


def _contents(lab, opened):
    """As sealing puts a day together."""
    end = start_of(date.fromisoformat(opened.day)) + DAY
    part = read_ledger(lab.folder / "state", opened.ledger.seq, end)
    entries = [(e.seq, e.time, e.kind, e.body) for e in part.entries]
    ledger, ledger_end = chain_ledger(entries, opened.ledger)
    described = describe(opened.files)
    segments = segments_of(((e.time, e.body) for e in part.entries), opened.before)
    facts = {
        "sealed": utc(end + 5 * MINUTE),
        "records": described.records, "late": described.late,
        "rules_in_force": [
            {"since": s.since, "configuration": s.configuration,
             "rules": [{"path": path, "sha256": sha256} for path, sha256 in s.rules],
             "revision": s.revision, "revisions": s.revisions}
            for s in segments
        ],
    }  # fmt: skip
    return Contents(ledger, ledger_end, "", described.raw, facts)


def main():
    folder, days = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 31
    print(build(folder, days))


if __name__ == "__main__":
    main()
