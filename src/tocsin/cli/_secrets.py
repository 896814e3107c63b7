"""What must not get into the evidence: secrets that the configuration and environment hold."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from tocsin.engine import load_config
from tocsin.evidence import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tocsin.engine import Config
    from tocsin.evidence import Commitments
    from tocsin.notify import Receiver

__all__ = ["make_redactor"]

_NAMES = re.compile(r"secret|token|passw|api_?key|access_?key|credential", re.IGNORECASE)
_TOKEN = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9._~-]{12,}")
_WORD = re.compile(r"[a-z]{,15}|[A-Z]{,15}|/[a-z/._-]*")
_SHORTEST = 8


def make_redactor(config: Path, commitments: Commitments | None = None) -> Redactor:
    """For the configuration at `config`, if it is there. Raises ConfigError."""
    secrets = set(_of_environment())
    if config.exists():
        secrets |= set(_of_config(load_config(config)))
    return Redactor(secrets, commitments)


def _of_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        # A word such as `disabled` is no secret, and stands in many texts.
        if _NAMES.search(name) and len(value) >= _SHORTEST and not _WORD.fullmatch(value):
            yield value


def _of_config(config: Config) -> Iterator[str]:
    for target in config.targets:
        yield from _of_url(target.url)
    for receiver in config.receivers:
        yield from _of_receiver(receiver)
    yield from _of_url(config.external_url)


def _of_receiver(receiver: Receiver) -> Iterator[str]:
    """What a receiver does not show when it is printed: its address, its keys, its headers."""
    for each in fields(receiver):
        value = getattr(receiver, each.name)
        if each.name == "url":
            yield from _of_url(value)
        elif not each.repr:
            yield from (value,) if isinstance(value, str) else value.values()


def _of_url(url: str) -> Iterator[str]:
    """Passwords, values of parameters, and parts of the path that look like a token."""
    parts = urlsplit(url)
    for word in (parts.password, parts.username if parts.password else None):
        if word:
            yield from {word, unquote(word)}
    for _, value in parse_qsl(parts.query):
        if len(value) >= _SHORTEST:
            yield value
    for segment in parts.path.split("/"):
        if _TOKEN.fullmatch(segment):
            yield segment
