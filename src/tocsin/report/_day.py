"""One sealed day, read from its files as tolerantly as can be: a stranger wrote some of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.errors import ParseError
from tocsin.evidence import LATE, NOT_TOLD
from tocsin.report._disposition import Disposition, read_disposition
from tocsin.seal import (
    ATTACHED,
    HEAD,
    MANIFEST,
    TOMBSTONE,
    Checkpoint,
    read_checkpoint,
    read_tombstone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "DISPOSITIONS",
    "DayRead",
    "Entry",
    "PlanKnown",
    "RulesThen",
    "Run",
    "read_day_files",
    "wanted",
]

DISPOSITIONS = "dispositions"
"""The folder, in a day, of what people wrote about exceptions."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = frozenset({"acknowledgement", "block", "configuration", "drill", "gap", "notification",
                    "silence", "start", "state", "stop", "transition"})  # fmt: skip
_MOST_ENTRIES = 20_000
"""Of one day; what is beyond is counted."""


@dataclass(frozen=True, slots=True)
class Run:
    """One record: what one run of the collector said of a control and a day."""

    control: str
    version: int
    title: str
    objective: str
    frequency: str
    owner: str
    frameworks: tuple[tuple[str, tuple[str, ...]], ...]
    """Identifiers by framework."""
    day: str
    """`YYYYMMDD`, the day it speaks of."""
    folder: str
    """The day it was sealed with."""
    file: str
    sha256: str
    state: str
    whole_day: bool
    end: str
    collected: str
    source: str
    collector: str
    reasons: tuple[str, ...]
    queries: tuple[tuple[str, str, str], ...]
    """Name, endpoint, and query or empty, of each input."""
    kinds: tuple[str, ...] = ()
    """Of the inputs."""

    @property
    def late(self) -> bool:
        return self.day != self.folder


@dataclass(frozen=True, slots=True)
class RulesThen:
    """What was in force from a moment on."""

    since: int
    configuration: str
    """SHA-256."""
    files: Mapping[str, str]
    """SHA-256 by path."""
    path: str = ""
    """Of the configuration."""
    revision: Mapping[str, str] = field(default_factory=dict)
    """`commit`, `author`, `ticket`, where a pipeline told them."""
    revisions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By path, what git told."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger."""

    time: int
    kind: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class DayRead:
    """What a report needs of a day."""

    name: str
    manifest: bytes
    checkpoint: Checkpoint | None
    attached: tuple[str, ...]
    """Which of `checkpoint.cosig` and `checkpoint.tsr` are there."""
    sealed: str = ""
    key: str = ""
    """Fingerprint of the key that sealed it, as day.json says."""
    expected: tuple[str, ...] = ()
    """Ids of the controls that the day's catalogues name."""
    plan: tuple[PlanKnown, ...] = ()
    """The catalogues that were in force."""
    runs: list[Run] = field(default_factory=list)
    dispositions: list[Disposition] = field(default_factory=list)
    rules: list[RulesThen] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    entries_left_out: int = 0
    unread: list[str] = field(default_factory=list)
    """Files that look like records and can't be read."""
    removed: str = ""
    """What became of the day's files, if they were removed under the retention policy."""


def wanted(name: str) -> bool:
    """Whether a report reads the file of this name, relative to the day's folder."""
    if name in {"day.json", "ledger.jsonl", MANIFEST, HEAD, TOMBSTONE, *ATTACHED}:
        return True
    if not name.endswith(".json"):
        return False
    return "/" not in name or name.startswith((f"{LATE}/", f"{DISPOSITIONS}/"))


class _Control(msgspec.Struct):
    id: str
    version: int = 0
    title: str = ""
    objective: str = ""
    frequency: str = ""
    owner: str = ""
    frameworks: Any = None


class _Period(msgspec.Struct):
    day: str
    end: str = ""
    whole_day: bool = False


class _Request(msgspec.Struct):
    endpoint: str = ""
    params: dict[str, Any] = {}


class _Input(msgspec.Struct):
    name: str
    kind: str = ""
    request: _Request = msgspec.field(default_factory=_Request)


class _Record(msgspec.Struct):
    schema: str
    control: _Control
    period: _Period
    state: str
    ended: str = ""
    reasons: list[str] = []
    inputs: list[_Input] = []
    source: dict[str, Any] = {}
    collector: dict[str, Any] = {}


class _Known(msgspec.Struct):
    path: str
    sha256: str


class _Segment(msgspec.Struct):
    since: str
    configuration: dict[str, str]
    rules: list[_Known]
    revision: dict[str, str] = {}
    revisions: dict[str, dict[str, str]] = {}


class PlanKnown(msgspec.Struct, frozen=True):
    """A catalogue of controls, as day.json tells of it."""

    sha256: str
    version: str = ""
    since: str = ""
    """The first day that holds it, `YYYYMMDD`."""
    signed: str = ""
    """The first day that holds its signature; empty where none does."""


class _Day(msgspec.Struct):
    sealed: str = ""
    key: str = ""
    rules_in_force: list[_Segment] = []
    cells: dict[str, Any] = {}
    plan: list[PlanKnown] = []


class _Line(msgspec.Struct):
    time: int
    kind: str
    body: dict[str, Any] = {}


_BAD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_day_files(name: str, files: Mapping[str, bytes]) -> DayRead:
    """`files` by name relative to the folder of day `name`; those that `wanted` names."""
    try:
        checkpoint = read_checkpoint(files.get(HEAD, b""))
    except ParseError:
        checkpoint = None
    day = DayRead(
        name, files.get(MANIFEST, b""), checkpoint,
        tuple(each for each in ATTACHED if each in files),
    )  # fmt: skip
    if TOMBSTONE in files:
        day.removed = _removed(files[TOMBSTONE])
        return day
    _facts(day, files.get("day.json", b""))
    for file in sorted(files):
        if file == "day.json" or not file.endswith(".json"):
            continue
        if file.startswith(f"{DISPOSITIONS}/"):
            found = read_disposition(file, files[file])
            if found is not None:
                day.dispositions.append(found)
                continue
        else:
            run = _run(name, file, files[file])
            if run is not None:
                day.runs.append(run)
                continue
        day.unread.append(file)
    for entry in _entries(files.get("ledger.jsonl", b"")):
        if len(day.entries) < _MOST_ENTRIES:
            day.entries.append(entry)
        else:
            day.entries_left_out += 1
    return day


def _removed(data: bytes) -> str:
    try:
        stone = read_tombstone(data)
    except ParseError as error:
        return f"the files are gone, and the tombstone can't be read: {error.what}"
    return (
        f"the files were removed under the retention policy {stone.policy} on {stone.removed[:10]}"
        f" by {stone.by}: {stone.reason}; their hashes are kept"
    )


def _facts(day: DayRead, data: bytes) -> None:
    try:
        found = msgspec.json.decode(data, type=_Day)
    except _BAD:
        day.unread.append("day.json")
        return
    day.sealed, day.key, day.expected = found.sealed, found.key, tuple(found.cells)
    day.plan = tuple(found.plan)
    for each in found.rules_in_force:
        since = micros(each.since)
        if since is not None:
            files = {rule.path: rule.sha256 for rule in each.rules}
            known = each.configuration
            day.rules.append(
                RulesThen(
                    since, known.get("sha256", ""), files, known.get("path", ""), each.revision,
                    each.revisions,
                )
            )  # fmt: skip


def _run(folder: str, file: str, data: bytes) -> Run | None:
    try:
        found = msgspec.json.decode(data, type=_Record)
    except _BAD:
        return None
    control, period = found.control, found.period
    day = period.day.replace("-", "")
    late = file.startswith(f"{LATE}/")
    # A record that speaks of another day than its place does proves nothing of either.
    if (late and file.split("/")[1] != day) or (not late and day != folder):
        return None
    return Run(
        control.id, control.version, control.title, control.objective, control.frequency,
        control.owner, _frameworks(control.frameworks), day, folder, file,
        hashlib.sha256(data).hexdigest(), found.state, period.whole_day, period.end,
        found.ended, _joined(found.source, "program", "version", "url", "instance"),
        _joined(found.collector, "program", "version", "user", "host"), tuple(found.reasons),
        tuple(
            (each.name, each.request.endpoint, str(each.request.params.get("query", "")))
            for each in found.inputs
        ),
        tuple(each.kind for each in found.inputs),
    )  # fmt: skip


def _frameworks(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        return ()
    return tuple(
        (name, tuple(str(each) for each in ids))
        for name, ids in sorted(value.items())
        if isinstance(ids, list)
    )


def _joined(value: dict[str, Any], *names: str) -> str:
    told = (value.get(name) for name in names)
    return " ".join(str(each) for each in told if each and each != NOT_TOLD)


def _entries(data: bytes) -> Iterator[Entry]:
    for line in data.split(b"\n"):
        try:
            found = msgspec.json.decode(line, type=_Line)
        except _BAD:
            continue
        if found.kind in _KINDS:
            yield Entry(found.time, found.kind, found.body)


def micros(text: str) -> int | None:
    """Of an RFC 3339 time with a zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError):
        return None
