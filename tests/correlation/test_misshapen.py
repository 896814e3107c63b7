"""Sigma documents with anything in the place of anything: rules or mistakes, and nothing else."""

import copy

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.correlation import Correlator, Event, load_sigma
from tocsin.errors import FileErrors, RuleError

ANYTHING = [
    None, "", 0, 1.5, True, [], {}, "x", ["x"], {"x": "y"}, [None], [[]], [{}], "*", "%x%", [1, "a", None],
    {"x": None}, "a and b", "1 of them", float("inf"), -1, 10**400, "\0", {"|": "x"}, {"a|re": "["}, {"a|all": []},
    {1: 2}, {"a||b": 1}, "|",
]  # fmt: skip
ID = "12345678-1234-1234-1234-123456789abc"
DOCUMENTS = [
    {"title": "a", "name": "a", "id": ID, "status": "test", "level": "high", "tags": ["attack.t1"],
     "date": "2024-01-01", "logsource": {"product": "application", "category": "x"}, "fields": ["a"],
     "detection": {"s": {"k": "a", "f|re": "x"}, "t": ["w"], "condition": "s or t"}},
    {"title": "c", "name": "c", "level": "low", "generate": True,
     "correlation": {"type": "value_count", "rules": ["a"], "group-by": ["u"], "timespan": "1m", "generate": False,
                     "condition": {"gte": 2, "lt": 5, "field": "f"}, "aliases": {"u": {"a": "b"}}}},
]  # fmt: skip


def places(value, above=()):
    if above[1:]:
        yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        if isinstance(each, dict | list):
            yield from places(each, (*above, key))
        else:
            yield (*above, key)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.sampled_from([*places(DOCUMENTS)]), st.sampled_from(ANYTHING)),
        min_size=1,
        max_size=2,
        unique_by=lambda each: each[0][:2],
    )
)
def test_anything_in_the_place_of_anything(changes):
    documents = copy.deepcopy(DOCUMENTS)
    for (*above, last), value in changes:
        target = documents
        for key in above:
            target = target[key]
        target[last] = value
    try:
        rules = load_sigma([("r.yml", yaml.safe_dump_all(documents).encode())])
    except FileErrors as error:
        wrong = [each for each in error.problems if each.span.path != "r.yml" or not each.span.line]
        if wrong:
            pytest.fail(f"mistakes without a place: {wrong}")
        return
    correlator = Correlator(rules)
    correlator.feed([Event(1, {"k": "a", "u": "x", "f": 1}, 1, "w"), Event(2, {"k": ("a",)}, 3)])
    correlator.finish()


@pytest.mark.parametrize(
    ("key", "value", "place", "what"),
    [
        ("level", "info", "r.yml:6:1", "'info' is not a valid Sigma rule level"),
        ("detection", {"s": {"k": "a"}, "condition": None}, "r.yml:3:3", "condition must be a text"),
        ("detection", {"s": {"k": "a"}, "condition": 5}, "r.yml:3:3", "condition must be a text"),
    ],
)  # fmt: skip
def test_such_mistakes_have_their_place(key, value, place, what):
    text = "title: t\n" + yaml.safe_dump(
        {"detection": {"condition": "s", "s": {"k": "a"}}, "logsource": {"product": "x"}}
        | {key: value}
    )
    with pytest.raises(RuleError) as caught:
        load_sigma([("r.yml", text.encode())])
    assert str(caught.value).startswith(place)
    assert what in str(caught.value)
