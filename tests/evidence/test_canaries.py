"""Secrets that must not get out: planted where people have them, looked for in all that leaves."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

from tests.engine.daemon import Daemon, free_port, target, wait_for, webhook
from tests.engine.test_log_daemon import ALARM, FILTER
from tests.evidence.answering import answering
from tests.report.days import except_again

CANARIES = {
    "password": "kanari-password-77", "token": "kanariTOKEN7712345abc", "query": "kanariquery0001",
    "environment": "kanari-env-0001-zz", "hook": "kanariHOOK0001abcdef", "user": "kanari-user-1",
    "bearer": "kanaribearer.abc-123", "aws": "AKIAKANARIKANARI0001", "routing": "kanarirouting0009",
    "mail": "kanari mail 9", "signing": "kanari/signing/secret",
}  # fmt: skip
ALARM_CONTROL = """
version: "1"
controls:
  - id: web-logs
    title: The web server's log is watched
    objective: A burst of failures raises an alarm.
    owner: security
    inputs:
      - {kind: alarms-held}
      - {kind: notifications}
      - {kind: log-groups-now, log_groups: [/web]}
"""


def found_in(folder, *texts):
    """Each canary with the file that holds it, packed files opened."""
    files = [(str(path), path.read_bytes()) for path in folder.rglob("*") if path.is_file()]
    files += [(name, gzip.decompress(data)) for name, data in files if name.endswith(".gz")]
    files += [("output", text.encode()) for text in texts]
    return {
        (name, file)
        for file, data in files
        for name, canary in CANARIES.items()
        if canary.encode() in data
    }


def today():
    return datetime.now(UTC).strftime("%Y%m%d")


def receivers(folder, *more):
    """Of every kind that has a secret; nobody is behind them."""
    c = CANARIES
    (folder / "hook.url").write_text(f"http://127.0.0.1:{free_port()}/services/{c['hook']}\n")
    for name in ("routing", "mail", "signing"):
        (folder / name).write_text(f"{c[name]}\n")
    nobody = f"127.0.0.1:{free_port()}"
    return [
        {"name": "hook", "webhook": {"url_file": "hook.url", "secret_file": "signing"}},
        {"name": "pages", "pagerduty": {"routing_key_file": "routing", "url": f"http://{nobody}/"}},
        {"name": "mail", "email": {"server": nobody, "from": "a@example.org", "to": ["b@example.org"],
         "username": "a", "password_file": "mail"}},
        *more,
    ]  # fmt: skip


def test_no_secret_gets_into_a_bundle_nor_into_what_is_made_of_it(tocsin, tmp_path):
    """Secrets in the configuration, the environment, addresses, and what a source answers."""
    c = CANARIES
    # Nobody knows a bearer's token but by the word before it.
    known = " ".join(value for name, value in c.items() if name != "bearer")
    answer = json.dumps({
        "status": "success", "data": {"activeTargets": [
            {"labels": {"job": "j", "password": c["password"]}, "health": "down",
             "lastError": f"GET http://{c['user']}:{c['password']}@127.0.0.1/?key={c['query']}: "
             f"Authorization: Bearer {c['bearer']} {known}"},
        ]},
    }).encode()  # fmt: skip
    rules = {"groups": [{"name": "g", "interval": "200ms", "rules": [
        {"alert": "A", "expr": "level > 0", "labels": {"api_token": c["token"]},
         "annotations": {"text": f"curl -H 'Authorization: Bearer {c['bearer']}'"}}]}]}  # fmt: skip
    secret = {"MY_API_TOKEN": c["environment"], "GITHUB_TOKEN": c["token"]}
    with target(lambda: "level 1\n") as up, answering(lambda _posted: answer) as url:
        config = {
            "scrape": [{"job": "j", "interval": "200ms", "targets": [
                f"http://{c['user']}:{c['password']}@127.0.0.1:{up.port}/metrics?key={c['query']}"]}],
            "receivers": receivers(tmp_path),
        }  # fmt: skip
        with Daemon(tmp_path, config, rules) as daemon:
            wait_for(lambda: daemon.query('ALERTS{alertstate="firing"}'), "an alert")
        told = [tocsin("collect", "--prometheus", url, "--folder", "evidence", **secret)]
        except_again(tmp_path / "evidence" / today(), "logical-access")
        said = f"the token was {known}; curl -H 'Authorization: Bearer {c['bearer']}'"
        told.append(tocsin("disposition", today(), "logical-access", "--outcome", "fault", "--by", "ann",
                           "--text", said, "--folder", "evidence", **secret))  # fmt: skip
        told.append(tocsin("seal", today(), "--early", "--folder", "evidence", **secret))
    for words in (("report", "evidence", "--output", "out/report.html"),
                  ("sample", "evidence", "--seed", "s", "-n", "1", "--output", "out/sample"),
                  ("oscal", "evidence", "--output", "out/oscal")):  # fmt: skip
        (tmp_path / "out").mkdir(exist_ok=True)
        told.append(tocsin(*words))
    assert found_in(tmp_path / "evidence", *told) == set()
    assert found_in(tmp_path / "out") == set()
    day = json.loads((tmp_path / "evidence" / today() / "day.json").read_text())
    assert sum(day["redactions"].values()) > 0
    (rule,) = day["rules_in_force"][0]["rules"]
    assert rule["kept"] == "redacted"
    record = json.loads(
        (tmp_path / "evidence" / today() / "logging-and-monitoring.json").read_text()
    )
    assert any(each["answer"]["redacted"] for each in record["inputs"])
    page = (tmp_path / "out/report.html").read_text()
    assert "the token was [redacted]" in page
    tocsin("verify", "evidence", "--key", "evidence.key.pub", code=5)


def test_no_secret_of_a_log_line_gets_into_a_notification_or_a_bundle(tocsin, tmp_path):
    """A log holds what people typed and what their addresses carried; none of it is passed on.

    But who logged in is: an alert names its offenders. In the evidence that can be a commitment.
    """
    c = CANARIES
    (tmp_path / "controls.yaml").write_text(ALARM_CONTROL)
    (tmp_path / "main.tf").write_text(FILTER + ALARM % (5, 10))
    with webhook() as hook:
        config = {
            "log_groups": [{"name": "/web", "paths": ["access.log"]}],
            "definitions": ["main.tf"],
            "receivers": receivers(
                tmp_path, {"name": "team", "webhook": {"url": f"http://127.0.0.1:{hook.port}/"}}
            ),
            "evidence": {"controls": ["controls.yaml"], "folder": "evidence"},
        }
        with Daemon(tmp_path, config, {"groups": []}) as daemon:
            stamp = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
            lines = [
                f'203.0.113.9 - {c["user"]} [{stamp}] "GET /{c["hook"]}?password={c["password"]}&t={c["token"]}'
                f' HTTP/1.1" 404 12 "https://a:{c["password"]}@h/?q={c["query"]}" "Bearer {c["bearer"]} {c["aws"]}"\n'
                for _ in range(8)
            ]  # fmt: skip
            (tmp_path / "access.log").write_text("".join(lines))
            wait_for(lambda: hook.messages, "the alarm is told")
            names = ("--commit", "sources", "--commit", "offenders")
            told = [tocsin("collect", "--prometheus", daemon.url, *names)]
            told.append(tocsin("seal", today(), "--early", *names))
    assert found_in(tmp_path / "evidence", *told) == set()
    (tmp_path / "told").mkdir()
    assert found_in(tmp_path / "told", json.dumps(hook.messages)) == {("user", "output")}
    record = json.loads((tmp_path / f"evidence/{today()}/web-logs.json").read_bytes())
    assert any("burst" in json.dumps(each) for each in record["inputs"])
