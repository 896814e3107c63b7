"""Decisions to block: what must never be listed, and that the list is what the record says."""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import ip_address, ip_network

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.daemon import free_port
from tocsin.errors import ParseError
from tocsin.respond import (
    EXPORTS,
    Blocks,
    Event,
    Safeguards,
    Traffic,
    export,
    read_crawlers,
    read_network,
)

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOW = 1_800_000_000 * SECOND
OWN_NETWORKS = [
    ("our proxy", ip_network("198.51.100.0/28")), ("a partner", ip_network("2001:db8:1::/48")),
    *(("a crawler of bot.json", each) for each in read_crawlers(
        b'{"prefixes": [{"ipv4Prefix": "192.0.2.64/27"}, {"ipv6Prefix": "2001:db8:3::/64"}]}'
    )),
]  # fmt: skip
OWN = Safeguards(OWN_NETWORKS)
PROTECTED = [
    "127.0.0.1", "::1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "fe80::1", "224.0.0.1",
    "ff02::1", "0.0.0.0", "::", "100.64.0.1", "255.255.255.255", "fd00::1", "::ffff:127.0.0.1",
    "198.51.100.3", "2001:db8:1::5", "64:ff9b::7f00:1", "192.0.2.66", "2001:db8:3::9",
]  # fmt: skip

addresses = st.one_of(
    st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.sampled_from(PROTECTED),
    st.sampled_from(["203.0.113.9", "203.0.113.10", "198.51.100.99", "2001:db8:2::1", "2001:db8:2::2"]),
    st.sampled_from(["203.0.0.0/16", "198.51.0.0/16", "0.0.0.0/0", "2001:db8::/32", "::/0", "8.0.0.0/7", "nonsense", ""]),
)  # fmt: skip
steps = st.lists(
    st.tuples(st.sampled_from(["propose", "approve", "remove", "wait", "back", "automatic"]), addresses, st.integers(0, 200)),
    max_size=40,
)  # fmt: skip


def forbidden(network):
    return any(
        read_network(each).version == network.version and read_network(each).overlaps(network)
        for each in PROTECTED
    )


LATELY = Traffic({"203.0.113.9": 30, "203.0.113.10": 6, "2001:db8:2::1": 5, "9.9.9.9": 79}, 0.05)
AUTOMATIC = Safeguards(OWN_NETWORKS, LATELY)


def all_of_it(text):
    return [ip_network(each) for each in text.splitlines()]


def walk(script, record, restarts=(), safeguards=OWN):
    """Take every step; after each, the blocks and the time. `record` gets the events."""
    blocks, now = Blocks(safeguards), NOW
    for number, (what, address, amount) in enumerate(script):
        event = None
        try:
            if what == "propose":
                event = blocks.propose(address, now, by="rule", reason="r", last_seen=now)
            elif what == "approve":
                event = blocks.approve(address, now, by="me", duration=amount * HOUR)
            elif what == "remove":
                event = blocks.remove(address, now, by="me", reason="mistake")
            elif what == "automatic":
                for made in Blocks(AUTOMATIC, record).automatic(now, {"rule"}, LATELY):
                    record.append(made)
                    blocks.apply(made)
            else:
                now += (amount if what == "wait" else -amount) * HOUR
        except ParseError:
            event = None
        if event is not None:
            record.append(event)
            blocks.apply(event)
        if number in restarts:
            taken = msgspec.json.decode(msgspec.json.encode(record), type=list[Event])
            blocks = Blocks(safeguards, taken)
        yield blocks, now


@settings(max_examples=300)
@given(steps, st.sets(st.integers(0, 40)))
def test_protected_addresses_are_never_listed_and_the_list_is_what_the_record_says(
    script, restarts
):
    """Whatever is decided, whenever the daemon restarts, and however the clock jumps."""
    record = []
    for blocks, now in walk(script, record, restarts):
        listed = [network for network, _ in blocks.blocked(now)]
        assert not [each for each in listed if forbidden(each)]
        assert listed == [network for network, _ in Blocks(OWN, record).blocked(now)]
        assert all(decision.expires > now for _, decision in blocks.blocked(now))
        assert all_of_it(export("plain", blocks.blocked(now), now)) == listed
        careful = [network for network, _ in Blocks(AUTOMATIC, record).blocked(now)]
        assert careful == [each for each in listed if LATELY.cut(each) <= 0.05 * LATELY.total]
        by_itself = [d for _, d in blocks.blocked(now) if d.by == "rule"]
        assert not [d for d in by_itself if LATELY.cut(ip_network(d.network)) > 6]


@pytest.mark.parametrize("address", PROTECTED)
def test_each_protected_address_is_refused_with_its_reason(address):
    blocks = Blocks(OWN)
    assert blocks.propose(address, NOW, by="rule", reason="r") is None
    with pytest.raises(ParseError, match="not to be blocked"):
        blocks.approve(address, NOW, by="me")


def test_what_became_protected_later_is_not_exported():
    event = Blocks(Safeguards()).approve("198.51.100.3", NOW, by="me")
    assert Blocks(OWN, [event]).blocked(NOW + 1) == []


@pytest.mark.parametrize(
    ("text", "network"),
    [("203.0.113.9", "203.0.113.9/32"), ("2001:db8:2::9", "2001:db8:2::/64"), ("::ffff:203.0.113.9", "203.0.113.9/32"),
     ("2001:db8:2::/56", "2001:db8:2::/56")],
)  # fmt: skip
def test_the_smallest_network_that_makes_sense(text, network):
    assert str(read_network(text)) == network


@pytest.mark.parametrize(
    "text", ["203.0.113.9/24", "x", "", "203.0.113.256", "1.2.3.4; drop", "fe80::1%eth0\n"]
)
def test_what_is_no_network(text):
    with pytest.raises(ParseError):
        read_network(text)


def test_who_comes_back_is_blocked_for_longer():
    blocks, now, terms = Blocks(Safeguards()), NOW, []
    for _ in range(7):
        event = blocks.approve("203.0.113.9", now, by="me")
        blocks.apply(event)
        terms.append((event.expires - now) // HOUR)
        now = event.expires + HOUR
    assert terms == [1, 4, 24, 168, 720, 720, 720]


def test_a_proposal_lasts_a_day_and_is_made_once():
    blocks = Blocks(Safeguards())
    event = blocks.propose(
        "203.0.113.9",
        NOW,
        by="rule",
        reason="16 failed logins",
        evidence="ledger 7",
        first_seen=NOW - 5,
    )
    blocks.apply(event)
    assert blocks.propose("203.0.113.9", NOW + 1, by="rule", reason="again") is None
    assert blocks.blocked(NOW + 1) == []
    blocks.apply(blocks.approve("203.0.113.9", NOW + 2, by="me"))
    ((_, decision),) = blocks.blocked(NOW + 3)
    assert (decision.reason, decision.evidence, decision.first_seen) == (
        "16 failed logins",
        "ledger 7",
        NOW - 5,
    )
    assert blocks.propose("203.0.113.9", NOW + 24 * HOUR, by="rule", reason="back") is not None


def some_blocked(*addresses):
    blocks = Blocks(Safeguards())
    for each in addresses:
        blocks.apply(blocks.approve(each, NOW, by="me"))
    return blocks.blocked(NOW)


def test_exports_are_sorted_and_say_both_families():
    blocked = some_blocked("203.0.113.9", "2001:db8:2::1", "198.51.100.99", "203.0.113.0/24")
    assert (
        export("plain", blocked, NOW)
        == "198.51.100.99/32\n203.0.113.0/24\n203.0.113.9/32\n2001:db8:2::/64\n"
    )
    assert export("nftables", blocked, NOW).count("timeout 3600s") == 4
    for form in EXPORTS:
        assert all(str(network) in export(form, blocked, NOW) for network, _ in blocked)
        assert export(form, [], NOW) == export(form, [], NOW)


@pytest.mark.parametrize("form", ["nginx-deny", "nginx-geo"])
def test_nginx_takes_it(tmp_path, form):
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    (tmp_path / "blocked.conf").write_text(
        export(form, some_blocked("203.0.113.9", "2001:db8:2::1"), NOW)
    )
    inside = f"include {tmp_path}/blocked.conf;"
    http, server = (inside, "") if form == "nginx-geo" else ("", inside)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log off; {http} server {{ listen 127.0.0.1:{free_port()}; {server} }} }}\n"
    )
    done = subprocess.run(
        [nginx, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")], capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_nft_takes_it(tmp_path):
    nft = shutil.which("nft") or shutil.which("nft", path="/usr/sbin")
    if nft is None:
        pytest.skip("nft is not installed: apt-get install nftables")
    (tmp_path / "blocked.nft").write_text(
        export("nftables", some_blocked("203.0.113.9", "2001:db8:2::1"), NOW)
    )
    done = subprocess.run(
        [nft, "-c", "-f", str(tmp_path / "blocked.nft")], capture_output=True, text=True
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("nft can't check without the right to change the firewall")
    assert done.returncode == 0, done.stderr


@given(addresses)
def test_whatever_is_asked_for_the_answer_is_a_network_or_a_reason(text):
    try:
        network = read_network(text)
    except ParseError:
        return
    refusal = OWN.refusal(network)
    assert refusal or not any(
        ip_address(each) in network
        for each in PROTECTED
        if ip_address(each).version == network.version
    )


def test_an_address_with_the_length_of_a_prefix_is_asked_about():
    for text, hint in (
        ("203.0.113.7/24", "203.0.113.7 alone, or all of 203.0.113.0/24?"),
        ("10.0.0.0/4", "10.0.0.0 alone? no block is wider than /16, and 0.0.0.0/4 is"),
        ("2001:db8::1/48", "2001:db8::1 alone, or all of 2001:db8::/48?"),
    ):
        with pytest.raises(ParseError) as raised:
            read_network(text)
        assert raised.value.hint == hint
