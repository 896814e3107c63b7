"""What is blocked without asking, what is left to people, and what no block may cut."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import ParseError
from tocsin.respond import Blocks, Safeguards, Traffic, read_crawlers, read_network

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOW = 1_800_000_000 * SECOND
RULE = "alarm burst"
QUIET = Traffic({f"198.51.{n >> 8}.{n & 255}": 1 for n in range(400)}, 0.05)


def blocks_with(*proposals, traffic=QUIET, events=()):
    blocks = Blocks(Safeguards((), traffic), events)
    for client, by, first, last in proposals:
        event = blocks.propose(client, last, by=by, reason="r", first_seen=first, last_seen=last)
        if event:
            blocks.apply(event)
    return blocks


def made(blocks, now=NOW, rules=(RULE,), traffic=QUIET):
    events = blocks.automatic(now, rules, traffic)
    for each in events:
        blocks.apply(each)
    return [each.network for each in events]


def test_only_what_the_named_rules_proposed():
    blocks = blocks_with(
        ("203.0.113.9", RULE, NOW - SECOND, NOW), ("203.0.113.10", "alarm other", NOW - SECOND, NOW)
    )
    assert made(blocks, rules=()) == []
    assert made(blocks) == ["203.0.113.9/32"]
    assert made(blocks) == []
    assert [str(network) for network, _ in blocks.blocked(NOW)] == ["203.0.113.9/32"]


@pytest.mark.parametrize("clients", [{}, {"198.51.100.9": 99}])
def test_where_too_little_went_well_to_know_people_decide(clients):
    traffic = Traffic(clients, 0.05)
    blocks = blocks_with(("203.0.113.9", RULE, NOW - SECOND, NOW), traffic=traffic)
    assert made(blocks, traffic=traffic) == []
    blocks.apply(blocks.approve("203.0.113.9", NOW, by="me"))
    assert len(blocks.blocked(NOW)) == 1


def test_who_is_behind_much_of_what_went_well_is_blocked_by_nobody():
    traffic = Traffic({"203.0.113.9": 6, "203.0.113.77": 5, "198.51.100.9": 89}, 0.05)
    blocks = blocks_with(
        ("203.0.113.9", RULE, NOW - SECOND, NOW), ("203.0.113.77", RULE, NOW - SECOND, NOW),
        traffic=traffic,
    )  # fmt: skip
    assert made(blocks, traffic=traffic) == ["203.0.113.77/32"]
    for much in ("203.0.113.9", "203.0.113.0/24"):
        with pytest.raises(ParseError, match="of the 100 requests and logins that went well"):
            blocks.approve(much, NOW, by="me")
    # Nor is it listed, if it was decided when this was not so.
    earlier = Blocks(Safeguards()).approve("203.0.113.9", NOW, by="me")
    later = Blocks(Safeguards((), traffic), [earlier])
    assert later.blocked(NOW) == []
    (why,) = later.withheld(NOW)
    assert "203.0.113.9/32 is behind 6 of the 100" in why


def test_what_is_blocked_together_cuts_no_more_than_one_decision_may():
    clients = {f"203.0.113.{n}": 2 for n in range(10)} | {"198.51.100.9": 80}
    traffic = Traffic(clients, 0.05)
    found = [(client, RULE, NOW - SECOND, NOW) for client in clients if client[:3] == "203"]
    blocks = blocks_with(*found, ("192.0.2.1", RULE, NOW - SECOND, NOW), traffic=traffic)
    assert made(blocks, traffic=traffic) == ["192.0.2.1/32", "203.0.113.0/32", "203.0.113.1/32"]


def test_refusals_by_our_own_block_neither_propose_nor_block():
    """A block of an hour; 403s go on all the while and end with it, or after it."""
    blocks = blocks_with(("203.0.113.9", RULE, NOW - SECOND, NOW))
    assert made(blocks) == ["203.0.113.9/32"]
    end = NOW + HOUR

    def asked(first, last):
        return blocks.propose("203.0.113.9", end + SECOND, by=RULE, reason="403s",
                              first_seen=first, last_seen=last)  # fmt: skip

    assert blocks.propose("203.0.113.9", NOW + SECOND, by=RULE, reason="403s") is None
    assert asked(NOW, end - 1) is None
    assert blocks.objection("203.0.113.9", end + 1, last_seen=end - 1) == "while blocked"
    # Some of it is from while it was blocked: somebody has to look.
    straddling = asked(end - SECOND, end + SECOND)
    assert straddling.echo
    blocks.apply(straddling)
    assert made(blocks, end + SECOND) == []
    blocks = blocks_with(events=[Blocks(Safeguards()).approve("203.0.113.9", NOW, by="me")])
    blocks.apply(asked(end, end + SECOND))
    assert made(blocks, end + SECOND) == ["203.0.113.9/32"]
    assert blocks.get("203.0.113.9/32", end + 2 * SECOND).times == 2


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 600)), max_size=30))
def test_whenever_alerts_come_only_events_after_a_block_lead_to_the_next(alerts):
    """Each alert comes some seconds after the one before, with events of some seconds."""
    blocks, now, ended = Blocks(Safeguards((), QUIET)), NOW, 0
    for later, lasted in alerts:
        now += later * SECOND
        first = now - lasted * SECOND
        event = blocks.propose(
            "203.0.113.9", now, by=RULE, reason="r", first_seen=first, last_seen=now
        )
        if event is None:
            assert now < ended or blocks.get("203.0.113.9/32", now).state == "proposed"
            continue
        blocks.apply(event)
        if made(blocks, now):
            assert first >= ended
            ended = blocks.get("203.0.113.9/32", now).expires


def test_who_is_kept_out_with_a_wider_block_is_not_proposed_for_it():
    blocks = Blocks(Safeguards())
    blocks.apply(blocks.approve("203.0.113.0/24", NOW, by="me"))
    assert blocks.objection("203.0.113.9", NOW + SECOND) == "known"
    assert blocks.objection("203.0.113.9", NOW + HOUR, last_seen=NOW + HOUR - 1) == "while blocked"
    assert blocks.objection("203.0.113.9", NOW + HOUR) == ""
    blocks.apply(blocks.remove("203.0.113.0/24", NOW + SECOND, by="me", reason="too wide"))
    assert blocks.objection("203.0.113.9", NOW + SECOND) == ""


def test_what_a_person_let_go_is_left_to_people():
    blocks = blocks_with(("203.0.113.9", RULE, NOW - SECOND, NOW))
    made(blocks)
    blocks.apply(blocks.remove("203.0.113.9", NOW + SECOND, by="me", reason="our own scanner"))
    event = blocks.propose("203.0.113.9", NOW + HOUR, by=RULE, reason="r", first_seen=NOW + HOUR)
    blocks.apply(event)
    assert made(blocks, NOW + HOUR) == []
    blocks.apply(blocks.approve("203.0.113.9", NOW + HOUR, by="me"))
    later = NOW + 48 * HOUR
    blocks.apply(blocks.propose("203.0.113.9", later, by=RULE, reason="r", first_seen=later))
    assert made(blocks, later) == ["203.0.113.9/32"]


def test_a_day_brings_no_more_than_a_thousand():
    found = [(f"203.{n >> 8}.{n & 255}.1", RULE, NOW - SECOND, NOW) for n in range(1010)]
    blocks = blocks_with(*found)
    assert len(made(blocks)) == 1000
    assert made(blocks, NOW + HOUR) == []
    assert len(made(blocks, NOW + 24 * HOUR - SECOND)) == 0


def test_a_flood_of_addresses_fills_what_is_remembered_for_a_day_only():
    blocks = Blocks(Safeguards())
    for n in range(20_000):
        blocks.apply(blocks.propose(f"203.{n >> 8}.{n & 255}.1", NOW, by=RULE, reason="r"))
    assert blocks.objection("198.51.100.1", NOW + HOUR) == "too many"
    assert blocks.propose("198.51.100.1", NOW + HOUR, by=RULE, reason="r") is None
    assert blocks.objection("198.51.100.1", NOW + 25 * HOUR) == ""


@given(
    st.dictionaries(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str), st.integers(1, 9)),
    st.ip_addresses(v=4), st.integers(16, 32),
)  # fmt: skip
def test_what_a_block_cuts_is_the_sum_of_who_is_in_it(clients, address, prefix):
    traffic = Traffic(clients, 0.05)
    for network in (
        ip_network(f"{address}/{prefix}", strict=False), ip_network("::/32"),
        *map(read_network, clients),
    ):  # fmt: skip
        inside = [
            count for client, count in clients.items()
            if read_network(client).version == network.version
            and read_network(client).subnet_of(network)
        ]  # fmt: skip
        assert traffic.cut(network) == sum(inside)


@given(st.data())
def test_what_is_protected_is_found_whatever_else_is(data):
    """Held against a look at each of them."""
    networks = st.tuples(st.integers(0, 63), st.integers(26, 32)).map(
        lambda each: ip_network(f"203.0.113.{each[0]}/{each[1]}", strict=False)
    )
    protected = data.draw(st.lists(networks, max_size=12))
    asked = data.draw(networks)
    refusal = Safeguards([("x", each) for each in protected]).refusal(asked)
    assert bool(refusal) is any(each.overlaps(asked) for each in protected)


def test_ranges_of_crawlers():
    found = read_crawlers(
        b'{"creationTime": "2026-01-01", "prefixes": [{"ipv6Prefix": "2001:db8:4801::/64"},'
        b'{"ipv4Prefix": "192.0.2.64/27"}]}'
    )
    assert found == [ip_network("2001:db8:4801::/64"), ip_network("192.0.2.64/27")]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"prefixes": []}', b'{"prefixes": [{}]}', b'{"prefixes": [{"ipv4Prefix": "x"}]}',
     b'{"prefixes": [{"ipv4Prefix": "192.0.2.65/27"}]}', b'{"prefixes": [{"ipv4Prefix": "0.0.0.0/0"}]}',
     b'{"prefixes": [{"ipv6Prefix": "::/0"}]}', b'{"prefixes": [{"ipv4Prefix": "2001:db8::/64"}]}',
     b'{"prefixes": [{"ipv4Prefix": "192.0.2.64/27", "ipv6Prefix": "2001:db8::/64"}]}', b"\xff"],
)  # fmt: skip
def test_what_is_no_list_of_ranges(data):
    with pytest.raises(ParseError):
        read_crawlers(data)
