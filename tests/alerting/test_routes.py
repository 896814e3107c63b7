"""Routes, compared with amtool; matchers; time intervals."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.alerting.trees import alertmanager_yaml, labels, roots, routing
from tocsin.alerting import TimeInterval, parse_matchers
from tocsin.errors import ParseError


@pytest.fixture(scope="module")
def amtool():
    found = shutil.which("amtool")
    if found is None:
        pytest.skip("amtool is not installed: apt-get install prometheus-alertmanager")
    return found


def escaped(value):
    return value.replace("\\", "\\\\").replace('"', '\\"')


@settings(
    max_examples=1000 if os.environ.get("TOCSIN_SOAK") else 60,
    suppress_health_check=list(HealthCheck),
)
@given(roots, st.lists(labels, min_size=1, max_size=4))
def test_amtool_routes_the_same(amtool, tmp_path_factory, root, label_sets):
    folder = tmp_path_factory.mktemp("am")
    (folder / "am.yml").write_text(alertmanager_yaml(root))
    ours = routing(root)
    for each in label_sets:
        done = subprocess.run(
            [amtool, "config", "routes", "test", "--config.file", str(folder / "am.yml"),
             *(f'{name}="{escaped(value)}"' for name, value in each.items())],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert ",".join(route.receiver for route in ours.root.match(each)) == done.stdout.strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('severity="page"', ['severity="page"']),
        (' { a = b , c!~"x|y" } ', ['a="b"', 'c!~"x|y"']),
        (r'a="q\"\\\n\d"', ['a="q\\"\\\\\\n\\\\d"']),
        ("a=", ['a=""']),
        ('"my label"="x",', ['my label="x"']),
        ('my-label=x,é!="ü"', ['my-label="x"', 'é!="ü"']),
        ("", []),
    ],
)
def test_matchers(text, expected):
    assert [str(each) for each in parse_matchers(text)] == expected


@pytest.mark.parametrize(
    "text", ["a", 'a="b', '{"a"=b', "a=~[", '""=b', "=b", 'a="b" c="d"', "a=b,,c=d"]
)
def test_bad_matchers(text):
    with pytest.raises(ParseError):
        parse_matchers(text)


MATCHERS = [
    "a=b", "{a=b", "a=b}", "{a=b}}", "{}", "", "a=", "a={b}", 'a=b\\"c', r"a=b\\c", r'a="b\\c"', r"a=~b\.c",
    'a="b,c"', "a=b,c=d", "a=b,", "a=b c", "a=b=c", "a!=b", 'a!=""', "a=~b|c", 'a="b"c', "a=`b`", ",",
    "a=b\nc=d", 'a="b\\nc"', 'a=~"b.c"', 'a!~"b.c"', 'a=~"(?s:b.c)"', "a!b", "a=~=b", r"a=b\,c=d", r'a=b\,c="d"', "a='b'", "{{a=b}}", "a==b",
]  # fmt: skip
LABELS = [
    {"a": "b\nc"}, {"a": "b"}, {"a": ""}, {"a": "b", "c": "d"}, {"a": "b c"}, {"a": "b,c"}, {"a": "b.c"}, {"a": "{b}"},
    {"a": "{b"}, {"a": 'b"c'}, {"a": "b\\c"}, {"a": "b\\\\c"}, {"a": "'b'"}, {"a": "=b"}, {"c": "d", "a": "b\\"},
]  # fmt: skip


@pytest.mark.parametrize("text", MATCHERS)
def test_the_classic_grammar_of_matchers_is_amtools(amtool, tmp_path, text):
    root = {"receiver": "r0", "routes": [{"receiver": "r1", "matchers": [text]}]}
    (tmp_path / "am.yml").write_text(alertmanager_yaml(root))
    read = ["--config.file", str(tmp_path / "am.yml")]
    try:
        ours = routing(root)
    except AssertionError:
        done = subprocess.run([amtool, "check-config", read[1]], capture_output=True, text=True)
        assert done.returncode != 0
        return
    for each in LABELS:
        given = [f'{name}="{escaped(value)}"' for name, value in each.items()]
        done = subprocess.run(
            [amtool, "config", "routes", "test", *read, *given], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
        assert [route.receiver for route in ours.root.match(each)] == [done.stdout.strip()], each


TREES = [
    {"receiver": "r0", "routes": [{"receiver": "", "matchers": ["a=b"]}]},
    {"receiver": "r0", "match": {}, "match_re": {}, "matchers": [], "mute_time_intervals": []},
    {"receiver": "r0", "routes": [{"matchers": [None], "receiver": "r1"}]},
    {"receiver": "r0", "routes": [{"match": {"a": ""}, "receiver": "r1"}]},
    {"receiver": "r0", "routes": [{"match_re": {"a": ""}, "receiver": "r1"}]},
    {"receiver": ""},
    {"receiver": "r0", "continue": True},
    {"receiver": "r0", "matchers": ["a=b"]},
    {"receiver": "r0", "group_by": [""]},
]


@pytest.mark.parametrize("root", TREES)
def test_trees_are_taken_and_refused_as_by_amtool(amtool, tmp_path, root):
    (tmp_path / "am.yml").write_text(alertmanager_yaml(root))
    read = ["--config.file", str(tmp_path / "am.yml")]
    good = subprocess.run([amtool, "check-config", read[1]], capture_output=True).returncode == 0
    try:
        ours = routing(root)
    except AssertionError:
        assert not good
        return
    assert good
    for label in ("a=b", "a=", "c=d"):
        done = subprocess.run(
            [amtool, "config", "routes", "test", *read, label], capture_output=True, text=True
        )
        name, _, value = label.partition("=")
        taken = ours.root.match({name: value})
        assert ",".join(route.receiver for route in taken) == done.stdout.strip(), label


INTERVALS = [
    {"weekdays": ["monday:friday"]}, {"weekdays": ["saturday:sunday"]}, {"weekdays": ["sunday:saturday"]},
    {"weekdays": [" monday"]}, {"weekdays": ["mon"]}, {"days_of_month": ["-5:-1"]},
    {"days_of_month": ["27:-1"]}, {"days_of_month": ["28:-1"]}, {"days_of_month": ["-1:-5"]},
    {"days_of_month": ["-1:1"]}, {"days_of_month": ["1_0"]}, {"days_of_month": ["+1"]}, {"days_of_month": ["0"]},
    {"months": ["may:august"]}, {"months": ["december:march"]}, {"months": ["jan"]}, {"years": ["2022:2020"]},
    {"location": ""}, {"location": "Nowhere/X"}, {"times": [{"start_time": "22:00", "end_time": "06:00"}]},
    {"times": [{"start_time": "9:00", "end_time": "17:00"}]}, {"times": [{"start_time": "09:00", "end_time": "24:00"}]},
]  # fmt: skip


@pytest.mark.parametrize("given", INTERVALS)
def test_time_intervals_are_taken_and_refused_as_by_amtool(amtool, tmp_path, given):
    named = [{"name": "x", "time_intervals": [given]}]
    root = {"receiver": "r0", "routes": [{"mute_time_intervals": ["x"]}]}
    text = yaml.safe_load(alertmanager_yaml(root)) | {"time_intervals": named}
    (tmp_path / "am.yml").write_text(yaml.safe_dump(text))
    done = subprocess.run([amtool, "check-config", str(tmp_path / "am.yml")], capture_output=True)
    if done.returncode == 0:
        routing(root, intervals=named)
    else:
        with pytest.raises(AssertionError, match="Problem"):
            routing(root, intervals=named)


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ({}, ["2024-02-29T12:00:00"], []),
        ({"times": ()}, [], ["2024-02-29T12:00:00"]),
        ({"weekdays": ((0, 6),), "years": ()}, [], ["2024-02-29T12:00:00"]),
        ({"times": ((540, 1020),)}, ["2024-01-01T09:00:00", "2024-01-01T16:59:59"],
         ["2024-01-01T08:59:59", "2024-01-01T17:00:00"]),
        ({"weekdays": ((1, 5),)}, ["2024-01-01T00:00:00"], ["2023-12-31T23:59:59", "2024-01-06T00:00:00"]),
        ({"days_of_month": ((-3, -1),)}, ["2024-02-27T00:00:00", "2024-02-29T00:00:00"], ["2024-02-26T00:00:00"]),
        ({"days_of_month": ((30, 31),)}, ["2024-01-30T00:00:00"], ["2024-02-29T00:00:00"]),
        ({"days_of_month": ((-31, -30),)}, ["2024-01-01T00:00:00"], ["2024-02-01T00:00:00"]),
        ({"months": ((12, 12),), "years": ((2023, 2024),)}, ["2024-12-01T00:00:00"],
         ["2024-11-30T00:00:00", "2025-12-01T00:00:00"]),
        ({"times": ((0, 60),), "location": "Europe/Berlin"}, ["2024-07-01T22:30:00"], ["2024-07-01T00:30:00"]),
    ],
)  # fmt: skip
def test_time_intervals(interval, inside, outside):
    made = TimeInterval(**interval)
    assert all(made.contains(at(each)) for each in inside)
    assert not any(made.contains(at(each)) for each in outside)
