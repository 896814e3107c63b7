"""The watchdog: an alert that always fires, and how its absence is noticed by somebody else."""

from __future__ import annotations

import subprocess
import time

import pytest
from tests.cli.test_init import init
from tests.engine.daemon import Daemon, wait_for, webhook

from tocsin.engine import load_config
from tocsin.packs import shipped_rules

QUIET = 3.0
"""Seconds without a message after which the other side would raise the alarm."""
ROUTE = {"receiver": "team", "routes": [{
    "matchers": ["alertname=Watchdog"], "receiver": "lifesign",
    "group_wait": "0s", "group_interval": "300ms", "repeat_interval": "300ms",
}]}  # fmt: skip


def heard(hook):
    return [body["alerts"][0]["labels"]["alertname"] for _, body, _ in hook.messages]


def quiet(hook):
    return time.time() - max(at for _, _, at in hook.messages) > QUIET


@pytest.mark.slow
def test_its_absence_is_noticed_elsewhere(tmp_path):
    with webhook() as lifesign, webhook() as team:
        config = {
            "rules": ["watchdog"], "evaluation_interval": "200ms", "route": ROUTE,
            "receivers": [
                {"name": "team", "webhook": {"url": f"http://127.0.0.1:{team.port}/"}},
                {"name": "lifesign", "send_resolved": False, "webhook": {"url": f"http://127.0.0.1:{lifesign.port}/"}},
            ],
        }  # fmt: skip
        with Daemon(tmp_path, config, {"groups": []}) as daemon:
            wait_for(lambda: len(lifesign.messages) >= 5, "it is heard of again and again")
            assert not quiet(lifesign)
            daemon.kill()
            wait_for(lambda: quiet(lifesign), "its absence is noticed")
            before = len(lifesign.messages)
            daemon.start()
            wait_for(lambda: len(lifesign.messages) >= before + 3, "it is heard of again")
            assert set(heard(lifesign)) == {"Watchdog"}
            assert {body["status"] for _, body, _ in lifesign.messages} == {"firing"}
            assert team.messages == []
            assert daemon.stop() == 0


def test_promtool_takes_the_rule_file(tmp_path, promtool):
    _, text = shipped_rules("watchdog")
    (tmp_path / "watchdog.yml").write_bytes(text)
    done = subprocess.run([promtool, "check", "rules", "watchdog.yml"], cwd=tmp_path, capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["folder", "nothing"])
def test_the_name_is_that_of_the_shipped_file(tmp_path, kind):
    if kind == "folder":
        (tmp_path / "watchdog").mkdir()
    (tmp_path / "tocsin.yaml").write_text("rules: [watchdog]\n")
    (file,) = load_config(tmp_path / "tocsin.yaml").rule_files
    assert file.text == shipped_rules("watchdog")[1]


def test_what_init_writes_of_it_is_right_when_it_is_made_active(tmp_path):
    init(tmp_path)
    lines = (tmp_path / "tocsin.yaml").read_text().splitlines()
    first = next(at for at, line in enumerate(lines) if "watchdog is not heard of" in line)
    last = next(at for at, line in enumerate(lines) if "repeat_interval" in line)
    route = lines.index("# route:")
    for at in range(first + 1, last + 1):
        lines[at] = lines[at].removeprefix("#" if at < route else "# ")
    (tmp_path / "lifesign.url").write_text("http://127.0.0.1:1/\n")
    text = "\n".join(lines)
    (tmp_path / "tocsin.yaml").write_text(text)
    config = load_config(tmp_path / "tocsin.yaml")
    assert [each.name for each in config.receivers] == ["terminal", "lifesign"]
    (route,) = config.routing.root.match({"alertname": "Watchdog"})
    assert (route.receiver, route.repeat_interval) == ("lifesign", 300_000_000)
    (route,) = config.routing.root.match({"alertname": "Other"})
    assert route.receiver == "terminal"
