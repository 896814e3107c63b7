"""What `terraform show -json` prints of a plan or a state, and the state file itself.

Source: Terraform documentation, "JSON Output Format".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.definitions._references import NOT_KNOWN, Plan
from tocsin.definitions._terraform_names import ATTRIBUTES, NAMES, to_resource
from tocsin.definitions._tree import Node, Unknown, from_json
from tocsin.errors import Problem, Span

if TYPE_CHECKING:
    from tocsin.definitions._resource import Reading

__all__ = ["form_of", "read_state_file", "read_terraform"]

_AFTER_APPLY = (
    "a plan knows an alarm by its alarm_name and a log group by its name, not by id or arn; "
    "`terraform show -json` after `terraform apply` resolves everything"
)
_TEXT_AROUND = "a plan does not tell what text stands around a reference; a state does"


def form_of(top: Any) -> str:
    """`terraform plan`, `terraform state`, `terraform state file`, or nothing."""
    if not isinstance(top, dict):
        return ""
    if isinstance(top.get("planned_values"), dict):
        return "terraform plan"
    if isinstance(top.get("values"), dict) and "format_version" in top:
        return "terraform state"
    if isinstance(top.get("resources"), list) and "terraform_version" in top:
        return "terraform state file"
    return "terraform state" if set(top) == {"format_version"} else ""


def read_terraform(top: dict[str, Any], path: str, reading: Reading) -> None:
    plan = Plan(top)
    for found in plan.resources:
        attributes = ATTRIBUTES.get(found.type)
        if attributes is None or found.mode != "managed":
            continue
        values = found.values
        node = from_json(values, path, found.pointer)
        if not isinstance(node.value, dict):
            reading.errors.append(Problem(node.span, f"{found.address}: no values"))
            continue
        own = NAMES[found.type]
        given = own in node.value
        plan.complete(found, node)
        if not given and isinstance(name := node.value.get(own, node).value, str):
            what = f"{found.address}: {own} is taken to be {name[:80]!r}, all that it refers to"
            reading.warnings.append(Problem(node.span, what, _TEXT_AROUND, "warning"))
        hint = _AFTER_APPLY if "planned_values" in top else None
        reading.resources.append(to_resource(found.type, found.address, node, reading, hint))
    if top.get("errored") is True:
        what = "the plan ended with an error, so resources may be missing"
        hint = "plan again without errors"
        reading.warnings.append(Problem(Span(path), what, hint, "warning"))


def read_state_file(top: dict[str, Any], path: str, reading: Reading) -> None:
    """terraform.tfstate, version 4: everything has a value."""
    if top.get("version") != 4:
        what = f"state file of version {str(top.get('version'))[:20]}"
        reading.errors.append(
            Problem(Span(path), what, "`terraform show -json` prints a form that is read")
        )
        return
    for number, entry in enumerate(top["resources"]):
        type_ = entry.get("type") if isinstance(entry, dict) else None
        if type_ not in ATTRIBUTES or entry.get("mode") != "managed":
            continue
        instances = entry.get("instances")
        for index, instance in enumerate(instances if isinstance(instances, list) else ()):
            pointer = f"/resources/{number}/instances/{index}/attributes"
            if isinstance(instance, dict) and instance.get("deposed"):
                continue  # replaced, and only not deleted yet
            attributes = instance.get("attributes") if isinstance(instance, dict) else None
            node = from_json(attributes, path, pointer)
            module = f"{entry['module']}." if isinstance(entry.get("module"), str) else ""
            label = f"{module}{type_}.{entry.get('name')}{_index(instance)}"
            if not isinstance(node.value, dict):
                node = Node(node.span, Unknown(NOT_KNOWN))
            reading.resources.append(to_resource(type_, label, node, reading))


def _index(instance: Any) -> str:
    key = instance.get("index_key") if isinstance(instance, dict) else None
    if key is None:
        return ""
    return f'["{key}"]' if isinstance(key, str) else f"[{key}]"
