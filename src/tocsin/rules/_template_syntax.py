"""The syntax of annotation templates: the part of Go's text/template that rule files use.

Source: documentation of Go's package `text/template`, sections "Actions", "Arguments",
"Pipelines" and "Variables".
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.errors import ParseError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = [
    "Action",
    "Branch",
    "Call",
    "Chain",
    "Constant",
    "Dot",
    "Node",
    "Operand",
    "Pipeline",
    "Text",
    "Variable",
    "parse_template",
]

_MAX_LENGTH = 16_384
_MAX_DEPTH = 40
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    |(?P<char>'(?:[^'\\\n]|\\.)+')
    |(?P<number>[-+]?(?:0[xX][0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+))
    |(?P<field>\.[A-Za-z_][A-Za-z0-9_]*)
    |(?P<variable>\$[A-Za-z0-9_]*)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<mark>:=|[=|().,])""",
    re.VERBOSE,
)
_ACTION = re.compile(r"\{\{(-(?=\s))?(.*?)((?<=\s)-)?\}\}", re.DOTALL)
_REFUSED = {"define", "template", "block"}


@dataclass(frozen=True, slots=True)
class Constant:
    """A string, a number, true, false or nil."""

    value: object


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`: the current value."""


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """`operand.Field.Field`."""

    operand: Operand
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands of which each gets the value of the one before as last argument."""

    commands: tuple[Operand, ...]
    declare: tuple[str, ...] = ()
    assign: bool = False


Operand = Constant | Dot | Variable | Chain | Call | Pipeline


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """`{{ pipeline }}`."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`, `with` or `range`."""

    kind: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    other: tuple[Node, ...]


Node = Text | Action | Branch


def parse_template(text: str, functions: Collection[str]) -> tuple[Node, ...]:
    """The template's tree. Raises ParseError, or UnsupportedError naming the construct."""
    if len(text) > _MAX_LENGTH:
        raise ParseError(f"template is longer than {_MAX_LENGTH:,} characters")
    pieces = list(_pieces(text))
    nodes, rest, ended = _block(pieces, 0, functions, 0)
    if ended:
        raise ParseError(f"unexpected {{{{{ended}}}}} in template")
    if rest != len(pieces):
        raise ParseError("template ends too early")
    return nodes


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """('text', ...) and ('action', ...) in order, white space trimmed where `-` says so."""
    position, trim = 0, False
    while True:
        opening = text.find("{{", position)
        if opening < 0:
            rest = text[position:]
            yield "text", rest.lstrip() if trim else rest
            return
        closing = _end_of_action(text, opening)
        before, inner = text[position:opening], text[opening + 2 : closing]
        if trim:
            before = before.lstrip()
        if re.match(r"-\s", inner):
            before, inner = before.rstrip(), inner[1:]
        trim = bool(re.search(r"\s-$", inner))
        if trim:
            inner = inner[:-1]
        if before:
            yield "text", before
        if not inner.strip().startswith("/*"):
            yield "action", inner
        position = closing + 2


def _end_of_action(text: str, opening: int) -> int:
    """Where `}}` stands, not counting those inside strings and comments."""
    position = opening + 2
    comment = re.compile(r"-?\s*/\*").match(text, position)
    if comment:
        end = text.find("*/", comment.end())
        closing = text.find("}}", end) if end >= 0 else -1
        if closing < 0:
            raise ParseError("unclosed comment in template", hint="close it with */}}")
        return closing
    while position < len(text):
        if text.startswith("}}", position):
            return position
        if text[position] in "\"`'":
            token = _TOKEN.match(text, position)
            position = token.end() if token else position + 1
        else:
            position += 1
    raise ParseError("unclosed action in template", hint="close it with }}")


def _block(
    pieces: list[tuple[str, str]], at: int, functions: Collection[str], depth: int
) -> tuple[tuple[Node, ...], int, str]:
    """Nodes up to `end` or `else`; the index after it; and what ended the block."""
    if depth > _MAX_DEPTH:
        raise ParseError(f"template is nested deeper than {_MAX_DEPTH} levels")
    nodes: list[Node] = []
    while at < len(pieces):
        kind, inner = pieces[at]
        at += 1
        if kind == "text":
            nodes.append(Text(inner))
            continue
        word = inner.split(None, 1)[0] if inner.split() else ""
        if word in {"end", "else"}:
            return tuple(nodes), at, inner.strip()
        if word in _REFUSED:
            raise UnsupportedError(
                f"template action {{{{{word}}}}} is not supported",
                hint="write the text where it is used",
            )
        if word in {"if", "with", "range"}:
            branch, at = _branch(word, inner, pieces, at, functions, depth)
            nodes.append(branch)
        else:
            nodes.append(Action(_PipelineParser(inner, functions).whole()))
    return tuple(nodes), at, ""


def _branch(
    kind: str,
    head: str,
    pieces: list[tuple[str, str]],
    at: int,
    functions: Collection[str],
    depth: int,
) -> tuple[Branch, int]:
    pipeline = _PipelineParser(head.split(None, 1)[1:], functions).whole()
    body, at, ended = _block(pieces, at, functions, depth + 1)
    other: tuple[Node, ...] = ()
    if ended.startswith("else "):
        inner = ended.split(None, 1)[1]
        follow = inner.split(None, 1)[0]
        if follow not in {"if", "with"}:
            raise ParseError(f"unexpected {{{{{ended}}}}} in template")
        nested, at = _branch(follow, inner, pieces, at, functions, depth + 1)
        return Branch(kind, pipeline, body, (nested,)), at
    if ended == "else":
        other, at, ended = _block(pieces, at, functions, depth + 1)
    if ended != "end":
        raise ParseError(f"{{{{{kind}}}}} without {{{{end}}}} in template")
    return Branch(kind, pipeline, body, other), at


class _PipelineParser:
    """Recursive descent over the tokens of one action."""

    def __init__(self, source: str | list[str], functions: Collection[str]) -> None:
        text = source if isinstance(source, str) else " ".join(source)
        self.functions = functions
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ParseError(
                    f"unexpected {text[position]!r} in template action {text.strip()!r}"
                )
            self.tokens.append((match.lastgroup or "", match.group()))
            position = match.end()
        self.text = text.strip()
        self.at = 0
        self.depth = 0

    def whole(self) -> Pipeline:
        pipeline = self._pipeline()
        if self.at != len(self.tokens):
            raise ParseError(f"unexpected {self._peek()[1]!r} in template action {self.text!r}")
        return pipeline

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self.at += 1
        return token

    def _skip_space(self) -> None:
        while self._peek()[0] == "space":
            self.at += 1

    def _declaration(self) -> tuple[tuple[str, ...], bool]:
        """`$x :=`, `$x =` or `$i, $x :=` at the start, if there."""
        text = self.tokens[self.at :]
        words = [token for token in text if token[0] != "space"][:4]
        kinds = [kind for kind, _ in words]
        marks = [mark for _, mark in words]
        for count, shape in ((1, ["variable", "mark"]), (2, ["variable", "mark"] * 2)):
            if kinds[: 2 * count] == shape and marks[2 * count - 1] in {":=", "="}:
                if count == 2 and marks[1] != ",":
                    continue
                last = marks[2 * count - 1]
                while self._next()[1] != last:
                    pass
                return tuple(marks[0 : 2 * count : 2]), last == "="
        return (), False

    def _pipeline(self) -> Pipeline:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ParseError(f"template is nested deeper than {_MAX_DEPTH} levels")
        self._skip_space()
        declare, assign = self._declaration()
        commands = [self._command()]
        while self._peek()[1] == "|":
            self._next()
            commands.append(self._command())
        self.depth -= 1
        for later in commands[1:]:
            if not isinstance(later, Call):
                raise ParseError(f"only a function can follow | in template action {self.text!r}")
        return Pipeline(tuple(commands), declare, assign)

    def _command(self) -> Operand:
        self._skip_space()
        kind, word = self._peek()
        if kind == "word" and word not in {"true", "false", "nil"}:
            self._next()
            if word not in self.functions:
                raise UnsupportedError(f"template function {word!r} is not supported")
            arguments = []
            while self._at_operand():
                arguments.append(self._operand())
            return Call(word, tuple(arguments))
        operand = self._operand()
        if self._at_operand():
            raise ParseError(f"{word!r} takes no arguments in template action {self.text!r}")
        return operand

    def _at_operand(self) -> bool:
        self._skip_space()
        kind, mark = self._peek()
        return kind != "end" and mark not in {"|", ")", ",", "=", ":="}

    def _operand(self) -> Operand:
        self._skip_space()
        kind, text = self._next()
        operand: Operand
        if kind == "string":
            operand = Constant(text[1:-1] if text[0] == "`" else _unquote(text))
        elif kind == "char":
            operand = Constant(ord(_unquote(f'"{text[1:-1]}"')[:1] or "\0"))
        elif kind == "number":
            operand = Constant(_number(text))
        elif kind == "variable":
            operand = Variable(text)
        elif kind == "field":
            operand = Chain(Dot(), (text[1:],))
        elif text == ".":
            operand = Dot()
        elif text == "(":
            operand = self._pipeline()
            self._skip_space()
            if self._next()[1] != ")":
                raise ParseError(f"unclosed ( in template action {self.text!r}")
        elif kind == "word" and text in {"true", "false", "nil"}:
            operand = Constant({"true": True, "false": False, "nil": None}[text])
        elif kind == "word" and text in self.functions:
            operand = Call(text, ())
        elif kind == "word":
            raise UnsupportedError(f"template function {text!r} is not supported")
        else:
            raise ParseError(f"unexpected {text or 'end'!r} in template action {self.text!r}")
        fields = []
        while self._peek()[0] == "field":
            fields.append(self._next()[1][1:])
        return Chain(operand, tuple(fields)) if fields else operand


def _unquote(text: str) -> str:
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        raise ParseError(f"bad string {text} in template") from None


def _number(text: str) -> int | float:
    plain = text.replace("_", "")
    try:
        return int(plain, 0)
    except ValueError:
        return float(plain)
