"""Rules that are to tell nobody, while all others stay as they are.

What another rule in force counts or waits for is still held against events: a break-in after a
brute force is found whether or not the brute force is an alert of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tocsin.correlation._model import Correlation, Detection, RuleSet

__all__ = ["rules_called", "switch_off"]


def rules_called(rules: RuleSet, folder: str) -> dict[str, set[str]]:
    """What the rules of a folder's files may be called, and whom that means.

    A rule by its name, its id or its title; all rules of a file by the file's name.
    """
    found: dict[str, set[str]] = {}
    ids: Mapping[str, str] = {name: given for given, name in rules.names.items() if given != name}
    every: list[Detection | Correlation] = [*rules.detections, *rules.correlations]
    for each in every:
        path = each.span.path
        if path.startswith(f"{folder}/"):
            stem = path.rpartition("/")[2].rpartition(".")[0]
            for called in {each.name, each.title, stem, ids.get(each.name, each.name)}:
                found.setdefault(called, set()).add(each.name)
    return found


def switch_off(rules: RuleSet, names: Collection[str]) -> RuleSet:
    """The rules without those named; one that others refer to is no alert by itself."""
    correlations = [
        replace(each, alone=each.alone and each.name not in names) for each in rules.correlations
    ]
    kept: dict[str, Correlation] = {}
    needed: set[str] = set()
    # Those referred to come before those that refer.
    for each in reversed(correlations):
        if each.alone or each.name in needed:
            kept[each.name] = each
            needed.update(each.rules)
    detections: list[Detection] = []
    for rule in rules.detections:
        alone = rule.alone and rule.name not in names
        if alone or rule.name in needed:
            detections.append(replace(rule, alone=alone))
    return replace(
        rules,
        detections=tuple(detections),
        correlations=tuple(each for each in correlations if each.name in kept),
    )
