"""The collected facts, through the runner that anyone can call."""

import json

import pytest

from tests.conformance import alarms


def test_every_documented_case(data):
    results = alarms.run_file(data / "cloudwatch" / "alarm_cases.json")
    assert [str(result) for result in results if not result.passed] == []
    assert len(results) >= 261


def test_the_last_line_counts(data, capsys):
    assert alarms.main([str(data / "cloudwatch" / "alarm_cases.json")]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(" passed, 0 failed")


@pytest.mark.parametrize(
    "content",
    [
        {"unheard_of": [1]},
        {"timelines": [{"name": "new"}]},
        {"limits": {"new": 1}},
        {"metric_math_rules": ["a rule nobody knows"]},
        {"metric_math": [{"expr": "m1 +", "in": {"m1": [1]}, "out": [1]}]},
        {"composite": {"rules": ["a rule nobody knows"], "cases": []}},
        {"notification": {"notes": ["a note nobody knows"]}},
        {"notification": {"unheard_of": 1}},
        {"metric_filter_emission": [{"rule": "a rule nobody knows"}]},
        {"notes": [{"issue": "unheard of"}]},
    ],
)
def test_what_is_not_known_fails_by_name(content, tmp_path, capsys):
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(content))
    assert alarms.main([str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"
