"""One tree for every form of definition file: values that know their place.

A value that a file leaves open is an `Unknown` in its place, so that one pass over a
resource finds all of them and nothing is taken for absent that is merely not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.errors import FileErrors, Problem, Span
from tocsin.yamlfile import YamlList, YamlScalar

if TYPE_CHECKING:
    from tocsin.yamlfile import YamlNode

__all__ = ["Node", "Unknown", "Value", "decode_json", "from_json", "from_yaml", "mapping", "text"]

MAX_DEPTH = 100
MAX_BYTES = 64 << 20
_BOOLEANS = frozenset({"True", "TRUE", "False", "FALSE"})
_BYTE = re.compile(r"\(byte (\d+)\)")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value the file does not tell."""

    reason: str
    """What cannot be resolved, and why."""
    symbol: str = ""
    """How the file refers to it, where text is enough: `${aws_sns_topic.alerts.arn}`."""
    mistake: bool = False
    """Whether no deployment could resolve it either."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands."""

    span: Span
    value: Value

    def get(self, key: str) -> Node | None:
        """The value under a key, if this is a mapping that has it."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    @property
    def absent(self) -> bool:
        return self.value is None


Value = str | int | float | bool | None | Unknown | list[Node] | dict[str, Node]


def mapping(node: Node | None) -> dict[str, Node]:
    """The entries; none if it is no mapping."""
    return node.value if node is not None and isinstance(node.value, dict) else {}


def text(node: Node | None) -> str | None:
    """A scalar as text, the way CloudFormation and Terraform turn one into the other."""
    value = None if node is None else node.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else None


def decode_json(data: bytes, path: str) -> Any:
    """Read JSON. Raises FileErrors with the place of the mistake."""
    if len(data) > MAX_BYTES:
        raise FileErrors([Problem(Span(path), f"file is larger than {MAX_BYTES >> 20} MiB")])
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise FileErrors([Problem(Span(path), "nested too deep")]) from None
    except UnicodeDecodeError:
        raise FileErrors([Problem(Span(path), "not UTF-8 text")]) from None
    except msgspec.DecodeError as error:
        found = _BYTE.search(str(error))
        at = min(int(found[1]), len(data)) if found else len(data)
        line = data.count(b"\n", 0, at) + 1
        span = Span(path, line, at - (data.rfind(b"\n", 0, at) + 1) + 1)
        what = _BYTE.sub("", str(error)).removeprefix("JSON is malformed: ").strip()
        raise FileErrors([Problem(span, f"not JSON: {what}")]) from None


def from_json(value: Any, path: str, pointer: str = "", depth: int = 0) -> Node:
    """A decoded JSON value; places are JSON pointers (RFC 6901) behind the path and `#`."""
    span = Span(f"{path}#{pointer}") if pointer else Span(path)
    if depth > MAX_DEPTH:
        raise FileErrors([Problem(span, f"nested deeper than {MAX_DEPTH} levels")])
    if isinstance(value, dict):
        items = {}
        for key, each in value.items():
            token = key.replace("~", "~0").replace("/", "~1")
            items[key] = from_json(each, path, f"{pointer}/{token}", depth + 1)
        return Node(span, items)
    if isinstance(value, list):
        return Node(
            span,
            [from_json(each, path, f"{pointer}/{i}", depth + 1) for i, each in enumerate(value)],
        )
    return Node(span, value)


def from_yaml(node: YamlNode) -> Node:
    """A YAML value; short-form tags become the long form, `!Sub x` is `{"Fn::Sub": "x"}`.

    A value is the text that CloudFormation makes of it, `True` without quotes is `true`.

    Source: CloudFormation User Guide, "Intrinsic function reference" (short form).
    """
    inner: Node
    if isinstance(node, YamlScalar):
        inner = Node(node.span, None if node.is_null and not node.tag else _written(node))
    elif isinstance(node, YamlList):
        inner = Node(node.span, [from_yaml(each) for each in node.items])
    else:
        inner = Node(node.span, {key: from_yaml(each) for key, each in node.items.items()})
    name = node.tag.removeprefix("!")
    if not name or name == node.tag or name.startswith("!"):
        return inner
    long = name if name in {"Ref", "Condition"} else f"Fn::{name}"
    return Node(node.span, {long: inner})


def _written(scalar: YamlScalar) -> str:
    # NOTE: yes and on are booleans of YAML 1.1 too, but as often names of conditions.
    return scalar.text.lower() if scalar.plain and scalar.text in _BOOLEANS else scalar.text
