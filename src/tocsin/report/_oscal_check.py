"""What the OSCAL schema does not look at: whether one part of the documents fits the other."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tocsin.report._oscal import OSCAL_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_oscal"]

_METHODS = {"EXAMINE", "INTERVIEW", "TEST", "UNKNOWN"}
_OBJECTIVE = re.compile(r"[a-z]{2}-[0-9]{1,2}(?:\.[0-9]{1,2})?_obj(?:\.[a-z0-9.-]+)?")


def check_oscal(plan: bytes, results: bytes) -> list[str]:
    """Every reference that leads nowhere, and every value that can't be; empty if all is well."""
    made = json.loads(plan)["assessment-plan"]
    found = json.loads(results)["assessment-results"]
    return [*_documents(made, found), *_results(made, found)]


def _documents(plan: dict[str, Any], results: dict[str, Any]) -> Iterator[str]:
    for name, each in (("assessment-plan", plan), ("assessment-results", results)):
        version = each["metadata"]["oscal-version"]
        if version != OSCAL_VERSION:
            yield f"{name}: OSCAL version {version!r}, not {OSCAL_VERSION}"
        counts = Counter(u for u in _values(each, "uuid"))
        yield from (f"{name}: UUID {u} is given {n} times" for u, n in counts.items() if n > 1)
        resources = _uuids(each.get("back-matter", {}).get("resources", []))
        for href in _values(each, "href"):
            if href.startswith("#") and href[1:] not in resources:
                yield f"{name}: {href} is no resource"
    activities = _uuids(plan.get("local-definitions", {}).get("activities", []))
    for activity in set(_values(plan, "activity-uuid")) - activities:
        yield f"assessment-plan: {activity} is no activity"
    components = _uuids(plan["assessment-assets"].get("components", []))
    for component in set(_values(plan, "component-uuid")) - components:
        yield f"assessment-plan: {component} is no component"
    for key in ("actor-uuid", "subject-uuid"):
        for component in sorted(set(_values(results, key)) - components):
            yield f"assessment-results: {key} {component} is no component of the plan"


def _results(plan: dict[str, Any], results: dict[str, Any]) -> Iterator[str]:
    planned = set(_values(plan["reviewed-controls"], "control-id"))
    local = {part["id"] for part in _parts(plan)}
    for result in results["results"]:
        where = result["title"]
        if _moment(result["end"]) < _moment(result["start"]):
            yield f"{where}: ends before it starts"
        for control in set(_values(result["reviewed-controls"], "control-id")) - planned:
            yield f"{where}: control {control} is not in the plan"
        for each in result.get("observations", []):
            for method in set(each["methods"]) - _METHODS:
                yield f"{where}: unknown method {method!r}"
            if "expires" in each and _moment(each["expires"]) < _moment(each["collected"]):
                yield f"{where}: an observation expires before it was collected"
        known = _uuids(result.get("observations", []))
        for each in result.get("findings", []):
            for related in each.get("related-observations", []):
                if related["observation-uuid"] not in known:
                    yield f"{where}: finding on unknown observation {related['observation-uuid']}"
            target = each["target"]["target-id"]
            control = target.partition("_obj")[0]
            if target not in local and not (_OBJECTIVE.fullmatch(target) and control in planned):
                yield f"{where}: unknown objective {target!r}"


def _parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in plan.get("local-definitions", {}).get("objectives-and-methods", []):
        yield from each["parts"]


def _uuids(items: list[dict[str, Any]]) -> set[str]:
    return {each["uuid"] for each in items}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _values(value: Any, key: str) -> Iterator[str]:
    """Every text under `key`, wherever it is."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name == key and isinstance(each, str):
                yield each
            else:
                yield from _values(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from _values(each, key)
