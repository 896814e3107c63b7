"""OSCAL 1.2.1: the period as assessment results, and the plan they follow.

Source: NIST OSCAL, assessment plan and assessment results models, version 1.2.1. OSCAL knows
`satisfied` and `not-satisfied` only: `operated` is satisfied, every other state is not, and
stands as a property and in the remarks.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from tocsin.control import State, utc
from tocsin.durations import DAY, HOUR
from tocsin.printable import printable
from tocsin.report._day import micros
from tocsin.report._draw import day_text, midnight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.report._period import Cell, ControlSeen, Head, Period

__all__ = ["NAMESPACE", "OSCAL_VERSION", "assessment_plan", "assessment_results"]

OSCAL_VERSION = "1.2.1"
NAMESPACE = "https://tocsin.invalid/ns/oscal"
"""Of our properties; it names them and leads nowhere."""
_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
_NIST = "nist-800-53-r5"
_NIST_ID = re.compile(r"([A-Z]{2})-([0-9]{1,2})(?:\(([0-9]{1,2})\))?")
_MARKUP = re.compile(r"([\\`*_\[\]<>&~^{}$])")
_GRACE = HOUR


class _Names:
    """The same days give the same UUIDs."""

    def __init__(self, period: Period) -> None:
        heads = [head.checkpoint for head in period.heads if head.checkpoint is not None]
        root = heads[-1].root.hex() if heads else ""
        self.origin = heads[-1].origin if heads else "no sealed day"
        self._head = uuid.uuid5(_SPACE, f"{root}/{period.first}/{period.last}")

    def uuid(self, path: str) -> str:
        return str(uuid.uuid5(self._head, path))

    @property
    def tool(self) -> str:
        return self.uuid("tool")


def assessment_plan(period: Period) -> bytes:
    names = _Names(period)
    ids = sorted({each for control in period.controls for each in _control_ids(control)})
    local = [control for control in period.controls if not _nist(control)]
    value: dict[str, Any] = {
        "uuid": names.uuid("plan"),
        "metadata": _metadata(period, names, "Assessment plan"),
        "import-ssp": {"href": f"#{names.uuid('system')}"},
        "local-definitions": {
            "activities": [
                {
                    "uuid": names.uuid(f"activity/{control.id}"),
                    "title": _line(control.title),
                    "description": _text(control.objective or "No objective is recorded."),
                    "props": [_prop("control", control.id)],
                    "steps": [
                        {
                            "uuid": names.uuid(f"step/{control.id}/{number}"),
                            "title": _line(name),
                            "description": _text(f"{endpoint} {query}".strip() or name),
                        }
                        for number, (name, endpoint, query) in enumerate(control.queries)
                    ]
                    or [
                        {
                            "uuid": names.uuid(f"step/{control.id}/none"),
                            "title": "Nothing",
                            "description": "No record says what is asked.",
                        }
                    ],
                }
                for control in period.controls
            ],
        },
        "reviewed-controls": _reviewed(ids),
        "assessment-subjects": [{"type": "component", "include-all": {}}],
        "assessment-assets": {
            "components": [
                {
                    "uuid": names.tool, "type": "software", "title": "Tocsin",
                    "description": "Collects, judges and seals the evidence of every day.",
                    "status": {"state": "operational"},
                }
            ],
            "assessment-platforms": [
                {"uuid": names.uuid("platform"), "title": "Tocsin",
                 "uses-components": [{"component-uuid": names.tool}]}
            ],
        },
        "tasks": [
            {
                "uuid": names.uuid(f"task/{control.id}"), "type": "action",
                "title": _line(f"Every day: {control.title}"),
                "timing": {"at-frequency": {"period": 1, "unit": "days"}},
                "associated-activities": [
                    {
                        "activity-uuid": names.uuid(f"activity/{control.id}"),
                        "subjects": [{"type": "component", "include-all": {}}],
                    }
                ],
            }
            for control in period.controls
        ],
        "back-matter": {
            "resources": [
                {
                    "uuid": names.uuid("system"), "title": "The system under assessment",
                    "description": "No system security plan is part of the evidence.",
                }
            ]
        },
    }  # fmt: skip
    if local:
        value["local-definitions"]["objectives-and-methods"] = [
            {
                "control-id": _token(control.id),
                "parts": [
                    {"id": f"{_token(control.id)}_obj", "name": "assessment-objective",
                     "prose": _text(control.objective or control.title)}
                ],
            }
            for control in local
        ]  # fmt: skip
    if not period.controls:
        for empty in ("local-definitions", "tasks"):
            del value[empty]
    return _document("assessment-plan", value)


def assessment_results(period: Period) -> bytes:
    """One result a day; in it an observation a control, and a finding for each objective."""
    names = _Names(period)
    heads = {head.day: head for head in period.heads}
    value = {
        "uuid": names.uuid("results"),
        "metadata": _metadata(period, names, "Assessment results"),
        "import-ap": {"href": f"#{names.uuid('plan-resource')}"},
        "results": [_result(period, names, day, heads.get(day)) for day in period.days],
        "back-matter": {"resources": list(_resources(period, names))},
    }
    return _document("assessment-results", value)


def _metadata(period: Period, names: _Names, what: str) -> dict[str, Any]:
    sealed = [m for head in period.heads if (m := micros(head.sealed)) is not None]
    modified = max([midnight(period.last) + DAY, *sealed])
    return {
        "title": _line(f"{what}, {day_text(period.first)} to {day_text(period.last)}"),
        "last-modified": utc(modified), "version": f"{period.first}-{period.last}",
        "oscal-version": OSCAL_VERSION,
        "parties": [
            {"uuid": names.uuid("party"), "type": "organization", "name": _value(names.origin)}
        ],
    }  # fmt: skip


def _result(period: Period, names: _Names, day: str, head: Head | None) -> dict[str, Any]:
    begin = midnight(day)
    cells = [(control, period.cells[control.id, day]) for control in period.controls]
    ids = sorted({each for control, _ in cells for each in _control_ids(control)})
    result: dict[str, Any] = {
        "uuid": names.uuid(f"result/{day}"),
        "title": f"Controls on {day_text(day)}",
        "description": _sealed(head),
        "start": utc(begin), "end": utc(begin + DAY),
        "reviewed-controls": _reviewed(ids),
    }  # fmt: skip
    if cells:
        sealed = micros(head.sealed) if head is not None else None
        result["observations"] = [
            _observation(names, control, cell, begin, sealed) for control, cell in cells
        ]
        result["findings"] = [
            found for control, cell in cells for found in _findings(names, control, cell)
        ]
    return result


def _sealed(head: Head | None) -> str:
    if head is None:
        return "The day was not sealed."
    return _text(f"Sealed, but {head.removed}") if head.removed else "Sealed."


def _observation(
    names: _Names, control: ControlSeen, cell: Cell, begin: int, sealed: int | None
) -> dict[str, Any]:
    path = f"{cell.day}/{cell.control}"
    collected = [m for run in cell.runs if (m := micros(run.collected)) is not None]
    when = collected[-1] if collected else sealed or begin + DAY
    found: dict[str, Any] = {
        "uuid": names.uuid(f"observation/{path}"),
        "title": _line(f"{control.title}: {cell.state}"),
        "description": _text("; ".join(cell.reasons) or cell.state),
        "props": [_prop("control", cell.control), _prop("state", cell.state)],
        "methods": ["TEST"],
        "types": ["control-objective"],
        "origins": [{"actors": [{"type": "tool", "actor-uuid": names.tool}]}],
        "subjects": [{"subject-uuid": names.tool, "type": "component"}],
        "collected": utc(when),
        "expires": utc(max(begin + 2 * DAY + _GRACE, when)),
    }
    if cell.runs:
        found["relevant-evidence"] = [
            {"href": f"#{names.uuid(f'resource/{run.folder}/{run.file}')}",
             "description": _text(f"Record of {run.day}, says {run.state}")}
            for run in cell.runs
        ]  # fmt: skip
    said = [f"{each.outcome}, by {each.by}: {each.text}" for each in cell.dispositions]
    if said:
        found["remarks"] = _text("Disposition: " + "; ".join(said))
    return found


def _findings(names: _Names, control: ControlSeen, cell: Cell) -> Iterator[dict[str, Any]]:
    passed = cell.state == State.OPERATED
    for control_id in _control_ids(control):
        status: dict[str, Any] = {
            "state": "satisfied" if passed else "not-satisfied",
            "reason": "pass" if passed else "other",
        }
        if not passed:
            status["remarks"] = _text(f"{cell.state}: {'; '.join(cell.reasons)}")
        yield {
            "uuid": names.uuid(f"finding/{cell.day}/{cell.control}/{control_id}"),
            "title": _line(f"{control_id}: {control.title}"),
            "description": _text(f"{control.title} on {day_text(cell.day)}: {cell.state}"),
            "props": [_prop("state", cell.state)],
            "target": {
                "type": "objective-id", "target-id": f"{control_id}_obj", "status": status,
            },
            "related-observations": [
                {"observation-uuid": names.uuid(f"observation/{cell.day}/{cell.control}")}
            ],
        }  # fmt: skip


def _resources(period: Period, names: _Names) -> Iterator[dict[str, Any]]:
    digest = hashlib.sha256(assessment_plan(period)).hexdigest()
    yield _resource(names.uuid("plan-resource"), "Assessment plan", "assessment-plan.json", digest)
    seen = set()
    for cell in period.cells.values():
        for run in cell.runs:
            path = f"{run.folder}/{run.file}"
            if path not in seen:
                seen.add(path)
                yield _resource(names.uuid(f"resource/{path}"), path, path, run.sha256)


def _resource(name: str, title: str, href: str, sha256: str) -> dict[str, Any]:
    rlink = {"href": href, "hashes": [{"algorithm": "SHA-256", "value": sha256}]}
    return {"uuid": name, "title": _line(title), "rlinks": [rlink]}


def _reviewed(ids: Iterable[str]) -> dict[str, Any]:
    chosen = [{"control-id": each} for each in ids]
    return {"control-selections": [{"include-controls": chosen} if chosen else {"include-all": {}}]}


def _control_ids(control: ControlSeen) -> tuple[str, ...]:
    return _nist(control) or (_token(control.id),)


def _nist(control: ControlSeen) -> tuple[str, ...]:
    """`si-4.5` for SI-4(5)."""
    found = []
    for each in dict(control.frameworks).get(_NIST, ()):
        match = _NIST_ID.fullmatch(each)
        if match is not None:
            found.append(f"{match[1].lower()}-{match[2]}" + (f".{match[3]}" if match[3] else ""))
    return tuple(sorted(set(found)))


def _token(text: str) -> str:
    kept = re.sub(r"[^A-Za-z0-9._-]", "_", text)
    return kept if kept[:1].isalpha() else f"control-{kept}"


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": NAMESPACE, "value": _value(value)}


def _value(text: str) -> str:
    return printable(text, 400).strip() or "none"


def _line(text: str) -> str:
    return _MARKUP.sub(r"\\\1", _value(text))


def _text(text: str) -> str:
    return _MARKUP.sub(r"\\\1", printable(text, 4000).strip() or "none")


def _document(name: str, value: dict[str, Any]) -> bytes:
    text = json.dumps({name: value}, ensure_ascii=False, sort_keys=True, indent=2)
    return f"{text}\n".encode()
