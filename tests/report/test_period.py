"""One state for each control and day, and no default among them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.days import default_files, put, record
from tests.seal.chains import names
from tocsin.bundle import survey
from tocsin.cli._periods import load_period
from tocsin.errors import EvidenceError, ParseError
from tocsin.evidence import cells_of
from tocsin.report import (
    STATES,
    Checked,
    disposition_file,
    put_together,
    read_day_files,
    report_page,
)
from tocsin.report._draw import midnight

DAY, NEXT, LAST = names(3)
STATE = st.sampled_from(["operated", "exception", "no-data", "not-run", "late", "fine", ""])


def read(files, day=DAY):
    return read_day_files(day, files)


def cell(*reads, control="alpha", day=DAY, **more):
    return put_together(reads, DAY, LAST, **more).cells[control, day]


def test_what_each_record_says_is_the_state_of_its_day():
    for state in ("operated", "exception", "no-data", "not-run"):
        found = cell(read({"alpha.json": record("alpha", DAY, state)}))
        assert (found.state, found.reasons) == (state, (f"it is {state}",))


def test_every_control_has_every_day_also_those_that_are_not_sealed():
    period = put_together([read({"alpha.json": record("alpha", DAY)})], DAY, LAST, ["gamma"])
    assert set(period.cells) == {(c, d) for c in ("alpha", "gamma") for d in names(3)}
    assert period.cells["gamma", DAY].reasons == ("the sealed day holds no record of this control",)
    assert period.cells["alpha", LAST].reasons == ("the day was not sealed",)
    assert {c.state for k, c in period.cells.items() if k != ("alpha", DAY)} == {"not-run"}


def test_the_controls_that_the_day_itself_expects_are_there():
    facts = b'{"sealed": "x", "cells": {"planned": "operated"}}'
    assert cell(read({"day.json": facts}), control="planned").state == "not-run"


def test_a_record_of_part_of_the_day_does_not_speak_for_the_day():
    found = cell(read({"alpha.json": record("alpha", DAY, period={"whole_day": False})}))
    assert found.state == "not-run"
    assert found.reasons[0].startswith("the record ends at ")


def test_a_late_record_is_late_whatever_it_says():
    late = read({f"late/{DAY}/alpha.json": record("alpha", DAY)}, NEXT)
    found = cell(read({}), late)
    assert found.state == "late"
    assert "says operated" in found.reasons[0]


def test_a_late_record_does_not_mend_a_day_and_its_exception_is_not_lost():
    day = read({"alpha.json": record("alpha", DAY, "no-data")})
    assert cell(day, read({f"late/{DAY}/alpha.json": record("alpha", DAY)}, NEXT)).state == (
        "no-data"
    )
    late = record("alpha", DAY, "exception")
    assert cell(day, read({f"late/{DAY}/alpha.json": late}, NEXT)).state == "exception"


@pytest.mark.parametrize(
    "name", ["alpha.json", f"late/{NEXT}/alpha.json", "late/alpha.json", "other/alpha.json"]
)
def test_a_record_that_speaks_of_another_day_than_its_place_proves_nothing(name):
    files = {name: record("alpha", LAST)}
    assert cell(read(files), control="alpha", day=DAY, expected=["alpha"]).state == "not-run"
    assert cell(read(files), control="alpha", day=LAST, expected=["alpha"]).state == "not-run"


@given(st.lists(st.tuples(STATE, st.booleans(), st.booleans()), max_size=5), st.booleans())
def test_operated_takes_a_whole_record_in_time_and_no_exception(runs, failed):
    files, later, entries = {}, {}, b""
    for number, (state, whole, late) in enumerate(runs):
        ended = f"2026-12-01T00:00:{number:02}Z"
        data = record("alpha", DAY, state, period={"whole_day": whole}, ended=ended)
        if late:
            later[f"late/{DAY}/alpha.run{number + 1}.json"] = data
        else:
            files[f"alpha.run{number + 1}.json"] = data
    if failed:
        entries = (b'{"time":1,"kind":"drill","seq":1,"prev":"","body":{"id":"1","drill":"d",'
                   b'"control":"alpha","passed":false,"why":"the rule is gone"}}\n')  # fmt: skip
    found = cell(read(files | {"ledger.jsonl": entries}), read(later, NEXT), expected=["alpha"])
    assert found.state in STATES
    timely = [state for state, whole, late in runs if whole and not late]
    exception = failed or any(state == "exception" for state, _, _ in runs)
    assert (found.state == "operated") == (timely[-1:] == ["operated"] and not exception)
    assert (found.state == "exception") == exception


def test_drills_that_failed_or_did_not_end_make_an_exception():
    line = (b'{"time":1,"kind":"drill","seq":1,"prev":"","body":{"id":"7","drill":"d",'
            b'"control":"alpha","started":1}}\n')  # fmt: skip
    found = cell(read({"alpha.json": record("alpha", DAY), "ledger.jsonl": line}))
    assert found.state == "exception"
    assert found.reasons == ("drill d failed: it began and did not end",)
    ended = line.replace(b'"started":1', b'"started":1,"passed":true,"metric":5')
    assert cell(read({"alpha.json": record("alpha", DAY), "ledger.jsonl": line + ended})).state == (
        "operated"
    )


def test_an_end_of_a_gap_is_joined_to_its_begin_across_days():
    def line(day, body):
        return (f'{{"time":{day},"kind":"gap","seq":1,"prev":"","body":{body}}}\n').encode()

    scrape = '"what":"scrape","job":"j","instance":"i"'
    reads = [
        read({"ledger.jsonl": line(5, f'{{{scrape},"state":"open","start":5,"detail":"gone"}}')}),
        read({"ledger.jsonl": line(9, f'{{{scrape},"state":"closed","start":0,"end":9}}')}, NEXT),
        read({"ledger.jsonl": line(20, '{"what":"evaluation","rule":"r","state":"open"}')}, LAST),
    ]
    gaps = put_together(reads, DAY, LAST).gaps
    assert [(g.what, g.subject, g.start, g.end, g.why) for g in gaps] == [
        ("scrape", "j i", 5, 9, "gone"),
        ("evaluation", "r", 20, None, ""),
    ]


def test_rule_changes_are_the_differences_between_what_was_in_force():
    def segment(since, **files):
        rules = ",".join(f'{{"path":"{p}","sha256":"{h}"}}' for p, h in files.items())
        return f'{{"since":"{since}","configuration":{{"sha256":"c"}},"rules":[{rules}]}}'

    one = f'{{"rules_in_force":[{segment("2026-11-20T00:00:00Z", a="1", b="1")}]}}'
    two = (f'{{"rules_in_force":[{segment("2026-11-20T00:00:00Z", a="1", b="1")},'
           f'{segment("2026-11-28T03:00:00Z", a="2", c="1")}]}}')  # fmt: skip
    reads = [read({"day.json": one.encode()}), read({"day.json": two.encode()}, NEXT)]
    changes = put_together(reads, DAY, LAST).changes
    assert [(c.what, c.before, c.after) for c in changes] == [
        ("a", "1", "2"), ("b", "1", ""), ("c", "", "1"),
    ]  # fmt: skip


def test_a_disposition_stands_beside_the_exception_and_changes_no_state(tmp_path):
    name, data = disposition_file(DAY, "alpha", "fault", "Ada", "disk was full", "T-1", 0, [])
    reads = [read({"alpha.json": record("alpha", DAY, "exception")}),
             read({f"dispositions/{name}": data}, NEXT)]  # fmt: skip
    found = cell(*reads)
    assert (found.state, found.dispositions[0].text) == ("exception", "disk was full")
    again, _ = disposition_file(DAY, "alpha", "fault", "Ada", "x", "", 0, [name])
    assert again != name


@pytest.mark.parametrize(
    "wrong",
    [
        {"control": "../x"},
        {"outcome": "?"},
        {"by": " "},
        {"text": ""},
        {"text": "x" * 9999},
        {"until": NEXT},
        {"outcome": "accepted", "until": "20200101"},
    ],
)
def test_a_disposition_says_who_and_what(wrong):
    said = {"control": "alpha", "outcome": "fault", "by": "Ada", "text": "why", "ticket": ""}
    with pytest.raises(ParseError):
        disposition_file(day=DAY, now=0, taken=(), **(said | wrong))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(st.dictionaries(
    st.sampled_from(["day.json", "ledger.jsonl", "alpha.json", "checkpoint", f"late/{DAY}/a.json",
                     "dispositions/x.json"]),
    st.binary(max_size=60) | JSON.map(msgspec.json.encode),
))  # fmt: skip
def test_whatever_the_files_hold_there_is_a_period_and_nothing_operated(files):
    period = put_together([read(files)], DAY, LAST, ["alpha"])
    assert {each.state for each in period.cells.values()} == {"not-run"}


def test_a_file_that_is_not_the_sealed_one_stops_the_report(tmp_path):
    root = put(tmp_path, 2)
    path = root / DAY / "alpha.json"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"operated", b"Operated"))
    with pytest.raises(EvidenceError, match="is not the file that was sealed"):
        load_period(root, None, None)


def test_the_default_period_is_that_of_the_chain(tmp_path):
    root = put(tmp_path, 3, default_files)
    period = load_period(root, None, None)
    assert period.days == survey(root).days
    assert load_period(root, f"{NEXT[:4]}-{NEXT[4:6]}-{NEXT[6:]}", NEXT).days == (NEXT,)
    with pytest.raises(ParseError):
        load_period(root, LAST, DAY)


@given(st.lists(st.tuples(STATE, st.booleans()), max_size=5))
def test_the_sealed_day_itself_says_the_same_of_its_own_records(runs):
    files, lines = {}, []
    for number, (state, whole) in enumerate(runs):
        ended = f"2026-12-01T00:00:{number:02}Z"
        files[f"alpha.run{number + 1}.json"] = record(
            "alpha", DAY, state, period={"whole_day": whole}, ended=ended
        )
        lines.append({"control": "alpha", "state": state, "collected": ended, "whole_day": whole})
    if any(state not in {"operated", "exception", "no-data", "not-run"} for state, _ in runs):
        return
    assert cell(read(files), expected=["alpha"]).state == cells_of(["alpha"], lines)["alpha"]


def test_an_alert_is_told_with_who_acknowledged_it_also_on_a_later_day(tmp_path):
    def fired(day, alert):
        body = {"rule": alert, "after": "firing", "labels": {"alertname": alert}}
        return midnight(day) + 3_600_000_000, "transition", body

    def entries(day):
        if day == DAY:
            return [fired(day, "Seen"), fired(day, "<Unseen>")]
        said = {"alert": "Seen", "labels": {}, "by": "ann", "comment": "a test", "ticket": "T-1"}
        return [(midnight(day) + 7_200_000_000, "acknowledgement", said), fired(day, "Later")]

    put(tmp_path, 3, entries=lambda day: entries(day) if day in {DAY, NEXT} else ())
    period = load_period(tmp_path, DAY, DAY)
    assert [(a.alert, a.after, a.by, a.ticket) for a in period.alerts] == [
        ("Seen", 25 * 3_600_000_000, "ann", "T-1"),
        ("<Unseen>", None, "", ""),
    ]
    page = report_page(period, Checked("", None)).decode()
    section = page[page.index("Alerts and who acknowledged them") :]
    assert "Alerts that fired: 2. Nobody acknowledged 1 of them" in section
    assert section.index("&lt;Unseen&gt;") < section.index(">Seen<")


def test_decisions_about_blocks_are_counted_by_day_and_by_who_decided(tmp_path):
    def entries(day):
        yield 5, "block", {"by": "alarm burst", "network": "203.0.113.9/32"}
        for network in ("198.51.100.1/32", "198.51.100.2/32"):
            yield 6, "block", {"what": "blocked", "by": "dana", "network": network}
        if day == NEXT:
            yield 7, "block", {"what": "ended", "by": "dana", "network": network}

    period = load_period(put(tmp_path / "evidence", 2, entries=entries), None, None)
    counted = [(each.day, each.what, each.by, each.networks) for each in period.blocks]
    both = [("blocked", "dana", 2), ("blocked", "alarm burst", 1)]
    assert counted == [
        *((DAY, *each) for each in both),
        *((NEXT, *each) for each in (*both, ("ended", "dana", 1))),
    ]


def test_collecting_until_it_operates_is_not_unseen():
    """The day's last record speaks for it; that another one came before is told."""
    first = record("alpha", DAY, "no-data", ended=f"{DAY[:4]}-11-28T00:01:00Z")
    last = record("alpha", DAY, "operated", ended=f"{DAY[:4]}-11-28T06:00:00Z")
    period = put_together([read({"alpha.json": first, "alpha.run2.json": last})], DAY, DAY)
    assert period.cells["alpha", DAY].state == "operated"
    told = "operated by the day's last record; one before it says no-data"
    assert period.notes[-1] == f"alpha, {DAY}: {told}"
    part = record("alpha", DAY, "no-data", period={"whole_day": False})
    period = put_together([read({"alpha.json": part, "alpha.run2.json": last})], DAY, DAY)
    assert not any(told in note for note in period.notes)


def test_a_key_that_was_replaced_is_told(tmp_path):
    """As day.json has it; the signatures themselves are for the verifier."""
    days = names(3)
    keys = {days[0]: "SHA256:one", days[1]: "SHA256:two", days[2]: "SHA256:two"}
    root = put(tmp_path / "evidence", 3, facts=lambda day: {"key": keys[day]})
    period = load_period(root, None, None)
    told = f"{days[1]} is the first day with SHA256:two, {days[0]} the last with SHA256:one"
    assert period.notes == [f"the key that seals was replaced: {told}"]
    page = report_page(period, Checked("", None)).decode()
    assert f'<span class="hash">SHA256:two</span>: {days[1]}-{days[2]}' in page
