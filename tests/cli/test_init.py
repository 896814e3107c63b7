"""`tocsin init`: what it finds, and that what it writes starts as it is."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.definitions.forms import ALARMS, COMPOSITES, FILTERS, FORMS
from tests.engine.daemon import Daemon, wait_for
from tocsin.cli import cli
from tocsin.cli._survey import MOST_FILES, survey
from tocsin.engine import load_config

ACCESS = '203.0.113.9 - - [21/Nov/2026:10:00:01 +0000] "GET / HTTP/1.1" 200 5 "-" "x"\n'
JSON = '{"time":"2026-11-21T10:00:01Z","status":200}\n'
SYSLOG = "Nov 21 10:00:01 host sshd[1]: hello\n"
RULES = "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]"


def run(*arguments):
    return CliRunner().invoke(cli, [*map(str, arguments)], standalone_mode=False)


def init(folder, *more):
    done = run("init", folder, *more)
    assert done.exception is None, done.exception
    return load_config(folder / "tocsin.yaml")


def fill(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
    return folder


def report(folder):
    return json.loads(run("init", folder, "--dry-run", "--format", "json").stdout)


def test_a_folder_of_everything(tmp_path):
    describe = json.dumps(
        {"metricFilters": FILTERS, "MetricAlarms": ALARMS, "CompositeAlarms": COMPOSITES}
    )
    fill(
        tmp_path, logs__access_dot_log=ACCESS * 3, logs__access_dot_log_dot_1=ACCESS,
        logs__app_dot_log=JSON, sys__auth_dot_log=SYSLOG, aws__definitions_dot_json=describe,
        rules__a_dot_yml=RULES, rules__broken_dot_yml=RULES.replace("up ==", "up =="[:3] + "(("),
    )  # fmt: skip
    (tmp_path / "logs/access.log.2.gz").write_bytes(gzip.compress(ACCESS.encode()))
    config = init(tmp_path)
    groups = {each.name: each for each in config.logs.groups}
    # `app` and `/web/access` are what the filters call them.
    assert sorted(groups) == ["/web/access", "app", "auth"]
    assert groups["/web/access"].paths == (str(tmp_path / "logs/access.log*"),)
    assert [groups[name].format for name in sorted(groups)] == ["combined", "json", "syslog"]
    assert len(config.logs.definitions.filters) == 2 + 5 + 5
    assert [Path(each.path).name for each in config.rule_files] == ["watchdog.yml", "a.yml"]
    assert [each.name for each in config.receivers] == ["terminal"]
    text = (tmp_path / "tocsin.yaml").read_text()
    assert "format: combined  # found: 100% of the 5 lines looked at" in text
    assert "#   " in text.split("# Left out:")[1]
    assert "broken.yml: has mistakes" in text
    done = run("check", tmp_path / "tocsin.yaml")
    assert done.return_value == 0
    assert " 0 errors" in done.output.splitlines()[-1]


def test_the_daemon_starts_with_it_and_counts(tmp_path):
    fill(tmp_path, access_dot_log=ACCESS)
    init(tmp_path)
    written = (tmp_path / "tocsin.yaml").read_text()
    daemon = Daemon(tmp_path, {}, {"groups": []})
    (tmp_path / "tocsin.yaml").write_text(f"{written}\nlisten: 127.0.0.1:{daemon.port}\n")
    with daemon:

        def names():
            return {
                each["alarm"]["AlarmName"] if "alarm" in each else each.get("name")
                for each in json.loads(daemon.get("/api/v1/alarms")[1])["data"]["alarms"]
            }

        assert len(wait_for(names, "alarms are there")) == 5
        assert daemon.stop() == 0


@pytest.mark.parametrize("kept", [{}, {"note_dot_txt": "hello\n"}])
def test_nothing_found_starts_too(tmp_path, kept):
    config = init(fill(tmp_path, **kept))
    assert (config.targets, config.logs.groups) == ((), ())
    assert [[*each.alerts] for each in config.rule_files] == [["Watchdog"]]
    assert run("check", tmp_path / "tocsin.yaml").return_value == 0


def test_one_log_is_enough(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    fill(there, web_dot_log=JSON, other_dot_log=JSON)
    monkeypatch.chdir(here)
    assert run("init", there / "web.log").exception is None
    config = load_config(here / "tocsin.yaml")
    # Another log stands beside it that is none of its rotated files.
    assert [each.paths for each in config.logs.groups] == [(str(there / "web.log*"),)]


def test_nothing_is_overwritten_unless_asked_for(tmp_path):
    fill(tmp_path, access_dot_log=ACCESS, tocsin_dot_yaml="mine")
    done = run("init", tmp_path)
    assert "--force" in str(done.exception)
    dry = run("init", tmp_path, "--dry-run")
    assert "packs: [http]" in dry.stdout
    assert (tmp_path / "tocsin.yaml").read_text() == "mine"
    init(tmp_path, "--force")
    assert (tmp_path / "tocsin.yaml").read_text() == dry.stdout


def test_what_is_passed_by(tmp_path):
    fill(
        tmp_path, _dot_git__a_dot_log=ACCESS, node_modules__b_dot_log=ACCESS, venv__c_dot_log=ACCESS,
        own__pyvenv_dot_cfg="", own__d_dot_log=ACCESS, _dot_hidden=ACCESS, data_dot_json='{"status": 404}\n',
        package_dot_json='{\n "name": "x"\n}\n', code_dot_py=ACCESS, empty_dot_log="", text_dot_txt="a=b c=d\n" * 9,
    )  # fmt: skip
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "binary.log").write_bytes(os.urandom(5000))
    found = report(tmp_path)
    assert (found["log_groups"], found["definitions"], found["rules"]) == ([], [], [])


def test_a_link_to_a_log_is_that_log(tmp_path):
    fill(tmp_path, a_dot_log=ACCESS)
    (tmp_path / "b.log").symlink_to(tmp_path / "a.log")
    assert len(report(tmp_path)["log_groups"]) == 1


def test_it_is_bounded(tmp_path):
    (tmp_path / "many").mkdir()
    for number in range(MOST_FILES + 10):
        (tmp_path / "many" / f"{number:05}.md").touch()
    with (tmp_path / "huge.log").open("wb") as file:
        file.write(ACCESS.encode() * 10_000)
        file.truncate(1 << 40)
    found = survey(tmp_path)
    assert (found.files, found.bounded) == (MOST_FILES, True)
    assert [each.name for each in found.logs] == ["huge"]


def test_definitions_that_do_not_go_together_are_left_out(tmp_path):
    [(_, plan)] = FORMS["plan"](FILTERS, ALARMS, COMPOSITES)
    [(_, source)] = FORMS["hcl"](FILTERS, ALARMS, COMPOSITES)
    [(_, template)] = FORMS["yaml"]([dict(FILTERS[0], filterPattern="other")], [], [])
    fill(
        tmp_path,
        plan_dot_json=plan,
        main_dot_tf=source,
        other_dot_yaml=template,
        empty_dot_tf='variable "x" {}\n',
    )
    found = report(tmp_path)
    assert found["definitions"] == [str(tmp_path / "plan.json")]
    why = {Path(each["path"]).name: each["why"] for each in found["left_out"]}
    assert "given twice with different content" in why["other.yaml"]
    assert why["main.tf"] == "it adds nothing to the other definitions"
    assert found["log_groups_without_files"] == ["/web/access", "app"]


def test_two_logs_of_one_name_and_names_that_begin_alike(tmp_path):
    fill(
        tmp_path,
        a__access_dot_log=ACCESS,
        b__access_dot_log=ACCESS,
        c__x_dot_log=ACCESS,
        c__x_dot_log_dot_json=JSON,
    )
    config = init(tmp_path)
    taken = {each.name: each.paths for each in config.logs.groups}
    assert len(taken) == 4
    assert taken["access"] == (str(tmp_path / "a/access.log*"),)
    assert taken["b/access.log"] == (str(tmp_path / "b/access.log*"),)
    assert str(tmp_path / "c/x.log") in taken["x"]
    assert not any("*" in each and each.endswith("x.log*") for each in taken["x"])


@given(
    names=st.lists(
        st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20), min_size=1,
        max_size=3, unique=True,
    ),
    texts=st.lists(st.sampled_from([ACCESS, JSON, SYSLOG, RULES, "a: [", "{", '{"Records": [']), min_size=3, max_size=3),
)  # fmt: skip
@example(names=["~", "~nobody"], texts=[ACCESS, RULES, ""])
@example(names=["~nobody"], texts=[ACCESS, "", ""])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_names_the_file_holds_together(tmp_path_factory, names, texts):
    folder = tmp_path_factory.mktemp("any")
    for name, text in zip(names, texts, strict=False):
        if name not in {".", "..", "tocsin.yaml"} and len(name.encode()) < 200:
            (folder / name).write_text(text)
    config = init(folder)
    text = (folder / "tocsin.yaml").read_text()
    assert yaml.safe_load(text)["receivers"]
    for group in config.logs.groups:
        assert group.format in {"combined", "json", "syslog"}
