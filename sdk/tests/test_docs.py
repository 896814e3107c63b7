"""The pages say what the code does, or this fails."""

from __future__ import annotations

import inspect
import logging
import re
from pathlib import Path
from typing import get_args

from prometheus_client import CollectorRegistry

from tocsin_sdk import EventName, Level, SecurityEvent, security_event
from tocsin_sdk.events import LEVELS
from tocsin_sdk.flask import init_app
from tocsin_sdk.logs import MAX_FIELDS, MAX_LINE, MAX_TEXT, event_line
from tocsin_sdk.metrics import HOOKS, MAX_SERIES, OVERFLOW, UNMATCHED, Metrics
from tocsin_sdk.recorder import MAX_PENDING

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "sdk.md").read_text()


def table(heading: str) -> list[list[str]]:
    section = re.split(r"^#+ ", REFERENCE, flags=re.MULTILINE)
    (body,) = (part for part in section if part.startswith(heading + "\n"))
    rows = [line for line in body.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def defaults(function) -> list[tuple[str, str]]:
    found = inspect.signature(function).parameters.values()
    return [(p.name, "" if p.default is p.empty else repr(p.default)) for p in found]


def test_the_events_are_those_of_the_code():
    assert [(code(name)[0], level) for name, level in table("Events")] == [
        (name, level.name) for name, level in LEVELS.items()
    ]
    assert set(get_args(EventName)) == set(LEVELS)


def test_the_metrics_are_those_of_the_code():
    registry = CollectorRegistry()
    metrics = Metrics.on(registry)
    metrics.request("GET", "/", 200, 0.1)
    suffix = {"counter": "_total"}
    told = {}
    for name, kind, labels, _ in table("Metrics"):
        told[code(name)[0]] = (kind, set(code(labels)))
    real = {
        family.name + suffix.get(family.type, ""): (
            family.type,
            {label for s in family.samples for label in s.labels} - {"le"},
        )
        for family in registry.collect()
    }
    assert told == real
    assert registry.get_sample_value("login_latency_seconds_bucket", {"le": "0.3"}) == 0


def test_the_settings_are_those_of_the_code():
    told = table("`tocsin_sdk.flask.init_app(app, ...)`")
    assert [(code(n)[0], code(d)[0]) for n, d, _ in told] == defaults(init_app)[1:]
    told = table("`tocsin_sdk.security_event(event, ...)`")
    assert [(code(n)[0], "".join(code(d))) for n, d, _ in told] == defaults(security_event)


def test_the_fields_are_those_of_the_line():
    event = SecurityEvent(0.0, "authz_fail", Level.CRITICAL, user="u" * 999, description="x")
    told = [code(name)[0] for name, _ in table("The log line")]
    assert told == re.findall(r'"(\w+)":', event_line(event))


def test_the_numbers_and_fixed_words_are_those_of_the_code():
    for word in (*HOOKS, UNMATCHED, OVERFLOW):
        assert f"`{word}`" in REFERENCE
    for number in (MAX_LINE, MAX_TEXT, MAX_FIELDS, MAX_SERIES, MAX_PENDING):
        assert f" {number} " in REFERENCE


def test_the_guide_runs(tmp_path, monkeypatch, events):
    guide = (DOCS / "guides" / "flask.md").read_text()
    assert guide.index("\n## Verify\n") < guide.index("\n## Troubleshooting\n")
    monkeypatch.chdir(tmp_path)
    log = logging.getLogger("tocsin_sdk.events")
    space: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(compile(block, "flask.md", "exec"), space)  # noqa: S102
    client = space["app"].test_client()
    before = client.get("/metrics").text
    assert client.post("/login", data={"user": "anna", "password": "wrong"}).status_code == 401
    assert client.post("/reports/8").status_code == 403
    for handler in log.handlers:
        handler.close()
    failures = re.compile(r"^login_failures_total (\S+)$", re.MULTILINE)
    after = client.get("/metrics").text
    assert float(failures.search(after)[1]) == float(failures.search(before)[1]) + 1
    assert [line["event"] for line in events] == ["authn_login_fail", "authz_fail"]
    assert (tmp_path / "events.jsonl").read_text().count("\n") == 2
    shown = re.search(r'^    (\{"time".*\})$', guide, re.MULTILINE)[1]
    assert re.findall(r'"(\w+)":', shown) == list(events[1])
