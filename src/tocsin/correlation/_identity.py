"""Whether a rule is the same as before a restart: what it asks, not how it is written."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.correlation._model import RuleSet

__all__ = ["identities"]


def identities(rules: RuleSet) -> tuple[list[str], list[str]]:
    """One text for each detection and each correlation, the same for the same rule.

    A correlation is another if a rule that it refers to is.
    """
    known: dict[str, str] = {}
    for rule in rules.detections:
        asked = [(each.names, each.what) for each in rule.atoms]
        known[rule.name] = _digest(rule.name, asked, rule.expression)
    for plan in rules.correlations:
        known[plan.name] = _digest(
            plan.name, plan.kind, [known[each] for each in plan.rules], plan.group_by, plan.keys,
            plan.timespan, plan.test, plan.value, plan.expression,
        )  # fmt: skip
    return (
        [known[each.name] for each in rules.detections],
        [known[each.name] for each in rules.correlations],
    )


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=12).hexdigest()
