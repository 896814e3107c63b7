"""Texts are put in place of others only where a filter says the same of both."""

from __future__ import annotations

import json
import random

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from tests.scan.oracle import filter_of
from tocsin.pattern import DEFAULTS, Settings, json_tests, match, parse
from tocsin.scan._alike import LONGEST, Alike

PATTERNS = [
    '{ $.a = "*x*" && $.b != "y" }',
    "{ $.a = %^x+$% || $.a NOT EXISTS || $.b.c IS NULL }",
    "{ $.a > 5 && $.a != 7 && $.a = 1* }",
    '{ ($.a = TRUE || $.a IS TRUE) && $.b.c = "1" }',
]
TEXTS = st.text("xy17.*5 ä", max_size=6) | st.sampled_from(["x", "xx", "y", "1", "7", "17", "170"])


@given(st.sampled_from(PATTERNS), st.lists(TEXTS, max_size=8), TEXTS, st.booleans())
@example(PATTERNS[2], ["17", "1"], "x", True)
@example("{ $.a = 7 }", ["7", "7.0"], "x", False)
def test_what_stands_for_a_text_has_its_verdict(pattern, texts, other, strings):
    settings = Settings(numeric_strings=strings)
    made = parse(pattern)
    tests = json_tests(made, settings)
    put = Alike(tests[("a",)])(texts)
    for text, instead in zip(texts, put, strict=True):
        verdicts = {
            match(made, json.dumps({"a": a, "b": b}), settings).matched
            for a in (text, instead)
            for b in [other]
        }
        assert len(verdicts) == 1


def test_few_texts_are_left():
    tests = json_tests(filter_of("x", '{ $.a = "*/shop/*" }').pattern, DEFAULTS)[("a",)]
    texts = [f"/{random.Random(at).choice(['shop', 'blog'])}/{at}" for at in range(20_000)]
    alike = Alike(tests)
    assert len(set(alike(texts))) <= 2 * (1 + 20_000 // 8192)
    long = "/shop/" + "x" * LONGEST
    assert "/shop/" in alike([long])[0]


def test_what_is_no_text_stays():
    values = [1, 0, None, msgspec.UNSET, object(), 10**20]
    assert all(a is b for a, b in zip(Alike([str.isdigit])(values), values, strict=True))


def test_with_many_tests_every_text_stays():
    texts = ["1", "2", "3"]
    assert Alike([str.isdigit] * 65)(texts) == texts
