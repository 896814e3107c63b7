"""Warnings for alerting rules that load but bite in practice."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from tocsin.durations import SECOND, parse_duration
from tocsin.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tocsin.errors import Span
    from tocsin.rules._model import AlertingRule, RuleFile

__all__ = ["lint_alert", "lint_metrics"]

_COUNT = re.compile(
    r"\bincrease\s*\([^()]*\[(?P<range>[0-9a-z]+)\]\s*\)\s*\)?\s*(?P<op>>=?)\s*"
    r"(?P<limit>[0-9]+(?:\.[0-9]+)?)\s*$"
)
_SCRAPES = (5, 15, 30, 60)
_SHORT = 15


def lint_alert(rule: AlertingRule, expr: Span, labels: Mapping[str, Span]) -> Iterator[Problem]:
    """What an alerting rule's author would want to know before it runs."""
    for name, template in rule.labels.items():
        if template.uses_value:
            yield Problem(
                labels[name],
                f"label {name!r} uses $value: each new value is a new alert, so `for` starts again",
                "move it to annotations",
                "warning",
            )
    yield from _threshold(rule, expr)


def _threshold(rule: AlertingRule, expr: Span) -> Iterator[Problem]:
    """`increase` scales up to the window's edges: N events can read as more than N.

    Over a window of n scrape intervals n samples span n - 1 intervals, so a count
    is multiplied by n / (n - 1) (Prometheus, `promql/functions.go`, extrapolatedRate).
    """
    match = _COUNT.search(" ".join(rule.query.text.split()))
    if match is None:
        return
    window, limit = parse_duration(match["range"]) // SECOND, float(match["limit"])
    strict = match["op"] == ">"
    wanted = math.floor(limit) + 1 if strict else math.ceil(limit)
    early = [
        (seconds, least)
        for seconds in _SCRAPES
        if (least := _least(window // seconds, limit, strict=strict)) < wanted
    ]
    # At 30 s and more hardly any threshold is exact; a warning must be one that can be met.
    if not any(seconds <= _SHORT for seconds, _ in early):
        return
    counts = ", ".join(f"{least} at a {seconds}s scrape" for seconds, least in early)
    samples = window // _SHORT
    highest = (wanted - 1) * samples / (samples - 1) if samples > 1 else math.inf
    better = f"> {(highest + wanted) / 2:.1f} with a scrape of {_SHORT}s or less, or "
    yield Problem(
        expr,
        f"the threshold {match['op']} {match['limit']} is within increase()'s extrapolation: "
        f"it fires from {counts}, not from {wanted} events",
        f"if you mean {wanted}: {better if highest < wanted else ''}a longer range",
        "warning",
    )


def _least(samples: int, limit: float, *, strict: bool) -> int:
    """The fewest events in a window of that many samples that pass the limit."""
    factor = samples / (samples - 1) if samples > 1 else 1.0
    return math.floor(limit / factor) + 1 if strict else math.ceil(limit / factor)


def lint_metrics(
    files: Collection[RuleFile], exposed: Collection[str], recorded: Collection[str]
) -> Iterator[Problem]:
    """Rules that read a metric which no target exposes and no rule records."""
    known = {*exposed, *recorded, "ALERTS", "ALERTS_FOR_STATE"}
    for file in files:
        for group in file.groups:
            for rule in group.rules:
                for name in sorted(rule.query.metrics - known):
                    yield Problem(
                        rule.span,
                        f"rule {rule.name!r} reads {name!r}, which no target exposes",
                        "check the spelling, or whether the target is scraped",
                        "warning",
                    )
