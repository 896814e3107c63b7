"""Query text to a compiled query."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import promql_parser

from tocsin.errors import ParseError, Span, TocsinError
from tocsin.labels import METRIC_NAME, MatchOp
from tocsin.promql._compile import compile_tree
from tocsin.promql._functions import FUNCTIONS
from tocsin.promql._guard import check_text
from tocsin.promql._nodes import (
    Aggregate,
    Binary,
    Call,
    Kind,
    Negate,
    Range,
    Selector,
    Subquery,
    kind_of,
)
from tocsin.promql._rewrite import Grid, name_newer_syntax, rewritten
from tocsin.promql._scope import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.promql._nodes import Node

__all__ = ["Query", "parse", "stepped"]


@dataclass(frozen=True, slots=True)
class Query:
    """A query that has been read, checked and compiled."""

    text: str
    """As it was written."""
    node: Node
    """The compiled tree; how it looks is up to the evaluator."""
    kind: Kind
    """What it yields."""
    selectors: tuple[Selector, ...]
    """Every selector in it, from left to right."""
    look_back: int
    """How far back from the evaluation time it reads, in microseconds.

    An instant selector counts with a lookback of 5 minutes. Times fixed by @ do not
    count: see `absolute`.
    """
    absolute: bool
    """Whether @ fixes a time in it that does not move with the evaluation."""
    stepped: bool = False
    """Whether durations in it depend on the step or the range of a range query."""

    @property
    def metrics(self) -> frozenset[str]:
        """The metric names that its selectors ask for by equality."""
        return frozenset(
            matcher.value
            for selector in self.selectors
            for matcher in selector.matchers
            if matcher.name == METRIC_NAME and matcher.op is MatchOp.EQUAL
        )

    @property
    def bare_selectors(self) -> tuple[str, ...]:
        """Selectors that are not those of a range: they look back over gaps."""
        found, waiting = [], [self.node]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Selector):
                found.append(str(node))
            elif not isinstance(node, Range):
                waiting.extend(reversed(children(node)))
        return tuple(found)

    def __str__(self) -> str:
        return self.text

    @property
    def is_selector(self) -> bool:
        """Whether it is a bare instant selector."""
        return isinstance(self.node, Selector)


def parse(text: str, *, path: str = "", line: int = 0) -> Query:
    """Read a query. Raises ParseError, or UnsupportedError for what Tocsin refuses."""
    span = Span(path, line) if path or line else None
    try:
        return _read(text, Grid(known=False))
    except TocsinError as error:
        error.span = error.span or span
        raise
    except RecursionError:
        raise ParseError(
            "query nested too deeply", hint="split it with a recording rule", span=span
        ) from None


@lru_cache(maxsize=64)
def stepped(text: str, step: int, span: int) -> Query:
    """The query for a range of so many microseconds with such a step."""
    return _read(text, Grid(step / 1e6, span / 1e6))


def _read(text: str, grid: Grid) -> Query:
    check_text(text)
    node = compile_tree(_tree(rewritten(text, grid)))
    nodes = tuple(_walk(node))
    return Query(
        text,
        node,
        kind_of(node),
        tuple(each for each in nodes if isinstance(each, Selector)),
        max(0, _reach(node)),
        any(isinstance(each, Selector | Subquery) and isinstance(each.at, int) for each in nodes),
        grid.asked,
    )


def _tree(text: str) -> promql_parser.Expr:
    try:
        return promql_parser.parse(text)
    except (ValueError, TypeError, OverflowError) as error:
        newer = name_newer_syntax(text)
        raise newer or _explained(str(error)) from None
    except BaseException as error:
        # The parser's own crashes do not derive from Exception.
        if type(error).__name__ == "PanicException":
            raise ParseError("the PromQL parser failed on this query") from None
        raise


def _explained(message: str) -> ParseError:
    """The parser's message with the next step, where there is one."""
    if message == "invalid promql query":
        return ParseError("not a PromQL query", hint="is an operand or a closing bracket missing?")
    wanted = re.match(r"expected type (\w+) in call to function '(\w+)', got (\w+)", message)
    if wanted and wanted[1] == "matrix":
        return ParseError(message, hint=f"give it a range, for example {wanted[2]}(x[5m])")
    if wanted and wanted[3] == "matrix":
        return ParseError(message, hint="take the range in [] away, or aggregate over it first")
    unknown = re.match(r"unknown function with name '(\w+)'", message)
    near = difflib.get_close_matches(unknown[1], FUNCTIONS, 1) if unknown else []
    hint = f"did you mean {near[0]!r}?" if near else "Tocsin speaks PromQL of Prometheus 3.5"
    return ParseError(message, hint=hint)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes below, from left to right."""
    match node:
        case Range():
            return (node.selector,)
        case Subquery() | Negate():
            return (node.inner,)
        case Binary():
            return (node.left, node.right)
        case Aggregate():
            return (node.inner,) if node.param is None else (node.param, node.inner)
        case Call():
            return node.args
        case _:
            return ()


def _walk(node: Node) -> Iterator[Node]:
    """Every node, from left to right, parents first."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(reversed(children(each)))


def _reach(node: Node) -> int:
    """How far back the node reads from its evaluation time."""
    match node:
        case Selector():
            return node.offset + Options().lookback
        case Range():
            return node.selector.offset + node.width
        case Subquery():
            return node.offset + node.width + _reach(node.inner)
        case _:
            return max((_reach(each) for each in children(node)), default=0)
