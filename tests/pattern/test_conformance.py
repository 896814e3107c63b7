"""The documented cases, and the patterns of the CIS benchmark."""

from __future__ import annotations

import json

import pytest
from tests.conformance.filter_patterns import main, run_file

from tocsin.pattern import parse


@pytest.mark.parametrize(("name", "least"), [("filter_cases", 181), ("cis_patterns", 103)])
def test_all_cases_pass(data, name, least):
    results = run_file(data / "cloudwatch" / f"{name}.json")
    assert len(results) >= least
    assert [result for result in results if not result.passed] == []


def test_all_variants_of_the_benchmark_load(data):
    controls = json.loads((data / "cloudwatch/cis_patterns.json").read_bytes())["controls"]
    variants = [variant["pattern"] for control in controls for variant in control["variants"]]
    assert len(variants) == 47
    for text in variants:
        assert parse(str(parse(text))) == parse(text)


def test_the_runner_ends_with_the_count(tmp_path, capsys):
    cases = [
        {"pattern": "ERROR", "message": "an ERROR", "matches": True, "extracted": {}},
        {"id": "wrong", "pattern": "ERROR", "message": "fine", "matches": True},
        {"pattern": "ERROR!", "message": None, "matches": None, "valid": False},
        {"id": "refused", "pattern": "a.b", "message": "a.b", "matches": True},
    ]
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases))
    assert main([str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 passed, 2 failed"
    assert lines[0] == "wrong: ERROR: expected matches=True, got matches=False"
    assert lines[1].startswith("refused: a.b: expected matches=True, got refused: ")
