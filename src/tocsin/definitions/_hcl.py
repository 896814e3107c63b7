"""Terraform sources, as the last resort: `terraform show -json` knows more.

Each folder is a module. Variables have their defaults, or what is given; modules are not
followed, so a module's own variables without default stay open.

Source: Terraform documentation, "Configuration Language".
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from tocsin.definitions._hcl_evaluate import Instance, Module
from tocsin.definitions._hcl_parse import parse_hcl
from tocsin.definitions._terraform_names import KINDS, to_resource
from tocsin.definitions._tree import Node, Unknown
from tocsin.errors import FileErrors, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.definitions._hcl_syntax import Block
    from tocsin.definitions._resource import Reading

__all__ = ["read_hcl"]

_MAX_INSTANCES = 20_000
_HINT = "`terraform show -json` of a plan or a state resolves everything"


def read_hcl(
    sources: Sequence[tuple[str, bytes]], parameters: Mapping[str, str], reading: Reading
) -> None:
    """Read all sources that were given."""
    modules: dict[str, Module] = {}
    order: list[tuple[Module, Block]] = []
    for path, data in sources:
        module = modules.setdefault(posixpath.dirname(path), Module(parameters))
        try:
            top = parse_hcl(data, path)
        except FileErrors as error:
            reading.errors += error.problems
            continue
        order += [(module, block) for block in top.blocks if _declare(module, block, reading)]
    left = _MAX_INSTANCES
    for module, block in order:
        left -= _resource(module, block, reading, left)


def _declare(module: Module, block: Block, reading: Reading) -> bool:
    """Note a block; whether it is a resource to be read."""
    if block.type == "variable" and len(block.labels) == 1:
        module.variables.setdefault(block.labels[0], block)
    elif block.type == "locals":
        for name, expression in block.attributes.items():
            module.locals.setdefault(name, expression)
    elif block.type == "module":
        what = f"module {(block.labels or ('',))[0]!r} is not followed"
        reading.warnings.append(Problem(block.span, what, _HINT, "warning"))
    elif block.type == "resource" and len(block.labels) == 2:
        key = (block.labels[0], block.labels[1])
        if key in module.resources:
            what = f"resource {'.'.join(key)} is given twice"
            reading.errors.append(Problem(block.span, what, "keep one of them"))
            return False
        module.resources[key] = block
        return block.labels[0] in KINDS
    return False


def _resource(module: Module, block: Block, reading: Reading, left: int) -> int:
    """Add the instances of a resource; how many there are."""
    type_, address = block.labels[0], ".".join(block.labels)
    instances = module.instances(block)
    if instances is None:
        instances = [Instance()]
    elif not isinstance(instances, Unknown) and len(instances) > left:
        instances = Unknown(f"more than {_MAX_INSTANCES} instances")
    if isinstance(instances, Unknown):
        node = Node(block.span, instances)
        reading.resources.append(to_resource(type_, address, node, reading))
        return 1
    for each in instances:
        label = address
        if each.key is not None:
            label += f'["{each.key}"]' if isinstance(each.key, str) else f"[{each.key}]"
        body = module.block(block, each)
        reading.resources.append(to_resource(type_, label, body, reading))
    return len(instances)
