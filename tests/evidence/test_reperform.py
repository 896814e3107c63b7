"""`tocsin evidence reperform`: equal where nothing was touched, told where anything was."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import time
from datetime import UTC, datetime
from random import Random

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.daemon import free_port
from tests.evidence import lab_prometheus as lab
from tests.evidence.month import BEGIN, HOUR, MINUTE, Month
from tests.referees import NO_PROMETHEUS

from tocsin.cli import cli
from tocsin.cli._exit import code_of
from tocsin.errors import ParseError, TocsinError
from tocsin.evidence import Reperformer, SampleBook, read_samples
from tocsin.promql import parse

NOW = int(time.time())
TODAY = NOW - NOW % lab.DAY


def run(*words):
    done = CliRunner().invoke(cli, ["evidence", *map(str, words)], standalone_mode=False)
    error = done.exception
    if error is not None and not isinstance(error, TocsinError):
        raise error
    return (code_of(error) if error else done.return_value or 0), done.stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One sealed day of a daemon, with an attack in it, by name."""
    month = Month(tmp_path_factory.mktemp("month"), begin=BEGIN - 10 * MINUTE)
    month.start()
    month.run(BEGIN + HOUR)
    month.count += 20 * 400
    month.run(BEGIN + 2 * HOUR)
    month.collect(BEGIN)
    month.hands.now = BEGIN + 25 * HOUR
    name = month.seal(BEGIN)["day"]
    month.kill()
    folder = month.evidence / name
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_day_with_an_attack_is_computed_again(files):
    found = {each.control: each for each in Reperformer(files).records()}
    assert len(found) == 9
    assert all(each.equal for each in found.values()), found
    assert found["detection"].state == "exception"
    hows = [one.how for each in found.values() for one in each.inputs]
    assert {"computed", "computed once", "compared", "read"} == set(hows)


def wrong(files, name, change):
    """The controls that differ once a file is changed, under its new name where it has one."""
    changed = dict(files)
    data = change(changed.pop(name))
    old, new = (hashlib.sha256(each).hexdigest() for each in (files[name], data))
    changed[name.replace(old, new)] = data
    if old in name:
        for each in [n for n in changed if n.endswith(".json") and n != "day.json"]:
            changed[each] = changed[each].replace(old.encode(), new.encode())
    return {each.control for each in Reperformer(changed).records() if not each.equal}


def only(files, start, end=""):
    (name,) = (name for name in files if name.startswith(start) and name.endswith(end))
    return name


ODD = (None, True, -1, 1.5, 2**70, "", "x", "\x1b[2J", [], {}, [[]], {"a": 1}, "nan")


def odd(dice, value):
    """The same, but for one thing in it that is another or not there."""
    if isinstance(value, dict) and value:
        key = dice.choice(sorted(value))
        rest = {name: each for name, each in value.items() if name != key}
        return rest if dice.random() < 0.1 else rest | {key: odd(dice, value[key])}
    if isinstance(value, list) and value:
        at = dice.randrange(len(value))
        return [*value[:at], odd(dice, value[at]), *value[at + 1 :]]
    return dice.choice(ODD)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_a_day_of_odd_things_is_told_and_breaks_nothing(files, seed):
    """One thing in a record, in day.json or in the ledger: there is a verdict for each record."""
    dice = Random(seed)
    name = dice.choice([*sorted(n for n in files if n.endswith(".json")), *["ledger.jsonl"] * 5])
    lines = files[name].splitlines() if name.endswith("l") else [files[name]]
    at = dice.randrange(len(lines))
    made = json.dumps(odd(dice, json.loads(lines[at]))).encode()
    changed = files | {name: b"\n".join([*lines[:at], made, *lines[at + 1 :], b""])}
    assert len(Reperformer(changed).records()) == 9


@pytest.mark.parametrize("path", [
    "inputs.0.answer.started", "inputs.0.answer.ended", "inputs.0.answer.status", "period.day",
    "inputs.0.answer.body.data", "inputs.0.answer.body.encoding", "period.start", "period.end",
    "source.version", "source.program", "samples.sha256", "samples.lacking", "catalogue.sha256",
    "control.id", "control.version", "state", "inputs.0.answer.failure", "inputs.0.name",
])  # fmt: skip
@pytest.mark.parametrize("value", [
    "x", "", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2026-10-01T00:00:00", "9999-12-31",
    "\ud800", "../../day.json", 2**62, -1, 0, "9" * 5000,
])  # fmt: skip
def test_each_value_of_a_record_may_be_any(files, path, value):
    record = json.loads(files["detection.json"])
    *above, last = path.split(".")
    inner = record
    for step in above:
        inner = inner[int(step)] if step.isdigit() else inner[step]
    inner[last] = value
    day = {name: data for name, data in files.items() if "/" in name or name == "ledger.jsonl"}
    (found,) = Reperformer(day | {"detection.json": json.dumps(record).encode()}).records()
    assert not found.equal or path.startswith("source.") or found.recorded


@pytest.mark.parametrize("deep", [b"[", b'{"a":'])
@pytest.mark.parametrize("name", ["ledger.jsonl", "day.json", "detection.json"])
def test_what_is_nested_deeply_breaks_nothing(files, name, deep):
    assert name in files
    for data in (deep * 100_000, files[name].rstrip()[:-1] + b', "x": ' + deep * 100_000):
        found = Reperformer(files | {name: data + b"\n"}).records()
        assert len(found) == 9
        assert not all(each.equal for each in found) or name == "day.json"


def test_a_sample_that_was_changed_is_found(files):
    def quieter(packed):
        text = gzip.decompress(packed).decode().split("\n")
        at = next(
            k
            for k, line in enumerate(text)
            if line.startswith("login_failures_total{") and k % 300 == 99
        )
        head, value, when = text[at].rsplit(" ", 2)
        text[at] = f"{head} {float(value) - 3} {when}"
        return gzip.compress("\n".join(text).encode(), mtime=0)

    assert "detection" in wrong(files, only(files, "samples/"), quieter)


def test_samples_that_are_missing_or_not_what_their_name_says_are_found(files):
    name = only(files, "samples/")
    for data in (None, b"", files[name] + b"x"):
        changed = (
            {**files, name: data}
            if data is not None
            else {k: v for k, v in files.items() if k != name}
        )
        states = {each.control: each.equal for each in Reperformer(changed).records()}
        assert not states["detection"]
        assert states["rule-changes"]


def test_a_threshold_that_was_raised_afterwards_is_found(files):
    name = next(n for n in files if n.startswith("plan/") and b"limit: 15" in files[n])
    assert wrong(files, name, lambda t: t.replace(b"limit: 15", b"limit: 1500")) == {"detection"}
    name = next(n for n in files if n.startswith("plan/") and b"rules-unchanged" in files[n])
    assert "rule-changes" in wrong(files, name, lambda t: t.replace(b"rules-unchanged", b"clock"))


def test_a_ledger_that_was_changed_is_found(files):
    told = {"body": {"what": "daemon", "start": 1, "end": 2}, "kind": "gap", "prev": "", "seq": 9,
            "time": BEGIN + HOUR}  # fmt: skip
    gap = json.dumps(told).encode() + b"\n"
    changed = {**files, "ledger.jsonl": files["ledger.jsonl"] + gap}
    found = {each.control for each in Reperformer(changed).records() if not each.equal}
    assert found == {"log-pipeline", "daily-review", "rule-changes", "alerts-told", "clock-in-step",
                     "detection", "alerts-answered"}  # fmt: skip


RECORD_CHANGES = [
    ("state", lambda r: r | {"state": "operated"}),
    ("findings", lambda r: r | {"findings": r["findings"][1:]}),
    ("inputs", lambda r: r | {"inputs": r["inputs"][1:]}),
    ("version", lambda r: r | {"control": r["control"] | {"version": 2}}),
    ("period", lambda r: r | {"period": r["period"] | {"end": r["period"]["start"]}}),
    ("catalogue", lambda r: r | {"catalogue": {"sha256": "0" * 64, "version": "1"}}),
    ("lacking", lambda r: r | {"samples": r["samples"] | {"lacking": "too many"}}),
    ("form", lambda r: []),
]


@pytest.mark.parametrize(
    "change", [c for _, c in RECORD_CHANGES], ids=[n for n, _ in RECORD_CHANGES]
)
def test_a_record_that_was_changed_is_found(files, change):
    record = json.loads(files["detection.json"])
    changed = {**files, "detection.json": json.dumps(change(record)).encode()}
    (found,) = [e for e in Reperformer(changed).records() if e.file == "detection.json"]
    assert not found.equal


@settings(max_examples=60)
@given(st.data())
def test_no_value_of_an_answer_can_be_changed(files, data):
    """Whatever number of a recorded answer is made another, with its hash made right again."""
    record = json.loads(files["detection.json"])
    inputs = [one for one in record["inputs"] if "values" in one["answer"]["body"]["data"]]
    one = data.draw(st.sampled_from(inputs))
    body = json.loads(one["answer"]["body"]["data"])
    rows = body["data"]["result"]
    values = rows[data.draw(st.integers(0, len(rows) - 1))]["values"]
    at = data.draw(st.integers(0, len(values) - 1))
    number = data.draw(st.floats(0, 1e6).filter(lambda v: abs(v - float(values[at][1])) > 1e-6))
    values[at][1] = repr(number)
    text = json.dumps(body)
    one["answer"]["body"]["data"] = text
    one["answer"]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    changed = {**files, "detection.json": json.dumps(record).encode()}
    (found,) = [e for e in Reperformer(changed).records() if e.file == "detection.json"]
    assert not found.equal


values = st.one_of(
    st.floats(allow_nan=False).map(repr), st.sampled_from(["NaN", "+Inf", "-Inf", "0", "1e-300"])
)
labels = st.dictionaries(
    st.sampled_from(["job", "a", "path"]),
    st.text(st.characters(codec="utf-8"), max_size=8),
    max_size=3,
)


@given(st.lists(st.tuples(labels, st.dictionaries(st.integers(0, 10**7), values, min_size=1, max_size=5)),
                max_size=4))  # fmt: skip
def test_samples_come_back_as_they_were(series):
    book, known = SampleBook(), {}
    for found, points in series:
        metric = {"__name__": "x", **found}
        # An empty label is none.
        pairs = tuple(sorted((name, value) for name, value in metric.items() if value))
        known.setdefault(pairs, {}).update(points)
        body = {"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": metric, "values": [[at / 1000, text] for at, text in points.items()]}]}}  # fmt: skip
        book.add(json.dumps(body).encode())
    assert book.packed() == book.packed()
    _, kept = read_samples(book.packed())
    (selector,) = parse("{__name__=~'.+'}").selectors
    found = kept.select(selector.matchers, 0, 2**60)
    assert sum(len(points) for points in known.values()) == len(found.times)
    for row, each in enumerate(found.labels):
        low, high = found.offsets[row], found.offsets[row + 1]
        points = known[each.pairs]
        again = dict(
            zip((found.times[low:high] // 1000).tolist(), found.values[low:high], strict=True)
        )
        assert again.keys() == points.keys()
        for at, text in points.items():
            assert repr(float(text)) == repr(float(again[at]))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data):
    for packed in (data, gzip.compress(data), gzip.compress(data + b"\n# EOF\n")):
        try:
            read_samples(packed)
        except ParseError:
            continue


@pytest.mark.skipif(not (lab.BINARY and lab.PROMTOOL), reason=NO_PROMETHEUS)
@pytest.mark.skipif(NOW - TODAY < 180, reason="the day is too young")
def test_evidence_of_a_real_prometheus_is_computed_again_by_us_and_by_another(tmp_path):
    """Answers of Debian's Prometheus, our evaluation of its samples, and a fresh Prometheus."""
    port = free_port()
    yesterday = TODAY - lab.DAY
    attack = range(yesterday + 3 * 3600, yesterday + 3 * 3600 + 900)
    text = lab.exposition(
        yesterday - 900, NOW, f"127.0.0.1:{port}",
        failures=lambda t: 75 if t in attack else 0,
        fired=lambda t: t in attack, down=lambda t: t - yesterday in range(30_000, 31_000),
    )  # fmt: skip
    day = f"{datetime.fromtimestamp(yesterday, UTC):%Y%m%d}"
    with lab.prometheus(tmp_path, text, port=port) as address:
        words = ("--prometheus", address, "--folder", tmp_path / "e")
        assert run("collect", *words, "--day", f"{day[:4]}-{day[4:6]}-{day[6:]}")[0] == 0
    code, told = run(
        "reperform", day, "--folder", tmp_path / "e", "--prometheus", "--format", "json"
    )
    found = json.loads(told)
    assert (code, [each for each in found if not each["equal"]]) == (0, [])
    assert {each["state"] for each in found} >= {"exception", "no-data"}
    assert sum(each["prometheus"]["queries"] for each in found) == 13
    assert [each["prometheus"]["wrong"] for each in found] == [[], [], [], []]


def test_records_that_came_late_are_computed_again_with_the_day_that_holds_them(tmp_path):
    month = Month(tmp_path, begin=BEGIN - 10 * MINUTE)
    month.start()
    month.run(BEGIN + HOUR)
    month.count += 20 * 400
    month.run(BEGIN + 2 * HOUR)
    month.hands.now = BEGIN + 25 * HOUR
    month.seal(BEGIN)
    late = month.collect(BEGIN)
    month.hands.now = BEGIN + 49 * HOUR
    name = month.seal(BEGIN + 24 * HOUR)["day"]
    month.kill()
    code, told = run("reperform", name, "--folder", month.evidence, "--format", "json")
    found = json.loads(told)
    assert code == 0, found
    assert {each["control"]: each["state"] for each in found} == {
        control: str(record.verdict.state) for control, record in late.items()
    }
    place = f"late/{datetime.fromtimestamp(BEGIN / 1e6, UTC):%Y%m%d}"
    assert {each["file"] for each in found} == {f"{place}/{control}.json" for control in late}
    hows = {one["how"] for each in found for one in each["inputs"]}
    assert hows == {"computed", "computed once", "compared", "read"}
    (samples,) = (month.evidence / name / place / "samples").iterdir()
    samples.chmod(0o644)
    samples.write_bytes(samples.read_bytes() + b"x")
    code, told = run("reperform", name, "--folder", month.evidence, "--format", "json")
    wrong = {each["control"] for each in json.loads(told) if not each["equal"]}
    assert (code, "detection" in wrong) == (1, True)


def test_what_is_not_there_is_told(tmp_path):
    assert run("reperform", "2026-11-01", "--folder", tmp_path)[0] == 2
    (tmp_path / "20261101").mkdir()
    assert run("reperform", "2026-11-01", "--folder", tmp_path)[0] == 1


def test_what_only_looks_like_a_signature_of_a_catalogue_is_none(tmp_path, monkeypatch):
    """Whoever can write into the folder of today has no key, and signs nothing by a file's name."""
    monkeypatch.chdir(tmp_path)
    run("key", "--name", "evidence.example.org")
    run("key", "--name", "evidence.example.org", "--file", "other.key")
    today = datetime.now(UTC).strftime("%Y%m%d")
    folder = tmp_path / "evidence" / today / "plan"
    assert run("plan", "--key", "other.key")[1].startswith("signed  lab")
    (of_another,) = folder.glob("*.sig")
    for junk in (b"", b"signed, honestly\n", of_another.read_bytes()):
        of_another.unlink()
        of_another.write_bytes(junk)
        shutil.copytree(tmp_path / "evidence", tmp_path / "again")
        assert run("seal", today, "--early", "--folder", "again")[0] == 0
        day = json.loads((tmp_path / "again" / today / "day.json").read_bytes())
        assert [line["signed"] for line in day["plan"]] == [""]
        shutil.rmtree(tmp_path / "again")
    # And it is in nobody's way.
    assert run("plan")[1].startswith("signed  lab")
    assert run("seal", today, "--early")[0] == 0
    day = json.loads((tmp_path / "evidence" / today / "day.json").read_bytes())
    assert [line["signed"] for line in day["plan"]] == [today]


def test_a_catalogue_is_signed_before_its_days(tmp_path, monkeypatch):
    """The signature is OpenSSH's; later days say since when it holds."""
    monkeypatch.chdir(tmp_path)
    signer = run("key", "--name", "evidence.example.org")[1]
    (tmp_path / "allowed_signers").write_text(signer)
    today = datetime.now(UTC).strftime("%Y%m%d")
    assert run("plan")[1].startswith("signed  lab  version 1")
    assert run("plan")[1].startswith("signed before  lab")
    assert run("seal", today, "--early")[0] == 0
    day = json.loads((tmp_path / "evidence" / today / "day.json").read_bytes())
    (line,) = day["plan"]
    assert (line["since"], line["signed"]) == (today, today)
    assert set(day["cells"].values()) == {"not-run"}
    text = tmp_path / "evidence" / today / f"plan/{line['sha256']}.yaml"
    words = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", "evidence.example.org",
             "-n", "tocsin-evidence", "-s", f"{text}.sig"]  # fmt: skip
    done = subprocess.run(words, input=text.read_bytes(), capture_output=True)
    assert done.returncode == 0, done.stderr
