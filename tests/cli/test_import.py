"""`tocsin import`: one file, resolved, that is read back as the same."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from tests.definitions.forms import ALARMS, COMPOSITES, FILTERS, FORMS
from tests.definitions.test_equality import sets
from tests.definitions.test_template import TEMPLATE
from tocsin.cli import cli
from tocsin.definitions import load_definitions, recognise, write_definitions


def same(loaded):
    written = write_definitions(loaded)
    assert recognise("definitions.json", written) == "describe"
    again = load_definitions([("definitions.json", written)])
    assert (again.errors, again.unresolved) == ((), ())
    assert (again.filters, again.alarms) == (loaded.filters, loaded.alarms)
    assert [e.pattern.text for e in again.filters] == [e.pattern.text for e in loaded.filters]


def run(*arguments):
    done = CliRunner().invoke(cli, ["import", *map(str, arguments)], standalone_mode=False)
    assert done.exception is None, done.exception
    return done


@given(them=sets())
@settings(max_examples=60)
def test_what_is_written_is_read_back(them):
    for write in FORMS.values():
        same(load_definitions(write(*them)))


@pytest.mark.parametrize("form", FORMS)
def test_every_field_survives_from_every_form(form):
    loaded = load_definitions(FORMS[form](FILTERS, ALARMS, COMPOSITES))
    assert len(loaded.alarms) == 3
    same(loaded)


def test_a_composite_alarm_before_its_children_is_put_behind_them():
    top = FORMS["json"](FILTERS, ALARMS, COMPOSITES)
    resources = json.loads(top[0][1])["Resources"]
    turned = json.dumps({"Resources": dict(reversed(resources.items()))}).encode()
    same(load_definitions([("t.json", turned)]))


def test_all_shared_data(data):
    folder = data / "cloudwatch"
    read = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file() and recognise(str(path), content := path.read_bytes()):
            loaded = load_definitions([(str(path), content)])
            same(loaded)
            read += len(loaded.filters)
    assert read >= 5
    for group in json.loads((folder / "cis_patterns.json").read_text())["controls"]:
        for variant in group["variants"]:
            filters = [{
                "filterName": "f", "logGroupName": "trail", "filterPattern": variant["pattern"],
                "metricTransformations": [{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}],
            }]  # fmt: skip
            loaded = load_definitions([("f.json", json.dumps({"metricFilters": filters}).encode())])
            assert len(loaded.filters) == 1
            same(loaded)


def test_the_plan_becomes_one_file(data, tmp_path):
    out = tmp_path / "definitions.json"
    plan = data / "cloudwatch/terraform/sample_plan.json"
    done = run(plan, "-o", out)
    assert (done.return_value, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == "5 metric filters, 6 alarms, 0 unresolved"
    check = CliRunner().invoke(cli, ["check", str(out)], standalone_mode=False)
    assert check.output.splitlines()[-1] == "5 metric filters, 6 alarms, 0 unresolved"
    assert run(plan).stdout == out.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["definitions.json"]


def test_a_plan_keeps_its_secrets(tmp_path):
    [(_, plan)] = FORMS["plan"](FILTERS, ALARMS, COMPOSITES)
    top = json.loads(plan)
    top["variables"] = {"password": {"value": "hunter2"}}
    resources = top["planned_values"]["root_module"]["resources"]
    resources[0]["values"]["tags"] = {"token": "hunter2"}
    resources.append({"address": "aws_db_instance.x", "mode": "managed", "type": "aws_db_instance",
                      "name": "x", "values": {"password": "hunter2"}})  # fmt: skip
    (tmp_path / "plan.json").write_text(json.dumps(top))
    done = run(tmp_path / "plan.json")
    assert "Critical Error" in done.stdout
    assert "hunter2" not in done.output


def test_parameters_and_what_stays_open(tmp_path):
    path = tmp_path / "t.yaml"
    # A description may stay open, a metric's name may not.
    path.write_text(TEMPLATE.replace("MetricName: Critical-b", "MetricName: !Ref Team"))
    out = tmp_path / "out.json"
    done = run(path, "-o", out)
    assert done.return_value == 0
    assert "alarm 'Alarm' is unresolved: MetricName: parameter Team has no default" in done.stderr
    assert json.loads(out.read_text())["MetricAlarms"] == []
    done = run(path, "--parameter", "Team=we", "-o", out)
    [alarm] = json.loads(out.read_text())["MetricAlarms"]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("we", 10.0)


def test_mistakes_are_told_and_nothing_is_written(tmp_path):
    path, out = tmp_path / "f.json", tmp_path / "out.json"
    broken = [dict(FILTERS[0], filterPattern="{ $.a == 1 }"), dict(FILTERS[1], logGroupName="a b")]
    path.write_text(json.dumps({"metricFilters": broken}))
    done = run(path, "-o", out)
    assert done.return_value == 2
    assert done.stderr.count("hint:") == 2
    assert not out.exists()
    report = json.loads(run(path, "--format", "json").stdout)
    assert [each["severity"] for each in report["problems"]] == ["error", "error"]
    assert report["written"] is None


def test_a_dry_run_writes_nothing_and_no_input_is_overwritten(data, tmp_path):
    plan = data / "cloudwatch/terraform/sample_plan.json"
    done = run(plan, "--dry-run", "-o", tmp_path / "out.json")
    assert (done.return_value, done.stdout, list(tmp_path.iterdir())) == (0, "", [])
    path = tmp_path / "a.json"
    path.write_bytes(plan.read_bytes())
    refused = CliRunner().invoke(cli, ["import", str(path), "-o", str(path)])
    assert refused.exit_code == 2
    assert path.read_bytes() == plan.read_bytes()
