"""CloudFormation templates are not read yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.definitions._resource import Reading
    from tocsin.definitions._tree import Node

__all__ = ["is_template", "read_template"]


def is_template(_top: Any) -> bool:
    return False


def read_template(_tree: Node, _parameters: Mapping[str, str], _reading: Reading) -> None:
    """Nothing yet."""
