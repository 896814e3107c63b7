"""`correlations:` in tocsin.yaml, and what `tocsin check` says of Sigma files."""

import re
import subprocess
import sys
import textwrap

import pytest
from click.testing import CliRunner

from tests.conftest import ROOT
from tocsin.cli import cli
from tocsin.engine import load_config
from tocsin.errors import ConfigError

RULE = """
title: Refused
name: refused
logsource: {category: authentication}
detection: {sel: {event.outcome: failure}, condition: sel}
"""
CORRELATION = """
title: Brute force
name: brute
correlation:
  type: event_count
  rules: [refused]
  group-by: [source.ip]
  timespan: 10m
  condition: {gte: 16}
"""
TEST = """
sigma_files: [a.yml]
tests: [{events: [{fields: {x: y}}]}]
"""
CONFIG = """
log_groups: [{name: web, paths: [web.log]}]
correlations: ["sigma/*.yml"]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sigma").mkdir()
    (tmp_path / "sigma/a.yml").write_text(RULE)
    (tmp_path / "sigma/b.yml").write_text(CORRELATION)
    (tmp_path / "sigma/a.test.yml").write_text(TEST)
    (tmp_path / "tocsin.yaml").write_text(CONFIG)
    return tmp_path


def check(*paths):
    done = CliRunner().invoke(cli, ["check", *map(str, paths)], standalone_mode=False)
    assert done.exception is None, done.exception
    return done.return_value, done.stdout


def test_rules_of_several_files_are_one_set(folder):
    rules = load_config(folder / "tocsin.yaml").logs.rules
    assert [each.name for each in rules.detections] == ["refused"]
    assert [each.name for each in rules.correlations] == ["brute"]


def test_check_counts(folder):
    code, text = check(folder / "tocsin.yaml")
    assert (code, text.splitlines()[-1]) == (
        0, "1 file: 1 log group, 1 Sigma rule, 1 Sigma correlation; 0 errors, 0 warnings",
    )  # fmt: skip
    code, text = check(folder / "sigma")
    assert (code, text.splitlines()[-1]) == (
        0, "3 files: 1 Sigma test, 1 Sigma rule, 1 Sigma correlation; 0 errors, 0 warnings",
    )  # fmt: skip


def test_every_mistake_has_its_place(folder):
    a, b = folder / "sigma/a.yml", folder / "sigma/b.yml"
    a.write_text(RULE.replace("condition: sel}", "condition: other}"))
    b.write_text(CORRELATION.replace("[refused]", "[refused, missing]"))
    code, text = check(a, b)
    assert code == 2
    assert f"{a}:5:44: " in text
    assert f"{b}:4:1: correlation 'brute': no rule 'missing'" in text
    with pytest.raises(ConfigError) as raised:
        load_config(folder / "tocsin.yaml")
    assert {each.span.path for each in raised.value.problems} == {str(a), str(b)}


def test_a_misspelt_section_is_a_mistake_of_the_configuration(tmp_path):
    place = tmp_path / "tocsin.yaml"
    place.write_text("log_groups: [{name: a, push: true}]\ncorrelation: [sigma.yml]\n")
    code, text = check(place)
    assert code == 2
    assert text.startswith(
        f"{place}:2:1: unknown key 'correlation' in the configuration, "
        "hint: did you mean 'correlations'?"
    )


def test_wrong_packs_are_told_once_each_at_its_place(tmp_path):
    place = tmp_path / "tocsin.yaml"
    place.write_text("log_groups: [{name: a, push: true}]\npacks: [appsek, htpt]\n")
    _, text = check(place)
    assert text.splitlines()[:2] == [
        f"{place}:2:9: no pack 'appsek', hint: there are: http, appsec",
        f"{place}:2:17: no pack 'htpt', hint: there are: http, appsec",
    ]
    place.write_text("log_groups: [{name: a, push: true}]\npacks: appsec\n")
    _, text = check(place)
    assert text.count("packs must be a list") == 1


def test_the_guide(tmp_path, monkeypatch):
    page = (ROOT / "docs/guides/correlations.md").read_text()
    for name, block in re.findall(r"```yaml\n# (\S+)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(block)
    monkeypatch.chdir(tmp_path)
    assert check("tocsin.yaml")[1] in page


def test_a_pattern_without_files_and_rules_without_logs(folder):
    path = folder / "tocsin.yaml"
    path.write_text(CONFIG.replace("*.yml", "*.yaml"))
    with pytest.raises(ConfigError, match=r"3:16: no Sigma file matches 'sigma/\*.yaml'"):
        load_config(path)
    path.write_text('correlations: ["sigma/*.yml"]\n')
    (warning,) = load_config(path).warnings
    assert "there are no log groups" in warning.what


def test_without_the_extra_the_error_is_the_install_line(folder):
    code = textwrap.dedent("""
        import sys
        sys.modules["sigma"] = None
        from tocsin.cli import main
        main()
    """)
    for path in ("tocsin.yaml", "sigma/b.yml"):
        done = subprocess.run(
            [sys.executable, "-c", code, "check", path], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 2
        assert "hint: pip install 'tocsin[sigma]'" in done.stdout


def test_warnings_are_told_beside_mistakes(folder):
    a = folder / "sigma/a.yml"
    a.write_text(RULE.replace("condition: sel}", "condition: sel}\nlvel: high"))
    code, text = check(a)
    assert (code, text.count("warning: ")) == (0, 1)
    b = folder / "sigma/b.yml"
    b.write_text(CORRELATION.replace("[refused]", "[missing]"))
    code, text = check(a, b)
    assert code == 2
    assert "no rule 'missing'" in text
    assert "warning: " in text
    code, text = check(folder / "tocsin.yaml")
    assert code == 2
    assert "no rule 'missing'" in text
    assert "warning: " in text
