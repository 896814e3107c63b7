"""Faults that were put into a month of a daemon: each in its state, with start and end.

The month is made by the engine's own parts over a real store, with a clock that the test sets. The
suite runs two hours of each day, `--soak` whole days, thirty of them.
"""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from tests.evidence.month import BEGIN, DAY, HOUR, MINUTE, SECOND, Month, partial

from tocsin.cli import cli
from tocsin.control import Kind

FAULTS = (
    "scrapes", "down", "removed", "raised", "gone", "partial", "forward", "back", "killed", "half",
)  # fmt: skip
EVERY = 30 * SECOND
pytestmark = pytest.mark.slow


class Seeded:
    """The month, its cells by day, its records by day and control."""

    def __init__(self, folder, *, soak):
        self.month = Month(folder, EVERY)
        self.length = DAY if soak else 2 * HOUR
        self.whole = soak
        self.days = {}
        self.records = {}
        plan = list(FAULTS) + ["clean"] * (20 if soak else 1)
        if soak:  # Clean days around each faulty one.
            plan = [word for fault in FAULTS for word in ("clean", fault, "clean")]
        self.plan = list(enumerate(plan))
        month = self.month
        for number, fault in self.plan:
            day = BEGIN + number * DAY
            if month.engine is None:
                month.hands.now = max(day - 10 * MINUTE, month.hands.now)
                month.start()
                month.run(day)
            self._run(day, fault)
            self._prove(day, number, fault)
            if not soak:
                month.kill()
        if month.engine is not None:
            month.kill()

    def _run(self, day, fault):
        month, at = self.month, day + HOUR
        month.run(at)
        if fault == "scrapes":
            month.failing.add("b:1")
            month.run(at + 3 * MINUTE)
            month.failing.clear()
        elif fault == "down":
            month.kill()
            month.hands.now = at + 37 * MINUTE
            month.start()
        elif fault in {"removed", "raised"}:
            rules = (month.folder / "security.yml").read_text()
            changed = rules.replace("> 15", "> 1500")
            if fault == "removed":
                changed = rules.replace("LoginTrafficVeryLow", "Renamed")
            month.reload(rules=changed)
            month.run(at + 20 * MINUTE)
            month.reload(rules=rules)
        elif fault == "gone":
            month.reload(targets=("a:1",))
            month.run(at + 20 * MINUTE)
            month.reload()
        elif fault == "forward":
            month.hands.now += 10 * MINUTE
        elif fault == "back":
            month.hands.apart = -5 * MINUTE
            month.run(at + 20 * MINUTE)
            month.hands.apart = 0
        month.run(day + self.length)

    def _prove(self, day, number, fault):
        month = self.month
        if self.whole:
            month.run(day + DAY)
        month.hands.now = max(month.hands.now, day + self.length)
        if fault != "killed":
            some = {"detection", "log-pipeline"} if fault == "half" else None
            spoil = partial if fault == "partial" else lambda _request, body: body
            self.records[number] = month.collect(day, spoil=spoil, controls=some)
        after = month.hands.now
        month.hands.now = max(after, day + DAY)
        self.days[number] = month.seal(day)
        month.hands.now = after

    def number(self, fault):
        return next(number for number, each in self.plan if each == fault)

    def against(self, fault, control, need):
        """State of the record, and the spans of one input in minutes after 01:00."""
        number = self.number(fault)
        body = json.loads(self.records[number][control].data)
        at = BEGIN + number * DAY + HOUR
        spans = [
            ((f.start - at) / MINUTE, (f.end - at) / MINUTE)
            for f in self.records[number][control].verdict.findings
            if f.need == need and f.kind is not Kind.MET and f.start is not None
        ]
        return body["state"], spans


@pytest.fixture(scope="module")
def seeded(tmp_path_factory, soak):
    return Seeded(tmp_path_factory.mktemp("month"), soak=soak)


def near(spans, *expected, by=0.5):
    assert len(spans) == len(expected), spans
    for (start, end), (first, last) in zip(spans, expected, strict=True):
        assert abs(start - first) <= by, (spans, expected)
        assert abs(end - last) <= by, (spans, expected)


@pytest.mark.parametrize(
    ("fault", "control", "need", "state", "span"),
    [
        ("scrapes", "log-pipeline", "scrapes", "no-data", (0.5, 3.5)),
        ("down", "log-pipeline", "awake", "no-data", (0, 37)),
        ("down", "daily-review", "awake", "no-data", (0, 37)),
        ("removed", "detection", "rules-held", "no-data", (0, 20)),
        ("raised", "detection", "rules-held", "exception", (0, 20)),
        ("forward", "daily-review", "evaluations", "no-data", (0, 10.5)),
        ("forward", "clock-in-step", "evaluations", "no-data", (0, 10.5)),
        ("back", "clock-in-step", "clock", "no-data", (1, 20)),
    ],
)
def test_a_fault_is_in_its_state_to_one_interval(seeded, fault, control, need, state, span):
    found, spans = seeded.against(fault, control, need)
    assert found == state, (fault, seeded.records[seeded.number(fault)][control].verdict.reasons)
    near(spans, span, by=1 if fault == "back" else 0.5)


def test_a_target_that_is_gone_is_missed_by_the_minute(seeded):
    state, spans = seeded.against("gone", "detection", "targets-up")
    assert state == "no-data"
    near(spans, (0, 20), by=1)


def test_a_change_of_rules_is_an_exception_for_somebody_to_look_at(seeded):
    for fault in ("removed", "raised", "gone"):
        state, spans = seeded.against(fault, "rule-changes", "rules-unchanged")
        assert state == "exception"
        assert [round(start) for start, _ in spans] == [0, 20]


def test_a_partial_answer_never_operated(seeded):
    for control in ("detection", "log-pipeline", "daily-review", "privileged-actions"):
        state, _ = seeded.against("partial", control, "samples")
        assert state == "no-data", control


def test_a_collector_that_was_killed_leaves_not_run(seeded):
    cells = seeded.days[seeded.number("killed")]["cells"]
    assert len(cells) == 9
    assert set(cells.values()) == {"not-run"}
    half = seeded.days[seeded.number("half")]["cells"]
    assert half["rule-changes"] == "not-run"
    if seeded.whole:
        assert half["detection"] == "operated"


def test_a_clean_day_has_no_false_gap(seeded):
    for number, fault in seeded.plan:
        if fault != "clean":
            continue
        for name, record in seeded.records[number].items():
            if (number, name) != (0, "evidence-protected"):  # There is no day before the first.
                assert record.verdict.state == "operated", (number, name, record.verdict.reasons)


def test_every_cell_of_every_day_has_one_state(seeded):
    for number, day in seeded.days.items():
        assert len(day["cells"]) == 9
        for control, state in day["cells"].items():
            assert state in {"operated", "exception", "no-data", "not-run", "late"}
            record = seeded.records.get(number, {}).get(control)
            if record is None:
                assert state == "not-run"
            elif seeded.whole or state == "exception":
                assert state == record.verdict.state
            else:
                # A part of a day does not speak for the day.
                assert state == "not-run"


def test_every_verdict_is_computed_again_from_the_bundle_alone(seeded):
    folder = str(seeded.month.evidence)
    for number in seeded.records:
        day = seeded.days[number]["day"]
        words = ["reperform", day, "--folder", folder, "--format", "json"]
        done = CliRunner().invoke(cli, ["evidence", *words], standalone_mode=False)
        assert done.exception is None, done.exception
        for each in json.loads(done.stdout):
            if seeded.plan[number][1] == "partial" and each["state"] == "no-data":
                continue
            assert each["equal"], (seeded.plan[number], each)
