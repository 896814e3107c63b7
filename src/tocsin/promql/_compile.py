"""From the parser's tree to ours; what Tocsin does not evaluate is refused here, by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

import promql_parser as parser

from tocsin.errors import ParseError, QueryError, UnsupportedError
from tocsin.labels import METRIC_NAME, Matcher, MatchOp
from tocsin.promql._aggregate import AGGREGATIONS
from tocsin.promql._binary import ARITHMETIC, COMPARISONS, SETS
from tocsin.promql._functions import FUNCTIONS, REFUSED
from tocsin.promql._label_functions import replacement_regex
from tocsin.promql._nodes import (
    Aggregate,
    At,
    Binary,
    Call,
    Card,
    Kind,
    Matching,
    Negate,
    Node,
    Number,
    Range,
    Selector,
    Subquery,
    Text,
    kind_of,
)

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["compile_tree"]

_DEEPEST = 220
"""Nodes below each other; evaluation uses a few Python frames for each."""
_OPS = (
    (parser.MatchOp.Equal, MatchOp.EQUAL),
    (parser.MatchOp.NotEqual, MatchOp.NOT_EQUAL),
    (parser.MatchOp.Re, MatchOp.REGEX),
    (parser.MatchOp.NotRe, MatchOp.NOT_REGEX),
)
_CARDS = (
    (parser.VectorMatchCardinality.OneToOne, Card.ONE_TO_ONE),
    (parser.VectorMatchCardinality.ManyToOne, Card.MANY_TO_ONE),
    (parser.VectorMatchCardinality.OneToMany, Card.ONE_TO_MANY),
    (parser.VectorMatchCardinality.ManyToMany, Card.MANY_TO_MANY),
)
_AT_TIME = re.compile(r"at: Some\(\s*At\(\s*SystemTime \{\s*tv_sec: (-?\d+),\s*tv_nsec: (\d+)")
_FARTHEST = 292 * 365 * 86_400_000_000
"""Microseconds that fit in 64 bits with room to add two of them."""
_PLAIN = Matching(Card.ONE_TO_ONE, False, frozenset(), ())


def compile_tree(tree: Any, depth: int = 0) -> Node:
    """Raises ParseError or UnsupportedError."""
    while isinstance(tree, parser.ParenExpr):
        tree = tree.expr
    if depth > _DEEPEST:
        raise ParseError(
            f"query nested too deeply: more than {_DEEPEST} levels",
            hint="split it with a recording rule",
        )
    below = depth + 1
    node: Node
    match tree:
        case parser.NumberLiteral():
            node = Number(tree.val)
        case parser.StringLiteral():
            node = Text(tree.val)
        case parser.VectorSelector():
            node = _selector(tree)
        case parser.MatrixSelector():
            node = Range(_selector(tree.vector_selector), _micros(tree.range))
        case parser.SubqueryExpr():
            node = Subquery(
                compile_tree(tree.expr, below),
                _micros(tree.range),
                None if tree.step is None else _micros(tree.step),
                _micros(tree.offset),
                _at(tree),
            )
        case parser.UnaryExpr():
            node = _negated(compile_tree(tree.expr, below))
        case parser.BinaryExpr():
            node = _binary(tree, below)
        case parser.AggregateExpr():
            node = _aggregate(tree, below)
        case parser.Call():
            node = _call(tree, below)
        case _:
            _refuse(type(tree).__name__)
    return node


def _refuse(construct: str, why: str = "not supported") -> NoReturn:
    raise UnsupportedError(
        f"{construct}: {why}", hint="Tocsin evaluates stable PromQL of Prometheus 3.5 over floats"
    )


def _negated(inner: Node) -> Node:
    return Number(-inner.value) if isinstance(inner, Number) else Negate(inner)


def _micros(delta: timedelta | None) -> int:
    if delta is None:
        return 0
    micros = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    if abs(micros) > _FARTHEST:
        raise ParseError("duration out of range", hint="use less than 292 years")
    return micros


def _at(tree: Any) -> At:
    """The @ modifier, read from the debug text: the getter dies of times before 1970."""
    if tree.at is None:
        return None
    if tree.at.type == parser.AtModifierType.Start:
        return "start"
    if tree.at.type == parser.AtModifierType.End:
        return "end"
    # The modifier stands after everything that could quote it.
    found = _AT_TIME.findall(repr(tree))
    if not found:
        _refuse("@ modifier")
    seconds, nanos = found[-1]
    micros = int(seconds) * 1_000_000 + int(nanos) // 1000
    if abs(micros) > _FARTHEST:
        raise ParseError("timestamp of @ modifier out of range")
    return micros


def _selector(tree: Any) -> Selector:
    if tree.matchers.or_matchers:
        _refuse("label matchers joined by `or`")
    matchers = [
        Matcher(next(ours for theirs, ours in _OPS if theirs == each.op), each.name, each.value)
        for each in tree.matchers.matchers
    ]
    if tree.name:
        matchers.insert(0, Matcher(MatchOp.EQUAL, METRIC_NAME, tree.name))
    return Selector(tuple(matchers), _micros(tree.offset), _at(tree))


def _binary(tree: Any, below: int) -> Node:
    op = str(tree.op)
    left, right = compile_tree(tree.lhs, below), compile_tree(tree.rhs, below)
    if op not in ARITHMETIC and op not in COMPARISONS and op not in SETS:
        _refuse(f"operator {op}")
    modifier = tree.modifier
    if modifier is None:
        matching = _PLAIN
    else:
        fill = modifier.fill_values
        if fill is not None and (fill.lhs is not None or fill.rhs is not None):
            _refuse("fill modifier")
        labels = modifier.matching
        matching = Matching(
            next(ours for theirs, ours in _CARDS if theirs == modifier.card),
            labels is not None and labels.type == parser.LabelModifierType.Include,
            frozenset(labels.labels if labels is not None else ()),
            tuple(modifier.group_labels or ()),
        )
    return Binary(op, left, right, bool(modifier and modifier.return_bool), matching)


def _aggregate(tree: Any, below: int) -> Node:
    op = str(tree.op)
    if op not in AGGREGATIONS:
        _refuse(f"aggregation {op}")
    modifier = tree.modifier
    return Aggregate(
        op,
        compile_tree(tree.expr, below),
        None if tree.param is None else compile_tree(tree.param, below),
        modifier is None or modifier.type == parser.AggModifierType.By,
        frozenset(modifier.labels if modifier is not None else ()),
    )


def _call(tree: Any, below: int) -> Node:
    name = tree.func.name
    if name in REFUSED:
        _refuse(name, REFUSED[name])
    function = FUNCTIONS.get(name)
    if function is None:
        _refuse(f"function {name}")
    args = tuple(compile_tree(each, below) for each in tree.args)
    for wanted, arg in zip(tree.func.arg_types, args, strict=False):
        # A constant the parser could not type would fail far from here.
        if wanted == parser.ValueType.String and kind_of(arg) is not Kind.STRING:
            raise ParseError(f"expected type string in call to function '{name}'")
    if name == "label_replace" and isinstance(args[4], Text):
        try:
            replacement_regex(args[4].value)
        except QueryError as error:
            raise ParseError(error.what, hint="RE2 syntax: no look-around") from None
    return Call(function, args)
