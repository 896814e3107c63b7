"""One rule group's loop: wait for the tick and its scrapes, evaluate, commit, notify."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from tocsin.alerting import announce
from tocsin.durations import MILLISECOND, SECOND
from tocsin.engine._clock import next_tick
from tocsin.engine._offenders import OFFENDERS, window_of
from tocsin.promql import parse
from tocsin.rules import GroupState, RuleOutcome, evaluate_group
from tocsin.store import LedgerEntry, Step

if TYPE_CHECKING:
    from tocsin.engine._core import Core
    from tocsin.engine._notifying import Notifying
    from tocsin.engine._offenders import Who
    from tocsin.labels import Labels
    from tocsin.rules import ActiveAlert, RuleGroup, Transition

__all__ = ["GroupLoop", "state_key"]

_log = logging.getLogger(__name__)
_SETTLE = 5 * MILLISECOND
_WAIT_FOR_SCRAPES = 0.25


def state_key(group: str) -> str:
    return f"rules/{group}"


class GroupLoop:
    """Evaluates a group at each multiple of its interval, after the scrapes of that tick.

    So a sample is evaluated as soon as it is there, not one interval later.
    """

    def __init__(
        self, core: Core, group: RuleGroup, default_interval: int, notifying: Notifying,
        state: GroupState, who: Who = lambda *_: "",
    ) -> None:  # fmt: skip
        """`who` names the offenders of a window."""
        self.core = core
        self._who = who
        self._offenders: dict[tuple[str, ...], str] = {}
        """Of each alert that fires: who was named when it began."""
        self.group = group
        self.interval = group.interval or default_interval
        self.state = state
        self.outcomes: list[RuleOutcome] = []
        self.evaluated_at = 0
        self.duration = 0
        """Microseconds the last evaluation took."""
        self._notifying = notifying
        self._layouts: dict[str, tuple[Labels, ...]] = {}

    async def run(self) -> None:
        clock, last = self.core.clock, 0
        while True:
            tick = next_tick(max(clock.now(), last), self.interval)
            if last and tick - last > self.interval:
                self._missed(last, tick)
            await clock.sleep_until(tick + _SETTLE)
            if self.core.scraping:
                await asyncio.wait(self.core.scraping, timeout=_WAIT_FOR_SCRAPES)
            self.evaluate(tick)
            last = tick

    def evaluate(self, time: int) -> None:
        """One evaluation at `time`, committed whole, then told."""
        core, begun = self.core, self.core.monotonic()
        evaluation = evaluate_group(
            self.group, self.state, time, core.query, core.append,
            text_query=lambda text, at: core.query(parse(text), at),
            layouts=self._layouts,
            external_labels=self._notifying.external_labels,
            external_url=self._notifying.external_url,
        )  # fmt: skip
        step = Step(time, evaluation.batches)
        transitions = self._named(evaluation.transitions)
        step.ledger += [_entry(each) for each in transitions]
        step.ledger += self._health_entries(time, evaluation.outcomes)
        if evaluation.changed:
            state = evaluation.state
            step.states[state_key(self.group.key)] = (
                msgspec.json.encode(state) if state.rules else None
            )
        self._notifying.commit(
            step,
            announce(
                transitions, self._notifying.external_labels,
                self._notifying.external_url,
            ),
        )  # fmt: skip
        self.state, self.outcomes = evaluation.state, evaluation.outcomes
        self.evaluated_at, self.duration = time, core.monotonic() - begun
        self._count(evaluation.transitions)

    def _named(self, transitions: list[Transition]) -> list[Transition]:
        """The same with the offenders of each alert's window, where any are known."""
        rules = {(rule.name, rule.query.text): rule for rule in self.group.rules}
        texts: dict[tuple[int, int], str] = {}
        named = []
        for each in transitions:
            key, rule = _identity(each.alert), rules.get((each.rule, each.expr))
            if each.after == "firing" and rule is not None:
                window = window_of(rule, each.alert.active_at, each.time)
                if window not in texts:
                    texts[window] = self._who(*window)
                self._offenders[key] = texts[window]
            named.append(replace(each, alert=self.named(each.alert)))
            if each.after == "inactive":
                self._offenders.pop(key, None)
        return named

    def named(self, alert: ActiveAlert) -> ActiveAlert:
        """An alert with who was named when it began to fire."""
        found = self._offenders.get(_identity(alert))
        if not found or OFFENDERS in alert.annotations:
            return alert
        return msgspec.structs.replace(alert, annotations=alert.annotations | {OFFENDERS: found})

    def _count(self, transitions: list[Transition]) -> None:
        metrics, name = self.core.metrics, self.group.name
        metrics.evaluation_seconds.observe(self.duration / SECOND)
        metrics.evaluations.labels(name).inc(len(self.outcomes))
        failed = sum(outcome.health == "err" for outcome in self.outcomes)
        if failed:
            metrics.evaluation_failures.labels(name).inc(failed)
        for each in transitions:
            metrics.transitions.labels(each.after).inc()

    def _health_entries(self, time: int, outcomes: list[RuleOutcome]) -> list[LedgerEntry]:
        """A rule that begins or ceases to fail; a rule that can't be evaluated is no silence."""
        entries = []
        old = self.outcomes or [RuleOutcome("unknown")] * len(outcomes)
        for rule, before, after in zip(self.group.rules, old, outcomes, strict=True):
            failing = after.health == "err"
            if failing is (before.health == "err"):
                continue
            if failing:
                _log.error("rule %s of %s fails: %s", rule.name, self.group.key, after.error)
            body = {"what": "evaluation", "group": self.group.key, "rule": rule.name,
                    "state": "open" if failing else "closed", "error": after.error}  # fmt: skip
            entries.append(LedgerEntry(time, "gap", body))
        return entries

    def _missed(self, last: int, tick: int) -> None:
        count = (tick - last) // self.interval - 1
        self.core.metrics.missed.labels(self.group.name).inc(count)
        body = {"what": "evaluation", "group": self.group.key, "state": "closed",
                "start": last, "end": tick, "missed": count}  # fmt: skip
        self.core.commit(Step(tick, ledger=[LedgerEntry(tick, "gap", body)]))


def _identity(alert: ActiveAlert) -> tuple[str, ...]:
    return tuple(text for pair in sorted(alert.labels.items()) for text in pair)


def _entry(transition: Transition) -> LedgerEntry:
    alert = transition.alert
    return LedgerEntry(transition.time, "transition", {
        "group": transition.group, "rule": transition.rule,
        "before": transition.before, "after": transition.after,
        "labels": alert.labels, "annotations": alert.annotations,
        "value": alert.shown, "active_at": alert.active_at, "fired_at": alert.fired_at,
    })  # fmt: skip
