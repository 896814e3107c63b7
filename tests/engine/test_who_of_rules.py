"""Who it was, in the alerts of Sigma rules."""

from __future__ import annotations

from tests.engine.test_live_correlations import (
    BEGIN,
    IP,
    SECOND,
    Host,
    config,
    entries,
    line,
    rules,
)

TOGETHER = """
title: Refused
name: refused
logsource: {category: webserver}
detection: {sel: {sc-status: 401}, condition: sel}
---
title: Everybody
name: overall
level: high
correlation: {type: event_count, rules: [refused], timespan: 60s, condition: {gte: 6}}
---
title: One user
name: one_user
level: high
correlation: {type: event_count, rules: [refused], group-by: [user.name], timespan: 60s, condition: {gte: 4}}
---
title: Twice everybody
name: twice
level: high
correlation: {type: event_count, rules: [overall], timespan: 5m, condition: {gte: 1}, generate: true}
"""


def test_every_alert_says_who_it_was_when_and_where(tmp_path):
    host = Host(tmp_path, config(tmp_path, rules(TOGETHER)), BEGIN)
    tries = [
        (0, IP, "root"),
        (1, IP, "root"),
        (2, "192.0.2.7", "root"),
        (3, IP, "a"),
        (4, IP, "root"),
    ]
    text = "".join(line(BEGIN + at * SECOND, client=who, user=user) for at, who, user in tries)
    other = line(BEGIN + 4 * SECOND, status=404, client="192.0.2.99", user="root")
    (tmp_path / "access.log").write_text(text + other + line(BEGIN + 5 * SECOND, user="b"))
    host.at(BEGIN + 6 * SECOND)
    early = {e["correlation"]: e["annotations"]["offenders"] for e in entries(host, early=True)}
    assert early.keys() == {"overall", "one_user"}
    host.at(BEGIN + 40 * SECOND)
    said = {
        each.labels["rule"]: each.annotations["offenders"]
        for told in host.told.notifications
        for each in told.alerts
    }
    assert said.keys() == {"overall", "one_user", "twice"}
    settled = {e["correlation"]: e["annotations"]["offenders"] for e in entries(host)}
    assert settled == said == early | {"twice": said["twice"]}
    first, second = (f"2023-11-14T22:{minute}Z" for minute in ("14:00", "14:05"))
    for rule in ("overall", "twice"):
        busiest, one = said[rule].split("; ")
        assert busiest.startswith(f"{IP} (5 events, users root, a, b, {first} to {second}, ")
        assert "access.log@0" in busiest
        assert one.startswith("192.0.2.7 (1 event, users root, ")
    busiest, one = said["one_user"].split("; ")
    assert busiest.startswith(f"{IP} (3 events, users root, {first} to 2023-11-14T22:14:04Z, ")
    assert one.startswith("192.0.2.7 (1 event, ")
    host.close()
