from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from tocsin_sdk import JsonLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Lines(logging.Handler):
    """Keeps what would be written, parsed."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.seen: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(json.loads(self.format(record)))


@pytest.fixture
def events() -> Iterator[list[dict[str, object]]]:
    log = logging.getLogger("tocsin_sdk.events")
    before = log.handlers[:], log.propagate, log.level
    handler = Lines()
    log.handlers[:], log.propagate = [handler], False
    log.setLevel(logging.INFO)
    yield handler.seen
    log.handlers[:], log.propagate = before[:2]
    log.setLevel(before[2])


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def value(registry: CollectorRegistry) -> Callable[..., float | None]:
    def read(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    return read
