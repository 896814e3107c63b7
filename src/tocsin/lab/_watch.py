"""What the running system says of itself over its HTTP API; nothing is computed here."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tocsin.durations import SECOND

if TYPE_CHECKING:
    from tocsin.remote import PrometheusApi

__all__ = ["RuleNow", "Snapshot", "look"]

_FAILURES = "sum(increase(login_failures_total[5m]))"
_RATE = "sum(rate(login_requests_total[30s]))"
_P95 = "histogram_quantile(0.95, sum by (le) (rate(login_latency_seconds_bucket[5m])))"
_LIMIT = re.compile(r"> *([0-9.]+)$")


@dataclass(frozen=True, slots=True)
class RuleNow:
    """A rule as the API tells it."""

    name: str
    state: str
    health: str
    hold: float
    """Seconds it must be pending before it fires."""
    active_at: float
    """Unix seconds since when its alert is active; 0 if none is."""
    limit: float | None
    """The number its expression compares with."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at the system."""

    at: float
    targets: tuple[tuple[str, str], ...] = ()
    """Instance and health."""
    failures: tuple[tuple[float, float], ...] = ()
    """Unix seconds and failed logins in the 5 minutes before."""
    rate: float | None = None
    """Logins a second."""
    p95: float | None = None
    """Seconds."""
    rules: tuple[RuleNow, ...] = ()
    error: str = ""
    """Why the look failed, if it did."""

    def rule(self, name: str) -> RuleNow | None:
        return next((rule for rule in self.rules if rule.name == name), None)

    @property
    def all_up(self) -> bool:
        return bool(self.targets) and all(health == "up" for _, health in self.targets)


async def look(api: PrometheusApi, now: float, since: float, step: int) -> Snapshot:
    """Ask for everything once; a system that does not answer gives a snapshot with the reason."""
    try:
        targets = (await _get(api, "targets"))["activeTargets"]
        groups = (await _get(api, "rules"))["groups"]
        # The last point is of this moment: what it says must go with what the rules say.
        since = now - (now - since) // step * step
        history = await _get(
            api, "query_range", query=_FAILURES, start=f"{since:.3f}", end=f"{now:.3f}",
            step=f"{step}",
        )  # fmt: skip
        return Snapshot(
            now,
            tuple((each["labels"]["instance"], each["health"]) for each in targets),
            tuple((at, float(n)) for row in history["result"] for at, n in row["values"]),
            await _number(api, _RATE),
            await _number(api, _P95),
            tuple(_rule(rule) for group in groups for rule in group["rules"]),
        )
    except (ValueError, LookupError, TypeError) as error:
        return Snapshot(now, error=str(error) or type(error).__name__)


def _rule(rule: dict[str, Any]) -> RuleNow:
    active = [datetime.fromisoformat(alert["activeAt"]).timestamp() for alert in rule["alerts"]]
    limit = _LIMIT.search(rule["query"])
    return RuleNow(
        rule["name"],
        rule["state"],
        rule["health"],
        rule["duration"],
        min(active, default=0.0),
        float(limit[1]) if limit else None,
    )


async def _number(api: PrometheusApi, query: str) -> float | None:
    result = (await _get(api, "query", query=query))["result"]
    value = float(result[0]["value"][1]) if result else math.nan
    return None if math.isnan(value) else value


async def _get(api: PrometheusApi, path: str, **params: str) -> Any:
    answer = await api.get(path, tuple(params.items()), within=5 * SECOND)
    if answer.failure or answer.status != 200:
        raise ValueError(answer.failure or f"{path}: HTTP status {answer.status}")
    return json.loads(answer.body)["data"]
