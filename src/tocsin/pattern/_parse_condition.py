"""`&&`, `||` and parentheses, for JSON and for space-delimited patterns.

Source: CloudWatch Logs User Guide, compound expressions: `()` before `&&` before `||`.
The stack is explicit, so that no depth of parentheses is too deep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.pattern._syntax import And, Comparison, Condition, Or, StateTest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.pattern._cursor import Cursor

__all__ = ["comparisons", "leaves", "parse_condition"]

# Matching recurses along the tree: a depth that no stack minds, and no sane pattern has.
MAX_DEPTH = 64
# The alternatives of one pair of parentheses, each a list of conditions joined by &&.
_Group = list[list[Condition]]


def parse_condition(cursor: Cursor, leaf: Callable[[Cursor], Condition]) -> Condition:
    """Read a condition up to whatever cannot continue it. Raises ParseError."""
    group: _Group = [[]]
    outer: list[tuple[_Group, int]] = []
    while True:
        cursor.skip()
        if cursor.sees("("):
            outer.append((group, cursor.at))
            group = [[]]
            cursor.at += 1
            continue
        group[-1].append(leaf(cursor))
        cursor.skip()
        while outer and cursor.takes(")"):
            inner = _join(group)
            group, _ = outer.pop()
            group[-1].append(inner)
            cursor.skip()
        if cursor.takes("||"):
            group.append([])
        elif not cursor.takes("&&"):
            break
    if cursor.sees("&") or cursor.sees("|"):
        cursor.fail(f"a single {cursor.text[cursor.at]}", "write && for and, || for or")
    if outer:
        cursor.fail(
            f"expected ), found {cursor.here}", "this parenthesis is never closed", outer[-1][1]
        )
    if cursor.sees(")"):
        cursor.fail("a ) that nothing opens", "remove it")
    condition = _join(group)
    if _depth(condition) > MAX_DEPTH:
        cursor.fail(
            f"more than {MAX_DEPTH} levels of && inside || inside &&",
            "split it into several filters",
        )
    return condition


def _depth(condition: Condition) -> int:
    depth, level = 0, [condition]
    while level:
        depth += 1
        level = [inner for each in level if isinstance(each, And | Or) for inner in each.items]
    return depth


def _join(group: _Group) -> Condition:
    joined = [_flat(items, And) for items in group]
    return _flat(joined, Or)


def _flat(items: list[Condition], kind: type[And | Or]) -> Condition:
    """One node for a chain: `a && (b && c)` means what `a && b && c` means."""
    flat: list[Condition] = []
    for item in items:
        flat.extend(item.items if isinstance(item, kind) else (item,))
    return flat[0] if len(flat) == 1 else kind(tuple(flat), flat[0].span)


def leaves(condition: Condition) -> Iterator[Comparison | StateTest]:
    """The comparisons and tests of a condition, from left to right."""
    if isinstance(condition, And | Or):
        for item in condition.items:
            yield from leaves(item)
    else:
        yield condition


def comparisons(condition: Condition) -> Iterator[Comparison]:
    return (leaf for leaf in leaves(condition) if isinstance(leaf, Comparison))
