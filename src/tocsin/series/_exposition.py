"""Where to scrape, and what one scrape brought: samples, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from tocsin.durations import MINUTE, SECOND
from tocsin.labels import EMPTY, Labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from tocsin.series._batch import DropReason

__all__ = [
    "NO_TIME",
    "Exposition",
    "Failed",
    "FailureReason",
    "LabelLimits",
    "Metadata",
    "Target",
]

NO_TIME = int(np.iinfo(np.int64).min)
"""In `Exposition.times`: this sample has no time of its own."""

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class LabelLimits:
    """What a label set may measure; a sample beyond is dropped and counted."""

    labels: int = 64
    """Labels a series, the metric name included."""
    name: int = 256
    """Characters of a label name."""
    value: int = 4096
    """Characters of a label value."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address to scrape and how."""

    job: str
    url: str
    """The whole address, `http://127.0.0.1:5000/metrics`."""
    labels: Labels = EMPTY
    """Added to every series; may replace `instance`."""
    interval: int = MINUTE
    """Microseconds."""
    timeout: int = 10 * SECOND
    """Microseconds, for connection, headers and body together."""
    honor_labels: bool = False
    """Whether the target's own labels win over `labels`, `job` and `instance`."""
    body_limit: int = 16 << 20
    """Bytes after decompression."""
    series_budget: int = 10_000
    """Series that the target may add."""
    limits: LabelLimits = field(default_factory=LabelLimits)

    @property
    def identity(self) -> Labels:
        """The labels of `up` without its name."""
        return Labels({"job": self.job, "instance": _instance(self.url)} | self.labels.to_dict())

    @property
    def instance(self) -> str:
        return self.identity["instance"]

    @property
    def shown_url(self) -> str:
        """The address without a password in it."""
        parts = urlsplit(self.url)
        user, at, host = parts.netloc.rpartition("@")
        name, colon, _ = user.partition(":")
        hidden = f"{name}{colon}{'xxxxx' if colon else ''}{at}{host}"
        return urlunsplit(parts._replace(netloc=hidden))

    @property
    def source(self) -> str:
        """The name its batches carry."""
        return f"scrape/{self.job}/{self.instance}"


def _instance(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{parts.port or _PORTS.get(parts.scheme, 80)}"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a target says about a metric family."""

    type: str = "unknown"
    help: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Exposition:
    """The samples of one scrape, labelled as the target wrote them."""

    labels: tuple[Labels, ...]
    """One a sample, in the order of the text; may repeat."""
    values: npt.NDArray[np.float64]
    times: npt.NDArray[np.int64] | None = None
    """Microseconds, NO_TIME where a sample has none; None if no sample has one."""
    metadata: Mapping[str, Metadata] = field(default_factory=dict)
    dropped: Mapping[DropReason, int] = field(default_factory=dict)
    """Samples that were read but are not in `labels`."""


class FailureReason(StrEnum):
    """Why a scrape brought nothing."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    STATUS = "status"
    REDIRECT = "redirect"
    ENCODING = "encoding"
    TOO_LARGE = "too_large"
    UNPARSABLE = "unparsable"


@dataclass(frozen=True, slots=True)
class Failed:
    """A scrape without samples; a value, because a target that is down is no exception."""

    reason: FailureReason
    detail: str
    """For people: one line, no control characters, nothing secret."""
