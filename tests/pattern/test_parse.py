"""What is refused, where, and with what advice; and what is read."""

from __future__ import annotations

import pytest

from tocsin.errors import ParseError
from tocsin.pattern import MAX_LENGTH, parse

REFUSED = [
    ("ERROR!", 6, "invalid character '!'"),
    ("foo.bar", 4, "invalid character '.'"),
    ("日本", 1, "invalid character '日'"),
    ("\0", 1, "invalid character"),
    ('a"b"', 2, "invalid character"),
    ("'a b'", 1, "single quotes do not delimit phrases"),
    ('"open', 1, "nothing closes"),
    ('"a""b"', 4, "expected a blank"),
    ("?", 2, "expected a term"),
    ("? a", 2, "expected a term"),
    ("a -", 4, "expected a term"),
    ("%abc", 1, "nothing closes"),
    ("%a%b", 4, "expected a blank"),
    ("%%", 1, "empty regular expression"),
    ("%a!%", 3, "'!' is not supported"),
    ("%(ab)+%", 2, "parentheses are not supported"),
    (r"%\(ab\)%", 2, "parentheses are not supported"),
    ("%café%", 5, "multi-byte"),
    (r"%a\p%", 3, r"\p is not supported"),
    (r"%\1%", 2, r"\1 is not supported"),
    (r"%\xff%", 2, "not ASCII"),
    ("%a\\%", 3, "a backslash at the end"),
    ("%a{3,%", 3, "does not begin a repetition"),
    ("%a{,}%", 3, "does not begin a repetition"),
    ("%[[:alpha:]]%", 3, "inside a character class"),
    ("%[a%", 1, "missing ]"),
    ("%a**%", 1, "bad repetition"),
    ("%a{5000}%", 1, "invalid repetition size"),
    ("{}", 2, "without a condition"),
    ("{ $.a = 1", 10, "must end with }"),
    ("{ $.a = 1 } x", 14, "must end with }"),
    ("{ $.a = 1 } }", 13, "expected the end"),
    ("{ a = 1 }", 3, "expected a property selector"),
    ("{ $a = 1 }", 3, "must begin with $."),
    ("{ $[0] = 1 }", 3, "must begin with $."),
    ("{ $. = 1 }", 5, "expected a property name"),
    ("{ $.['a = 1 }", 5, "expected a name in quotes"),
    ("{ $.a[x] = 1 }", 6, "expected an array index"),
    ("{ $.a[-1] = 1 }", 6, "expected an array index"),
    ("{ $.a[99999999999] = 1 }", 6, "too large"),
    ("{ $.*[*] = 1 }", 3, "more than one wildcard"),
    ("{ $.a.*=1||$.b.*=1||$.c.*=1||$.d.*=1 }", 30, "more than 3 wildcard"),
    ("{ $.a=%a% || $.a=%b% || $.a=%c% }", 25, "more than 2 regular"),
    ("{ $.a }", 7, "expected a comparison"),
    ("{ $.a == 1 }", 7, "== is not an operator"),
    ("{ $.a => 1 }", 7, "=> is not an operator"),
    ("{ $.a =~ x }", 7, "=~ is not an operator"),
    ("{ $.a <> 1 }", 7, "<> is not an operator"),
    ("{ $.a = }", 9, "expected a value"),
    ("{ $.a = 'x' }", 9, "single quotes"),
    ('{ $.a = x"y" }', 10, "inside a word"),
    ("{ $.a = x%y% }", 10, "inside a word"),
    ("{ $.a = ==x }", 9, "expected a value"),
    ("{ $.a = x y }", 11, "expected &&, || or }"),
    ("{ $.a > x }", 9, "needs a number"),
    ("{ $.a > %x% }", 9, "needs a number"),
    ("{ $.a = 1 & $.b = 1 }", 11, "a single &"),
    ("{ $.a = 1 | $.b = 1 }", 11, "a single |"),
    ("{ $.a = 1 && }", 14, "expected a property selector"),
    ("{ ($.a = 1 }", 3, "expected )"),
    ("{ $.a = 1) }", 10, "nothing opens"),
    ("{ !($.a = 1) }", 3, "cannot be negated"),
    ("{ NOT $.a = 1 }", 3, "cannot be negated"),
    ("{ $.a IS NOT NULL }", 7, "IS NOT is not supported"),
    ("{ $.a EXISTS }", 7, "EXISTS is not supported"),
    ("{ $.a IS MAYBE }", 10, "IS needs"),
    ("{ $.a NOT NULL }", 11, "NOT needs"),
    ("{ $.a LIKE x }", 7, "LIKE is not an operator"),
    ("[a, b", 6, "must end with ]"),
    ("[a] b]", 5, "expected the end"),
    ("[..., a, ...]", 10, "more than one ..."),
    ("[.., a]", 2, "expected a field name"),
    ("[…, a]", 2, "expected a field name"),
    ("[$a]", 2, "expected a field name"),
    ("[1a]", 2, "expected a field name"),
    ("[a, A]", 5, "two fields"),
    ("[a b]", 4, "expected a comparison"),
    ("[a = x y]", 8, "expected , or ]"),
    ("[a = ]", 6, "expected a value"),
    ("[s = 4* && bytes > 1000]", 12, "names bytes"),
    ("[a = 404 || 410]", 13, "expected a field name"),
    ("[a=%x%, b=%y%, c=%z%]", 16, "more than 2 regular"),
    ("x" * (MAX_LENGTH + 1), 1, "more than 1024"),
]


@pytest.mark.parametrize(
    ("text", "column", "what"), REFUSED, ids=[each[0][:30] for each in REFUSED]
)
def test_refused(text, column, what):
    with pytest.raises(ParseError) as caught:
        parse(text, path="filter")
    error = caught.value
    assert what in f"{error.what} {error.hint}"
    assert (error.span.path, error.span.line, error.span.column) == ("filter", 1, column)
    assert error.hint or "expected a value" in error.what


PRINTED = [
    ("", ""),
    ("  ERROR\t-WARN ", "ERROR -WARN"),
    ('"ERROR" ?"a b" -%x+%', 'ERROR ?"a b" -%x+%'),
    ('- "Exiting"', "-Exiting"),
    (r'"say \"a\" \\"', r'"say \"a\" \\"'),
    (r'"C:\dir"', r'"C:\dir"'),
    ("{$.a=1}", "{ $.a = 1 }"),
    ("{ (($.a = 1)) }", "{ $.a = 1 }"),
    ("{ $.a=1&&($.b=2&&$.c=3) }", "{ $.a = 1 && $.b = 2 && $.c = 3 }"),
    ("{ ($.a=1||$.b=2)&&$.c=3 }", "{ ($.a = 1 || $.b = 2) && $.c = 3 }"),
    ("{ $.['a']['b.c'][ 0 ].* IS NULL }", "{ $.a.['b.c'][0].* IS NULL }"),
    ("""{ $.["it's"] not  exists }""", """{ $.["it's"] NOT EXISTS }"""),
    ('{ $.a > "5" }', '{ $.a > "5" }'),
    ("{ $.a = a&b|c }", "{ $.a = a&b|c }"),
    ("{ $.a != 123.123.* }", "{ $.a != 123.123.* }"),
    ("[ ]", "[]"),
    ("[,]", "[, ]"),
    ("[a,,...,b=1||B=2,]", "[a, , ..., b = 1 || b = 2, ]"),
    ("[(a=1||a=2)&&a!=3]", "[(a = 1 || a = 2) && a != 3]"),
]


@pytest.mark.parametrize(("text", "printed"), PRINTED)
def test_printed(text, printed):
    pattern = parse(text)
    assert str(pattern) == printed
    assert parse(printed) == pattern
    assert pattern.text == text


def test_place_on_a_later_line():
    with pytest.raises(ParseError) as caught:
        parse("{ $.a = 1 &&\n  b = 2 }")
    assert (caught.value.span.line, caught.value.span.column) == (2, 3)


def test_no_depth_of_parentheses_is_too_deep():
    depth = (MAX_LENGTH - len("{$.a=1}")) // 2
    assert str(parse("{" + "(" * depth + "$.a=1" + ")" * depth + "}")) == "{ $.a = 1 }"
    nested = "a=1"
    while len(nested) < MAX_LENGTH - 20:
        nested = f"a=1||(a=1&&({nested}))"
    with pytest.raises(ParseError, match="more than 64 levels"):
        parse(f"[{nested}]")
