"""YAML with places: every value knows its line and column.

Guards against hostile files: size, depth, and the number of nodes after aliases
are bounded; only strings, lists and mappings come out, nothing is constructed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from tocsin.errors import FileErrors, Problem, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["YamlList", "YamlMapping", "YamlNode", "YamlScalar", "read_yaml", "read_yaml_documents"]

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_BYTES = 8 << 20
_MAX_DEPTH = 60
_MAX_NODES = 500_000
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """A scalar as written."""

    span: Span
    text: str
    plain: bool
    """Whether it was written without quotes, so that `1`, `true` and `null` mean themselves."""
    tag: str = ""
    """As written, `!Ref`; it is for the reader of the file to give it a meaning."""

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class YamlList:
    """A sequence."""

    span: Span
    items: tuple[YamlNode, ...]
    tag: str = ""


@dataclass(frozen=True, slots=True)
class YamlMapping:
    """A mapping with string keys."""

    span: Span
    items: dict[str, YamlNode]
    keys: dict[str, Span]
    """Where each key stands."""
    tag: str = ""


YamlNode = YamlScalar | YamlList | YamlMapping


def read_yaml(text: str | bytes, path: str) -> YamlNode:
    """The first document; an empty one is a null scalar. Raises FileErrors."""
    return next(read_yaml_documents(text, path), YamlScalar(Span(path, 1, 1), "", plain=True))


def read_yaml_documents(text: str | bytes, path: str) -> Iterator[YamlNode]:
    """Each document of a file. Raises FileErrors with the place of the mistake."""
    if len(text) > _MAX_BYTES:
        raise _failure(Span(path), f"file is larger than {_MAX_BYTES >> 20} MiB")
    return _Builder(_decode(text, path) if isinstance(text, bytes) else text, path).documents()


def _decode(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _failure(Span(path, line), "not UTF-8 text") from None


def _failure(span: Span, what: str, hint: str = "") -> FileErrors:
    return FileErrors([Problem(span, what, hint)])


class _Builder:
    """Turns parser events into nodes, counting as it goes."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.nodes = 0
        self.anchors: dict[str, tuple[YamlNode, int]] = {}
        self.text = text

    def documents(self) -> Iterator[YamlNode]:
        try:
            self.events = yaml.parse(self.text, Loader=_LOADER)
            for event in self.events:
                if isinstance(event, yaml.DocumentStartEvent):
                    self.anchors.clear()
                    yield self._node(next(self.events), 0)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            span = Span(self.path, mark.line + 1, mark.column + 1) if mark else Span(self.path)
            raise _failure(span, f"not YAML: {error.problem or error.context}") from None
        except yaml.YAMLError as error:
            what = " ".join(str(error).split())
            raise _failure(Span(self.path), f"not YAML: {what}") from None

    def _span(self, event: yaml.Event) -> Span:
        mark = event.start_mark
        return Span(self.path, mark.line + 1, mark.column + 1) if mark else Span(self.path)

    def _node(self, event: yaml.Event, depth: int) -> YamlNode:
        span = self._span(event)
        self._count(1, span)
        if depth > _MAX_DEPTH:
            raise _failure(span, f"nested deeper than {_MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            found = self.anchors.get(event.anchor or "")
            if found is None:
                raise _failure(span, f"unknown alias *{event.anchor}")
            # Copies count in full: eight lines of aliases can stand for millions of nodes.
            self._count(found[1], span)
            return found[0]
        before = self.nodes
        tag = getattr(event, "tag", None) or ""
        node: YamlNode
        if isinstance(event, yaml.ScalarEvent):
            node = YamlScalar(span, event.value, plain=event.style in (None, ""), tag=tag)
        elif isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(following := next(self.events), yaml.SequenceEndEvent):
                items.append(self._node(following, depth + 1))
            node = YamlList(span, tuple(items), tag)
        else:
            node = self._mapping(span, depth, tag)
        anchor = getattr(event, "anchor", None)
        if anchor:
            self.anchors[anchor] = (node, self.nodes - before + 1)
        return node

    def _mapping(self, span: Span, depth: int, tag: str) -> YamlMapping:
        items: dict[str, YamlNode] = {}
        keys: dict[str, Span] = {}
        merged: list[YamlMapping] = []
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key, value = self._node(event, depth + 1), self._node(next(self.events), depth + 1)
            if not isinstance(key, YamlScalar):
                raise _failure(key.span, "a mapping's key must be a word")
            if key.text == "<<" and key.plain:
                parts = value.items if isinstance(value, YamlList) else (value,)
                merged += [part for part in parts if isinstance(part, YamlMapping)]
                continue
            if key.text in items:
                first = keys[key.text]
                what = f"key {key.text!r} is given twice, first in line {first.line}"
                raise _failure(key.span, what, "keep one of them")
            items[key.text], keys[key.text] = value, key.span
        for part in merged:
            for name, value in part.items.items():
                if name not in items:
                    items[name], keys[name] = value, part.keys[name]
        return YamlMapping(span, items, keys, tag)

    def _count(self, more: int, span: Span) -> None:
        self.nodes += more
        if self.nodes > _MAX_NODES:
            raise _failure(span, f"more than {_MAX_NODES:,} values", "are there nested aliases?")
