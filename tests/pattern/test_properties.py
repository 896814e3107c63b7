"""What must hold for any pattern and any event."""

from __future__ import annotations

import json
import string

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tocsin.errors import ParseError
from tocsin.pattern import (
    MAX_LENGTH,
    Event,
    Settings,
    explain,
    lint,
    literals,
    match,
    parse,
    render,
)

words = st.text("abE_1", min_size=1, max_size=4)
phrases = st.text('ab"\\ é\n*%', max_size=6)
regexes = st.sampled_from(["a+", "^b", "[ab]{2,}c", r"\.x|y", "a?", r"\x41", "1{,2}b+"])


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


atoms = st.one_of(words, phrases.map(quoted), regexes.map(lambda each: f"%{each}%"))
terms = st.lists(st.tuples(st.sampled_from(["", "-", "?"]), atoms), min_size=1, max_size=5)
term_patterns = terms.map(lambda items: " ".join(sign + atom for sign, atom in items))

keys = st.sampled_from(["a", "b", "c-d", "e.f", "it's"])
numbers = st.sampled_from(["0", "1", "-1.5", "1e2", "100", "+3", "0.5", "007"])
bare = st.sampled_from(["x", "a*", "*b", "*", "a*b", "true", "null", "10.0.*", "kms.amazonaws.com"])
steps = st.one_of(
    keys.map(lambda key: f'.["{key}"]'), st.sampled_from([".a", ".b", "[0]", "[1]", "[*]", ".*"])
)
selectors = st.tuples(st.sampled_from([".a", ".b", ".*"]), st.lists(steps, max_size=2)).map(
    lambda each: "$" + each[0] + "".join(each[1])
)
values = st.one_of(numbers, bare, phrases.map(quoted), regexes.map(lambda each: f"%{each}%"))
comparisons = st.one_of(
    st.tuples(st.sampled_from(["=", "!="]), values),
    st.tuples(st.sampled_from(["<", ">", "<=", ">="]), numbers),
).map(lambda each: f" {each[0]} {each[1]}")
states = st.sampled_from([" IS NULL", " IS TRUE", " IS FALSE", " NOT EXISTS"])
json_leaves = st.tuples(selectors, st.one_of(comparisons, states)).map("".join)


def conditions(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(
            lambda each: f"({each[0]} {each[1]} {each[2]})"
        ),
        max_leaves=4,
    )


json_patterns = conditions(json_leaves).map(lambda each: f"{{ {each} }}")


def field(name):
    return st.one_of(
        st.just(name), st.just(""), conditions(comparisons.map(lambda each: name + each))
    )


@st.composite
def field_patterns(draw):
    entries = [draw(field(f"f{at}")) for at in range(draw(st.integers(1, 4)))]
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), "...")
    return f"[{', '.join(entries)}]"


patterns = st.one_of(term_patterns, json_patterns, field_patterns())
scalars = st.one_of(
    st.none(), st.booleans(), st.sampled_from(["x", "ab", "100", "-1.5", "1e2", "true", "a/b", "é"]),
    st.sampled_from([0, 1, 100, -1.5, 0.5, 3, 7]), st.text('ab"\\ é*%\n/', max_size=4),
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(keys, words), inner, max_size=4)
    ),
    max_leaves=10,
)
events = st.one_of(
    st.text('abE1. "[]\\é-', max_size=30),
    st.dictionaries(keys, documents, max_size=4).map(json.dumps),
    st.dictionaries(keys, documents, max_size=4).map(
        lambda each: json.dumps(each, ensure_ascii=False, indent=1)
    ),
)
any_settings = st.builds(
    Settings,
    last_field=st.sampled_from(["rest", "one"]),
    escaped_quotes=st.sampled_from(["data", "end"]),
    inner_asterisk=st.sampled_from(["literal", "wildcard"]),
    missing_not_equal=st.booleans(),
    numeric_strings=st.booleans(),
    quoted_numbers=st.booleans(),
    booleans=st.booleans(),
    json_extraction=st.sampled_from(["nothing", "selectors"]),
)


def read(text):
    """The pattern, or None: the strategies now and then ask for too many wildcards or regexes."""
    try:
        return parse(text)
    except ParseError:
        return None


@hypothesis_settings(max_examples=300)
@given(patterns)
def test_printing_reads_back(text):
    pattern = read(text)
    if pattern is not None:
        assert parse(str(pattern)) == pattern
        assert str(parse(str(pattern))) == str(pattern)


@hypothesis_settings(max_examples=400)
@given(patterns, events, any_settings)
def test_the_explanation_agrees_with_the_match(text, event, settings):
    pattern = read(text)
    if pattern is not None:
        node = explain(pattern, event, settings)
        assert node.matched is match(pattern, event, settings).matched
        assert render(node).splitlines()
        assert match(pattern, event.encode(), settings) == match(pattern, event, settings)


@hypothesis_settings(max_examples=600)
@given(patterns, events, any_settings)
def test_necessary_literals_are_necessary(text, event, settings):
    pattern = read(text)
    if pattern is not None and match(pattern, event, settings).matched:
        needed = literals(pattern, settings)
        assert needed is None or any(each in Event(event).text for each in needed)


@hypothesis_settings(max_examples=400)
@given(terms.filter(lambda items: all("%" not in atom for _, atom in items)), events)
def test_terms_agree_with_a_naive_reading(items, event):
    def has(atom):
        if not atom.startswith('"'):
            return atom in event
        phrase = atom[1:-1].replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\")
        return not phrase.strip() or phrase in event

    if all(sign == "?" for sign, _ in items):
        expected = any(has(atom) for _, atom in items)
    else:
        expected = all(has(atom) == (sign == "") for sign, atom in items if sign != "?")
    assert match(parse(" ".join(sign + atom for sign, atom in items)), event).matched is expected


@hypothesis_settings(max_examples=300)
@given(patterns, any_settings)
def test_a_pattern_that_never_matches_does_not(text, settings):
    pattern = read(text)
    if pattern is None:
        return
    body = str(pattern)
    # Only whole conjunctions: within an alternative the rest may still match.
    if "||" in body or not any("[never-matches]" in each.what for each in lint(pattern, settings)):
        return
    for event in ("ab", "aabbE_1", "x", '{"a": "x"}', '{"a": 1, "b": "ab"}', '{"a": 100, "b": [1]}',
                  '{"a": true, "b": null}', '{"a": "10.0.0.1", "b": {"a": "a*b"}}'):  # fmt: skip
        assert not match(pattern, event, settings).matched


@hypothesis_settings(max_examples=400)
@given(st.one_of(st.text(max_size=60), st.text(string.punctuation + "ab1 ", max_size=60)))
def test_any_text_is_read_or_refused(text):
    assert len(text) <= MAX_LENGTH
    for each in (
        text,
        f"{{ $.a = {text} }}",
        f"[a={text}]",
        f"{{{text}}}",
        f"[{text}]",
        f"%{text}%",
    ):
        pattern = read(each)
        if pattern is not None:
            assert parse(str(pattern)) == pattern
            lint(pattern)
            literals(pattern)
            for event in (text, json.dumps({"a": text})):
                assert explain(pattern, event).matched is match(pattern, event).matched
