"""What is in force, by hash for the ledger and as texts for the evidence."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tocsin.definitions import write_definitions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.engine._config import Config

__all__ = ["identity_of", "texts_of"]

DEFINITIONS = "definitions"
"""Stands for all metric filters and alarms together."""


def identity_of(config: Config) -> dict[str, Any]:
    """For the ledger: SHA-256 of the configuration and of everything that detects.

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
    return found | ({"others": others} if others else {})


def texts_of(config: Config) -> dict[str, bytes]:
    """Rule files, Sigma files, definitions: by SHA-256."""
    texts = {file.sha256: file.text for file in config.rule_files}
    return texts | {_sha256(text): text for _, text in _others(config)}


def _others(config: Config) -> Iterator[tuple[str, bytes]]:
    logs = config.logs
    if logs.definitions.filters or logs.definitions.alarms:
        yield DEFINITIONS, write_definitions(logs.definitions)
    yield from logs.rules.sources


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
