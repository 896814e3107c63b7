"""`tocsin routes`: a tree is shown, and tested with inhibition and times."""

from __future__ import annotations

import yaml
from click.testing import CliRunner

from tocsin.cli import cli

TREE = {
    "route": {
        "receiver": "all",
        "routes": [
            {"matchers": ["severity=page"], "receiver": "pager", "mute_time_intervals": ["night"]},
        ],
    },
    "inhibit_rules": [
        {
            "source_matchers": ["severity=page"],
            "target_matchers": ["severity=info"],
            "equal": ["host"],
        }
    ],
    "time_intervals": [
        {
            "name": "night",
            "time_intervals": [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}],
        }
    ],
    "receivers": [{"name": "all"}, {"name": "pager"}],
}
PAGE = {"alertname": "Down", "severity": "page", "host": "a"}
GOOD = [
    {"name": "page", "labels": PAGE, "receivers": ["pager"]},
    {"labels": {"severity": "info", "host": "a"}, "firing": [PAGE], "muted": True},
    {"labels": {"severity": "info", "host": "b"}, "firing": [PAGE], "receivers": ["all"]},
    {"labels": PAGE, "time": "2026-11-22T23:00:00Z", "muted": True},
    {"labels": PAGE, "time": "2026-11-22T12:00:00Z", "receivers": ["pager"]},
]


def run(folder, tests, *more):
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(TREE))
    (folder / "routes.yml").write_text(
        yaml.safe_dump({"config": "alertmanager.yml", "tests": tests})
    )
    return CliRunner().invoke(
        cli, ["routes", "test", str(folder / "routes.yml"), *more], standalone_mode=False
    )


def test_what_holds_passes(tmp_path):
    done = run(tmp_path, GOOD)
    assert (done.return_value, done.output) == (0, f"{tmp_path}/routes.yml: 5 of 5 passed\n")


def test_what_does_not_hold_is_told_with_its_place(tmp_path):
    wrong = [
        {**GOOD[0], "receivers": ["all"]},
        {**GOOD[1], "firing": []},
        {**GOOD[3], "muted": False, "receivers": ["pager"]},
    ]
    done = run(tmp_path, wrong)
    assert done.return_value == 1
    first, second, third = done.output.splitlines()[1:]
    assert first.endswith("page: expected all; got pager")
    assert "routes.yml:3:3: " in first
    assert second.endswith("must be muted, and reaches all")
    assert third.endswith("expected pager; got time interval: night")


def test_a_tree_is_shown(tmp_path):
    run(tmp_path, GOOD)
    done = CliRunner().invoke(
        cli, ["routes", "show", str(tmp_path / "alertmanager.yml")], standalone_mode=False
    )
    assert done.output == (
        "all alerts -> all (all together; wait 30s, interval 5m, repeat 4h)\n"
        '  {severity="page"} -> pager (all together; wait 30s, interval 5m, repeat 4h)\n'
    )
