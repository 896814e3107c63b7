"""What a day's bundle holds beside what was collected, from bytes alone."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.control import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["LATE", "Described", "RulesSegment", "describe", "segments_of"]

LATE = "late"
"""The folder, in a later day, of records whose own day was sealed already."""


@dataclass(slots=True)
class Described:
    """The records of a day for day.json, and the answers in them as files."""

    records: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)
    raw: dict[str, bytes] = field(default_factory=dict)
    """By name, `raw/SHA256`."""


class _Body(msgspec.Struct):
    encoding: str
    data: str


class _Answer(msgspec.Struct):
    sha256: str
    body: _Body


class _Input(msgspec.Struct):
    answer: _Answer | None = None


class _Control(msgspec.Struct):
    id: str
    version: int


class _Period(msgspec.Struct):
    day: str
    whole_day: bool = False


class _Record(msgspec.Struct):
    schema: str
    control: _Control
    period: _Period
    state: str
    ended: str
    inputs: list[_Input]


def describe(files: Mapping[str, bytes]) -> Described:
    """Files that are no records are sealed all the same; nothing is said of them."""
    found = Described()
    for name in sorted(files):
        late = name.startswith(f"{LATE}/")
        if not name.endswith(".json") or ("/" in name and not late):
            continue
        try:
            record = msgspec.json.decode(files[name], type=_Record)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        line: dict[str, Any] = {
            "file": name, "control": record.control.id, "version": record.control.version,
            "state": LATE if late else record.state, "collected": record.ended,
            "whole_day": record.period.whole_day,
        }  # fmt: skip
        if late:
            line |= {"day": record.period.day, "says": record.state}
            found.late.append(line)
        else:
            found.records.append(line)
        for each in record.inputs:
            if each.answer is not None:
                data = _bytes(each.answer.body)
                if hashlib.sha256(data).hexdigest() == each.answer.sha256:
                    found.raw[f"raw/{each.answer.sha256}"] = data
    return found


def _bytes(body: _Body) -> bytes:
    if body.encoding == "base64":
        try:
            return base64.b64decode(body.data, validate=True)
        except ValueError:
            return b""
    return body.data.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class RulesSegment:
    """What was in force from a moment on."""

    since: str
    """RFC 3339; of a day's first segment it can be a moment before the day."""
    configuration: dict[str, str]
    rules: tuple[tuple[str, str], ...]
    """Path and SHA-256 of each rule file, Sigma file, and of the definitions."""
    revision: dict[str, str]
    """`commit`, `author` and `ticket` of all of it, where a pipeline told them."""
    revisions: dict[str, dict[str, str]]
    """By path, what git told: `commit`, `author`, `committed`, and a `remark` in words."""


class _Known(msgspec.Struct):
    path: str
    sha256: str


class _Identity(msgspec.Struct):
    configuration: dict[str, str]
    rules: list[_Known]
    others: list[_Known] = []
    revision: dict[str, str] = {}
    revisions: dict[str, dict[str, str]] = {}
    since: str = ""


class _Before(msgspec.Struct):
    rules_in_force: list[_Identity] = []


def segments_of(
    entries: Iterable[tuple[int, dict[str, Any]]], day_before: bytes
) -> tuple[RulesSegment, ...]:
    """From `(time, body)` of the ledger's entries; the first goes on from the day before.

    `day_before` is that day's day.json, empty if there is none.
    """
    try:
        earlier = msgspec.json.decode(day_before, type=_Before).rules_in_force
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        earlier = []
    found = [_segment(each, each.since) for each in earlier[-1:]]
    for time, body in entries:
        try:
            identity = msgspec.convert(body, _Identity)
        except msgspec.ValidationError:
            continue
        found.append(_segment(identity, utc(time)))
    return tuple(found)


def _segment(identity: _Identity, since: str) -> RulesSegment:
    rules = tuple((rule.path, rule.sha256) for rule in (*identity.rules, *identity.others))
    return RulesSegment(since, identity.configuration, rules, identity.revision, identity.revisions)
