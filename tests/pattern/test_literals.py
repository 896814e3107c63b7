"""What a pre-filter may look for."""

from __future__ import annotations

import pytest

from tocsin.pattern import Settings, literals, parse

U = "\\u"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("ERROR ARGUMENTS", {"ARGUMENTS"}),
        ("?a ?bb", {"a", "bb"}),
        ("?a ?bb c", {"c"}),
        ("-x", None),
        ('" "', None),
        ('?a ?" "', None),
        ("%gra|ey%", {"gra", "ey"}),
        ("%^[hc]at$%", {"at"}),
        ("%colou?r%", {"colo"}),
        ("%ab*cd+e%", {"cd"}),
        ("%ab{2,3}c{0,}d{,2}ef%", {"ab"}),
        (r"%a\x20b\.c\d%", {"a b.c"}),
        ("%[]ab]%", None),
        ("%a|b*%", None),
        ("%.*%", None),
        ('{ $.a = "x" }', {"x", U}),
        ('{ $.a = "a/bcd" }', {"bcd", U}),
        ('{ $.a = "/" }', None),
        ("{ $.a = *Operation }", {"Operation", U}),
        ("{ $.a = * }", None),
        ("{ $.a != x }", None),
        ("{ $.a > 5 }", None),
        ("{ $.a = x && $.b = yy }", {"yy", U}),
        ("{ $.a = x || $.b = yy }", {"x", "yy", U}),
        ("{ $.a = x || $.b > 1 }", None),
        ("{ $.a IS NULL }", {"null"}),
        ("{ $.a IS TRUE || $.a IS FALSE }", {"true", "false"}),
        ("{ $.a NOT EXISTS && $.b = x }", {"x", U}),
        ("{ $.a = 404 }", {"404", "4e", "4E", "0e", "0E", U}),
        ("{ $.a = 0.50 }", {".5", "0.50", "5e", "5E", "0e", "0E", U}),
        ("{ $.a = 1e99 }", None),
        ("[..., status = 404, size]", {"404"}),
        ("[a = 1e3, b]", {"1000", "1e3"}),
        ("[a, b > 5]", None),
        ("[a = x && a != y, b = *.html*]", {".html"}),
        ("[]", None),
    ],
)
def test_literals(text, expected):
    assert literals(parse(text)) == (None if expected is None else frozenset(expected))


def test_settings_count():
    wild = Settings(inner_asterisk="wildcard")
    assert literals(parse("[a = x*yy*z]"), wild) == {"yy"}
    assert literals(parse("[a = x*yy*z]")) == {"x*yy*z"}
