"""What the ledgers of the days tell: gaps, drills, changes of rules, notifications."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.control import firings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tocsin.report._day import DayRead, Entry, RulesThen

__all__ = ["Answered", "Approval", "Decided", "DrillRun", "Gap", "RuleChange", "Silenced",
           "alerts_of", "blocks_of", "drills_of", "gaps_of", "notifications_of", "rule_changes",
           "silences_of"]  # fmt: skip

_SUBJECT = ("job", "instance", "group", "rule", "log_group", "path", "alarm",
            "correlation")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which something was not seen or not done."""

    what: str
    subject: str
    start: int
    """Microseconds since 1970 UTC."""
    end: int | None
    """None where the ledger of the period does not say."""
    why: str


@dataclass(frozen=True, slots=True)
class DrillRun:
    """A drill that ended."""

    day: str
    name: str
    id: str
    control: str
    alert: str
    passed: bool
    why: str
    started: int
    metric: int | None
    """Microseconds until the synthetic attack was seen in the rule's result."""
    firing: int | None
    """Until the alert fired."""
    notified: int | None
    """Until the receiver had it."""
    weakened: tuple[int, int]
    """How many weakened copies of the rules it noticed, and how many there were."""


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule file or the configuration that became another."""

    time: int
    what: str
    before: str
    """SHA-256, or empty."""
    after: str
    commit: str = ""
    """Where the new one came from; empty if nothing told it."""
    author: str = ""
    remark: str = ""
    """In words: how the file differs from the commit, or why git told nothing."""
    ticket: str = ""
    approvals: tuple[Approval, ...] = ()
    watched: bool = False
    """Whether a control of that day makes an exception of each change."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody said of a day on which something was changed."""

    by: str
    approved: str
    """Who agreed; empty where nobody is named."""
    ticket: str


@dataclass(frozen=True, slots=True)
class Silenced:
    """A silence that somebody added or changed."""

    time: int
    what: str
    """`added` or `changed`."""
    by: str
    comment: str
    matchers: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Decided:
    """Networks that one person, or one rule, blocked or let go on one day."""

    day: str
    what: str
    by: str
    networks: int


@dataclass(frozen=True, slots=True)
class Answered:
    """An alert that fired, and who acknowledged it."""

    time: int
    """When it began to fire, microseconds since 1970 UTC."""
    alert: str
    """Name and labels."""
    after: int | None
    """Microseconds until somebody acknowledged it; None if nobody did."""
    by: str
    comment: str
    ticket: str


def alerts_of(days: Sequence[DayRead], last: str) -> Iterator[Answered]:
    """Those that fired up to day `last`, in order; what somebody said of them can come later."""
    entries = [entry for day in days for entry in day.entries]
    count = sum(len(day.entries) for day in days if day.name <= last)
    within = {id(entry) for entry in entries[:count]}
    for each in firings_of(entries):
        if id(each.entry) not in within:
            continue
        body: Mapping[str, Any] = each.answer.body if each.answer else {}
        yield Answered(
            each.time, each.shown, each.answer.time - each.time if each.answer else None,
            *(str(body.get(name) or "") for name in ("by", "comment", "ticket")),
        )  # fmt: skip


def blocks_of(days: Sequence[DayRead]) -> Iterator[Decided]:
    """Day by day, what was decided most first."""
    for day in days:
        counts = Counter(
            (str(entry.body.get("what", "blocked")), str(entry.body.get("by", "")))
            for entry in _entries([day], "block")
        )
        for (what, by), networks in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            yield Decided(day.name, what, by, networks)


def silences_of(days: Sequence[DayRead]) -> Iterator[Silenced]:
    for entry in _entries(days, "silence"):
        found = entry.body.get("silence")
        body: Mapping[str, Any] = found if isinstance(found, dict) else {}
        matchers = body.get("matchers")
        told = (m for m in matchers if isinstance(m, dict)) if isinstance(matchers, list) else ()
        yield Silenced(
            entry.time, str(entry.body.get("what", "")), str(body.get("created_by", "")),
            str(body.get("comment", "")),
            ", ".join(f"{m.get('name', '')} {m.get('value', '')}" for m in told),
            _time(body, "starts_at", entry.time), _time(body, "ends_at", entry.time),
        )  # fmt: skip


def gaps_of(days: Sequence[DayRead]) -> Iterator[Gap]:
    """In the order in which they begin; an end is joined to its begin."""
    found: list[Gap] = []
    begun: dict[tuple[str, str], Gap] = {}
    for entry in _entries(days, "gap"):
        body = entry.body
        what = str(body.get("what", "gap"))
        subject = " ".join(str(body[name]) for name in _SUBJECT if body.get(name))
        key = (what, subject)
        why = str(body.get("detail") or body.get("reason") or body.get("error") or "")
        if body.get("state") == "open":
            # One that began and begins again is the same one.
            begun.setdefault(key, Gap(what, subject, _time(body, "start", entry.time), None, why))
            continue
        first = begun.pop(key, None)
        start = first.start if first else _time(body, "start", entry.time)
        if not why and "missed" in body:
            why = f"{body['missed']} missed"
        found.append(
            Gap(what, subject, start, _time(body, "end", entry.time), first.why if first else why)
        )
    found += begun.values()
    yield from sorted(found, key=lambda gap: (gap.start, gap.what, gap.subject))


def drills_of(days: Sequence[DayRead]) -> Iterator[DrillRun]:
    """In order; one that began and never ended has failed."""
    found: dict[str, DrillRun] = {}
    for day in days:
        for entry in day.entries:
            body = entry.body
            id_ = str(body.get("id", ""))
            if entry.kind != "drill" or (id_ in found and "passed" not in body):
                continue
            times = (body.get(name) for name in ("metric", "firing", "notified"))
            seen, firing, notified = (t if isinstance(t, int) else None for t in times)
            began = found.get(id_)
            drill, control, alert = (str(body.get(n, "")) for n in ("drill", "control", "alert"))
            why = str(body.get("why", "")) if "passed" in body else "it began and did not end"
            found[id_] = DrillRun(
                began.day if began else day.name, drill, id_, control, alert,
                body.get("passed") is True, why, _time(body, "started", entry.time),
                seen, firing, notified, _weakened(body),
            )  # fmt: skip
    yield from found.values()


def _weakened(body: Mapping[str, Any]) -> tuple[int, int]:
    weakened = body.get("weakened")
    if not isinstance(weakened, list):
        return 0, 0
    noticed = sum(isinstance(w, dict) and w.get("noticed") is True for w in weakened)
    return noticed, len(weakened)


def rule_changes(days: Sequence[DayRead]) -> Iterator[RuleChange]:
    """From one segment to the next; what was in force when the period began is no change."""
    before: RulesThen | None = None
    for day in days:
        for then in day.rules:
            if before is not None:
                yield from _differences(before, then)
            before = then


def _differences(before: RulesThen, after: RulesThen) -> Iterator[RuleChange]:
    if before.configuration != after.configuration:
        yield _change(after, "configuration", before.configuration, after.configuration, after.path)
    for path in sorted({*before.files, *after.files}):
        old, new = before.files.get(path, ""), after.files.get(path, "")
        if old != new:
            yield _change(after, path, old, new, path)


def _change(after: RulesThen, what: str, old: str, new: str, path: str) -> RuleChange:
    told = after.revisions.get(path, {})
    named = told if told.get("commit") else after.revision
    return RuleChange(
        after.since, what, old, new, named.get("commit", ""), named.get("author", ""),
        told.get("remark", ""), after.revision.get("ticket", ""),
    )  # fmt: skip


def notifications_of(days: Sequence[DayRead]) -> Counter[str]:
    """How many ended how."""
    return Counter(str(e.body.get("result", "")) for e in _entries(days, "notification"))


def _entries(days: Sequence[DayRead], kind: str) -> Iterator[Entry]:
    return (entry for day in days for entry in day.entries if entry.kind == kind)


def _time(body: Mapping[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    return value if isinstance(value, int) and 0 <= value < 1 << 53 else default
