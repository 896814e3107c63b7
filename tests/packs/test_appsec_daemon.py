"""The pack `appsec` in a real daemon: an attack is told, and its source is the busiest."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from click.testing import CliRunner
from tests.engine.daemon import Daemon, wait_for, webhook

from tocsin.cli import cli


def test_an_attack_is_told_and_its_source_is_listed(tmp_path):
    log, web = tmp_path / "app.log", tmp_path / "access.log"
    log.touch()
    web.touch()

    def attack(number):
        now = datetime.now(UTC)
        event = {
            "time": now.isoformat(),
            "event": "authn_login_fail",
            "client": "192.0.2.66",
            "user": f"u{number}",
        }
        stamp = now.strftime("%d/%b/%Y:%H:%M:%S +0000")
        with log.open("a") as file:
            file.write(json.dumps(event) + "\n")
        with web.open("a") as file:
            file.write(
                f'192.0.2.9 - - [{stamp}] "GET /{number} HTTP/1.1" 200 7 "-" "Mozilla/5.0"\n'
            )
            file.write(f'192.0.2.77 - - [{stamp}] "GET /.env?{number} HTTP/1.1" 404 7 "-" "-"\n')

    with webhook() as hook:
        config = {
            "log_groups": [
                {"name": "app", "paths": ["app.log"], "format": "json", "lateness": "1s"},
                {"name": "web", "paths": ["access.log"], "format": "combined", "lateness": "1s"},
            ],
            "packs": ["appsec"],
            "receivers": [{"name": "team", "webhook": {"url": f"http://127.0.0.1:{hook.port}/"}}],
        }
        daemon = Daemon(tmp_path, config, {"groups": []})
        try:
            running = daemon.start()
            for number in range(5):
                attack(number)

            def told():
                alerts = [each for _, body, _ in hook.messages for each in body["alerts"]]
                return {
                    (each["labels"].get("rule"), each["labels"].get("source_ip")) for each in alerts
                }

            expected = {
                ("brute_force_by_source", "192.0.2.66"),
                ("secret_files_by_source", "192.0.2.77"),
            }
            wait_for(lambda: expected <= told(), "both attacks are told")
            # Nobody else is.
            assert {source for _, source in told()} == {"192.0.2.66", "192.0.2.77"}

            def listed():
                words = ["offenders", "--url", running.url, "--format", "json"]
                done = CliRunner().invoke(cli, words, standalone_mode=False)
                found = json.loads(done.stdout)["offenders"]
                return {each["address"]: each["events"] for each in found}

            wait_for(
                lambda: listed() == {"192.0.2.66": 5, "192.0.2.77": 5}, "what is settled is listed"
            )
        finally:
            daemon.__exit__()
