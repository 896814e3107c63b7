"""A View over a real head and the real evaluator, with a rule and two targets by hand."""

from __future__ import annotations

from ipaddress import ip_network

import numpy as np

from tocsin.console import (
    AlarmView,
    AlertView,
    BuildInfo,
    CorrelationView,
    LogGroupView,
    Pushed,
    RuleGroupView,
    RuleView,
    RuntimeInfo,
    TargetView,
)
from tocsin.correlation import Offender, TopOffender
from tocsin.durations import MINUTE, SECOND
from tocsin.labels import Labels
from tocsin.promql import evaluate, parse
from tocsin.series import Exposition, Head, Metadata, Target, TargetState
from tocsin.store import LedgerEntry, LedgerPeriod

NOW = 1_800_000_000 * SECOND
TARGET = Target("web", "http://127.0.0.1:5000/metrics", interval=5 * SECOND, timeout=5 * SECOND)


class SampleView:
    def __init__(self, samples=(("requests_total", {"code": "200"}, 1.0),), now: int = NOW):
        self.head = Head(60 * MINUTE)
        self.time = now
        self.problems: list[str] = []
        self.entries = [LedgerEntry(now, "start", {"pid": 1}, 1), LedgerEntry(now, "gap", {}, 2)]
        self.networks = [ip_network("203.0.113.9/32"), ip_network("2001:db8:2::/64")]
        self.pushed: list[bytes] = []
        self.routes = None
        self.alarm_views = [
            AlarmView("burst", "metric", "many\x1b[31m", "OK", "quiet", now, now, True, False),
            AlarmView("both", "composite", "", "ALARM", "", now, 0, True, True),
        ]
        self.group_views = [
            LogGroupView("web", "combined", 1, 5, 4, {"empty line": 1}, now, ["gone\n"], True)
        ]
        state = TargetState(TARGET)
        labels = tuple(Labels({"__name__": name, **rest}) for name, rest, _ in samples)
        for step in range(13):
            values = np.array([value * (step + 1) for _, _, value in samples])
            batch = state.ingest(now - (12 - step) * 5 * SECOND, Exposition(labels, values), 2_000)
            self.head.append(batch)

    def ledger(self, start, end, kinds):
        return LedgerPeriod(
            (), tuple(e for e in self.entries if e.kind in kinds and start <= e.time < end), ()
        )

    def blocked(self):
        return self.networks

    def now(self):
        return self.time

    def query(self, text, time):
        return evaluate(parse(text), self.head, time)

    def query_range(self, text, start, end, step):
        return evaluate(parse(text), self.head, start, end, step)

    def series(self, selectors, start, end):
        found = set()
        for matchers in selectors or [()]:
            found.update(self.head.series(matchers, start, end))
        return found

    def label_names(self, selectors, start, end):
        return {name for labels in self.series(selectors, start, end) for name, _ in labels}

    def label_values(self, name, selectors, start, end):
        return {labels[name] for labels in self.series(selectors, start, end)} - {""}

    def rule_groups(self):
        firing = self.alerts()
        rules = [
            RuleView(
                "alerting", "Up", "up == 1", {"severity": "high"}, "ok", "", 150, NOW,
                "firing", SECOND, 0, {"summary": "{{ $value }} up"}, firing,
            ),
            RuleView("recording", "job:up:sum", "sum by (job) (up)", {"a": "b"}, "ok", "", 100, NOW),
        ]  # fmt: skip
        return [RuleGroupView("g", "rules.yml", SECOND, rules, 0, 300, NOW)]

    def alerts(self):
        labels = {"alertname": "Up", "severity": "high", "job": "web"}
        return [AlertView(labels, {"summary": "1 up"}, "firing", NOW, 1.0)]

    def targets(self):
        return [
            TargetView("web", TARGET.url, TARGET.identity, "up", TARGET.interval, TARGET.timeout,
                       "", NOW, 2_000, Labels({"job": "web", "__address__": "127.0.0.1:5000"})),
            TargetView("dead", "http://127.0.0.1:9/metrics", Labels({"job": "dead"}), "down",
                       TARGET.interval, TARGET.timeout, "refused\x1b[31m", NOW, 500),
        ]  # fmt: skip

    def alarms(self):
        return self.alarm_views

    def correlations(self):
        return [
            CorrelationView("brute", "Brute\x1b[31m force", "high", "event_count", 2, [{"user": "a\x1b"}],
                            [Offender((("user", "a\x1b"),), 7, 1, NOW, NOW)], 3),
            CorrelationView("error", "Broken", "", "rule", 0, [], [], 0),
        ]  # fmt: skip

    def offenders(self, start, end, number, by):
        one = TopOffender(
            "192.0.2.1\x1b", 7, 1, NOW, NOW, ("a\x1b",), True, ("brute",), ("B\x1b",), ("a.log@7",)
        )
        return [one][:number] if start <= NOW <= end and by == "address" else []

    def router(self):
        return self.routes

    def set_silence(self, silence):
        self.routes.state.silences[silence.id] = silence

    def acknowledge(self, body):
        self.entries.append(LedgerEntry(self.time, "acknowledgement", dict(body)))

    def log_groups(self):
        return self.group_views

    async def push(self, log_group, data):
        if log_group != "web":
            return None
        self.pushed.append(data)
        count = data.count(b"\n") if isinstance(data, bytes) else len(data)
        return Pushed(count, count, {})

    def metadata(self, metric, limit):
        known = {"requests_total": [Metadata("counter", "Requests.", "")], "x": [Metadata()]}
        chosen = {name: each for name, each in known.items() if metric in (None, name)}
        return dict(list(chosen.items())[:limit])

    def build_info(self):
        return BuildInfo("0.1.0")

    def runtime_info(self):
        return RuntimeInfo(NOW, retention="15d", last_config_time=NOW)

    def metrics_text(self):
        return "tocsin_up 1\n"

    def ready(self):
        return not self.problems, self.problems
