"""One drill under way: its own samples and alert states, the rules that are in force."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tocsin.promql import Options, evaluate, parse
from tocsin.rules import AlertingRule, GroupState, RecordingRule, evaluate_group
from tocsin.series import Batch, Head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.drill._model import Drill
    from tocsin.labels import Labels
    from tocsin.promql import Query, Result
    from tocsin.rules import ActiveAlert, RuleGroup

__all__ = ["DrillRun"]

_OPTIONS = Options()
_SPARE = 60_000_000


class DrillRun:
    """Evaluates the rules that lead to the drill's alert on the drill's samples alone.

    No real sample comes in and none of the drill's gets out: nobody's query, no other rule and
    no control ever sees them.
    """

    def __init__(
        self, drill: Drill, groups: Sequence[RuleGroup], id_: str, started: int,
        external_labels: Mapping[str, str] | None = None, external_url: str = "",
    ) -> None:  # fmt: skip
        self.drill = drill
        self.id = id_
        self.started = started
        self.groups = _needed(groups, drill.alert)
        self.seen: int | None = None
        """When the rule's expression first held; microseconds since 1970 UTC."""
        self.fired: int | None = None
        self.error = ""
        """Why a rule could not be evaluated; empty if all could."""
        self._external = (external_labels or {}, external_url)
        back = max((rule.query.look_back for g in self.groups for rule in g.rules), default=0)
        self._head = Head(back + drill.within + _SPARE)
        self._states = [GroupState() for _ in self.groups]
        self._layouts: list[dict[str, tuple[Labels, ...]]] = [{} for _ in self.groups]
        self._written = 0
        first = [each.values[0] if each.values else None for each in drill.series]
        for time in range(started - back, started, drill.interval):
            self._write(time, first)

    @property
    def hold(self) -> int:
        """The rule's `for`."""
        rules = [rule for group in self.groups for rule in group.rules]
        return max(
            (r.hold for r in rules if isinstance(r, AlertingRule) and r.alert == self.drill.alert),
            default=0,
        )

    @property
    def interval(self) -> int:
        """Of the group that holds the alert; 0 where its file leaves it open."""
        return self.groups[-1].interval if self.groups else 0

    def evaluate(self, time: int) -> ActiveAlert | None:
        """Send what is due by `time`; answer the alert once, when it begins to fire."""
        drill, longest = self.drill, max((len(s.values) for s in self.drill.series), default=0)
        while self._written < longest:
            due = self.started + self._written * drill.interval
            if due > time:
                break
            at = self._written
            self._write(due, [s.values[at] if at < len(s.values) else None for s in drill.series])
            self._written += 1
        begun = None
        labels, url = self._external
        for number, group in enumerate(self.groups):
            evaluation = evaluate_group(
                group, self._states[number], time, self._query, self._append,
                text_query=lambda text, at: self._query(parse(text), at),
                layouts=self._layouts[number], external_labels=labels, external_url=url,
            )  # fmt: skip
            self._states[number] = evaluation.state
            self.error = next((o.error for o in evaluation.outcomes if o.error), self.error)
            for each in evaluation.transitions:
                if each.rule != drill.alert or each.after == "inactive":
                    continue
                self.seen = self.seen or time
                if each.after == "firing" and self.fired is None:
                    self.fired, begun = time, each.alert
        return begun

    def why_not(self) -> str:
        """Why it did not come to an alert, as far as can be told."""
        if not self.groups:
            return f"no alerting rule {self.drill.alert} is in force"
        if self.error:
            return f"a rule can't be evaluated: {self.error}"
        if self.seen is None:
            return "the rule did not see the attack"
        return "the rule saw the attack, but did not fire in time"

    def _write(self, time: int, values: Sequence[float | None]) -> None:
        there = [
            (series.labels, value)
            for series, value in zip(self.drill.series, values, strict=True)
            if value is not None
        ]
        if there:
            numbers = np.array([value for _, value in there], np.float64)
            batch = Batch("drill", time, tuple(labels for labels, _ in there), numbers)
            self._head.append(batch)

    def _query(self, query: Query, time: int) -> Result:
        return evaluate(query, self._head, time, options=_OPTIONS)

    def _append(self, batch: Batch) -> Batch:
        return self._head.append(batch).batch


def _needed(groups: Sequence[RuleGroup], alert: str) -> tuple[RuleGroup, ...]:
    """The rule, and before it every rule that records what it reads; in the order of files."""
    wanted: set[str] = set()
    for group in groups:
        for rule in group.rules:
            if isinstance(rule, AlertingRule) and rule.alert == alert:
                wanted |= rule.query.metrics
    records = {
        rule.record: rule.query.metrics
        for group in groups
        for rule in group.rules
        if isinstance(rule, RecordingRule)
    }
    waiting = list(wanted)
    while waiting:
        for metric in records.get(waiting.pop(), ()):
            if metric not in wanted:
                wanted.add(metric)
                waiting.append(metric)
    recording, alerting = [], []
    for group in groups:
        recorded = tuple(
            r for r in group.rules if isinstance(r, RecordingRule) and r.record in wanted
        )
        alerts = tuple(r for r in group.rules if isinstance(r, AlertingRule) and r.alert == alert)
        if alerts:
            # In one group the order of the file counts.
            rules = tuple(rule for rule in group.rules if rule in recorded or rule in alerts)
            alerting.append(replace(group, rules=rules))
        elif recorded:
            recording.append(replace(group, rules=recorded))
    return (*recording, *alerting) if alerting else ()
