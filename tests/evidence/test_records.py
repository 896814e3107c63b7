from __future__ import annotations

import base64
import json
import os
import threading
from dataclasses import replace
from datetime import date

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.control.days import LAB_CONTROLS, clean, period

from tocsin.cli import cli
from tocsin.cli._records import write_records
from tocsin.control import AlertsSeen, RulesSeen, SeriesSeen, State, TargetsSeen
from tocsin.errors import ConfigError, ParseError, StoreError
from tocsin.evidence import (
    Answer,
    Collector,
    build_record,
    canonical_json,
    next_run,
    record_name,
    request_of,
    requests_of,
)

DAY = date(2026, 11, 20)
WHO = Collector("tocsin", "0.1.0", "host", "user", 7, "f" * 32, "http://127.0.0.1:9464", 1)


def records(body=b"", controls=LAB_CONTROLS):
    day = period()
    answers = {r: Answer(5, 9, 200, body) for r in requests_of(controls, day)}
    return [build_record(control, day, answers, WHO) for control in controls]


def clean_answers():
    """What a source answers on a day on which nothing went wrong, as bytes."""
    day = period()
    answers = {}
    for control in LAB_CONTROLS:
        for need, seen in zip(control.needs, clean(control, day).values(), strict=True):
            body = json.dumps({"status": "success", "data": _data(need, seen)}).encode()
            answers[request_of(need, day)] = Answer(day.end + 5, day.end + 9, 200, body)
    return answers


def _data(need, seen):
    match seen:
        case SeriesSeen(rows):
            key = "values" if need.path == "query_range" else "value"
            rows = [
                {"metric": dict(r.labels), "values": [[t / 1e6, str(v)] for t, v in r.points]}
                for r in rows
            ]
            if key == "value":
                rows = [{"metric": r["metric"], "value": r["values"][0]} for r in rows]
            return {"resultType": "matrix" if key == "values" else "vector", "result": rows}
        case RulesSeen(_, rules):
            shown = [
                {"name": r.name, "query": "x > 1", "health": r.health, "type": r.type,
                 "lastEvaluation": "2026-11-21T01:00:00.123456789+01:00"}
                for r in rules
            ]  # fmt: skip
            return {"groups": [{"name": "g", "file": "f", "interval": 5, "rules": shown}]}
        case AlertsSeen():
            return {"alerts": []}
        case TargetsSeen(_, targets):
            return {
                "activeTargets": [{"labels": {"job": t.job}, "health": t.health} for t in targets]
            }
        case _:
            return {"version": "3.5.0"}


def test_answers_without_fault_operated():
    for control in LAB_CONTROLS:
        record = build_record(control, period(), clean_answers(), WHO)
        assert record.verdict.state is State.OPERATED, record.verdict.reasons
        assert json.loads(record.data)["state"] == "operated"


def test_what_a_source_remarks_is_kept_and_is_no_doubt():
    answers = {
        request: replace(a, body=a.body[:-1] + b', "infos": ["rate of what is no counter"]}')
        for request, a in clean_answers().items()
    }
    record = json.loads(build_record(LAB_CONTROLS[0], period(), answers, WHO).data)
    assert record["state"] == "operated"
    infos = [one["answer"]["infos"] for one in record["inputs"]]
    assert infos == [["rate of what is no counter"]] * len(infos)


@settings(max_examples=200)
@given(st.data())
def test_no_record_operated_once_an_answer_is_lost_cut_or_refused(data):
    control = data.draw(st.sampled_from(LAB_CONTROLS))
    answers = clean_answers()
    request = request_of(data.draw(st.sampled_from(control.needs)), period())
    whole = answers[request]
    way = data.draw(st.sampled_from(["lost", "cut", "status", "failure", "warning", "byte"]))
    if way == "lost":
        del answers[request]
    elif way == "cut":
        size = data.draw(st.integers(0, len(whole.body) - 1))
        answers[request] = replace(whole, body=whole.body[:size])
    elif way == "status":
        answers[request] = replace(
            whole, status=data.draw(st.integers(0, 599).filter(lambda s: s != 200))
        )
    elif way == "failure":
        answers[request] = replace(whole, failure="cut off")
    elif way == "warning":
        body = {**json.loads(whole.body), "warnings": ["a store did not answer"]}
        answers[request] = replace(whole, body=json.dumps(body).encode())
    else:
        at = data.draw(st.integers(0, len(whole.body) - 1))
        body = whole.body[:at] + b"\x00" + whole.body[at + 1 :]
        answers[request] = replace(whole, body=body)
    record = build_record(control, period(), answers, WHO)
    assert record.verdict.state is not State.OPERATED
    assert json.loads(record.data)["state"] != "operated"


def test_the_same_answers_make_the_same_bytes():
    assert [record.data for record in records()] == [record.data for record in records()]


def test_a_request_that_was_never_made_is_in_the_record():
    record = build_record(LAB_CONTROLS[0], period(), {}, WHO)
    body = json.loads(record.data)
    assert body["state"] == "not-run"
    assert all("answer" not in one for one in body["inputs"])
    assert body["ended"] == body["started"]


@given(st.binary(max_size=300))
def test_any_bytes_come_back_out_of_a_record(data):
    body = json.loads(records(data)[0].data)["inputs"][0]["answer"]["body"]
    kept = base64.b64decode(body["data"]) if body["encoding"] == "base64" else body["data"].encode()
    assert kept == data


def test_more_series_than_anybody_needs_are_not_judged():
    row = b'{"metric":{},"values":[]}'
    body = b'{"status":"success","data":{"resultType":"matrix","result":[%s]}}'
    some = LAB_CONTROLS[:1]
    (record,) = records(body % b",".join([row] * 100_000), some)
    assert "100,000 series, more than 2,000" in record.verdict.reasons[0]
    (record,) = records(body % b",".join([row] * 2_000), some)
    assert record.verdict.state is not State.OPERATED


def test_canonical_json():
    assert (
        canonical_json({"b": ["ä"], "a": 1}) == '{\n  "a": 1,\n  "b": [\n    "ä"\n  ]\n}\n'.encode()
    )
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


def test_each_thing_is_asked_once():
    requests = requests_of(LAB_CONTROLS, period())
    assert len(set(requests)) == len(requests)
    assert sum(request.path == "status/buildinfo" for request in requests) == 1


@given(st.text(max_size=20))
def test_file_names_come_from_a_fixed_alphabet(text):
    try:
        name = record_name(text, 2)
    except ValueError:
        return
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert ".." not in name
    assert next_run([name]) == 3


def test_run_numbers():
    assert record_name("control-slo", 1) == "control-slo.json"
    assert next_run([]) == 1
    assert next_run(["README", ".control-slo.json.tmp"]) == 1
    assert next_run(["control-slo.json", "control-slo.run7.json"]) == 8


def test_many_at_once_replace_nothing(tmp_path):
    made = records()
    written = []
    threads = [
        threading.Thread(target=lambda: written.extend(write_records(tmp_path, DAY, made)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == len(set(written)) == 32
    assert len(list((tmp_path / "20261120").iterdir())) == 32
    assert all(path.read_bytes() in {record.data for record in made} for path in written)


def test_a_folder_that_points_elsewhere_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "e").mkdir()
    (tmp_path / "e/20261120").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="can't write evidence"):
        write_records(tmp_path / "e", DAY, records())
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_name_that_points_elsewhere_is_not_followed(tmp_path):
    (tmp_path / "20261120").mkdir()
    (tmp_path / "target").write_text("mine")
    (tmp_path / "20261120/control-slo.json").symlink_to(tmp_path / "target")
    paths = write_records(tmp_path, DAY, records())
    assert (tmp_path / "target").read_text() == "mine"
    assert all(path.name.endswith(".run2.json") for path in paths)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        write_records(tmp_path / "e", DAY, records())


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "e").write_text("")
    with pytest.raises(StoreError, match="hint: --folder"):
        write_records(tmp_path / "e", DAY, records())


def test_a_failing_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write_records(tmp_path, DAY, records())
    assert not list((tmp_path / "20261120").iterdir())


def run(*arguments):
    return CliRunner().invoke(cli, ["evidence", "collect", *arguments], standalone_mode=False)


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "20261120", "9999-12-31", "1969-01-01"])
def test_a_day_that_is_none_is_refused(day, tmp_path):
    result = run("--day", day, "--folder", str(tmp_path), "--prometheus", "http://127.0.0.1:1")
    assert isinstance(result.exception, ParseError)
    assert not list(tmp_path.iterdir())


def test_the_configuration_says_where_to_ask_and_to_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tocsin.yaml").write_text("listen: 0.0.0.0:1\nevidence: {folder: proof}\n")
    result = run()
    assert result.return_value == 3
    assert "http://127.0.0.1:1: " in result.stderr
    assert len(list((tmp_path / "proof").rglob("*.json"))) == 4
    lines = result.stdout.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("not-run    proof/2") for line in lines)


def test_a_configuration_that_is_wrong_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tocsin.yaml").write_text("listne: x\n")
    assert isinstance(run().exception, ConfigError)
