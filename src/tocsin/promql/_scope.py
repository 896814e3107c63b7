"""What an evaluation knows besides the query: the samples, the times, the limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tocsin.durations import MINUTE
from tocsin.errors import QueryError

if TYPE_CHECKING:
    from tocsin.promql._arrays import Ints
    from tocsin.series import Queryable, Selection

__all__ = ["Options", "Scope"]


@dataclass(frozen=True, slots=True)
class Options:
    """How queries are evaluated."""

    lookback: int = 5 * MINUTE
    """How far back an instant selector looks for a sample, in microseconds."""
    version: int = 3
    """3: windows are open on the left; 2: closed on both sides, as in Prometheus 2.x."""
    max_samples: int = 50_000_000
    """Samples that one query may load, and cells that one intermediate result may have."""
    delayed_names: bool = False
    """Drop metric names at the end of the query, not at each function.

    Prometheus' feature `promql-delayed-name-removal`; off, as there.
    """
    default_subquery_step: int = MINUTE
    """The step of a subquery that names none, in microseconds."""


@dataclass(slots=True)
class _Budget:
    left: int


@dataclass(frozen=True, slots=True)
class Scope:
    """One grid of evaluation times; a subquery opens another."""

    source: Queryable
    times: Ints
    """K evaluation times in rising order, at least one."""
    start: int
    """What @ start() means."""
    end: int
    options: Options
    budget: _Budget = field(default_factory=lambda: _Budget(0))

    @classmethod
    def of(cls, source: Queryable, times: Ints, options: Options) -> Scope:
        return cls(
            source, times, int(times[0]), int(times[-1]), options, _Budget(options.max_samples)
        )

    @property
    def closed(self) -> bool:
        """Whether windows include their left edge."""
        return self.options.version < 3

    def at(self, times: Ints) -> Scope:
        return replace(self, times=times)

    def load(self, selection: Selection) -> Selection:
        """Count what was selected against the limit."""
        self.budget.left -= len(selection.times)
        self.check(len(selection.labels))
        return selection

    def check(self, rows: int) -> None:
        """Refuse a result of so many rows before it is made."""
        if self.budget.left < 0 or rows * len(self.times) > self.options.max_samples:
            raise QueryError(
                "query processing would load too many samples into memory in query execution",
                hint=f"the limit is {self.options.max_samples} samples",
            )
