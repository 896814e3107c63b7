"""The files that the guides tell a reader to write do what the guides say."""

from __future__ import annotations

import re
import subprocess

from click.testing import CliRunner

from tests.conftest import ROOT
from tocsin.cli import cli
from tocsin.engine import load_config

BLOCK = re.compile(r"```(?:yaml|hcl)\n# (\S+)\n(.*?)```", re.DOTALL)


def written(folder, page):
    for name, text in BLOCK.findall((ROOT / page).read_text()):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yml"))


def test_your_own_application(tmp_path, promtool):
    names = written(tmp_path, "docs/guides/own-app.md")
    assert names == ["rules/logins.test.yml", "rules/logins.yml"]
    config = load_config(tmp_path / "tocsin.yaml")
    assert config.warnings == ()
    run = CliRunner().invoke(
        cli, ["test", str(tmp_path / "rules/logins.test.yml")], standalone_mode=False
    )
    assert run.return_value == 0, run.output
    done = subprocess.run(
        [promtool, "check", "rules", "logins.yml"], cwd=tmp_path / "rules", capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_watch_a_log(tmp_path, monkeypatch):
    written(tmp_path, "docs/guides/watch-logs.md")
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(cli, ["check", "tocsin.yaml"], standalone_mode=False)
    assert run.output in (ROOT / "docs/guides/watch-logs.md").read_text()


def test_routes(tmp_path, monkeypatch):
    page = "docs/guides/routes.md"
    written(tmp_path, page)
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(cli, ["routes", "test", "routes.test.yml"], standalone_mode=False)
    assert run.return_value == 0
    assert run.output in (ROOT / page).read_text()


def test_the_configuration_in_the_readme(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "tocsin.yaml").write_text(text)
    (tmp_path / "webhook.url").write_text("http://127.0.0.1:1/\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/a.yml").write_text("groups: []")
    config = load_config(tmp_path / "tocsin.yaml")
    assert [target.url for target in config.targets] == ["http://127.0.0.1:5000/metrics"]
