"""What is in force, by hash for the ledger and as texts for the evidence."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.definitions import write_definitions
from tocsin.engine._revisions import revisions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tocsin.engine._config import Config
    from tocsin.engine._revisions import Told

__all__ = ["identity_of", "texts_of", "with_revisions"]

DEFINITIONS = "definitions"
"""Stands for all metric filters and alarms together."""


def identity_of(config: Config) -> dict[str, Any]:
    """For the ledger: SHA-256 of the configuration and of everything that detects, and commits.

    Metric filters and alarms are told as they were understood: a Terraform plan or state may hold
    what is no business of an auditor, and another plan may mean the same.
    """
    found: dict[str, Any] = {
        "configuration": {"path": config.path, "sha256": _sha256(config.text)},
        "rules": [
            {"path": file.path, "sha256": file.sha256, "alerts": file.alerts}
            for file in config.rule_files
        ],
    }
    others = [{"path": path, "sha256": _sha256(text)} for path, text in _others(config)]
    more = {"others": others, "revision": config.revision, "revisions": dict(config.revisions)}
    return found | {name: value for name, value in more.items() if value}


def with_revisions(config: Config, environment: Mapping[str, str]) -> Config:
    """The same, with the commit of each file that lies in a work tree. Asks git: seconds at most.

    Call it off the event loop.
    """
    found = revisions_of(_files(config), environment)
    told = {path: found[path] for path in config.logs.definition_files if path in found}
    if told:
        found[DEFINITIONS] = _latest(told)
    return replace(config, revisions=found)


def _files(config: Config) -> Iterator[tuple[str, bytes]]:
    yield config.path, config.text
    for file in config.rule_files:
        yield file.path, file.text
    yield from config.logs.rules.sources
    for path in config.logs.definition_files:
        # What was loaded of them was kept as it was understood; a file that is gone has no commit.
        with suppress(OSError):
            yield path, Path(path).read_bytes()


def _latest(told: Mapping[str, Told]) -> Told:
    """Of several files that stand for one thing: the last commit, and every remark."""
    last = max(told.values(), key=lambda each: each.get("committed", ""))
    remarks = (f"{path}: {each['remark']}" for path, each in told.items() if each["remark"])
    return last | {"remark": "; ".join(remarks)}


def texts_of(config: Config) -> dict[str, bytes]:
    """Rule files, Sigma files, definitions: by SHA-256."""
    texts = {file.sha256: file.text for file in config.rule_files}
    return texts | {_sha256(text): text for _, text in _others(config)}


def _others(config: Config) -> Iterator[tuple[str, bytes]]:
    logs = config.logs
    if logs.definitions.filters or logs.definitions.alarms:
        yield DEFINITIONS, write_definitions(logs.definitions)
    yield from logs.rules.sources
    for pack, names in logs.excepted.items():
        # What is switched off is in force as much as a rule is.
        yield f"packs/{pack} except", "".join(f"{each}\n" for each in sorted(names)).encode()


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
