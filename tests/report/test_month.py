"""Two days of the lab through the engine's own parts: faults are in the report, to the minute."""

from __future__ import annotations

import pytest

from tests.report.month import FIRST, HOUR, MINUTE, Faults, build, start_of
from tests.seal.chains import verify
from tocsin.cli._periods import load_period

START = start_of(FIRST)


@pytest.mark.slow
def test_an_attack_and_an_outage_are_where_they_were(tmp_path):
    faults = Faults(
        attacks={1: 14 * HOUR},
        down={1: (9 * HOUR, 9 * HOUR + 37 * MINUTE)},
    )
    root = build(tmp_path, 2, faults=faults)
    assert verify(root).holds
    period = load_period(root, None, None)
    one, two = period.days
    assert {c: period.cells[c, one].state for c, d in period.cells if d == one} == {
        "control-slo": "no-data", "logging-and-monitoring": "exception",
        "logical-access": "exception", "security-monitoring": "exception",
    }  # fmt: skip
    assert {period.cells[c.id, two].state for c in period.controls} == {"operated"}
    (gap,) = period.gaps
    assert abs(gap.start - START - 9 * HOUR) <= MINUTE
    assert abs(gap.end - START - 9 * HOUR - 37 * MINUTE) <= MINUTE
    assert [drill.passed for drill in period.drills] == [True, True]
    assert all(drill.weakened == (3, 3) for drill in period.drills)
    assert period.changes == ()
