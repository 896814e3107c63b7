"""Reading typed values out of YAML, collecting every mistake instead of the first."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from tocsin.durations import parse_duration
from tocsin.errors import ParseError, Problem, Span
from tocsin.yamlfile import YamlList, YamlMapping, YamlScalar

if TYPE_CHECKING:
    from collections.abc import Collection

    from tocsin.yamlfile import YamlNode

__all__ = ["YamlReader"]

_TRUE = frozenset({"true", "True", "TRUE", "yes", "on"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "off"})


class YamlReader:
    """One file's reading. A getter that meets a mistake notes it and answers the default."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    @property
    def failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)

    def error(self, span: Span, what: str, hint: str = "") -> None:
        self.problems.append(Problem(span, what, hint))

    def warn(self, span: Span, what: str, hint: str = "") -> None:
        self.problems.append(Problem(span, what, hint, "warning"))

    def mapping(self, node: YamlNode | None, known: Collection[str], what: str) -> YamlMapping:
        """The mapping, every key of which must be known."""
        if node is None or (isinstance(node, YamlScalar) and node.is_null):
            return YamlMapping(node.span if node else Span(), {}, {})
        if not isinstance(node, YamlMapping):
            self.error(node.span, f"{what} must be a mapping, not {kind_of(node)}")
            return YamlMapping(node.span, {}, {})
        for key in node.items:
            if key not in known:
                near = difflib.get_close_matches(key, list(known), 1)
                hint = (
                    f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
                )
                self.error(node.keys[key], f"unknown key {key!r} in {what}", hint)
        return node

    def items(self, parent: YamlMapping, key: str) -> tuple[YamlNode, ...]:
        node = parent.items.get(key)
        if node is None or (isinstance(node, YamlScalar) and node.is_null):
            return ()
        if not isinstance(node, YamlList):
            self.error(node.span, f"{key} must be a list, not {kind_of(node)}")
            return ()
        return node.items

    def strings(self, parent: YamlMapping, key: str) -> tuple[str, ...]:
        found = []
        for node in self.items(parent, key):
            if isinstance(node, YamlScalar):
                found.append(node.text)
            else:
                self.error(node.span, f"{key} must hold words, not {kind_of(node)}")
        return tuple(found)

    def string(self, parent: YamlMapping, key: str, default: str = "") -> str:
        node = self._scalar(parent, key)
        return default if node is None else node.text

    def duration(self, parent: YamlMapping, key: str, default: int) -> int:
        """Microseconds."""
        node = self._scalar(parent, key)
        if node is None:
            return default
        try:
            return parse_duration(node.text)
        except ParseError as error:
            self.error(node.span, f"{key}: {error.what}", error.hint)
            return default

    def integer(self, parent: YamlMapping, key: str, default: int, least: int = 0) -> int:
        node = self._scalar(parent, key)
        if node is None:
            return default
        try:
            value = int(node.text) if len(node.text) < 19 else -1
        except ValueError:
            self.error(node.span, f"{key} must be a whole number, not {node.text[:40]!r}")
            return default
        if value < least:
            self.error(node.span, f"{key} must be at least {least}")
            return default
        return value

    def boolean(self, parent: YamlMapping, key: str, *, default: bool) -> bool:
        node = self._scalar(parent, key)
        if node is None:
            return default
        if node.text in _TRUE or node.text in _FALSE:
            return node.text in _TRUE
        self.error(node.span, f"{key} must be true or false, not {node.text[:40]!r}")
        return default

    def string_map(self, parent: YamlMapping, key: str) -> dict[str, tuple[str, Span]]:
        """Names to texts, each with its place."""
        node = parent.items.get(key)
        if node is None or (isinstance(node, YamlScalar) and node.is_null):
            return {}
        if not isinstance(node, YamlMapping):
            self.error(node.span, f"{key} must be a mapping, not {kind_of(node)}")
            return {}
        found = {}
        for name, value in node.items.items():
            if isinstance(value, YamlScalar):
                found[name] = ("" if value.is_null else value.text, value.span)
            else:
                self.error(value.span, f"{key}.{name} must be a text, not {kind_of(value)}")
        return found

    def require(self, parent: YamlMapping, key: str, what: str) -> bool:
        node = parent.items.get(key)
        if node is None or (isinstance(node, YamlScalar) and not node.text):
            self.error(parent.span, f"{what} has no {key}", f"add `{key}:`")
            return False
        return True

    def span_of(self, parent: YamlMapping, key: str) -> Span:
        node = parent.items.get(key)
        return parent.span if node is None else node.span

    def _scalar(self, parent: YamlMapping, key: str) -> YamlScalar | None:
        node = parent.items.get(key)
        if node is None:
            return None
        if not isinstance(node, YamlScalar):
            self.error(node.span, f"{key} must be a single value, not {kind_of(node)}")
            return None
        return None if node.is_null else node


def kind_of(node: YamlNode) -> str:
    if isinstance(node, YamlMapping):
        return "a mapping"
    if isinstance(node, YamlList):
        return "a list"
    return "nothing" if node.is_null else f"{node.text[:40]!r}"
