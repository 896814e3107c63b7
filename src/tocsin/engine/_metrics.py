"""What the daemon tells of itself on /metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

import tocsin

__all__ = ["Metrics"]


class Metrics:
    """The daemon's own metric families, on a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        info = Gauge("tocsin_build_info", "Version of the daemon", ["version"], registry=registry)
        info.labels(tocsin.__version__).set(1)
        self.scrapes = Counter(
            "tocsin_scrapes", "Scrapes by job and outcome", ["job", "outcome"], registry=registry
        )
        self.appended = Counter("tocsin_samples_appended", "Samples taken", registry=registry)
        self.dropped = Counter(
            "tocsin_samples_dropped", "Samples not taken, by reason", ["reason"], registry=registry
        )
        self.series = Gauge("tocsin_head_series", "Series in memory", registry=registry)
        self.evaluations = Counter(
            "tocsin_rule_evaluations", "Rule evaluations", ["group"], registry=registry
        )
        self.evaluation_failures = Counter(
            "tocsin_rule_evaluation_failures", "Rule evaluations that failed", ["group"],
            registry=registry,
        )  # fmt: skip
        self.missed = Counter(
            "tocsin_rule_group_iterations_missed", "Evaluations skipped because one took too long",
            ["group"], registry=registry,
        )  # fmt: skip
        self.evaluation_seconds = Histogram(
            "tocsin_rule_group_duration_seconds", "Time to evaluate a group",
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5), registry=registry,
        )  # fmt: skip
        self.transitions = Counter(
            "tocsin_alert_transitions", "Alert transitions by new state", ["state"],
            registry=registry,
        )  # fmt: skip
        self.notifications = Counter(
            "tocsin_notifications", "Attempts to notify, by result", ["receiver", "result"],
            registry=registry,
        )  # fmt: skip
        self.log_read = Counter(
            "tocsin_log_lines_read", "Lines read or sent, by log group", ["log_group"],
            registry=registry,
        )  # fmt: skip
        self.log_counted = Counter(
            "tocsin_log_lines_counted", "Lines that are events", ["log_group"], registry=registry
        )
        self.log_dropped = Counter(
            "tocsin_log_lines_dropped", "Lines that are not counted, by reason",
            ["log_group", "reason"], registry=registry,
        )  # fmt: skip
        self.matches = Counter(
            "tocsin_metric_filter_matches", "Events that a metric filter matched",
            ["log_group", "filter"], registry=registry,
        )  # fmt: skip
        self.correlation_read = Counter(
            "tocsin_correlation_lines_read", "Lines held against Sigma rules, by log group",
            ["log_group"], registry=registry,
        )  # fmt: skip
        self.correlation_matched = Counter(
            "tocsin_correlation_events_matched", "Events that a Sigma rule matched",
            ["log_group"], registry=registry,
        )  # fmt: skip
        self.correlation_dropped = Counter(
            "tocsin_correlation_events_dropped",
            "Events that a Sigma rule matched and that are not looked at, by reason",
            ["log_group", "reason"], registry=registry,
        )  # fmt: skip
        self.correlation_waiting = Gauge(
            "tocsin_correlation_events_waiting", "Matched events that wait for earlier ones",
            registry=registry,
        )  # fmt: skip
        self.correlation_untold = Counter(
            "tocsin_correlation_alerts_untold",
            "Alerts of Sigma rules that nobody was told of, because too many fired",
            registry=registry,
        )  # fmt: skip
        self.blocks = Counter(
            "tocsin_blocks",
            "Clients by what came of them: proposed, blocked without asking, left to people",
            ["state"], registry=registry,
        )  # fmt: skip
        self.blocks_refused = Counter(
            "tocsin_blocks_not_proposed", "Offenders that were not proposed, by reason", ["reason"],
            registry=registry,
        )  # fmt: skip
        self.commits_failed = Counter(
            "tocsin_commits_failed", "Steps that the disk did not take at once", registry=registry
        )
        self.samples_lost = Counter(
            "tocsin_samples_lost", "Samples let go while the disk was full", registry=registry
        )
        self.reloads = Counter(
            "tocsin_reloads", "Configuration reloads by result", ["result"], registry=registry
        )
        self.degraded = Gauge(
            "tocsin_degraded", "1 while something is wrong that people must know", ["reason"],
            registry=registry,
        )  # fmt: skip
