"""The Sigma rules of a running daemon: held against events as they come, told once certain.

Events wait until every log group was read up to their time, so what is settled is what a replay
of the same logs says. But where the events that are there decide it, whatever may still come,
the receivers are told at once; what is settled later finds what was told.

An attack that goes on is one alert: it is over when its condition did not hold for the timespan
of the correlation. A rule that is an alert by itself is over some minutes after its last match.
"""

from __future__ import annotations

import logging
import re
from math import isfinite
from typing import TYPE_CHECKING
from urllib.parse import quote

from tocsin.alerting import Announcement, NotifiedAlert, notified_alert
from tocsin.control import utc
from tocsin.correlation import (
    AlertOffenders,
    Correlator,
    RecentOffenders,
    Sessions,
    pack_event,
    unpack_event,
)
from tocsin.durations import MINUTE, SECOND
from tocsin.engine._alarming import Offender, Told
from tocsin.engine._correlation_record import CorrelationRecord, Firing, Piece, Snapshot
from tocsin.engine._offenders import NAMED, OFFENDERS, offenders_text
from tocsin.rules import ActiveAlert
from tocsin.store import LedgerEntry, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.correlation import Alert, Correlation, Matched, Remembered, RuleSet
    from tocsin.engine._correlation_record import Group
    from tocsin.engine._notifying import Notifying
    from tocsin.engine._sifting import Sifted

__all__ = ["HARMLESS", "Correlating", "correlation_alert"]

_log = logging.getLogger(__name__)

_QUIET = 5 * MINUTE
"""After so long without a match a rule's own alert is over."""
_MOST = 5000
"""Alerts that fire at a time; more are written down and counted, and tell nobody."""
_NAMES = 10
"""Rules that are named in one sentence."""
HARMLESS = frozenset({"informational", "low"})
"""Levels of rules whose sources are not proposed to be blocked."""


class Correlating:
    """Works on events that it is given; commits and sends nothing itself."""

    def __init__(
        self,
        rules: RuleSet,
        states: Mapping[str, bytes],
        begin: int,
        seed: bytes,
        notifying: Callable[[], Notifying],
        recent: RecentOffenders,
    ) -> None:
        """`states` is what the store has; without any, what is before `begin` comes too late."""
        self._notifying = notifying
        self._offenders = AlertOffenders(rules, recent)
        # Of what is settled others are the latest: what came since must not push them out.
        self._recent = RecentOffenders(rules, ordered=True)
        self._settled = AlertOffenders(rules, self._recent)
        self._plans: dict[str, Correlation] = {each.name: each for each in rules.correlations}
        self._names = {each.name for each in rules.detections if each.alone}
        self._names |= {each.name for each in rules.correlations if each.alone}
        self._record = record = CorrelationRecord(states)
        snapshot = record.snapshot
        self._seed = snapshot.seed if snapshot else seed
        self.correlator = Correlator(rules, seed=self._seed)
        self._sessions: dict[str, Sessions] = {}
        self.firing: dict[tuple[str, Group], Firing] = {}
        self.alerts: dict[str, int] = {}
        """Settled since the start, by rule."""
        self.untold = 0
        """Alerts that nobody was told of, because too many fired."""
        if snapshot is None:
            self.correlator.advance(begin)
        else:
            self._restore(snapshot)
        record.forget()

    def _restore(self, snapshot: Snapshot) -> None:
        places = self.correlator.restore(snapshot.correlator)
        for name, sessions in snapshot.sessions.items():
            self._remember(name, sessions)
        self.firing = {(each.rule, each.group): each for each in snapshot.firing}
        for piece in self._record.pieces():
            found = (unpack_event(each, places) for each in piece.events)
            # What came of it was told then.
            settled = self.correlator.put((e for e in found if e is not None), 2**63).settled
            if piece.settled:
                self.correlator.advance(piece.settled, settled)
            self._recent.add(settled)
            for name, sessions in piece.sessions.items():
                self._remember(name, sessions)
            for rule, group, firing in piece.changes:
                if firing is None:
                    self.firing.pop((rule, group), None)
                else:
                    self.firing[rule, group] = firing

    def _remember(self, log_group: str, sessions: list[Remembered]) -> None:
        self._sessions.setdefault(log_group, Sessions()).restore(sessions)

    def sessions(self, log_group: str) -> list[Remembered]:
        """What is remembered of sshd's processes, up to the last step."""
        known = self._sessions.get(log_group)
        return known.state() if known else []

    def begin(self, now: int, step: Step) -> Told:
        """Have a step keep what is remembered; end the alerts of rules that are gone.

        That rules lost what was remembered of them is told, once.
        """
        told = _Telling(self._notifying())
        if names := self.correlator.anew:
            others = f" and {len(names) - _NAMES} others" if len(names) > _NAMES else ""
            what = f"begin anew, they ask something else than before: {', '.join(names[:_NAMES])}"
            body = {"what": "correlation", "state": "closed", "detail": what + others}
            step.ledger.append(LedgerEntry(now, "gap", body))
            _log.warning("correlations %s", what + others)
            self.correlator.anew = []
        for each in list(self.firing.values()):
            if each.rule not in self._names:
                self._end(each, now, now, "the rule is no longer held against events", told)
        if self._names:
            self._record.begin(step, self._snapshot)
        elif self._record.known:
            self._record.clear(step)
        return told.done()

    def _snapshot(self, generation: int) -> Snapshot:
        return Snapshot(
            generation, self._seed, self.correlator.state(),
            {name: each.state() for name, each in self._sessions.items()},
            list(self.firing.values()),
        )  # fmt: skip

    def snapshot(self) -> dict[str, bytes]:
        """What the store would have if it took everything."""
        step = Step(0)
        if self._names:
            self._record.begin(step, self._snapshot)
        return {key: value for key, value in step.states.items() if value is not None}

    @property
    def is_long(self) -> bool:
        """Whether what is kept should be condensed."""
        return self._record.is_long

    def condensed(self) -> bytes:
        """For `keep`. May run beside everything else that takes no events."""
        return self._record.made(self._snapshot)

    def keep(self, condensed: bytes, step: Step) -> None:
        """Have a step keep that in place of what was written; no event was taken since."""
        self._record.shorten(step, condensed)

    def take(self, sifted: Sifted, log_group: str, now: int, step: Step) -> tuple[Told, int]:
        """Let events wait; tell what is certain. Answers how many came too late, too."""
        if not sifted.matched and not sifted.sessions:
            return Told(), 0
        piece, told = Piece(), _Telling(self._notifying())
        put = self.correlator.put(sifted.matched, now)
        piece.events = [pack_event(*each) for each in put.taken]
        if sifted.sessions:
            piece.sessions = {log_group: sifted.sessions}
            self._remember(log_group, sifted.sessions)
        self._recent.take(())
        for each in self._settled.in_turn(put.settled, put.alerts):
            self._settle(each, now, told)
        for each in put.certain:
            self._foresee(each, now, told)
        self._write(step, piece, told)
        return told.done(), len(sifted.matched) - len(put.taken)

    def advance(self, time: int, now: int, step: Step) -> Told:
        """Everything before `time` was read: take what waited, and end what is over."""
        waits = self.correlator.next_time
        over = [each for each in self.firing.values() if each.until < time]
        if (waits is None or waits >= time) and not over:
            self.correlator.advance(time)
            return Told()
        piece, told = Piece(settled=time), _Telling(self._notifying())
        settled: list[Matched] = []
        alerts = self.correlator.advance(time, settled)
        self._recent.take(())
        for alert in self._settled.in_turn(settled, alerts):
            self._settle(alert, now, told)
        for each in over:
            key = each.rule, each.group
            if self.firing.get(key) is not each:
                continue
            self._hold(each)
            if each.until < time:
                self._end(each, each.until, now, "it did not go on", told)
        self._write(step, piece, told)
        return told.done()

    def _write(self, step: Step, piece: Piece, told: _Telling) -> None:
        piece.changes = [(*key, self.firing.get(key)) for key in told.changed]
        self._record.write(step, piece)

    @property
    def room(self) -> bool:
        """Whether a new alert would be told."""
        return len(self.firing) < _MOST

    def _span(self, rule: str) -> int:
        plan = self._plans.get(rule)
        return plan.timespan if plan else _QUIET

    def _hold(self, firing: Firing) -> None:
        """An alert lasts for the timespan from when its condition held last."""
        held = self.correlator.held(firing.rule, firing.group)
        if held:
            firing.until = max(firing.until, held + self._span(firing.rule))

    def _settle(self, alert: Alert, now: int, told: _Telling) -> None:
        """A condition became true. Of an alert that fires already that is no transition."""
        self.alerts[alert.rule] = self.alerts.get(alert.rule, 0) + 1
        key, span = (alert.rule, alert.group), self._span(alert.rule)
        known = self.firing.get(key)
        if known is not None:
            ended = max(known.until, alert.previous and alert.previous + span)
            if alert.time > ended:
                self._end(known, ended, now, "it did not go on", told)
                known = None
        if known is None or known.early:
            who = offenders_text(self._settled.behind(alert, NAMED))
            told.ledger.append(_entry(alert, now, who, early=False))
            if known is None:
                known = self._fire(alert, who, now, told, early=False)
        if known is not None:
            known.until = max(known.until, alert.time + span)
            known.early = False
            known.fired += 1
            told.changed[key] = None

    def _foresee(self, alert: Alert, now: int, told: _Telling) -> None:
        """A condition will have become true."""
        if (alert.rule, alert.group) in self.firing or not self.room:
            return
        who = offenders_text(self._offenders.behind(alert, NAMED))
        told.ledger.append(_entry(alert, now, who, early=True))
        self._fire(alert, who, now, told, early=True)

    def _fire(
        self, alert: Alert, who: str, now: int, told: _Telling, *, early: bool
    ) -> Firing | None:
        """Tell of an alert; None if there is no room for it."""
        if not self.room:
            self.untold += 1
            return None
        plan = self._plans.get(alert.rule)
        sources = _sources(alert, plan)
        shown = correlation_alert(alert, plan, now, who)
        until = alert.time + self._span(alert.rule)
        firing = Firing(alert.rule, alert.group, shown, until, early)
        self.firing[alert.rule, alert.group] = firing
        told.tell(firing, alert.time, 0)
        if alert.level not in HARMLESS:
            told.offenders += [
                Offender(
                    each, f"correlation {alert.rule}", _measured(alert, plan), alert.first,
                    alert.time, alert.time,
                )
                for each in sources
            ]  # fmt: skip
        return firing

    def _end(self, firing: Firing, time: int, now: int, why: str, told: _Telling) -> None:
        body = {
            "correlation": firing.rule, "group": dict(firing.group), "before": "firing",
            "after": "inactive", "evaluated_at": time, "early": False, "reason": why,
            "fired": firing.fired,
        }  # fmt: skip
        del self.firing[firing.rule, firing.group]
        told.ledger.append(LedgerEntry(now, "transition", body))
        told.tell(firing, time, now)


class _Telling:
    """Collects what is told in one step: few announcements, and those of an alert in order."""

    def __init__(self, notifying: Notifying) -> None:
        self._notifying = notifying
        self.ledger: list[LedgerEntry] = []
        self.offenders: list[Offender] = []
        self._batches: list[list[tuple[int, NotifiedAlert]]] = []
        self._open: dict[tuple[str, bool], int] = {}
        """The batch that alerts of a rule go to that begin, or are over."""
        self._last: dict[tuple[str, Group], int] = {}
        """The batch that an alert went to last."""
        self.changed: dict[tuple[str, Group], None] = {}
        """Alerts that began, went on or ended."""

    def tell(self, firing: Firing, time: int, ended: int) -> None:
        """An alert began at an event's time, or is over; `ended` is the present then, else 0."""
        url = self._notifying.external_url.rstrip("/")
        alert = notified_alert(
            firing.alert, self._notifying.external_labels,
            f"{url}/api/v1/correlations?name={quote(firing.rule)}", ended,
        )  # fmt: skip
        kind, key = (firing.rule, bool(ended)), (firing.rule, firing.group)
        batch = self._open.get(kind, -1)
        if batch <= self._last.get(key, -1):
            # An end and a new begin must not change places.
            batch = self._open[kind] = len(self._batches)
            self._batches.append([])
        self._batches[batch].append((time, alert))
        self._last[key] = batch
        self.changed[key] = None

    def done(self) -> Told:
        told = [
            Announcement(
                found[0][1].labels["alertname"],
                max(time for time, _ in found),
                tuple(alert for _, alert in found),
            )
            for found in self._batches
        ]
        return Told(self.ledger, told, self.offenders)


def correlation_alert(
    alert: Alert, plan: Correlation | None, now: int, who: str = ""
) -> ActiveAlert:
    """An alert of a Sigma rule as receivers are told of it; `who` names its offenders."""
    sources = _sources(alert, plan)
    group = ", ".join(f"{name} {value}" for name, value in alert.group)
    annotations = {
        "summary": f"{alert.title}: {group}" if group else alert.title,
        "reason": _measured(alert, plan),
        "first_seen": utc(alert.first // SECOND * SECOND),
        "last_seen": utc(alert.time // SECOND * SECOND),
    }
    if sources:
        count = f" ({alert.measure:g})" if plan and plan.kind == "event_count" else ""
        annotations["sources"] = ", ".join(each + count for each in sources)
    if who:
        annotations[OFFENDERS] = who
    if alert.reference:
        annotations["log"] = alert.reference
    if alert.tags:
        annotations["tags"] = ", ".join(alert.tags)
    value = float(alert.measure) if isfinite(alert.measure) else None
    return ActiveAlert(_labels(alert), annotations, "firing", value, f"{alert.measure:g}", now, now)


def _sources(alert: Alert, plan: Correlation | None) -> list[str]:
    """Where the events came from, as far as the rule groups by it."""
    return [value for name, value in alert.group if plan and name in plan.sources]


def _labels(alert: Alert) -> dict[str, str]:
    """The group-by fields are labels too, so that routes and silences can name them."""
    labels = {"alertname": alert.title, "rule": alert.rule}
    if alert.level:
        labels["severity"] = alert.level
    for field, value in alert.group:
        name = re.sub(r"[^a-zA-Z0-9_]", "_", field)
        if not name or name[0].isdigit():
            name = f"_{name}"
        while name in labels:
            name += "_"
        labels[name] = value
    return labels


def _measured(alert: Alert, plan: Correlation | None) -> str:
    """What made the condition true, and by how much that may be off."""
    if plan is None:
        return "1 event"
    fields = " and ".join(names[0] for names in plan.value)
    match plan.kind:
        case "event_count":
            what = f"{alert.measure:g} events"
        case "value_count":
            what = f"{alert.measure:g} different values of {fields}"
        case "temporal" | "temporal_ordered":
            what = "events of " + ", ".join(plan.rules)
        case _:
            what = f"{plan.kind.removeprefix('value_')} of {fields} {alert.measure:g}"
    error = f", off by at most {alert.error}" if alert.error else ""
    return f"{what}{error} within {(alert.time - alert.first) / SECOND:g} s"


def _entry(alert: Alert, now: int, who: str, *, early: bool) -> LedgerEntry:
    told = {"annotations": {OFFENDERS: who}} if who else {}
    return LedgerEntry(now, "transition", {
        "correlation": alert.rule, "group": dict(alert.group), "before": "inactive",
        "after": "firing", "evaluated_at": alert.time, "early": early, "measure": alert.measure,
        "error": alert.error, "first": alert.first, "log": alert.reference, **told,
    })  # fmt: skip
