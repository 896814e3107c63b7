"""What a reader of one form hands over: resources with the field names of the AWS API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tocsin.definitions._tree import Node
    from tocsin.errors import Problem

__all__ = ["Kind", "Reading", "Resource"]

Kind = Literal["metric filter", "alarm", "composite alarm"]


@dataclass(frozen=True, slots=True)
class Resource:
    """One metric filter or alarm, not checked yet."""

    kind: Kind
    label: str
    """What the file calls it: an address, a logical id, or its name."""
    body: Node
    """Fields of the CloudWatch API in its own spelling, whatever the file's was."""
    hint: str = "`terraform show -json` of a plan or a state resolves everything"
    """Where to get it in full if something in it is not known."""


@dataclass(slots=True)
class Reading:
    """What was found so far."""

    resources: list[Resource] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    unresolved: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
