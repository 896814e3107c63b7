"""Each trap is found where it is, and sound patterns are left in peace."""

from __future__ import annotations

import re

import pytest

from tocsin.pattern import LINTS, Settings, lint, parse


def names(text, **settings):
    found = lint(parse(text, path="here"), Settings(**settings))
    for problem in found:
        assert problem.severity == "warning"
        assert problem.hint
        assert problem.span.path == "here"
        assert problem.span.column > 0
    return [re.search(r"\[([a-z-]+)\]$", problem.what)[1] for problem in found]


@pytest.mark.parametrize("each", LINTS, ids=lambda each: each.name)
def test_examples_walk_into_their_trap(each):
    assert each.name in names(each.example)


def test_names_are_known():
    known = {each.name for each in LINTS}
    assert len(known) == len(LINTS)
    for each in LINTS:
        assert set(names(each.example)) <= known


@pytest.mark.parametrize(
    "text",
    [
        "", "ERROR", "?ERROR ?Error ?error", '"[ERROR]" Exception', "%ERROR%", "-ERROR", '" "',
        r"%10\.0\.0\.1%", "Critical Error", '"-v"', "%[0-9]{1,3}%",
        '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }',
        '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS }',
        "{ ($.a = x && $.b = y) || $.c = z }", "{ $.a != x && $.a != y }", "{ $.a = x || $.a = y }", "{ $.a > 1 && $.a < 3 }",
        "{ $.a >= 3 && $.a <= 3 }", "{ $.a = 4* && $.a != 404 }", "{ $.a = ab* && $.a = *bc }",
        "{ $.a[*] = 1 && $.a[*] = 2 }", "{ $.a = 404 && $.a = 4.04e2 }", "{ $.a = x && $.b = y }",
        "{ ($.a = 1 && $.b = 2) && ($.a = 1 || $.c = 2) }", '{ $.a = "*" }', "{ $.a NOT EXISTS }", '{ $.a != "" }',
        "{ ($.s != delivery.logs.amazonaws.com) || ($.e != HeadBucket) }",
        "[w1=ERROR, w2]", "[..., status_code=404, size]", "[ip, user, ...]", "[]",
        "[w1!=ERROR && w1!=WARNING, w2]", "[a, b=x*]", "[ERROR=ERROR, ...]", "[a=x*]", "[..., latency]",
        "[time, error, text]", "[ERROR, text=x*]",
    ],
)  # fmt: skip
def test_sound_patterns(text):
    assert names(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "ERROR -ERROR", '"a b" -b', '-" "', "{ $.a = x && $.a = y }", "{ $.a = 1 && $.a = 2 }",
        "{ $.a > 5 && $.a < 3 }", "{ $.a > 5 && $.a <= 5 }", "{ $.a = x && $.a NOT EXISTS }",
        "{ $.a IS NULL && $.a = 1 }", "{ $.a IS NULL && $.a IS TRUE }", "{ $.a = 5 && $.a > 6 }",
        "{ $.a = ab* && $.a = ba* }", "{ $.a = *x && $.a = *y }", "{ $.a = x && $.a != x }",
        "{ $.b = 1 || ($.a = x && $.a = y) }", "[a = x && a = y, b]", "{ $.a != * }", "[a != *, b]",
    ],
)  # fmt: skip
def test_contradictions(text):
    assert names(text) == ["never-matches"]


def test_settings_change_what_is_a_trap():
    assert names("{ $.a.b != x }", missing_not_equal=True) == []
    assert names("{ $.a != x && $.a NOT EXISTS }", missing_not_equal=True) == []
    assert names("{ $.a != * }", missing_not_equal=True) == []
    assert names("{ $.a = Ev*ent }", inner_asterisk="wildcard") == []
    assert names("[ip, user, status=404]", last_field="one") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ $.a = true }", "bare-constant"),
        ("{ $.a = null }", "bare-constant"),
        ('{ $.a > "5" }', "quoted-number"),
        ("{ $.a = fe80::/10 }", "cidr"),
        ("{ $.a = $.b }", "unquoted-symbols"),
        ("{ $.a = 1 || $.a = 1 }", "redundant"),
        ("{ $.a != x || $.a = x }", "always-matches"),
        ("{ $.a = %1.1% }", "unescaped-dot"),
        ("%a{200,}%", "long-repetition"),
        ("%id ${name}%", "literal-brace"),
        ("[a=x*y, b]", "inner-asterisk"),
        ("[..., ]", "only-ellipsis"),
        ("[COORDINATE_DEBUG]", "name-only"),
        ("[error]", "name-only"),
        ("[time, ERROR, ...]", "name-only"),
        ("[..., CRITICAL, message]", "name-only"),
        ("[a, b = 1 || b = 2*]", "last-field"),
        ("NOT x", "word-operator"),
        ('"%ERROR%"', "quoted-pattern"),
        ('"[a, b=1]"', "quoted-pattern"),
        ('"*x"', "asterisk-in-term"),
        ("failed", "lower-case"),
    ],
)
def test_more_traps(text, expected):
    assert names(text) == [expected]
