"""Routes, compared with amtool; matchers; time intervals."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
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
    deadline=None,
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
    ],
)
def test_matchers(text, expected):
    assert [str(each) for each in parse_matchers(text)] == expected


@pytest.mark.parametrize("text", ["", "{}", "a", 'a="b', "{a=b", "a=~[", "1a=b", 'a="b" c="d"'])
def test_bad_matchers(text):
    with pytest.raises(ParseError):
        parse_matchers(text)


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ({}, ["2024-02-29T12:00:00"], []),
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
