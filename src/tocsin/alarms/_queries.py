"""The order in which the expressions of an alarm are evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alarms._math_parse import compile_math
from tocsin.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.alarms._definition import MetricQuery

__all__ = ["find_cycle", "query_order"]


def query_order(queries: Iterable[MetricQuery]) -> list[MetricQuery]:
    """The expressions, each after those it refers to. Raises ParseError for a cycle."""
    expressions = {query.id: query for query in queries if query.metric_stat is None}
    needs = {
        each: [id_ for id_ in compile_math(query.expression or "").ids if id_ in expressions]
        for each, query in expressions.items()
    }
    order, cycle = find_cycle(needs)
    if cycle:
        raise ParseError(f"expressions refer to each other: {' -> '.join(cycle)}")
    return [expressions[each] for each in order]


def find_cycle(needs: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """Names, each after what it needs; and the first cycle found, closed, or nothing."""
    order: list[str] = []
    done: set[str] = set()
    for name in needs:
        path: list[str] = []
        stack = [(name, iter(needs[name]))] if name not in done else []
        path += [name] if stack else []
        while stack:
            top, rest = stack[-1]
            following = next((each for each in rest if each in needs and each not in done), None)
            if following is None:
                stack.pop()
                path.pop()
                done.add(top)
                order.append(top)
            elif following in path:
                return order, [*path[path.index(following) :], following]
            else:
                stack.append((following, iter(needs[following])))
                path.append(following)
    return order, []
