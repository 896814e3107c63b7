"""A series as rule unit tests and samples name it: `up{job="web"}`."""

from __future__ import annotations

from tocsin.errors import ParseError
from tocsin.labels import EMPTY, Labels, MatchOp
from tocsin.promql._nodes import Selector
from tocsin.promql._parse import parse

__all__ = ["parse_series"]


def parse_series(text: str) -> Labels:
    """The label set; an empty text is the empty set. Raises ParseError."""
    body = text.strip()
    if body in {"", "{}"}:
        return EMPTY
    # A series may have no name, which a selector alone may not: `{le=""}` matches too much.
    nameless = body.startswith("{")
    named = f"nameless{body}" if nameless and "__name__" not in body else body
    node = parse(named).node
    if not isinstance(node, Selector) or node.offset or node.at is not None:
        raise ParseError(f"not a series: {text[:60]!r}", hint='write name{label="value"}')
    if any(matcher.op is not MatchOp.EQUAL for matcher in node.matchers):
        raise ParseError(f"a series has only =: {text[:60]!r}", hint='write name{label="value"}')
    pairs = {matcher.name: matcher.value for matcher in node.matchers}
    if named is not body:
        pairs.pop("__name__", None)
    return Labels(pairs)
