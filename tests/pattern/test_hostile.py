"""Input made to hurt: always an answer or a ParseError, always soon."""

from __future__ import annotations

import contextlib
import json
import time

import pytest

from tocsin.errors import ParseError
from tocsin.pattern import Event, Settings, explain, lint, literals, match, parse, render

PATTERNS = ["ERROR -x", "%[ab]*%", "{ $.a.b[0] = 1 || $.* != x }",
            "[a, ..., b > 1, c=*x*]", "[a, b]", '"\\"" ?x']  # fmt: skip
DEEP = 100_000
MESSAGES = {
    "NUL": b"\0" * 1000,
    "invalid UTF-8": b'\xff\xfe{"a": "\xc3"}',
    "lone surrogate": '{"a": "\ud800", "b": "\\ud800"} \udfff',
    "JSON surrogate": r'{"a": "\ud800"}',
    "open brackets": "[" * DEEP,
    "open braces": '{"a":' * DEEP,
    "deep array": "[" * DEEP + "]" * DEEP,
    "deep object": '{"a":' * DEEP + "1" + "}" * DEEP,
    "many quotes": '" ' * 500_000,
    "many open brackets": "[ " * 500_000,
    "escaped quotes": '"' + '\\" ' * 300_000,
    "huge integer": '{"a": {"b": [' + "9" * 1_000_000 + "]}}",
    "huge exponent": '{"a": {"b": [1e999999999999999999999]}}',
    "NaN": '{"a": NaN}',
    "infinity": '{"a": -Infinity}',
    "one word": "a" * 1_000_000,
    "many fields": "a b " * 250_000,
    "many keys": json.dumps({str(n): n for n in range(50_000)}),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name):
    start = time.monotonic()
    for text in PATTERNS:
        pattern, event = parse(text), Event(MESSAGES[name])
        found = match(pattern, event)
        node = explain(pattern, event)
        assert node.matched is found.matched
        assert len(render(node)) < 20_000
    assert time.monotonic() - start < 20


def test_depth_hides_nothing():
    deep = "[" * DEEP + "]" * DEEP
    assert match(parse("{ $.user = root }"), f'{{"x": {deep}, "user": "root"}}').matched
    assert match(parse("{ $.x.user = root }"), f'{{"y": {deep}, "x": {{"user": "root"}}}}').matched
    assert not match(parse("{ $.user NOT EXISTS }"), f'{{"x": {deep} "user": 1}}').matched


def nested(value, depth):
    return "[" * depth + value + "]" * depth


@pytest.mark.parametrize(
    "value",
    ["1", "null", "[]", "{}", '[null, 1, "a]"]', '{"a": [], "b": {"c": {}}, "a": 2}', "[1,]", "[,1]",
     '{"a"}', '{"a": 1,}', "{1: 2}", "[1 2]", "[} ", "tru", "01", '"\\x"', "-", "[[]", "nul", '"a',
     "NaN", '{"a": 1 "b": 2}', '{"a" 1}', "[1]]", "+1", "1.", "{]"],
)  # fmt: skip
def test_both_readers_agree(value):
    """A JSON text reads the same whether it is nested deeply or not."""
    shallow, deep = Event(nested(value, 3)), Event(nested(value, 200))
    assert shallow.is_json is deep.is_json
    if shallow.is_json:
        node = deep.json
        for _ in range(197):
            (node,) = node
        assert node == shallow.json


PATTERN_TEXTS = {
    "1 MB of terms": "a " * 500_000,
    "1 MB of braces": "{" * 1_000_000,
    "nesting 10,000": "{ " + "(" * 10_000 + "$.a = 1" + ")" * 10_000 + " }",
    "nesting in range": "{" + "(" * 1000 + "}",
    "quotes": '"' * 1023,
    "backslashes": '"' + "\\" * 1022,
    "percents": "%" * 1023,
    "commas": "[" + "," * 1000 + "]",
    "ors": "{" + "||" * 500 + "}",
    "surrogate": '"\ud800"',
    "regex": "%" + "[ab]{1000}" * 100 + "%",
    "stars": "%" + "a*" * 500 + "%",
    "plus": "%" + "[a-z]+" * 150 + "!%",
    "steps": "{ $" + ".a" * 480 + " = 1 }",
    "indexes": "{ $.a" + "[0]" * 300 + " = 1 }",
    "digits": "{ $.a = " + "9" * 900 + " }",
    "exponent": "{ $.a = 1e" + "9" * 900 + " }",
    "globs": "{ $.a = " + "*a" * 400 + " }",
    "ands": "{" + "&&".join(["$.a=1"] * 140) + "}",
    "terms": " ".join(["-a"] * 340),
}


@pytest.mark.parametrize("name", PATTERN_TEXTS)
def test_patterns(name):
    start = time.monotonic()
    pattern = None
    with contextlib.suppress(ParseError):
        pattern = parse(PATTERN_TEXTS[name])
    if pattern is not None:
        wild = Settings(inner_asterisk="wildcard")
        for message in ("a" * 100_000, '{"a": "' + "a" * 100_000 + '"}', '{"a": 1}'):
            assert match(pattern, message).matched is explain(pattern, message).matched
            match(pattern, message, wild)
        lint(pattern)
        lint(pattern, wild)
        literals(pattern)
        str(pattern)
    assert time.monotonic() - start < 10


def test_catastrophic_regexes_are_linear():
    start = time.monotonic()
    for source in ("[a-z]*[a-z]*[a-z]*[a-z]*=$", "a*a*a*a*a*a*a*a*b", ".*.*.*.*=x"):
        assert not match(parse(f"%{source}%"), "a" * 1_000_000 + "!").matched
    assert time.monotonic() - start < 10
