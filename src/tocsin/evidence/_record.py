"""One record: a control, a period, everything asked and answered, and what it says."""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tocsin.control import (
    BuildSeen,
    LedgerNeed,
    LedgerSeen,
    RulesSeen,
    Samples,
    SeriesSeen,
    Unanswered,
    judge,
    utc,
)
from tocsin.durations import DAY
from tocsin.evidence._answers import infos_of, read_answer
from tocsin.evidence._canonical import canonical_json
from tocsin.evidence._requests import request_of
from tocsin.evidence._source import NOT_TOLD, SourceTold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.control import Control, Finding, Need, Observation, Period, RuleSeen, Verdict
    from tocsin.evidence._requests import Request

__all__ = ["SCHEMA", "Answer", "Collector", "Plan", "Record", "build_record", "shown_finding"]

SCHEMA = "tocsin-evidence/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, byte for byte, whatever it was."""

    started: int
    ended: int
    status: int = 0
    """HTTP status; 0 where there was none."""
    body: bytes = b""
    """As received, as far as it came."""
    failure: str = ""
    """Why it is not a whole answer."""
    redacted: bool = False
    """Whether a secret of ours was cut out of `body`."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Who asked."""

    program: str
    version: str
    host: str
    user: str
    pid: int
    run: str
    """The same in all records of one run."""
    url: str
    """Of the API, without user and password."""
    started: int
    trigger: str = ""
    """`person` at a terminal, or `program`."""
    program_sha256: str = ""
    """Of the program's own files; `tocsin version --digest` prints it."""
    clock: Mapping[str, str] = field(default_factory=dict)
    """How far the clock can be trusted, in words and numbers."""
    revision: str = ""
    """The commit of the program's own work tree; empty where it is installed without one."""
    attempt: int = 1
    """Which run of the day this is, by the records that lie there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was agreed before, and what lies beside the record."""

    catalogue: str = ""
    """SHA-256 of the file that holds the control."""
    version: str = ""
    samples: str = ""
    """SHA-256 of the samples, empty where there are none."""
    samples_lacking: str = ""
    """Why they are not whole; empty where they are."""


_NO_PLAN = Plan()
_NOTHING_TOLD = SourceTold()


@dataclass(frozen=True, slots=True)
class Record:
    """A verdict and the bytes that hold its proof."""

    control: Control
    verdict: Verdict
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def build_record(
    control: Control,
    period: Period,
    answers: Mapping[Request, Answer],
    collector: Collector,
    plan: Plan = _NO_PLAN,
    source: SourceTold = _NOTHING_TOLD,
) -> Record:
    """Judge `control` by `answers` and write down all of it.

    A request without an answer counts as one that was not asked. `source` is told of, not judged.
    """
    asked = {need.path.partition("/")[0] for need in control.needs}
    observations: dict[str, Observation] = {}
    inputs: list[dict[str, Any]] = []
    ended = collector.started
    for need in control.needs:
        request = request_of(need, period)
        answer = answers.get(request)
        if answer is not None:
            ended = max(ended, answer.ended)
            observations[need.name] = read_answer(need, answer)
        inputs.append(_input(need, request, answer, observations.get(need.name)))
    verdict = judge(control, period, observations)
    body = {
        "schema": SCHEMA,
        "control": {
            "id": control.id, "version": control.version, "title": control.title,
            "objective": control.objective, "frequency": control.frequency,
            "owner": control.owner,
            "frameworks": {name: list(ids) for name, ids in control.frameworks},
        },
        "catalogue": {"sha256": plan.catalogue, "version": plan.version},
        "samples": {"sha256": plan.samples, "lacking": plan.samples_lacking},
        "clock": {**collector.clock, **_offset(control, observations, answers, period)},
        "period": {
            "day": f"{period.day}", "start": utc(period.start), "end": utc(period.end),
            "whole_day": period.whole_day,
        },
        "state": str(verdict.state),
        "reasons": list(verdict.reasons),
        "findings": [shown_finding(finding) for finding in verdict.findings],
        "inputs": inputs,
        "rules": [
            _rule(rule)
            for seen in observations.values()
            if isinstance(seen, RulesSeen)
            for rule in seen.rules
        ],
        "source": {
            "url": collector.url, **source.own, **_build(observations.values()),
            **{who: told for who, told in source.others.items() if who in asked},
        },
        "collector": {
            "program": collector.program, "version": collector.version, "host": collector.host,
            "user": collector.user, "pid": collector.pid, "run": collector.run,
            "trigger": collector.trigger, "program_sha256": collector.program_sha256,
            "revision": collector.revision or NOT_TOLD, "attempt": collector.attempt,
            "backfill": collector.started >= period.end + DAY,
        },
        "started": utc(collector.started),
        "ended": utc(ended),
    }  # fmt: skip
    return Record(control, verdict, canonical_json(body))


def _input(
    need: Need, request: Request, answer: Answer | None, seen: Observation | None
) -> dict[str, Any]:
    endpoint = need.endpoint or f"/api/v1/{request.path}"
    asked = {"method": "GET", "endpoint": endpoint, "params": dict(request.params)}
    found: dict[str, Any] = {"name": need.name, "kind": type(need).__name__, "request": asked}
    if answer is not None:
        found["answer"] = {
            "status": answer.status, "started": utc(answer.started), "ended": utc(answer.ended),
            "bytes": len(answer.body), "sha256": hashlib.sha256(answer.body).hexdigest(),
            "body": _body(answer.body), "redacted": answer.redacted,
            "warnings": list(getattr(seen, "warnings", ())), "infos": infos_of(answer.body),
        }  # fmt: skip
        if isinstance(seen, Unanswered):
            found["answer"]["failure"] = seen.why
        if isinstance(seen, SeriesSeen):
            found["answer"]["series"] = len(seen.rows)
            found["answer"]["samples"] = sum(len(row.points) for row in seen.rows)
        if isinstance(need, Samples) and isinstance(seen, SeriesSeen):
            found["answer"]["counted"] = _counted(seen)
        if isinstance(seen, LedgerSeen):
            found["answer"]["entries"] = len(seen.entries)
    return found


def _offset(
    control: Control,
    observations: Mapping[str, Observation],
    answers: Mapping[Request, Answer],
    period: Period,
) -> dict[str, str]:
    """How far the source's clock was ahead of the collector's, in microseconds."""
    for need in control.needs:
        seen, answer = observations.get(need.name), answers.get(request_of(need, period))
        if need.path == LedgerNeed.path and isinstance(seen, LedgerSeen) and answer is not None:
            return {"source_ahead": str(seen.asked - (answer.started + answer.ended) // 2)}
    return {}


def _counted(seen: SeriesSeen) -> int:
    """Samples of the source in the whole period."""
    values = [value for row in seen.rows for _, value in row.points]
    return sum(int(value) for value in values if math.isfinite(value))


def _body(body: bytes) -> dict[str, str]:
    """Text where the bytes are UTF-8: encoded again they are the same bytes."""
    try:
        return {"encoding": "utf-8", "data": body.decode()}
    except UnicodeDecodeError:
        return {"encoding": "base64", "data": base64.b64encode(body).decode()}


def shown_finding(finding: Finding) -> dict[str, str]:
    found = {"input": finding.need, "kind": str(finding.kind), "text": finding.text}
    if finding.start is not None:
        found["start"] = utc(finding.start)
    if finding.end is not None:
        found["end"] = utc(finding.end)
    return found


def _rule(rule: RuleSeen) -> dict[str, str]:
    return {
        "group": rule.group, "file": rule.file, "name": rule.name, "type": rule.type,
        "definition_sha256": rule.definition_sha256, "health": rule.health,
        "last_evaluation": utc(rule.last_evaluation), "last_error": rule.last_error,
    }  # fmt: skip


def _build(observations: Iterable[Observation]) -> dict[str, str]:
    for seen in observations:
        if isinstance(seen, BuildSeen):
            return {"program": seen.name, "version": seen.version}
    return {}
