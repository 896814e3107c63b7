"""Prometheus' own test files, and ours in the same notation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.promql import (
    NATIVE,
    Case,
    count,
    read_series,
    read_values,
    run_file,
    run_folder,
)

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TOCSIN_DATA", ROOT / "../shared/data")) / "promql"
OURS = sorted((Path(__file__).parent / "cases").glob("*.test"))
MISSING = "no conformance data: set TOCSIN_DATA"


def all_cases() -> list[Case]:
    return [case for cases in run_folder(DATA).values() for case in cases]


@pytest.mark.skipif(not DATA.is_dir(), reason=MISSING)
def test_prometheus_own_cases_pass():
    cases = [case for case in all_cases() if not case.reason.startswith("native histogram")]
    cases = [case for case in cases if NATIVE not in case.reason]
    passed = [case for case in cases if case.state == "passed"]
    assert len(cases) > 500
    missed = [case for case in cases if case.state != "passed"]
    assert len(passed) >= 0.97 * len(cases), missed
    assert not [case for case in missed if case.state == "failed"]


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_our_cases_pass(path):
    cases = run_file(path)
    assert cases
    assert not [case for case in cases if case.state != "passed"]


WRONG = """
load 1m
	x 1 2
	h {{count:3}}x3
	y 1 ?

eval instant at 1m x
	x 1

eval instant at 1m x
	x 2
	y 1

eval instant at 1m x

eval instant at 1m x
	2

eval_ordered instant at 1m sort(x or vector(9))
	{} 9
	x 2

eval instant at 1m sum(
	{} 1

eval_fail instant at 1m x

eval instant at 1m 1 == bool 1
	0

eval range from 0 to 1m step 1m x
	x 1 2 3

eval instant at 1m no(x)
	expect fail msg: another message
"""
REFUSED = """
load 1m
	x 1 2
	h {{count:3}}x3
	y 1 ?

eval instant at 1m h

eval instant at 1m sum({__name__=~"x|h"})
	{} 2

eval instant at 1m y
	y 1

eval instant at 1m histogram_sum(x)

eval instant at 1m x
	{{count:1}}

eval instant at 1m x
	expect wonders

eval_twice instant at 1m x
	x 2

load 1m
	long 0x99999999999

eval instant at 1m long
	long 0

frobnicate the store

load 1m with magic
	z 1

eval instant at soon x
	x 2

eval instant at 1m rate(x[1m] smoothed)
"""


def states(tmp_path, text):
    path = tmp_path / "some.test"
    path.write_text(text)
    return [case.state for case in run_file(path)]


def test_wrong_results_fail(tmp_path):
    assert set(states(tmp_path, WRONG)) == {"failed"}
    assert len(states(tmp_path, WRONG)) == WRONG.count("eval")


def test_unknown_constructs_are_refused_by_name(tmp_path):
    assert set(states(tmp_path, REFUSED)) == {"refused"}
    path = tmp_path / "some.test"
    assert all(case.reason for case in run_file(path))
    reasons = " ".join(case.reason for case in run_file(path))
    for construct in (
        "native histogram",
        "?",
        "wonders",
        "eval_twice",
        "frobnicate",
        "magic",
        "1000000",
    ):
        assert construct in reasons


@pytest.mark.parametrize(
    "text", ["", "\n\n", "load", "eval", "load 1m", "\x00\xff", "eval instant", "clear clear"]
)
def test_any_file_is_survived(tmp_path, text):
    assert "passed" not in states(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x 1", ("x", "1")),
        ("{ } 1", ("{}", "1")),
        ("{ a = \"}\" , b='c d', } 1 2", ('{a="}", b="c d"}', "1 2")),
        ('{"m.n", `l`="\\"q\\u00e9"} 1', ('{"m.n", l="\\"qé"}', "1")),
    ],
)
def test_the_series_notation(text, found):
    labels, rest = read_series(text)
    assert (str(labels), rest) == found


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 2 3", [1, 2, 3]),
        ("0+10x3", [0, 10, 20, 30]),
        ("5x2", [5, 5, 5]),
        ("_ 1 _x3 2", [None, 1, None, None, None, 2]),
        ("-5 -5-2x2 1--2x1 1+-2x1", [-5, -5, -7, -9, 1, 3, 1, -1]),
        ("0x2 1e3 .5 +Inf", [0, 0, 0, 1000, 0.5, float("inf")]),
    ],
)
def test_the_value_notation(text, values):
    assert read_values(text) == values


def test_the_command_prints_a_line_a_file_and_the_sum(tmp_path):
    (tmp_path / "a.test").write_text("eval instant at 0 1\n\t1\n")
    (tmp_path / "b.test").write_text("eval instant at 0 1\n\t2\n\neval instant at 0 info(x)\n")
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance.promql", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "a.test: 1 passed, 0 failed, 0 refused"
    assert lines[1] == "b.test: 0 passed, 1 failed, 1 refused"
    assert lines[2].startswith("  line 1: failed: 1: expected")
    assert lines[3].startswith("  line 4: refused: info(x): info: ")
    assert lines[-1] == "1 passed, 1 failed, 1 refused"
    assert done.returncode == 1


def test_the_tally():
    case = Case(Path("x"), 1, "x", "passed")
    assert count([case, case]) == {"passed": 2, "failed": 0, "refused": 0}
