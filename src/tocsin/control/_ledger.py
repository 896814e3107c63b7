"""Judging what the daemon wrote down about itself: spans in which something was not as it must be.

The ledger is written in the transaction of what it tells, so its times are those of the events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.control._model import Finding, Kind
from tocsin.control._period import clock, utc
from tocsin.durations import SECOND, format_duration
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tocsin.control._model import (
        AlarmsHeld,
        Awake,
        ClockInStep,
        Delivered,
        Evaluations,
        LedgerNeed,
        LogsRead,
        RulesHeld,
        RulesUnchanged,
        Scrapes,
    )
    from tocsin.control._observed import Entry, LedgerSeen
    from tocsin.control._period import Period

__all__ = [
    "alarms_held",
    "awake",
    "clock_in_step",
    "delivered",
    "evaluations",
    "logs_read",
    "rules_held",
    "rules_unchanged",
    "scrapes",
]

_STARTED = frozenset({"start", "configuration"})
_FAR = 2**62


def awake(need: Awake, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """The daemon ran the whole period, and lost nothing that it had counted."""
    found = list(_unknown(need, seen, period))
    running = any(entry.kind in _STARTED for entry in seen.carried)
    if not running:
        begun = next((e.time for e in seen.entries if e.kind == "start"), period.end)
        found += _lacking(need, "no daemon ran before", period.start, begun, period)
    stopped = _last(seen.carried, {"start", "stop"})
    down = stopped.time if stopped is not None and stopped.kind == "stop" else 0
    gaps = [e for e in (*seen.entries, *seen.after) if e.kind == "gap"]
    reached = max((_time(e.body, "end") for e in gaps if e.body.get("what") == "daemon"), default=0)
    for entry in seen.entries:
        if entry.kind in {"start", "stop"}:
            down = entry.time if entry.kind == "stop" else 0
        if entry.kind == "state" and "damaged" in entry.body:
            text = f"the daemon's state was damaged at {clock(entry.time, period)} UTC"
            found.append(Finding(need.name, Kind.LACKING, text, entry.time, entry.time))
    for entry in gaps:
        what, start, end = entry.body.get("what"), *_span(entry.body)
        if what == "daemon":
            found += _lacking(need, "the daemon did not run", start, end, period)
        elif str(what).startswith("samples and counts lost"):
            found += _lacking(need, "samples were lost, the disk was full", start, end, period)
    if down and reached < period.end:
        found += _lacking(need, "the daemon was stopped", down, period.end, period)
    yield from found or [Finding(need.name, Kind.MET, "the daemon ran all the time")]


def evaluations(need: Evaluations, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """Every rule was evaluated each time it was due."""
    found = list(_unknown(need, seen, period))
    missed = 0
    for entry in (*seen.entries, *seen.after):
        body = entry.body
        if entry.kind == "gap" and body.get("what") == "evaluation" and "start" in body:
            count = body.get("missed", 0)
            missed += count if isinstance(count, int) else 0
            text = f"rule group {_group(body)} was not evaluated"
            found += _lacking(need, text, *_span(body), period)
    for body, start, end in _open_spans(
        seen, period, "evaluation", lambda b: (b.get("group"), b.get("rule")), restart=True
    ):
        text = f"rule {printable(str(body.get('rule')))} of {_group(body)} failed"
        found += _lacking(need, text, start, end, period)
    yield from found or [Finding(need.name, Kind.MET, "no evaluation was missed, none failed")]


def scrapes(need: Scrapes, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """Every target answered each time it was asked."""
    found = list(_unknown(need, seen, period))
    for body, start, end in _open_spans(
        seen, period, "scrape", lambda b: (b.get("job"), b.get("instance")), restart=True
    ):
        who = printable(f"{body.get('job')} {body.get('instance')}")
        found += _lacking(need, f"target {who} could not be scraped", start, end, period)
    yield from found or [Finding(need.name, Kind.MET, "no scrape failed")]


def logs_read(need: LogsRead, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """No log group lost a part, and none could not be read for a time."""
    found = list(_unknown(need, seen, period))
    for entry in (*seen.entries, *seen.after):
        body = entry.body
        if entry.kind == "gap" and body.get("what") == "log" and "path" in body:
            name = printable(str(body.get("log_group")))
            why = printable(str(body.get("detail")))
            text = f"log group {name}: {why}"
            found += _lacking(need, text, *_span(body), period)
    for body, start, end in _open_spans(
        seen, period, "log", lambda b: b.get("log_group"), restart=True
    ):
        name, why = printable(str(body.get("log_group"))), printable(str(body.get("detail")))
        found += _lacking(need, f"log group {name}: {why}", start, end, period)
    yield from found or [Finding(need.name, Kind.MET, "no part of a log was lost")]


def clock_in_step(need: ClockInStep, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """The wall clock was not set back while the daemon ran."""
    found = list(_unknown(need, seen, period))
    since = 0
    for entry in (*seen.carried, *seen.entries):
        if entry.kind == "state" and entry.body.get("clock") == "set back":
            since = since or entry.time
        elif since and (
            entry.kind == "start"
            or (entry.kind == "state" and entry.body.get("clock") == "in step")
        ):
            found += _lacking(need, "the clock was set back", since, entry.time, period)
            since = 0
    if since:
        found += _lacking(need, "the clock was set back", since, period.end, period)
    yield from found or [Finding(need.name, Kind.MET, "the clock was not set back")]


def rules_held(need: RulesHeld, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """Each required rule was loaded at every moment, as it was agreed."""
    found = list(_unknown(need, seen, period))
    segments = list(_segments(seen, period))
    if not segments:
        text = f"{need.name}: nothing says which rules were in force"
        found.append(Finding(need.name, Kind.LACKING, text, period.start, period.end))
    for rule in need.required:
        missing = [(s, e) for names, s, e in segments if rule.alert not in names]
        for start, end in _joined(missing):
            text = f"rule {rule.alert} was not loaded"
            found += _lacking(need, text, start, end, period)
        changed = [
            (s, e)
            for names, s, e in segments
            if rule.digest and rule.alert in names and rule.digest not in names[rule.alert]
        ]
        for start, end in _joined(changed):
            text = f"rule {rule.alert} was not as agreed"
            found += _lacking(need, text, start, end, period, Kind.CROSSED)
    text = f"{len(need.required)} rules in force all the time, as agreed"
    yield from found or [Finding(need.name, Kind.MET, text)]


def rules_unchanged(need: RulesUnchanged, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """Every change of what is in force, with its time."""
    found = list(_unknown(need, seen, period))
    before = _last(seen.carried, _STARTED)
    for entry in seen.entries:
        if entry.kind not in _STARTED or "rules" not in entry.body:
            continue
        if before is not None and _identity(before) != _identity(entry):
            what = ", ".join(
                f"{printable(path)}{_origin(entry, path)}" for path in _differing(before, entry)[:5]
            )
            text = f"changed at {clock(entry.time, period)} UTC: {what}"
            found.append(Finding(need.name, Kind.CROSSED, text, entry.time, period.end))
        before = entry
    if before is None:
        text = f"{need.name}: nothing says which rules were in force"
        found.append(Finding(need.name, Kind.LACKING, text, period.start, period.end))
    yield from found or [Finding(need.name, Kind.MET, "no rule and no setting was changed")]


def delivered(need: Delivered, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """Each notification was taken by its receiver within the time agreed."""
    found = list(_unknown(need, seen, period))
    told, waiting = 0, {}
    for entry in (*seen.entries, *seen.after):
        if entry.kind != "notification":
            continue
        body = entry.body
        created, receiver = _time(body, "created"), printable(str(body.get("receiver")))
        key, result = (receiver, str(body.get("key"))), body.get("result")
        if result == "retry":
            waiting[key] = entry.time
            continue
        waiting.pop(key, None)
        told += 1
        if result != "sent":
            text = f"receiver {receiver} did not take a notification: {_why(body)}"
            found.append(Finding(need.name, Kind.CROSSED, text, entry.time, entry.time))
        elif created and entry.time - created > need.within:
            late = format_duration((entry.time - created) // SECOND * SECOND)
            text = f"receiver {receiver} was told after {late}"
            found.append(Finding(need.name, Kind.CROSSED, text, created, entry.time))
    for (receiver, _), since in waiting.items():
        text = f"receiver {receiver} has not been told since {utc(since // SECOND * SECOND)}"
        found.append(Finding(need.name, Kind.CROSSED, text, since))
    yield from found or [Finding(need.name, Kind.MET, f"{told} notifications taken in time")]


def alarms_held(need: AlarmsHeld, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """Every time that an alarm was in ALARM, or did not know."""
    found = list(_early(need, seen, period))
    changes: dict[str, list[Entry]] = {}
    for entry in (*seen.entries, *seen.after):
        name = str(entry.body.get("alarm", ""))
        if entry.kind == "configuration" and entry in seen.entries:
            what = printable(str(entry.body.get("what")))
            text = f"alarm {printable(name)} was changed: {what}"
            if not need.required or name in need.required:
                found.append(Finding(need.name, Kind.CROSSED, text, entry.time, entry.time))
        elif name and not entry.body.get("early") and (not need.required or name in need.required):
            changes.setdefault(name, []).append(entry)
    for name, entries in sorted(changes.items()):
        state, since = str(entries[0].body.get("before")), period.start
        for entry in entries:
            found += _in_state(need, name, state, since, entry.time, period)
            state, since = str(entry.body.get("after")), entry.time
        found += _in_state(need, name, state, since, period.end, period)
    yield from found or [Finding(need.name, Kind.MET, "no alarm went off")]


def _in_state(
    need: AlarmsHeld, name: str, state: str, start: int, end: int, period: Period
) -> Iterator[Finding]:
    if state == "ALARM":
        text = f"alarm {printable(name)} was in ALARM"
        yield from _lacking(need, text, start, end, period, Kind.CROSSED)
    elif state != "OK":
        text = f"alarm {printable(name)} had insufficient data"
        yield from _lacking(need, text, start, end, period)


def _unknown(need: LedgerNeed, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """A ledger that holds nothing proves nothing."""
    yield from _early(need, seen, period)
    if not any(entry.kind in _STARTED for entry in (*seen.carried, *seen.entries)):
        text = f"{need.name}: nothing says that a daemon ran"
        yield Finding(need.name, Kind.LACKING, text, period.start, period.end)


def _early(need: LedgerNeed, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    if seen.asked < period.end:
        text = f"{need.name}: the ledger was read before the period ended"
        yield Finding(need.name, Kind.LACKING, text, seen.asked, period.end)


def _lacking(
    need: LedgerNeed, text: str, start: int, end: int, period: Period, kind: Kind = Kind.LACKING
) -> Iterator[Finding]:
    """A span, as far as it lies in the period."""
    start, end = max(start, period.start), min(end, period.end)
    if start < end:
        when = f"{clock(start, period)}-{clock(end, period)} UTC"
        yield Finding(need.name, kind, f"{text} {when}", start, end)


def _open_spans(
    seen: LedgerSeen, period: Period, what: str,
    key: Callable[[Mapping[str, Any]], object], *, restart: bool,
) -> Iterator[tuple[Mapping[str, Any], int, int]]:  # fmt: skip
    """From each gap that opened to where it closed, a restart ended it, or the period did."""
    opened: dict[object, tuple[Mapping[str, Any], int]] = {}
    for entry in (*seen.carried, *seen.entries):
        body = entry.body
        if entry.kind == "start" and restart:
            for before, since in opened.values():
                yield before, since, entry.time
            opened.clear()
        if entry.kind != "gap" or body.get("what") != what or "state" not in body:
            continue
        if body["state"] == "open":
            opened.setdefault(key(body), (body, entry.time))
        elif (found := opened.pop(key(body), None)) is not None:
            yield *found, entry.time
    for before, since in opened.values():
        yield before, since, period.end


def _segments(
    seen: LedgerSeen, period: Period
) -> Iterator[tuple[Mapping[str, tuple[str, ...]], int, int]]:
    """The alerting rules by name, with from when to when they were in force."""
    before = _last(seen.carried, _STARTED)
    names, since = (_alerts(before) if before else None), period.start
    for entry in seen.entries:
        if entry.kind not in _STARTED or "rules" not in entry.body:
            continue
        if names is not None and since < entry.time:
            yield names, since, entry.time
        names, since = _alerts(entry), entry.time
    if names is not None and since < period.end:
        yield names, since, period.end


def _alerts(entry: Entry) -> dict[str, tuple[str, ...]]:
    """Digests by name, of all files."""
    found: dict[str, tuple[str, ...]] = {}
    rules = entry.body.get("rules")
    for file in rules if isinstance(rules, list) else ():
        alerts = file.get("alerts") if isinstance(file, dict) else None
        for name, digests in alerts.items() if isinstance(alerts, dict) else ():
            known = tuple(str(d) for d in digests) if isinstance(digests, list) else ()
            found[str(name)] = found.get(str(name), ()) + known
    return found


def _identity(entry: Entry) -> dict[str, str]:
    """SHA-256 by path, the configuration among them."""
    parts = (entry.body.get(name) for name in ("rules", "others"))
    rules = (file for part in parts if isinstance(part, list) for file in part)
    files = [entry.body.get("configuration"), *rules]
    return {
        str(file.get("path")): str(file.get("sha256")) for file in files if isinstance(file, dict)
    }


def _differing(before: Entry, after: Entry) -> list[str]:
    old, new = _identity(before), _identity(after)
    return [path for path in sorted(old | new) if old.get(path) != new.get(path)]


def _origin(entry: Entry, path: str) -> str:
    """Which commit the new one came from, and whose it is, as far as the ledger tells."""
    of_files = entry.body.get("revisions")
    told = of_files.get(path) if isinstance(of_files, dict) else None
    told = told if isinstance(told, dict) else {}
    remark = str(told.get("remark") or "")
    named = told if told.get("commit") else entry.body.get("revision")
    parts = []
    if isinstance(named, dict) and named.get("commit"):
        parts.append(f"commit {str(named['commit'])[:12]} by {named.get('author')}")
    parts += [remark] if remark else []
    return printable(f" ({'; '.join(parts)})", 300) if parts else ""


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _last(entries: tuple[Entry, ...], kinds: set[str] | frozenset[str]) -> Entry | None:
    """The last of these kinds; a refused configuration never came into force."""
    return next((e for e in reversed(entries) if e.kind in kinds and "refused" not in e.body), None)


def _span(body: Mapping[str, Any]) -> tuple[int, int]:
    return _time(body, "start"), _time(body, "end")


def _time(body: Mapping[str, Any], key: str) -> int:
    value = body.get(key, 0)
    return min(value, _FAR) if isinstance(value, int) else 0


def _group(body: Mapping[str, Any]) -> str:
    return printable(str(body.get("group")).rpartition(";")[2])


def _why(body: Mapping[str, Any]) -> str:
    return printable(str(body.get("why", body.get("result"))))
