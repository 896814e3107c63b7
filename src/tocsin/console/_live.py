"""The running engine as the HTTP API sees it."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prometheus_client import generate_latest

import tocsin
from tocsin.console._view import (
    AlarmView,
    AlertView,
    BuildInfo,
    CorrelationView,
    Identity,
    LogGroupView,
    Pushed,
    RuleGroupView,
    RuleView,
    RuntimeInfo,
    TargetView,
)
from tocsin.correlation import Correlation, Detection
from tocsin.durations import format_duration
from tocsin.labels import Labels
from tocsin.printable import printable
from tocsin.promql import evaluate, parse
from tocsin.rules import AlertingRule
from tocsin.store import LedgerEntry, Step, read_ledger_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.alerting import Router, Silence
    from tocsin.correlation import By, TopOffender
    from tocsin.engine import Engine, GroupLoop
    from tocsin.labels import Matcher
    from tocsin.promql import Result
    from tocsin.respond import Network
    from tocsin.rules import ActiveAlert, Rule
    from tocsin.series import Metadata, Target
    from tocsin.store import LedgerPeriod

__all__ = ["LiveView"]

_NAMED = 10
"""Offenders shown of a correlation."""


class LiveView:
    """Implements View over an Engine."""

    def __init__(self, engine: Engine, program_sha256: str = "") -> None:
        """`program_sha256` is of the program's files, see `tocsin version --digest`."""
        self._engine = engine
        self._program_sha256 = program_sha256
        self._core = engine.core
        # Rules are the owner's; a query is anybody's, and more would take a gigabyte to answer.
        self._options = replace(engine.core.options, max_samples=5_000_000)

    def now(self) -> int:
        return self._core.clock.now()

    def query(self, text: str, time: int) -> Result:
        return evaluate(parse(text), self._core.history, time, options=self._options)

    def query_range(self, text: str, start: int, end: int, step: int) -> Result:
        history = self._core.history
        return evaluate(parse(text), history, start, end, step, options=self._options)

    def series(
        self, selectors: Sequence[Sequence[Matcher]], start: int, end: int
    ) -> Iterable[Labels]:
        found: dict[Labels, None] = {}
        for matchers in selectors:
            selection = self._core.history.select(matchers, start, end)
            for index, labels in enumerate(selection.labels):
                if selection.offsets[index] < selection.offsets[index + 1]:
                    found[labels] = None
        return found

    def label_names(
        self, selectors: Sequence[Sequence[Matcher]], start: int, end: int
    ) -> Iterable[str]:
        series = self.series(selectors or [()], start, end)
        return sorted({name for labels in series for name, _ in labels})

    def label_values(
        self, name: str, selectors: Sequence[Sequence[Matcher]], start: int, end: int
    ) -> Iterable[str]:
        series = self.series(selectors or [()], start, end)
        return sorted({labels[name] for labels in series} - {""})

    def rule_groups(self) -> Sequence[RuleGroupView]:
        return [_group(loop) for loop in self._engine.groups.values()]

    def alerts(self) -> Sequence[AlertView]:
        return [
            _alert(alert)
            for loop in self._engine.groups.values()
            for state in loop.state.rules.values()
            for alert in state.alerts
        ] + [_alert(alert) for alert in self._engine.logs.firing()]

    def targets(self) -> Sequence[TargetView]:
        return [
            TargetView(
                loop.target.job,
                loop.target.shown_url,
                loop.target.identity,
                loop.state.health,
                loop.target.interval,
                loop.target.timeout,
                loop.state.failure.detail if loop.state.failure else "",
                loop.state.scraped_at,
                loop.state.duration,
                _discovered(loop.target),
            )
            for loop in self._engine.targets.values()
        ]

    def alarms(self) -> Sequence[AlarmView]:
        alarming = self._engine.logs.alarming
        unfed, run = alarming.config.unfed, alarming.run
        states = run.states | run.composite_states
        return [
            AlarmView(
                name,
                "metric" if name in run.states else "composite",
                alarm.alarm_description or "",
                states[name].value,
                states[name].reason,
                states[name].since,
                run.states[name].evaluated or 0 if name in run.states else alarming.closed,
                name not in unfed,
                name in alarming.firing,
            )
            for name, alarm in run.alarms.items()
        ]

    def correlations(self) -> Sequence[CorrelationView]:
        correlating = self._engine.logs.correlating
        firing: dict[str, list[dict[str, str]]] = {}
        for rule, group in correlating.firing:
            firing.setdefault(rule, []).append(dict(group))
        unkeyed = correlating.correlator.unkeyed
        rules = correlating.correlator.rules
        found: list[Correlation | Detection] = [*rules.correlations, *rules.detections]
        return [
            CorrelationView(
                each.name, each.title, each.level,
                each.kind if isinstance(each, Correlation) else "rule",
                correlating.alerts.get(each.name, 0), firing.get(each.name, []),
                correlating.correlator.offenders(each.name, _NAMED), unkeyed.get(each.name, 0),
            )
            for each in found
            if each.alone
        ]  # fmt: skip

    def offenders(self, start: int, end: int, number: int, by: By) -> Sequence[TopOffender]:
        return self._engine.logs.offenders(start, end, number, by)

    def log_groups(self) -> Sequence[LogGroupView]:
        return [
            LogGroupView(
                name,
                group.reader.form,
                group.files,
                group.state.read,
                group.state.counted,
                group.state.dropped,
                group.through,
                sorted(group.troubled),
                group.reader.group.push,
            )
            for name, group in self._engine.logs.groups.items()
        ]

    def ledger(self, start: int, end: int, kinds: Sequence[str]) -> LedgerPeriod:
        return read_ledger_of(self._engine.store.path.parent, start, end, kinds)

    def blocked(self) -> Sequence[Network]:
        return self._engine.responding.blocked()

    def router(self) -> Router | None:
        return self._engine.notifying.router

    def set_silence(self, silence: Silence) -> None:
        self._engine.notifying.silence(silence)

    def acknowledge(self, body: Mapping[str, Any]) -> None:
        now = self._core.clock.now()
        entry = LedgerEntry(now, "acknowledgement", dict(body))
        self._core.commit(Step(now, ledger=[entry]))

    async def push(
        self, log_group: str, data: bytes | Sequence[tuple[int, bytes]]
    ) -> Pushed | None:
        table = await self._engine.logs.push(log_group, data)
        if table is None:
            return None
        dropped = {str(why): count for why, count in table.dropped.items()}
        return Pushed(table.read, table.counted, dropped)

    def metadata(self, metric: str | None, limit: int | None) -> Mapping[str, Sequence[Metadata]]:
        found: dict[str, list[Metadata]] = {}
        for loop in self._engine.targets.values():
            for name, statement in loop.state.metadata.items():
                if metric is not None and name != metric:
                    continue
                if name not in found and limit is not None and len(found) >= limit:
                    continue
                known = found.setdefault(name, [])
                if statement not in known:
                    known.append(statement)
        return found

    def build_info(self) -> BuildInfo:
        return BuildInfo(tocsin.__version__)

    def runtime_info(self) -> RuntimeInfo:
        return RuntimeInfo(
            self._engine.started_at,
            "configuration" not in self._core.degraded,
            self._engine.configured_at,
            format_duration(self._engine.config.retention),
            len(self._core.head),
        )

    def identity(self) -> Identity:
        config = self._engine.config
        return Identity(
            f"{printable(socket.gethostname())}/{self._engine.instance}",
            self._program_sha256,
            hashlib.sha256(config.text).hexdigest(),
            config.external_labels,
        )

    def metrics_text(self) -> str:
        return generate_latest(self._engine.metrics.registry).decode()

    def ready(self) -> tuple[bool, Sequence[str]]:
        reasons = [f"{reason}: {detail}" for reason, detail in self._core.degraded.items()]
        return not reasons, reasons


def _discovered(target: Target) -> Labels:
    """What Prometheus calls a target's labels before relabelling."""
    parts = urlsplit(target.shown_url)
    return Labels({
        "__address__": parts.netloc, "__metrics_path__": parts.path, "__scheme__": parts.scheme,
        "job": target.job,
    })  # fmt: skip


def _group(loop: GroupLoop) -> RuleGroupView:
    group = loop.group
    return RuleGroupView(
        group.name,
        group.path,
        loop.interval,
        [_rule(loop, position, rule) for position, rule in enumerate(group.rules)],
        group.limit,
        loop.duration,
        loop.evaluated_at,
    )


def _rule(loop: GroupLoop, position: int, rule: Rule) -> RuleView:
    outcome = loop.outcomes[position] if position < len(loop.outcomes) else None
    health = outcome.health if outcome else "unknown"
    error = outcome.error if outcome else ""
    if not isinstance(rule, AlertingRule):
        return RuleView(
            "recording", rule.record, rule.query.text, rule.labels, health, error,
            0, loop.evaluated_at,
        )  # fmt: skip
    state = loop.state.rules.get(f"{position};{rule.name}")
    alerts = [_alert(alert) for alert in state.alerts] if state else []
    states = {alert.state for alert in alerts}
    worst = next((name for name in ("firing", "pending") if name in states), "inactive")
    return RuleView(
        "alerting", rule.alert, rule.query.text,
        {name: template.text for name, template in rule.labels.items()},
        health, error, 0, loop.evaluated_at, worst, rule.hold, rule.keep_firing_for,
        {name: template.text for name, template in rule.annotations.items()}, alerts,
    )  # fmt: skip


def _alert(alert: ActiveAlert) -> AlertView:
    return AlertView(
        alert.labels, alert.annotations, alert.state, alert.active_at,
        float(alert.shown or "nan"), alert.keep_firing_since,
    )  # fmt: skip
