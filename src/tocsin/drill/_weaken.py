"""Negative drills: a copy of the rules is made worse, and the drill must notice."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tocsin.drill._run import DrillRun
from tocsin.errors import ParseError
from tocsin.promql import parse
from tocsin.rules import AlertingRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.drill._model import Drill
    from tocsin.rules import Rule, RuleGroup

__all__ = ["BEYOND", "Weakness", "rehearse", "weaknesses_of"]

BEYOND = 1e12
"""A threshold that no drill reaches."""
_THRESHOLD = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)"""
    r"""|(>=?|<=?)(\s*(?:bool\s+)?)([-+]?[0-9][0-9.]*(?:[eE][-+]?[0-9]+)?)(?![\w.])"""
)


@dataclass(frozen=True, slots=True)
class Weakness:
    """What was done to a copy, and whether the drill noticed."""

    done: str
    noticed: bool
    how: str


def rehearse(
    drill: Drill, groups: Sequence[RuleGroup], default_interval: int, started: int
) -> DrillRun:
    """The whole drill by a clock of its own, without telling anybody."""
    run = DrillRun(drill, groups, "rehearsal", started)
    step = run.interval or default_interval
    time = (started // step + 1) * step
    while run.fired is None and time <= started + drill.within:
        run.evaluate(time)
        time += step
    return run


def weaknesses_of(
    drill: Drill, groups: Sequence[RuleGroup], default_interval: int, started: int
) -> Iterator[Weakness]:
    """Remove the rule, put its threshold out of reach, stop the metric; each in a copy."""
    removed = [replace(g, rules=tuple(r for r in g.rules if r.name != drill.alert)) for g in groups]
    for done, changed, series in (
        ("the rule is removed", removed, drill.series),
        ("its threshold is out of reach", _raised(drill, groups), drill.series),
        ("the metric stops", list(groups), ()),
    ):
        if changed is None:
            continue
        run = rehearse(replace(drill, series=series), changed, default_interval, started)
        if run.fired is None:
            yield Weakness(done, True, f"the drill fails: {run.why_not()}")
        elif not series:
            yield Weakness(done, True, "the alert itself fires without the metric")
        else:
            yield Weakness(done, False, "the drill still passes")


def _raised(drill: Drill, groups: Sequence[RuleGroup]) -> list[RuleGroup] | None:
    """None where no rule of the alert compares with a number."""
    found = False
    changed = []
    for group in groups:
        rules: list[Rule] = []
        for rule in group.rules:
            if isinstance(rule, AlertingRule) and rule.alert == drill.alert:
                text = _THRESHOLD.sub(_beyond, rule.query.text)
                if text != rule.query.text:
                    try:
                        rules.append(replace(rule, query=parse(text)))
                    except ParseError:
                        return None
                    found = True
                    continue
            rules.append(rule)
        changed.append(replace(group, rules=tuple(rules)))
    return changed if found else None


def _beyond(match: re.Match[str]) -> str:
    if match[1]:
        return match[1]
    sign = "" if match[2].startswith(">") else "-"
    return f"{match[2]}{match[3]}{sign}{BEYOND:g}"
