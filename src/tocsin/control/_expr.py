"""What a query in a catalogue may be: it reads ranges only, and is silent where nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.errors import QueryError, TocsinError
from tocsin.promql import Kind, Vector, evaluate, parse
from tocsin.series import NO_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.labels import Matcher
    from tocsin.promql import Query
    from tocsin.series import Selection

__all__ = ["expr_mistakes"]


def expr_mistakes(text: str) -> Iterator[tuple[str, str]]:
    """What is wrong with the query `text`, and a hint.

    What a query says must be able to be computed again from samples: a bare selector looks five
    minutes back, over a gap, and heeds staleness markers, which OpenMetrics can't hold. And it
    must not say anything where there is no series, or its control would be satisfied by silence.
    """
    try:
        query = parse(text)
    except TocsinError as error:
        yield f"expr: {error.what}", error.hint
        return
    if query.kind is not Kind.VECTOR:
        yield f"expr yields a {query.kind}, not a vector", ""
        return
    for bare in query.bare_selectors[:1]:
        told = f"expr reads {bare} without a range"
        yield told, f"write last_over_time({bare}[1m])"
    if query.absolute or query.stepped:
        yield "expr depends on the step or on a time fixed by @", ""
    elif _answers_nothing_with_something(query):
        told = "expr has an answer where there is no series, so that silence would satisfy it"
        yield told, "leave `or vector(0)`, absent() and the like out"


class _Empty:
    def select(self, _matchers: Sequence[Matcher], _start: int, _end: int) -> Selection:
        return NO_SAMPLES


def _answers_nothing_with_something(query: Query) -> bool:
    try:
        found = evaluate(query, _Empty(), 0)
    except QueryError:
        return False
    return isinstance(found, Vector) and bool(len(found.labels))
