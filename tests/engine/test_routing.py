"""The real daemon with routes: grouped, inhibited, silenced, and still so after a kill."""

from __future__ import annotations

import getpass
import json
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.engine.daemon import Daemon, target, wait_for, webhook
from tocsin.store import open_store

RULES = {"groups": [{"name": "g", "interval": "200ms", "rules": [
    {"alert": "High", "expr": "level > 5", "labels": {"severity": "page"}},
    {"alert": "Low", "expr": "level > 2", "labels": {"severity": "info"}},
]}]}  # fmt: skip
ROUTE = {
    "receiver": "all", "group_wait": "300ms", "group_interval": "500ms", "group_by": ["instance"],
    "routes": [{"matchers": ['severity="page"'], "receiver": "pager", "continue": True, "group_by": ["..."]}],
}  # fmt: skip
INHIBIT = [
    {
        "source_matchers": ["severity=page"],
        "target_matchers": ["severity=info"],
        "equal": ["instance"],
    }
]


def receivers(pager, every):
    return [
        {"name": "pager", "webhook": {"url": f"http://127.0.0.1:{pager.port}/"}},
        {"name": "all", "webhook": {"url": f"http://127.0.0.1:{every.port}/"}},
    ]


def names(hook):
    return [(body["status"], sorted(a["labels"]["alertname"] for a in body["alerts"]), body["groupKey"])
            for _, body, _ in hook.messages]  # fmt: skip


def test_routes_of_the_daemon(tmp_path):
    level = [0]
    with target(lambda: f"level {level[0]}\n") as scraped, webhook() as pager, webhook() as every:
        config = {
            "scrape": [{"job": "j", "targets": [f"127.0.0.1:{scraped.port}"], "interval": "200ms"}],
            "receivers": receivers(pager, every), "route": ROUTE, "inhibit_rules": INHIBIT,
        }  # fmt: skip
        with Daemon(tmp_path, config, RULES) as daemon:
            wait_for(lambda: daemon.query("level"), "a first scrape")
            level[0] = 9
            wait_for(lambda: pager.messages, "the pager is told")
            ((status, told, key),) = names(pager)
            assert (status, told) == ("firing", ["High"])
            assert key.startswith('{}/{severity="page"}:{alertname="High", ')
            # Low is inhibited; nobody hears of it while High fires.
            level[0] = 4
            wait_for(lambda: every.messages, "everybody is told")
            wait_for(
                lambda: ("resolved", ["High"]) in [n[:2] for n in names(pager)], "the end of High"
            )
            assert ("firing", ["Low"], f'{{}}:{{instance="127.0.0.1:{scraped.port}"}}') in names(
                every
            )
            daemon.kill()
            daemon.start()
            level[0] = 0
            wait_for(
                lambda: ("resolved", ["Low"]) in [n[:2] for n in names(every)], "the end of Low"
            )
            # What was told before the kill is not told again, but for a message whose arrival was
            # not on record yet: that one comes again under its key.
            told = {key: body["status"] for key, body, _ in every.messages}
            assert sorted(told.values()) == ["firing", "resolved"]
            assert daemon.stop() == 0


def test_an_alertmanager_yml_is_taken_as_it_is(tmp_path):
    level = [9]
    with target(lambda: f"level {level[0]}\n") as scraped, webhook() as pager, webhook() as every:
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump({
            "global": {"resolve_timeout": "5m"},
            "route": ROUTE, "inhibit_rules": INHIBIT,
            "receivers": [
                {"name": "pager", "webhook_configs": [{"url": f"http://127.0.0.1:{pager.port}/"}]},
                {"name": "all"},
            ],
        }))  # fmt: skip
        config = {
            "scrape": [{"job": "j", "targets": [f"127.0.0.1:{scraped.port}"], "interval": "200ms"}],
            "alertmanager": "alertmanager.yml", "receivers": receivers(pager, every)[1:],
        }  # fmt: skip
        with Daemon(tmp_path, config, RULES) as daemon:
            wait_for(lambda: pager.messages, "the pager is told")
            body = pager.messages[0][1]
            assert [alert["labels"]["alertname"] for alert in body["alerts"]] == ["High"]
            level[0] = 4
            wait_for(lambda: every.messages, "the receiver of tocsin.yaml is told")
            assert json.loads(daemon.get("/api/v1/alerts")[1])["data"]["alerts"]


def command(daemon, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", "from tocsin.cli import main; main()", *arguments, "--url", daemon.url],
        capture_output=True, text=True, cwd=daemon.folder,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_a_silence_keeps_receivers_quiet_and_stays_on_record(tmp_path):
    amtool = shutil.which("amtool")
    level = [0]
    with target(lambda: f"level {level[0]}\n") as scraped, webhook() as pager, webhook() as every:
        config = {
            "scrape": [{"job": "j", "targets": [f"127.0.0.1:{scraped.port}"], "interval": "200ms"}],
            "receivers": receivers(pager, every), "route": ROUTE,
        }  # fmt: skip
        with Daemon(tmp_path, config, RULES) as daemon:
            code, out, err = command(
                daemon, "silence", "add", "severity=page", "--for", "1h", "--comment", "moving"
            )
            assert code == 0, err
            identity = out.strip()
            level[0] = 9
            # Low is told, so the round that would have told High is over.
            wait_for(lambda: every.messages, "everybody is told")
            wait_for(lambda: len(daemon.alerts()) == 2, "both fire")
            code, out, _ = command(daemon, "silence", "list")
            assert out.startswith(f"{identity}  active, until ")
            assert out.endswith(f'{{severity="page"}}  {getpass.getuser()}: moving\n')
            assert pager.messages == []
            if amtool:
                done = subprocess.run(
                    [amtool, f"--alertmanager.url={daemon.url}", "alert", "query", "--silenced", "-o", "json"],
                    capture_output=True, text=True,
                )  # fmt: skip
                (silenced,) = json.loads(done.stdout)
                assert silenced["labels"]["alertname"] == "High"
                assert silenced["status"]["silencedBy"] == [identity]
            daemon.kill()
            daemon.start()
            assert command(daemon, "silence", "expire", identity)[0] == 0
            wait_for(lambda: pager.messages, "the pager is told after all")
            assert daemon.stop() == 0
    store = open_store(tmp_path / ".tocsin", 0)
    kinds = [
        (e.kind, e.body.get("what") or e.body.get("state"))
        for e in store.ledger(kinds=["silence", "muted"])
    ]
    store.close()
    assert kinds[0] == ("silence", "added")
    assert ("muted", "muted") in kinds
    assert ("silence", "changed") in kinds
    assert kinds[-1] == ("muted", "told again")


def test_silences_as_amtool_makes_them(tmp_path):
    amtool = shutil.which("amtool")
    if amtool is None:
        pytest.skip("amtool is not installed: apt-get install prometheus-alertmanager")
    with webhook() as pager, webhook() as every:
        config = {"receivers": receivers(pager, every), "route": ROUTE}
        with Daemon(tmp_path, config, {"groups": []}) as daemon:

            def run(*arguments):
                done = subprocess.run(
                    [amtool, f"--alertmanager.url={daemon.url}", *arguments], capture_output=True, text=True
                )  # fmt: skip
                assert done.returncode == 0, done.stderr
                return done.stdout.strip()

            identity = run(
                "silence", "add", "-a", "me", "-c", "why", "-d", "2h", "team=~a|b", "x!=y"
            )
            assert identity in run("silence", "query")
            assert run("silence", "query", "-q", "team=zzz") == ""
            run("silence", "expire", identity)
            assert identity not in run("silence", "query")
    code, _, err = command(daemon, "silence", "list")
    assert (code != 0, "no answer from" in err) == (True, True)
