"""When metric names go: at once, or with the option at the end of the query."""

from __future__ import annotations

import pytest

from tocsin.errors import QueryError
from tocsin.promql import Matrix, Options, evaluate, parse

from ._columns import SECOND, Columns, labels

SOURCE = Columns({"a{e=1}": [(0, 1), (10, 2)], "b{e=1}": [(0, 1), (10, 3)]})
LATER = Options(delayed_names=True)


@pytest.mark.parametrize(
    "text",
    [
        'sum({__name__=~"a|b"} * 2)',
        'label_replace(-{__name__=~"a|b"}, "n", "$1", "__name__", "(.)")',
    ],
)
def test_two_names_clash_at_once_unless_they_go_later(text):
    with pytest.raises(QueryError, match="same labelset"):
        evaluate(parse(text), SOURCE, 10 * SECOND)
    assert len(evaluate(parse(text), SOURCE, 10 * SECOND, options=LATER).labels)


@pytest.mark.parametrize("options", [Options(), LATER])
def test_a_bare_subquery_has_no_names_that_were_dropped(options):
    result = evaluate(parse("(a * 2)[10s:5s]"), SOURCE, 10 * SECOND, options=options)
    assert isinstance(result, Matrix)
    assert list(result.selection.labels) == [labels("{e=1}")]
    assert result.selection.values.tolist() == [2, 4]


def test_no_result_tells_of_names_to_come():
    for text in ("a * 2", "a", "sort(-a)", "a or b * 2"):
        assert evaluate(parse(text), SOURCE, 10 * SECOND, options=LATER).fading is None
