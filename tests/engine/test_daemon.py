"""The daemon as its user meets it: start, reload, trouble, stop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from tests.engine.daemon import Daemon, target, wait_for, webhook

NOW = {"groups": [{"name": "g", "rules": [{"alert": "Now", "expr": "level > 5"}]}]}


def scrape(port, interval="200ms", **more):
    entry = {"job": "lab", "targets": [f"127.0.0.1:{port}"], "interval": interval, **more}
    return {"scrape": [entry]}


def hooked(port):
    return {"receivers": [{"name": "hook", "webhook": {"url": f"http://127.0.0.1:{port}/"}}]}


class Gauge:
    def __init__(self, value=0):
        self.value = value

    def __call__(self):
        return f"level {self.value}\n"


def metric(daemon, name):
    _, text = daemon.get("/metrics")
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def test_from_sample_to_webhook_and_back(tmp_path):
    gauge = Gauge()
    with target(gauge) as scraped, webhook() as hook:
        with Daemon(tmp_path, {**scrape(scraped.port), **hooked(hook.port)}, NOW) as daemon:
            wait_for(lambda: daemon.query("level"), "the first sample")
            gauge.value = 9
            wait_for(lambda: len(hook.messages) == 1, "the firing notice")
            (alert,) = daemon.alerts()
            assert (alert["labels"]["alertname"], alert["state"]) == ("Now", "firing")
            gauge.value = 1
            wait_for(lambda: len(hook.messages) == 2, "the resolved notice")
            assert daemon.stop() == 0
    (firing, resolved) = [body for _, body, _ in hook.messages]
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    assert firing["version"] == "4"
    assert firing["alerts"][0]["startsAt"] == resolved["alerts"][0]["startsAt"]
    assert len(set(hook.keys())) == 2


def test_a_bad_configuration_ends_with_every_mistake(tmp_path):
    daemon = Daemon(tmp_path, {}, NOW)
    (tmp_path / "rules.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: 'a >'}]}]")
    (tmp_path / "tocsin.yaml").write_text(
        "scrape: [{job: a, targets: [':x'], intervall: 5s}]\nrules: [rules.yml, none.yml]\n"
    )
    daemon.start(ready=False)
    assert daemon.process.wait(timeout=20) == 2
    log = daemon.log.read_text()
    assert "tocsin.yaml:1:29: not a target" in log
    assert "unknown key 'intervall' in a scrape entry, hint: did you mean 'interval'?" in log
    assert "rules.yml:1:" in log
    assert "no rule file matches 'none.yml'" in log


def test_reload_takes_the_new_and_keeps_the_old_when_the_new_is_bad(tmp_path):
    gauge = Gauge(9)
    with target(gauge) as first, target(gauge) as second, webhook() as hook:
        config = {**scrape(first.port), **hooked(hook.port)}
        with Daemon(tmp_path, config, NOW) as daemon:
            wait_for(lambda: len(hook.messages) == 1, "the firing notice")

            daemon.write({**config, "scrape": "nonsense"}, NOW)
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: daemon.get("/readyz")[0] == 503, "the bad configuration is told")
            scrapes = first.scrapes
            wait_for(lambda: first.scrapes > scrapes + 2, "the old one goes on")

            rules = {"groups": [{"name": "g", "rules": [
                {"record": "doubled", "expr": "level * 2"},
                {"alert": "Now", "expr": "level > 5"},
            ]}]}  # fmt: skip
            daemon.write({**scrape(second.port), **hooked(hook.port)}, rules)
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: daemon.get("/readyz")[0] == 200, "the good configuration is taken")
            wait_for(lambda: daemon.query("doubled"), "the new rule")
            # The rule moved within its group and kept its alert; it ended with its target.
            wait_for(
                lambda: (
                    [a["labels"]["instance"] for a in daemon.alerts()]
                    == [f"127.0.0.1:{second.port}"]
                ),
                "only the new target's alert",
            )
            told = lambda: {  # noqa: E731
                (alert["labels"]["instance"].rsplit(":", 1)[1], alert["status"])
                for _, body, _ in hook.messages
                for alert in body["alerts"]
            }
            wait_for(
                lambda: told()
                == {(str(first.port), "firing"), (str(first.port), "resolved"),
                    (str(second.port), "firing")},
                "old resolved, new firing",
            )  # fmt: skip
            assert daemon.stop() == 0


def test_a_target_that_goes_is_a_gap_in_the_record(tmp_path):
    gauge = Gauge(9)
    with Daemon(tmp_path, {}, {"groups": []}) as daemon:
        pass
    with target(gauge) as scraped:
        daemon.write(scrape(scraped.port), NOW)
        daemon.start()
        wait_for(daemon.alerts, "the alert")
    wait_for(lambda: daemon.query("up") and daemon.query("up")[0]["value"][1] == "0", "down")
    wait_for(lambda: daemon.alerts() == [], "a stale series fires nothing")
    assert daemon.query("level") == []
    assert daemon.stop() == 0
    kinds = ledger(daemon)
    (gap,) = [body for kind, body in kinds if kind == "gap" and body["what"] == "scrape"]
    assert (gap["state"], gap["reason"]) == ("open", "connection")
    assert [kind for kind, _ in kinds if kind in {"start", "stop"}][-1] == "stop"


def ledger(daemon):
    db = sqlite3.connect(daemon.state / "tocsin.db")
    rows = db.execute("SELECT kind, body FROM ledger ORDER BY seq").fetchall()
    db.close()
    return [(kind, json.loads(body)) for kind, body in rows]


def test_a_webhook_that_answers_500_gets_it_later_once(tmp_path):
    gauge = Gauge(9)
    with target(gauge) as scraped, webhook() as hook:
        hook.status = 500
        with Daemon(tmp_path, {**scrape(scraped.port), **hooked(hook.port)}, NOW) as daemon:
            wait_for(lambda: len(hook.messages) >= 2, "retries")
            assert metric(daemon, 'tocsin_notifications_total{receiver="hook",result="retry"}') >= 1
            hook.status = 200
            sent = 'tocsin_notifications_total{receiver="hook",result="sent"}'
            wait_for(lambda: metric(daemon, sent) == 1, "delivery")
            assert len(set(hook.keys())) == 1
            assert daemon.stop() == 0


def test_what_a_dead_webhook_did_not_take_goes_out_after_a_restart(tmp_path):
    gauge = Gauge(9)
    with target(gauge) as scraped, webhook() as hook:
        hook.status = 503
        with Daemon(tmp_path, {**scrape(scraped.port), **hooked(hook.port)}, NOW) as daemon:
            wait_for(lambda: hook.messages, "an attempt")
            daemon.kill()
            hook.status = 200
            seen = len(hook.messages)
            daemon.start()
            wait_for(lambda: len(hook.messages) > seen, "the attempt after the restart")
            assert len(set(hook.keys())) == 1
            # The alert did not fire anew.
            assert sum(kind == "transition" for kind, _ in ledger(daemon)) == 1


def test_a_damaged_state_is_told_and_detection_goes_on(tmp_path):
    gauge = Gauge(9)
    with target(gauge) as scraped, Daemon(tmp_path, scrape(scraped.port), NOW) as daemon:
        wait_for(daemon.alerts, "the alert")
        daemon.stop()
        (daemon.state / "tocsin.db").write_bytes(os.urandom(50_000))
        daemon.start()
        wait_for(daemon.alerts, "the alert again")
        status, text = daemon.get("/readyz")
        assert status == 503
        assert "state_damaged" in text
        assert metric(daemon, "tocsin_degraded") == 1
        assert list(daemon.state.glob("tocsin.db.damaged-*"))


def test_a_second_daemon_on_the_same_folder_ends(tmp_path):
    with Daemon(tmp_path, {}, NOW) as daemon:
        other = tmp_path / "other"
        other.mkdir()
        second = Daemon(other, {"storage": {"folder": str(daemon.state)}}, NOW)
        second.start(ready=False)
        assert second.process.wait(timeout=20) == 4
        assert f"in use by process {daemon.process.pid}" in second.log.read_text()
        assert daemon.answers()


def test_a_taken_port_ends_with_a_hint(tmp_path):
    with target(Gauge()) as scraped:
        daemon = Daemon(tmp_path, {"listen": f"127.0.0.1:{scraped.port}"}, NOW)
        daemon.start(ready=False)
        assert daemon.process.wait(timeout=20) == 4
        assert f"can't listen on 127.0.0.1:{scraped.port}" in daemon.log.read_text()


def test_hostile_targets_take_nothing_down(tmp_path):
    gauge, hostile = Gauge(9), iter(range(10**9))

    def garbage():
        # Ever new series, beyond the budget; then no exposition at all.
        number = next(hostile)
        if number % 3 == 2:
            return "\x00\xff{{{" * 1000
        return "".join(f'flood{{n="{number}-{i}"}} 1\n' for i in range(2000))

    with target(gauge) as good, target(garbage) as bad:
        config = {"scrape": [
            {"job": "good", "targets": [f"127.0.0.1:{good.port}"], "interval": "200ms"},
            {"job": "bad", "targets": [f"127.0.0.1:{bad.port}"], "interval": "200ms",
             "series_budget": 100},
        ]}  # fmt: skip
        with Daemon(tmp_path, config, NOW) as daemon:
            wait_for(lambda: bad.scrapes > 12, "a dozen hostile scrapes")
            wait_for(
                lambda: {alert["labels"]["job"] for alert in daemon.alerts()} == {"good"},
                "the good one fires",
            )
            assert metric(daemon, 'tocsin_samples_dropped_total{reason="series_budget"}') > 1000
            assert metric(daemon, "tocsin_head_series") < 300
            assert metric(daemon, 'tocsin_scrapes_total{job="bad",outcome="unparsable"}') > 1
            assert daemon.stop() == 0


@pytest.mark.parametrize(
    "query", ["(" * 10_000 + "1" + ")" * 10_000, "1" + "+1" * 4000, 'm{a=~"' + "(a*)*" * 300 + '"}']
)
def test_hostile_queries_end_soon(tmp_path, query):
    with Daemon(tmp_path, {}, NOW) as daemon:
        begun = time.monotonic()
        body = urllib.parse.urlencode({"query": query}).encode()
        try:
            with urllib.request.urlopen(daemon.url + "/api/v1/query", body, timeout=10) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        assert status in {200, 400, 413, 422}
        assert time.monotonic() - begun < 8
        assert daemon.answers()


def test_a_full_disk_stops_no_alert_and_is_caught_up(tmp_path):
    """A real small file system; needs the right to mount one."""
    small = tmp_path / "small"
    small.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], capture_output=True
        ).returncode
    ):
        pytest.skip("mounting a tmpfs takes root")
    gauge = Gauge(0)
    try:
        with target(gauge) as scraped, webhook() as hook:
            config = {
                **scrape(scraped.port), **hooked(hook.port), "storage": {"folder": str(small / "s")},
            }  # fmt: skip
            with Daemon(tmp_path, config, NOW) as daemon:
                wait_for(lambda: daemon.query("level"), "the first sample")
                (small / "filler").write_bytes(b"x" * (shutil.disk_usage(small).free - 4096))
                gauge.value = 9
                wait_for(lambda: hook.messages, "the alert gets out while the disk is full")
                wait_for(lambda: daemon.get("/readyz")[0] == 503, "the full disk is told", 30)
                assert "storage" in daemon.get("/readyz")[1]
                (small / "filler").unlink()
                wait_for(lambda: daemon.get("/readyz")[0] == 200, "space is used again")
                gauge.value = 0
                wait_for(lambda: len(hook.messages) == 2, "resolved")
                assert daemon.stop() == 0
                db = sqlite3.connect(small / "s" / "tocsin.db")
                states = [
                    json.loads(body)["after"]
                    for (body,) in db.execute(
                        "SELECT body FROM ledger WHERE kind = 'transition' ORDER BY seq"
                    )
                ]
                db.close()
                assert states == ["firing", "inactive"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_an_alert_ends_with_its_rule(tmp_path):
    gauge = Gauge(9)
    both = {"groups": [{"name": "g", "rules": [
        {"alert": "Now", "expr": "level > 5"}, {"alert": "Other", "expr": "level > 6"},
    ]}, {"name": "h", "rules": [{"alert": "Third", "expr": "level > 7"}]}]}  # fmt: skip
    with target(gauge) as scraped, webhook() as hook:
        config = {**scrape(scraped.port), **hooked(hook.port)}
        with Daemon(tmp_path, config, both) as daemon:
            wait_for(lambda: len(hook.messages) == 3, "three firing notices")
            daemon.write(config, NOW)
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: len(hook.messages) == 5, "two resolved notices")
            told = {
                (a["labels"]["alertname"], a["status"])
                for _, body, _ in hook.messages[3:]
                for a in body["alerts"]
            }
            assert told == {("Other", "resolved"), ("Third", "resolved")}
            assert [a["labels"]["alertname"] for a in daemon.alerts()] == ["Now"]
            names = lambda: {s["metric"]["alertname"] for s in daemon.query("ALERTS")}  # noqa: E731
            wait_for(lambda: names() == {"Now"}, "the series of the others are stale")
            daemon.kill()
            daemon.start()
            wait_for(daemon.alerts, "the state")
            assert [a["labels"]["alertname"] for a in daemon.alerts()] == ["Now"]
            assert len(hook.messages) == 5


def test_the_api_answers_only_to_its_names(tmp_path):
    config = {"external_url": "http://tocsin.example:9464"}
    with Daemon(tmp_path, config, NOW) as daemon:
        got = {}
        for name in ("tocsin.example", "127.0.0.1", "evil.example"):
            request = urllib.request.Request(daemon.url + "/healthz", headers={"Host": name})
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    got[name] = answer.status
            except urllib.error.HTTPError as error:
                got[name] = error.code
                error.close()
        assert got == {"tocsin.example": 200, "127.0.0.1": 200, "evil.example": 421}
