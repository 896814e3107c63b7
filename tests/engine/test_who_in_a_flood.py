"""More events than are kept: what is settled names those whom a replay names."""

import re

import pytest

from tests.engine.test_live_correlations import (
    BEGIN,
    MINUTE,
    SECOND,
    Host,
    config,
    entries,
    line,
    replayed,
    rules,
)
from tocsin.engine._offenders import offenders_text

RULES = """
title: Refused
name: refused
logsource: {category: webserver}
detection: {sel: {sc-status: 401}, condition: sel}
---
title: Lone
name: lone
correlation: {type: event_count, rules: [refused], group-by: [cs-username], timespan: 60s, condition: {lt: 2}}
---
title: All
name: all
correlation: {type: event_count, rules: [refused], timespan: 60s, condition: {gte: 21002}}
---
title: In the middle of a second
name: middle
correlation: {type: event_count, rules: [refused], timespan: 60s, condition: {gte: 5002}}
"""


def without_places(text):
    return re.sub(r", \S*access\.log[@:]\d+", "", text)


@pytest.mark.parametrize("looks", [1, 7])
def test_as_a_replay(tmp_path, looks):
    host, log = Host(tmp_path, config(tmp_path, rules(RULES)), BEGIN), tmp_path / "access.log"
    lines = [line(BEGIN + SECOND, user="lone", client="198.51.100.9")]
    lines.append(line(BEGIN + 2 * SECOND, user="u", client="203.0.113.9"))
    lines += [
        line(BEGIN + (3 + n // 3000) * SECOND, user="u", client=f"203.0.113.{n * n % 7}")
        for n in range(21_500)
    ]
    for look in range(looks):
        with log.open("a") as file:
            file.writelines(lines[look * len(lines) // looks : (look + 1) * len(lines) // looks])
        host.at(BEGIN + (12 + look) * SECOND)
    for later in (20, 30, 60, 150):
        host.at(BEGIN + later * SECOND)
    expected = replayed(log, host.config.rules)
    names = {}
    for alert, behind in zip(expected.alerts, expected.behind, strict=True):
        names.setdefault((alert.rule, alert.group), without_places(offenders_text(behind)))
    assert sorted(rule for rule, _ in names) == ["all", "lone", "lone", "middle"]
    assert "off by at most" in names["all", ()]
    found = {
        (e["correlation"], tuple(e["group"].items())): without_places(
            e.get("annotations", {}).get("offenders", "")
        )
        for e in entries(host) if e["after"] == "firing"
    }  # fmt: skip
    assert found == names
    host.at(BEGIN + 10 * MINUTE)
    host.close()
