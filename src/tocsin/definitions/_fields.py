"""Typed values out of a resource, noting every mistake and everything that is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.definitions._tree import Node, Unknown, mapping, text
from tocsin.errors import Problem

if TYPE_CHECKING:
    from tocsin.definitions._resource import Resource

__all__ = ["Fields"]

_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}
"""Those of YAML 1.1, which templates are written in, too."""


class Fields:
    """One resource being read."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.errors: list[Problem] = []
        self.unknown: list[tuple[Node, str]] = []
        """Where, and which field because of what."""

    def error(self, node: Node, what: str, hint: str = "") -> None:
        owner = f"{self.resource.kind} {self.resource.label!r}"
        self.errors.append(Problem(node.span, f"{owner}: {what}", hint))

    def note(self, node: Node, key: str, unknown: Unknown) -> None:
        if unknown.mistake:
            self.error(node, f"{key}: {unknown.reason}")
        else:
            self.unknown.append((node, f"{key}: {unknown.reason}"))

    def value(self, body: Node, key: str) -> Node | None:
        """The value, unless it is absent, empty or not known."""
        node = body.get(key)
        if node is None or node.value is None:
            return None
        if isinstance(node.value, Unknown):
            self.note(node, key, node.value)
            return None
        return node

    def text(self, body: Node, key: str, *, required: bool = False) -> str | None:
        node = self.value(body, key)
        if node is None:
            if required and not isinstance(getattr(body.get(key), "value", None), Unknown):
                self.error(body, f"{key} is missing")
            return None
        found = text(node)
        if found is None:
            self.error(node, f"{key} must be text, not {_kind(node)}")
        return found

    def words(self, body: Node, key: str) -> str | None:
        """Text for people: what is not known stays as the file refers to it."""
        node = body.get(key)
        if node is not None and isinstance(node.value, Unknown) and not node.value.mistake:
            return node.value.symbol or None
        return self.text(body, key) or None

    def number(self, body: Node, key: str) -> float | None:
        node = self.value(body, key)
        found = text(node)
        if node is None or found == "":
            return None
        try:
            number = float(found) if found is not None else None
        except ValueError:
            number = None
        if number is None or isinstance(node.value, bool):
            self.error(node, f"{key} must be a number, not {_kind(node)}")
            return None
        return number

    def integer(self, body: Node, key: str, *, required: bool = False) -> int | None:
        number = self.number(body, key)
        node = body.get(key) or body
        if number is None:
            if required and (node is body or node.value in (None, "")):
                self.error(body, f"{key} is missing")
            return None
        if number != number // 1 or abs(number) > 1e12:
            self.error(node, f"{key} must be a whole number, not {_kind(node)}")
            return None
        return int(number)

    def boolean(self, body: Node, key: str, *, default: bool) -> bool:
        node = self.value(body, key)
        if node is None or node.value == "":
            return default
        found = _BOOLEANS.get((text(node) or "").lower())
        if found is None:
            self.error(node, f"{key} must be true or false, not {_kind(node)}")
            return default
        return found

    def items(self, body: Node, key: str) -> list[Node]:
        node = self.value(body, key)
        if node is None or node.value == "":
            return []
        if not isinstance(node.value, list):
            self.error(node, f"{key} must be a list, not {_kind(node)}")
            return []
        return [each for each in node.value if each.value is not None]

    def actions(self, body: Node, key: str) -> tuple[str, ...]:
        """Whom to tell. An ARN that only the deployment makes stays a reference.

        NOTE: `terraform plan` knows no ARN of a topic that it is about to create, yet the
        alarm is complete without it; so these never make an alarm unresolved.
        """
        node = body.get(key)
        if node is None or node.value is None or node.value == "":
            return ()
        listed = node.value if isinstance(node.value, list) else [node]
        found = []
        for each in listed:
            if isinstance(each.value, Unknown):
                if each.value.mistake:
                    self.note(each, key, each.value)
                found.append(each.value.symbol or "${unknown}")
            elif (word := text(each)) is not None:
                found.append(word)
            elif each.value is not None:
                self.error(each, f"{key} must hold texts, not {_kind(each)}")
        return tuple(found)

    def pairs(self, body: Node, key: str) -> tuple[tuple[str, str], ...]:
        """Dimensions, by name: a mapping, or a list of `Name` (or `Key`) and `Value`."""
        node = self.value(body, key)
        if node is None:
            return ()
        found: list[tuple[str, str]] = []
        if isinstance(node.value, dict):
            found += [(name, self.text(node, name) or "") for name in node.value]
        else:
            for each in self.items(body, key):
                if not mapping(each):
                    self.note_or_refuse(each, key)
                    continue
                name_key = "Key" if "Key" in mapping(each) else "Name"
                name = self.text(each, name_key, required=True) or ""
                found.append((name, self.text(each, "Value", required=True) or ""))
        return tuple(sorted(found))

    def note_or_refuse(self, node: Node, key: str) -> None:
        """An entry of a list that is no mapping."""
        if isinstance(node.value, Unknown):
            self.note(node, key, node.value)
        else:
            self.error(node, f"{key} must hold mappings, not {_kind(node)}")


def _kind(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    return repr(text(node) or "")[:60]
