"""All regexes of a field in one pass say what each says alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.correlation import Correlator, Event, load_sigma
from tocsin.errors import ParseError
from tocsin.labels import compile_regex, compile_regexes
from tocsin.packs import pack_rules

PARTS = st.sampled_from(
    [
        "a",
        "b",
        ".",
        "(?i:a)",
        "a+",
        "^",
        "$",
        "[^a]",
        "\\n",
        "(?:ab|ba)",
        "x{0,3}",
        "é",
        "\\x{212a}",
    ]
)
REGEXES = st.lists(st.lists(PARTS, max_size=4).map("".join), min_size=1, max_size=6)
TEXTS = st.text(st.sampled_from("aAbBxé\u212ak\n"), max_size=12)


@given(patterns=REGEXES, text=TEXTS, memory=st.sampled_from([1, 1 << 10, 1 << 14, 1 << 20]))
@settings(max_examples=300)
def test_one_pass_is_many(patterns, text, memory):
    found = compile_regexes(patterns, memory)(text)
    assert set(found) == {n for n, each in enumerate(patterns) if compile_regex(each).search(text)}
    assert len(found) == len(set(found))


@pytest.mark.parametrize("memory", [1, 1 << 12, 1 << 16, 8 << 20])
def test_with_little_memory_each_is_looked_for(memory):
    patterns = [f"(?i)[a-f]{{40}}x{n}" for n in range(1000)]
    search = compile_regexes(patterns, memory)
    assert sorted(search("abcdef" * 7 + "x12")) == [1, 12]
    assert list(search("nothing")) == []


def test_a_bad_regex_is_told():
    with pytest.raises(ParseError, match="bad regular expression"):
        compile_regexes(["a", "(b"], 1 << 20)


RULES = load_sigma(pack_rules("appsec"))
PIECES = st.sampled_from([
    "union", "%20", "+", "/**/", "select", "'", "or", "1=1", "<", "script", ">", "../", "%2e%2e", "%2f", "/etc/passwd",
    "${jndi:", "sqlmap", ";", "cat", " ", "/.env", ".git", "%00", "a", "\u212a", "\u0130", "{{7*7}}",
])  # fmt: skip
FIELDS = ("path", "query", "agent", "referer", "status", "method")


@given(values=st.lists(st.lists(PIECES, max_size=6).map("".join), min_size=6, max_size=6))
@settings(max_examples=300)
def test_the_pack_decides_as_atom_by_atom(values):
    event = Event(1, dict(zip(FIELDS, values, strict=True)) | {"event.dataset": "access"})
    matched = {
        RULES.detections[at].name for _, places in Correlator(RULES).sift([event]) for at in places
    }
    expected = set()
    for each in RULES.detections:
        held = [
            atom.judge(
                next((event.fields[n] for n in atom.names if n in event.fields), None)
                if atom.names
                else event
            )
            for atom in each.atoms
        ]
        if holds(each.expression, held):
            expected.add(each.name)
    assert matched == expected


def holds(rule, held):
    kind, *parts = rule
    if kind == "atom":
        return held[parts[0]]
    found = [holds(each, held) for each in parts]
    return {"and": all, "or": any, "not": lambda each: not each[0]}[kind](found)
