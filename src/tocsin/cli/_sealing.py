"""What a day's bundle is put together from: records, the ledger of the state folder, rule files."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import tocsin
from tocsin.bundle import Contents
from tocsin.cli._plan import catalogues_of, plan_name, signer_of
from tocsin.cli._secrets import make_redactor
from tocsin.control import load_catalogue, utc
from tocsin.custody import custody_part, run_by
from tocsin.durations import DAY
from tocsin.engine import load_config
from tocsin.errors import ConfigError
from tocsin.evidence import cells_of, describe, plan_of, segments_of
from tocsin.printable import printable
from tocsin.seal import chain_ledger, last_second, read_day
from tocsin.store import LedgerPart, read_ledger, read_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.bundle import Open
    from tocsin.control import Catalogue
    from tocsin.evidence import Commitments, Redactor, RulesSegment

__all__ = ["Sources", "contents_of"]

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Sources:
    """Where sealing takes things from, and when it does."""

    config: Path
    now: int
    key: str
    """Fingerprint of the key that seals."""
    commitments: Commitments | None
    root: Path
    """The evidence folder."""


def contents_of(opened: Open, sources: Sources) -> Contents:
    """Raises ConfigError, StoreError."""
    redactor = make_redactor(sources.config, sources.commitments)
    end = last_second(opened.day) + _SECOND
    part, absent = _ledger(opened, sources.config, min(end, sources.now))
    begin = opened.ledger if not part.restarted else type(opened.ledger)(0, opened.ledger.sha256)
    lines = [(e.seq, e.time, e.kind, _clean(e.body, redactor)) for e in part.entries]
    ledger, ledger_end = chain_ledger(lines, begin)
    described = describe(opened.files)
    segments = segments_of(((e.time, e.body) for e in part.entries), opened.before)
    files, rules = _rules(segments, _texts(segments, sources.config), redactor)
    agreed = catalogues_of(sources.config)
    kept = {plan_name(each): each.text for each in agreed}
    planned = [*agreed, *_planned(opened.files)]
    expected = {control.id for each in planned for control in each.controls}
    # A file that only has the name of a signature says nothing.
    signed = [
        each.sha256 for each in planned
        if signer_of(each, opened.files.get(f"{plan_name(each)}.sig", b"")) == sources.key
    ]  # fmt: skip
    plan = plan_of(opened.day, {e.sha256: e.version for e in planned}, signed, opened.before)
    custody, log = custody_part(
        sources.root, read_day(opened.before).day if opened.before else "", opened.before
    )
    facts: dict[str, Any] = {
        **log,
        "period": {"start": utc(end - DAY), "end": utc(end), "over": end <= sources.now},
        "sealed": utc(sources.now),
        "program": {"name": "tocsin", "version": tocsin.__version__},
        "host": printable(socket.gethostname()),
        "user": run_by(),
        "key": sources.key,
        "records": described.records,
        "late": described.late,
        "cells": cells_of(expected, described.records),
        "plan": [msgspec.structs.asdict(line) for line in plan],
        "rules_in_force": rules,
        "ledger_entries": len(lines),
        "redactions": dict(sorted(redactor.counts.items())),
    }
    if absent:
        facts["ledger_absent"] = absent
    policy = load_config(sources.config).evidence_retention if sources.config.exists() else ""
    if policy:
        facts["retention"] = policy
    return Contents(
        ledger, ledger_end, part.restarted, {**described.raw, **files, **kept, **custody}, facts
    )


def _planned(files: Mapping[str, bytes]) -> list[Catalogue]:
    """The catalogues that collecting left; one that can't be read says nothing."""
    found = []
    for name, text in files.items():
        if name.startswith("plan/") and name.endswith(".yaml"):
            with contextlib.suppress(ConfigError):
                found.append(load_catalogue(text, name))
    return found


def _ledger(opened: Open, config: Path, before: int) -> tuple[LedgerPart, str]:
    """The entries, or why there are none: evidence of a foreign Prometheus has no ledger."""
    if not config.exists():
        return LedgerPart(()), f"there is no {config.name}, so no state folder is known"
    folder = load_config(config).storage_folder
    if not (folder / "tocsin.db").exists():
        return LedgerPart(()), "the state folder holds no database"
    return read_ledger(folder, opened.ledger.seq, before), ""


def _clean(body: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    text = msgspec.json.encode(body)
    cleaned = redactor.clean(text)
    if cleaned == text:
        return body
    found: dict[str, Any] = msgspec.json.decode(cleaned)
    return found


def _texts(segments: tuple[RulesSegment, ...], config: Path) -> dict[str, bytes]:
    """What the daemon kept of the rules when it loaded them, by SHA-256."""
    wanted = {sha256 for segment in segments for _, sha256 in segment.rules}
    if not wanted or not config.exists():
        return {}
    folder = load_config(config).storage_folder
    return read_texts(folder, wanted) if (folder / "tocsin.db").exists() else {}


def _rules(
    segments: tuple[RulesSegment, ...], texts: Mapping[str, bytes], redactor: Redactor
) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """The rules as they were in force: as the daemon kept them, else as they lie on the disk."""
    files: dict[str, bytes] = {}
    told = []
    for segment in segments:
        rules = []
        for path, sha256 in segment.rules:
            kept = _kept(path, sha256, texts, files, redactor)
            rules.append({"path": path, "sha256": sha256, "kept": kept})
        since = {"since": segment.since, "configuration": segment.configuration, "rules": rules}
        came = {"revision": segment.revision, "revisions": segment.revisions}
        told.append(since | _clean({name: each for name, each in came.items() if each}, redactor))
    return files, told


def _kept(
    path: str, sha256: str, texts: Mapping[str, bytes], files: dict[str, bytes],
    redactor: Redactor,
) -> str:  # fmt: skip
    """`whole`, `redacted`, or why the bundle does not have it."""
    name = f"rules/{sha256}.yml"
    if name in files:
        return "whole"
    if name.replace(".yml", ".redacted.yml") in files:
        return "redacted"
    data = texts.get(sha256)
    if data is None:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            return f"not kept: {error.strerror}"
        if hashlib.sha256(data).hexdigest() != sha256:
            return "not kept: the file was changed before the day was sealed"
    cleaned = redactor.clean(data)
    files[name if cleaned == data else name.replace(".yml", ".redacted.yml")] = cleaned
    return "whole" if cleaned == data else "redacted"
