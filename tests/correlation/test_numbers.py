"""Numbers that are equal are answered alike, whichever of them came first."""

import pytest

from tocsin.correlation import Correlator, Event, load_sigma

RULES = """
title: r
name: r
logsource: {product: application}
detection: {sel: {n|re: '%s'}, condition: sel}
"""


@pytest.mark.parametrize("pattern", [r"^1$", r"^1\.0$", r"\."])
@pytest.mark.parametrize(("one", "other"), [(1, 1.0), ((1, "a"), (1.0, "a"))])
def test_the_order_of_events_decides_nothing(pattern, one, other):
    rules = load_sigma([("r.yml", (RULES % pattern).encode())])
    events = [Event(1, {"n": each}) for each in (one, other, one)]
    alone = [len(Correlator(rules).feed([each])) for each in events]
    assert len(Correlator(rules).feed(events)) == sum(alone)
    assert len(Correlator(rules).feed(events[1:])) == sum(alone[1:])
