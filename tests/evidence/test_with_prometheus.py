"""Collecting from Debian's Prometheus: clean days, and one with everything that goes wrong."""

from __future__ import annotations

import hashlib
import json
import re
import time
from datetime import UTC, datetime

import pytest
from tests.engine.daemon import free_port
from tests.evidence import lab_prometheus as lab
from tests.evidence.conftest import collected
from tests.referees import NO_PROMETHEUS

pytestmark = pytest.mark.skipif(not (lab.BINARY and lab.PROMTOOL), reason=NO_PROMETHEUS)

NOW = int(time.time())
SUITE = 1800
"""Seconds from when this is read until the last test has run, at most."""
TODAY = NOW - NOW % lab.DAY
YESTERDAY = TODAY - lab.DAY


def name_of(start):
    return f"{datetime.fromtimestamp(start, UTC):%Y-%m-%d}"


def collect(folder, address, *more):
    result = collected(folder, address, *more)
    return result.return_value, {each["control"]: each for each in json.loads(result.stdout)}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """The address of a source where nothing went wrong."""
    port = free_port()
    text = lab.exposition(YESTERDAY - 900, NOW + SUITE, f"127.0.0.1:{port}")
    with lab.prometheus(tmp_path_factory.mktemp("clean"), text, port=port) as address:
        yield address


@pytest.mark.skipif(NOW - TODAY < 180, reason="the day is too young")
def test_a_clean_day_so_far_operated(clean, tmp_path):
    code, found = collect(tmp_path, clean)
    assert code == 0
    assert {each["state"] for each in found.values()} == {"operated"}, found
    for control, each in found.items():
        assert each["file"].endswith(f"/{name_of(TODAY).replace('-', '')}/{control}.json")
        data = (tmp_path / each["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == each["sha256"]
        record = json.loads(data)
        assert record["period"]["whole_day"] is False
        assert record["source"]["program"] == "Prometheus"
        assert record["source"]["version"].startswith("2.")
        for one in record["inputs"]:
            answer = one["answer"]
            body = answer["body"]["data"].encode()
            assert answer["status"] == 200
            assert answer["bytes"] == len(body)
            assert answer["sha256"] == hashlib.sha256(body).hexdigest()
            assert json.loads(body)["status"] == "success"
            assert record["started"] <= answer["started"] <= answer["ended"] <= record["ended"]


def test_the_rules_in_force_are_told_apart_by_their_definition(clean, tmp_path):
    def rules(address):
        _, found = collect(tmp_path, address)
        record = json.loads((tmp_path / found["security-monitoring"]["file"]).read_bytes())
        return {rule["name"]: rule["definition_sha256"] for rule in record["rules"]}

    before = rules(clean)
    assert before == rules(clean)
    assert len(before) == 3
    changed = tmp_path / "security.yml"
    changed.write_text(lab.RULES.read_text().replace("> 15", "> 1500"))
    port = free_port()
    (tmp_path / "p").mkdir()
    text = lab.exposition(NOW - 600, NOW, f"127.0.0.1:{port}")
    with lab.prometheus(tmp_path / "p", text, port=port, rules=changed) as address:
        after = rules(address)
    assert {name for name in before if before[name] != after[name]} >= {"ExcessiveLoginFailures"}


def test_a_past_day_is_judged_by_what_history_tells(clean, tmp_path):
    code, found = collect(tmp_path, clean, "--day", name_of(YESTERDAY))
    states = {control: each["state"] for control, each in found.items()}
    assert code == 0
    late = NOW - TODAY > 3600
    assert states["logical-access"] == states["control-slo"] == "operated", found
    # The rules and targets of now say nothing of yesterday, once that is over an hour ago.
    assert states["security-monitoring"] == ("no-data" if late else "operated")
    assert states["logging-and-monitoring"] == ("no-data" if late else "operated")
    record = json.loads((tmp_path / found["logical-access"]["file"]).read_bytes())
    assert record["period"]["whole_day"] is True
    (samples,) = [one for one in record["inputs"] if one["name"] == "samples"]
    assert samples["answer"]["samples"] == 1440


def test_a_day_before_there_was_anything_has_no_data(clean, tmp_path):
    code, found = collect(tmp_path, clean, "--day", name_of(TODAY - 5 * lab.DAY))
    assert code == 0
    assert {each["state"] for each in found.values()} == {"no-data"}


def test_a_second_run_writes_beside_the_first(clean, tmp_path):
    day = ("--day", name_of(YESTERDAY))
    collect(tmp_path, clean, *day)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    _, second = collect(tmp_path, clean, *day)
    assert len(before) == 4
    assert all(path.read_bytes() == data for path, data in before.items())
    assert second["control-slo"]["file"].endswith("/control-slo.run2.json")
    assert len(list(tmp_path.rglob("*.json"))) == 8
    assert not list(tmp_path.rglob(".*"))


def test_a_day_with_an_attack_a_slow_down_and_an_outage(tmp_path):
    port = free_port()
    at = lambda hours: range(YESTERDAY + int(hours * 3600), YESTERDAY + int(hours * 3600) + 900)  # noqa: E731
    text = lab.exposition(
        YESTERDAY - 900, NOW, f"127.0.0.1:{port}",
        failures=lambda t: 75 if t in at(3) else 0,
        fired=lambda t: t in range(at(3).start + 120, at(3).stop),
        slow=lambda t: t in at(6),
        down=lambda t: t in at(9),
    )  # fmt: skip
    with lab.prometheus(tmp_path, text, port=port) as address:
        code, found = collect(tmp_path / "e", address, "--day", name_of(YESTERDAY))
    assert code == 0
    # To one step: the windows of 2.x hold both their ends.
    access = found["logical-access"]
    assert access["state"] == "exception"
    crossed, alert, *missing = access["reasons"]
    assert re.search(r"above 15, (02:59|03:0\d)-03:(1[5-9]|20) UTC$", crossed)
    assert re.search(r"^alert ExcessiveLoginFailures\{.* fired 03:0[12]-03:1[56] UTC$", alert)
    assert re.search(r"^samples: nothing 09:0[01]-09:1[456] UTC$", missing[0])
    slow = found["control-slo"]
    assert slow["state"] == "exception"
    assert re.search(r"\(p95\), above 0.3, (05:59|06:0\d)-06:\d\d UTC", slow["reasons"][0])
    assert found["security-monitoring"]["state"] == "exception"
    watching = found["logging-and-monitoring"]
    assert watching["state"] == "no-data"
    assert any(
        re.search(rf"^target login 127.0.0.1:{port} down (08:59|09:00)-09:0\d UTC$", reason)
        for reason in watching["reasons"]
    ), watching


@pytest.mark.skipif(NOW - TODAY < 180, reason="the day is too young")
def test_without_rules_nothing_was_monitored(tmp_path):
    port = free_port()
    text = lab.exposition(TODAY - 900, NOW + SUITE, f"127.0.0.1:{port}")
    with lab.prometheus(tmp_path, text, port=port, rules=None) as address:
        _, found = collect(tmp_path / "e", address)
    assert found["security-monitoring"]["state"] == "no-data"
    assert "rule ExcessiveLoginFailures is not loaded" in found["security-monitoring"]["reasons"]
    assert "no rules are loaded" in found["security-monitoring"]["reasons"]


CONTROL = """
version: "1"
controls:
  - {id: series-kept, title: Series are kept, objective: Nobody deletes series., owner: operations,
     inputs: [{kind: source}, {kind: source-flags}]}
"""


@pytest.mark.parametrize(
    ("flags", "state", "why"),
    [
        ((), "operated", "admin API off, samples kept"),
        (("--web.enable-admin-api",), "exception", "whoever reaches it can delete series"),
    ],
)
def test_a_source_whose_series_can_be_deleted_is_an_exception(tmp_path, flags, state, why):
    (tmp_path / "controls.yaml").write_text(CONTROL)
    (tmp_path / "tocsin.yaml").write_text("evidence: {controls: [controls.yaml]}\n")
    port = free_port()
    text = lab.exposition(NOW - 60, NOW, f"127.0.0.1:{port}")
    (tmp_path / "p").mkdir()
    with lab.prometheus(tmp_path / "p", text, port=port, rules=None, flags=flags) as address:
        config = ("--config", str(tmp_path / "tocsin.yaml"))
        _, found = collect(tmp_path / "evidence", address, *config)
    assert found["series-kept"]["state"] == state
    assert any(why in each for each in found["series-kept"]["reasons"])
    (path,) = (tmp_path / "evidence").rglob("series-kept.json")
    record = json.loads(path.read_bytes())
    assert record["collector"]["trigger"] in {"person", "program"}
    assert all(one["answer"]["infos"] == [] for one in record["inputs"])
