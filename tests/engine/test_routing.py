"""The real daemon with routes: grouped, inhibited, silenced, and still so after a kill."""

from __future__ import annotations

import json

import yaml

from tests.engine.daemon import Daemon, target, wait_for, webhook

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
            count = len(every.messages)
            daemon.kill()
            daemon.start()
            level[0] = 0
            wait_for(
                lambda: ("resolved", ["Low"]) in [n[:2] for n in names(every)], "the end of Low"
            )
            # What was told before the kill was not told again after it.
            assert [n[:2] for n in names(every)[count:]] == [("resolved", ["Low"])]
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
