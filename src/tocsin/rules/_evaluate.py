"""One evaluation of a rule group: samples, transitions, new alert states.

Source of the alert life cycle: Prometheus, `rules/alerting.go` and `rules/group.go`;
documentation, "Alerting rules".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from tocsin.durations import SECOND
from tocsin.errors import QueryError, TocsinError
from tocsin.labels import EMPTY, METRIC_NAME, Labels
from tocsin.promql import Scalar, Vector
from tocsin.rules._model import AlertingRule, RecordingRule
from tocsin.rules._template_functions import Context, Element
from tocsin.series import STALE, Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.promql import Query, Result
    from tocsin.rules._model import Rule, RuleGroup

__all__ = [
    "ActiveAlert",
    "Evaluation",
    "GroupState",
    "Querier",
    "RuleOutcome",
    "Transition",
    "evaluate_group",
]


class ActiveAlert(msgspec.Struct, frozen=True):
    """An alert that is pending or firing."""

    labels: dict[str, str]
    """With `alertname`."""
    annotations: dict[str, str]
    state: str
    """`pending` or `firing`."""
    value: float | None
    """None for a value JSON can't hold (NaN, infinities); see `shown`."""
    shown: str
    """The value as text."""
    active_at: int
    """When the expression first held, microseconds since 1970 UTC."""
    fired_at: int = 0
    keep_firing_since: int = 0


class RuleState(msgspec.Struct, frozen=True):
    """What a rule remembers between evaluations."""

    alerts: tuple[ActiveAlert, ...] = ()
    series: tuple[tuple[tuple[str, str], ...], ...] = ()
    """The label pairs it wrote last, so that those that vanish get a staleness marker."""


class GroupState(msgspec.Struct, frozen=True):
    """What a group remembers; survives a restart through the store."""

    rules: dict[str, RuleState] = {}
    """By rule identity: position and name."""


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert's change of state."""

    time: int
    group: str
    rule: str
    expr: str
    """The rule's query; empty where the rule is gone."""
    before: str
    """`inactive`, `pending` or `firing`."""
    after: str
    alert: ActiveAlert
    """As it is after the change; a resolved one as it was last."""


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """How one rule's evaluation went."""

    health: str
    """`ok` or `err`."""
    error: str = ""
    elements: int = 0


@dataclass(slots=True)
class Evaluation:
    """All that one evaluation of a group yields."""

    state: GroupState
    changed: bool = False
    """Whether `state` differs from the one before."""
    batches: list[Batch] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    outcomes: list[RuleOutcome] = field(default_factory=list)


class Querier(Protocol):
    """Evaluates instant queries for rules."""

    def __call__(self, query: Query, time: int) -> Result:
        """Raises TocsinError where the evaluation fails."""
        ...


@dataclass(slots=True)
class _Round:
    group: RuleGroup
    time: int
    at: int
    query: Querier
    text_query: Callable[[str, int], Result]
    external_labels: Mapping[str, str]
    external_url: str
    layouts: dict[str, tuple[Labels, ...]]
    evaluation: Evaluation


def evaluate_group(
    group: RuleGroup,
    state: GroupState,
    time: int,
    query: Querier,
    append: Callable[[Batch], Batch],
    *,
    text_query: Callable[[str, int], Result],
    layouts: dict[str, tuple[Labels, ...]],
    external_labels: Mapping[str, str] | None = None,
    external_url: str = "",
) -> Evaluation:
    """Evaluate the rules in order at `time`; a rule sees what those before it recorded.

    `append` takes each batch at once and answers what was accepted. `layouts` keeps
    label tuples between rounds, so that an unchanged result appends fast.
    A rule that fails keeps its state and its series, and raises nothing.
    """
    evaluation = Evaluation(state)
    work = _Round(
        group, time, time - group.query_offset, query, text_query,
        external_labels or {}, external_url, layouts, evaluation,
    )  # fmt: skip
    rules: dict[str, RuleState] = {}
    left = dict(state.rules)
    for position, rule in enumerate(group.rules):
        identity = f"{position};{rule.name}"
        before = left.pop(identity, None) or _same_name(left, rule) or RuleState()
        try:
            after, samples = _evaluate_rule(work, rule, before)
        except TocsinError as error:
            rules[identity] = before
            evaluation.outcomes.append(RuleOutcome("err", error.what))
            continue
        rules[identity] = after
        evaluation.outcomes.append(RuleOutcome("ok", elements=len(samples)))
        batch = _batch(work, identity, before, samples)
        if batch is not None:
            evaluation.batches.append(append(batch))
    for identity, old in left.items():
        _end(work, identity, old, append)
    evaluation.state = GroupState(rules)
    evaluation.changed = rules != state.rules
    return evaluation


def _same_name(left: dict[str, RuleState], rule: Rule) -> RuleState | None:
    """The state of a rule that moved within its group at a reload."""
    found = [key for key in left if key.partition(";")[2] == rule.name]
    return left.pop(found[0]) if len(found) == 1 else None


def _end(work: _Round, identity: str, old: RuleState, append: Callable[[Batch], Batch]) -> None:
    """A rule is gone: its alerts end and are told, its series become stale."""
    batch = _batch(work, identity, old, {})
    if batch is not None:
        work.evaluation.batches.append(append(batch))
    for alert in old.alerts:
        name = alert.labels["alertname"]
        work.evaluation.transitions.append(
            Transition(work.time, work.group.key, name, "", alert.state, "inactive", alert)
        )


def _evaluate_rule(
    work: _Round, rule: Rule, before: RuleState
) -> tuple[RuleState, dict[Labels, float]]:
    elements = _elements(work.query(rule.query, work.at))
    if isinstance(rule, RecordingRule):
        samples = _record(work, rule, elements)
        alerts: tuple[ActiveAlert, ...] = ()
    else:
        alerts, samples = _alerts(work, rule, before, elements)
    series = tuple(labels.pairs for labels in samples)
    if series == before.series:
        series = before.series
    return RuleState(alerts, series), samples


def _elements(result: Result) -> list[tuple[Labels, float]]:
    if isinstance(result, Scalar):
        return [(EMPTY, float(result.values[0]))]
    if isinstance(result, Vector):
        here = result.present[:, 0].nonzero()[0].tolist()
        return [(result.labels[index], float(result.values[index, 0])) for index in here]
    raise QueryError("rule result is not a vector or scalar")


def _record(
    work: _Round, rule: RecordingRule, elements: list[tuple[Labels, float]]
) -> dict[Labels, float]:
    samples: dict[Labels, float] = {}
    for labels, value in elements:
        named = labels.merged({**rule.labels, METRIC_NAME: rule.record})
        if named in samples:
            raise QueryError(
                "vector contains metrics with the same labelset after applying rule labels"
            )
        samples[named] = value
    _limit(work, len(samples), "series")
    return samples


def _limit(work: _Round, count: int, what: str) -> None:
    limit = work.group.limit
    if limit and count > limit:
        raise QueryError(f"exceeded limit of {limit} with {count} {what}")


def _alerts(
    work: _Round, rule: AlertingRule, before: RuleState, elements: list[tuple[Labels, float]]
) -> tuple[tuple[ActiveAlert, ...], dict[Labels, float]]:
    found: dict[Labels, ActiveAlert] = {}
    for labels, value in elements:
        identity, alert = _new_alert(work, rule, labels, value)
        if identity in found:
            raise QueryError(
                "vector contains metrics with the same labelset after applying alert labels"
            )
        found[identity] = alert
    _limit(work, len(found), "alerts")
    known = {Labels(alert.labels): alert for alert in before.alerts}
    kept: dict[Labels, ActiveAlert] = {}
    for identity, old in known.items():
        new = found.pop(identity, None)
        after = _absent(work, rule, old) if new is None else _present(work, rule, old, new)
        if after is None:
            _transition(work, rule, old.state, "inactive", old)
        else:
            kept[identity] = after
            if after.state != old.state:
                _transition(work, rule, old.state, after.state, after)
    for identity, new in found.items():
        kept[identity] = after = _hold(work, rule, new)
        _transition(work, rule, "inactive", after.state, after)
    return tuple(kept.values()), _alert_samples(rule, kept)


def _new_alert(
    work: _Round, rule: AlertingRule, labels: Labels, value: float
) -> tuple[Labels, ActiveAlert]:
    context = Context(
        labels.to_dict(), value, lambda text: _template_query(work, text),
        work.external_labels, work.external_url,
    )  # fmt: skip
    own = {name: template.render(context) for name, template in rule.labels.items()}
    identity = labels.without_name().merged({**own, "alertname": rule.alert})
    annotations = {name: each.render(context) for name, each in rule.annotations.items()}
    finite = bool(np.isfinite(value))
    return identity, ActiveAlert(
        identity.to_dict(), annotations, "pending", value if finite else None,
        repr(value) if finite else str(value), work.time,
    )  # fmt: skip


def _template_query(work: _Round, text: str) -> list[Element]:
    elements = _elements(work.text_query(text, work.at))
    return [Element(labels.to_dict(), value) for labels, value in elements]


def _present(work: _Round, rule: AlertingRule, old: ActiveAlert, new: ActiveAlert) -> ActiveAlert:
    current = msgspec.structs.replace(
        old, value=new.value, shown=new.shown, annotations=new.annotations, keep_firing_since=0
    )
    return _hold(work, rule, current)


def _hold(work: _Round, rule: AlertingRule, alert: ActiveAlert) -> ActiveAlert:
    """Firing once it has been active for the whole of `for`."""
    if alert.state == "pending" and work.time - alert.active_at >= rule.hold:
        return msgspec.structs.replace(alert, state="firing", fired_at=work.time)
    return alert


def _absent(work: _Round, rule: AlertingRule, old: ActiveAlert) -> ActiveAlert | None:
    """The alert that no element stands for any more, or None where it ends."""
    if old.state != "firing" or not rule.keep_firing_for:
        return None
    since = old.keep_firing_since or work.time
    if work.time - since >= rule.keep_firing_for:
        return None
    return msgspec.structs.replace(old, keep_firing_since=since)


def _transition(
    work: _Round, rule: AlertingRule, before: str, after: str, alert: ActiveAlert
) -> None:
    work.evaluation.transitions.append(
        Transition(work.time, work.group.key, rule.alert, rule.query.text, before, after, alert)
    )


def _alert_samples(rule: AlertingRule, alerts: dict[Labels, ActiveAlert]) -> dict[Labels, float]:
    # NOTE: a label whose template renders to nothing keeps its template's text in these
    # series, as in Prometheus, which lays the alert's labels over those of the rule.
    written = Labels({name: template.text for name, template in rule.labels.items()})
    samples: dict[Labels, float] = {}
    for identity, alert in alerts.items():
        labels = written.merged(identity)
        named = {"alertname": rule.alert, METRIC_NAME: "ALERTS", "alertstate": alert.state}
        samples[labels.merged(named)] = 1.0
        named = {"alertname": rule.alert, METRIC_NAME: "ALERTS_FOR_STATE"}
        samples[labels.merged(named)] = float(alert.active_at // SECOND)
    return samples


def _batch(
    work: _Round, identity: str, before: RuleState, samples: dict[Labels, float]
) -> Batch | None:
    """The samples, and a staleness marker for each series that the rule wrote no more."""
    now = {labels.pairs for labels in samples}
    gone = [Labels(pairs) for pairs in before.series if pairs not in now]
    if not samples and not gone:
        return None
    source = f"rules/{work.group.key}/{identity}"
    labels = (*samples, *gone)
    kept = work.layouts.get(source)
    if kept == labels:
        labels = kept
    work.layouts[source] = labels
    values = np.array([*samples.values(), *([STALE] * len(gone))])
    return Batch(source, work.at, labels, values)
