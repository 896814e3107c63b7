"""Templates of labels and annotations: data only, bounded in time and output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.errors import ParseError, QueryError, TocsinError
from tocsin.rules._gofmt import format_value
from tocsin.rules._template_functions import FUNCTIONS, Context, Element, Record, truth
from tocsin.rules._template_syntax import (
    Action,
    Branch,
    Call,
    Chain,
    Constant,
    Dot,
    Operand,
    Pipeline,
    Text,
    Variable,
    parse_template,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.rules._template_syntax import Node

__all__ = ["Template"]

_MAX_OUTPUT = 65_536
_MAX_STEPS = 20_000
_GIVEN = frozenset({"$", "$labels", "$value", "$externalLabels", "$externalURL"})


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. Raises ParseError or UnsupportedError when made of bad text."""

    text: str
    _nodes: tuple[Node, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        plain = "{{" not in self.text
        nodes = (Text(self.text),) if plain else parse_template(self.text, FUNCTIONS)
        _check_variables(nodes, _GIVEN)
        object.__setattr__(self, "_nodes", nodes)

    def render(self, context: Context) -> str:
        """The text; where the template fails, a text that says so, as Prometheus does."""
        if "{{" not in self.text:
            return self.text
        run = _Run(context)
        try:
            run.block(self._nodes, context.dot())
        except TocsinError as error:
            return f"<error expanding template: {error.what}>"
        except RecursionError:
            return "<error expanding template: nested too deeply>"
        return "".join(run.output)

    @property
    def uses_value(self) -> bool:
        """Whether the text reads the expression's value."""
        return "{{" in self.text and any(_reads_value(node) for node in self._nodes)


def _check_variables(nodes: Sequence[Node], known: frozenset[str]) -> None:
    """Raise ParseError for a variable that nothing declares, as Go does before it renders."""
    for node in nodes:
        if isinstance(node, Action):
            known = _declared(node.pipeline, known)
        elif isinstance(node, Branch):
            inner = _declared(node.pipeline, known)
            _check_variables(node.body, inner)
            _check_variables(node.other, inner)


def _declared(pipeline: Pipeline, known: frozenset[str]) -> frozenset[str]:
    waiting: list[Operand] = list(pipeline.commands)
    used = set(pipeline.declare) if pipeline.assign else set()
    while waiting:
        operand = waiting.pop()
        if isinstance(operand, Variable):
            used.add(operand.name)
        elif isinstance(operand, Chain):
            waiting.append(operand.operand)
        elif isinstance(operand, Call):
            waiting.extend(operand.arguments)
        elif isinstance(operand, Pipeline):
            _declared(operand, known)
    unknown = sorted(used - known)
    if unknown:
        raise ParseError(f"undefined variable {unknown[0]} in template")
    return known | frozenset(pipeline.declare)


def _reads_value(node: Node | Operand) -> bool:
    if isinstance(node, Variable):
        return node.name == "$value"
    if isinstance(node, Chain):
        return node.fields[0] == "Value" or _reads_value(node.operand)
    if isinstance(node, Call):
        return any(_reads_value(argument) for argument in node.arguments)
    if isinstance(node, Pipeline):
        return any(_reads_value(command) for command in node.commands)
    if isinstance(node, Action):
        return _reads_value(node.pipeline)
    if isinstance(node, Branch):
        parts: Sequence[Node | Operand] = (node.pipeline, *node.body, *node.other)
        return any(_reads_value(part) for part in parts)
    return False


class _Run:
    """One rendering."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.output: list[str] = []
        self.size = 0
        self.steps = 0
        self.scopes: list[dict[str, object]] = [context.variables()]

    def block(self, nodes: tuple[Node, ...], dot: object) -> None:
        self.scopes.append({})
        for node in nodes:
            if isinstance(node, Text):
                self._write(node.text)
            elif isinstance(node, Action):
                value = self._pipeline(node.pipeline, dot)
                if not node.pipeline.declare:
                    self._write(format_value(value))
            else:
                self._branch(node, dot)
        self.scopes.pop()

    def _write(self, text: str) -> None:
        self.size += len(text)
        if self.size > _MAX_OUTPUT:
            raise QueryError(f"output longer than {_MAX_OUTPUT:,} characters")
        self.output.append(text)

    def _branch(self, node: Branch, dot: object) -> None:
        self.scopes.append({})
        value = self._pipeline(node.pipeline, dot)
        if node.kind == "range":
            names, any_item = node.pipeline.declare, False
            for key, item in _items(value):
                any_item = True
                if names:
                    self.scopes[-1][names[-1]] = item
                    if len(names) == 2:
                        self.scopes[-1][names[0]] = key
                self.block(node.body, item)
            if not any_item:
                self.block(node.other, dot)
        elif truth(value):
            self.block(node.body, value if node.kind == "with" else dot)
        else:
            self.block(node.other, dot)
        self.scopes.pop()

    def _pipeline(self, pipeline: Pipeline, dot: object) -> object:
        first = pipeline.commands[0]
        if isinstance(first, Constant) and first.value is None:
            raise QueryError("nil is not a command")
        value = self._operand(first, dot)
        for command in pipeline.commands[1:]:
            value = self._operand(command, dot, piped=(value,))
        if len(pipeline.declare) == 1:
            name = pipeline.declare[0]
            scope = self.scopes[-1]
            if pipeline.assign:
                scope = next((s for s in reversed(self.scopes) if name in s), scope)
            scope[name] = value
        return value

    def _operand(self, operand: Operand, dot: object, piped: tuple[object, ...] = ()) -> object:
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise QueryError("template takes too many steps")
        if isinstance(operand, Constant):
            return operand.value
        if isinstance(operand, Dot):
            return dot
        if isinstance(operand, Variable):
            for scope in reversed(self.scopes):
                if operand.name in scope:
                    return scope[operand.name]
            raise QueryError(f"undefined variable {operand.name}")
        if isinstance(operand, Pipeline):
            return self._pipeline(operand, dot)
        if isinstance(operand, Chain):
            value = self._operand(operand.operand, dot)
            for name in operand.fields:
                value = _field(value, name)
            return value
        arguments = [self._operand(argument, dot) for argument in operand.arguments]
        return FUNCTIONS[operand.function](self.context, *arguments, *piped)


def _items(value: object) -> Iterator[tuple[object, object]]:
    if isinstance(value, dict):
        return iter(sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return iter(enumerate(value))
    if value is None:
        return iter(())
    raise QueryError(f"range can't iterate over {format_value(value)}")


def _field(value: object, name: str) -> object:
    if isinstance(value, dict) and (name in value or not isinstance(value, Record)):
        # A label that is not there reads as empty, as in Prometheus.
        return value.get(name, "")
    if isinstance(value, Element) and name in {"Labels", "Value"}:
        return value.labels if name == "Labels" else value.value
    raise QueryError(f"can't evaluate field {name}")
