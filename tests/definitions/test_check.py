"""`tocsin check` on definition files."""

from __future__ import annotations

import json

import pytest
from tests.definitions.forms import ALARMS, COMPOSITES, FILTERS, FORMS
from tests.definitions.test_hcl import LAB, alarm

from tocsin.cli import main


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["tocsin", "check", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        raise SystemExit(main())
    return exit_.value.code, capsys.readouterr().out


@pytest.mark.parametrize("form", FORMS)
def test_every_form_ends_with_what_it_holds(form, tmp_path, monkeypatch, capsys):
    paths = []
    for name, data in FORMS[form](FILTERS, ALARMS, COMPOSITES):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(data)
    code, out = run(monkeypatch, capsys, *paths)
    assert code == 0
    assert out.splitlines()[-1] == "2 metric filters, 3 alarms, 0 unresolved"


def test_unresolved_is_a_warning_and_a_mistake_is_not(tmp_path, monkeypatch, capsys):
    path = tmp_path / "main.tf"
    path.write_text(LAB + alarm(metric_name="var.x"))
    code, out = run(monkeypatch, capsys, path)
    assert code == 0
    assert "is unresolved: MetricName: no variable 'x' is declared here" in out
    assert out.splitlines()[-1] == "1 metric filter, 1 alarm, 1 unresolved"
    path.write_text(LAB + alarm(period="7"))
    assert run(monkeypatch, capsys, path)[0] == 2
    path.write_text("resource {")
    assert run(monkeypatch, capsys, path)[0] == 2


def test_as_json_and_beside_a_rule_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "main.tf").write_text(LAB)
    (tmp_path / "rules.yml").write_text("groups: []\n")
    files = tmp_path / "main.tf", tmp_path / "rules.yml"
    code, out = run(monkeypatch, capsys, "--format", "json", *files)
    holds = json.loads(out)["holds"]
    assert code == 0
    assert (holds["metric filter"], holds["alarm"], holds["unresolved"]) == (1, 1, 0)
    assert "rule group" in holds
    assert "definition file" in run(monkeypatch, capsys, *files)[1]
    assert "metric filter" not in run(monkeypatch, capsys, files[1])[1]
